import { delay } from "@std/async/delay";
import { readResidentBytes } from "../harness/process/process_meter.ts";
import { BATCHES } from "../harness/sending.ts";
import { Transfer } from "../harness/transfer.ts";
import { type BacklogWork, type Host, type Result, SETTLE_MS } from "./work.ts";

/** Measures a long backlog: publishes everything, reads the memory, then follows until all is gone. */
export async function measureBacklog(host: Host, work: BacklogWork): Promise<Result> {
  const { bodyBytes, count } = work;
  await using transfer = await Transfer.open(host.open, { bodyBytes });
  const { seconds: fillSeconds } = await transfer.send(BATCHES, count);
  await delay(SETTLE_MS);
  const backlogBytes = readResidentBytes(host.pid);
  const { seconds: drainSeconds } = await transfer.follow(count);
  await transfer.finish();
  return { count, fillSeconds, drainSeconds, ...(backlogBytes !== undefined && { backlogBytes }) };
}
