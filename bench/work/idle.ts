/**
 * Many connections that do nothing: what they cost in memory, and what they cost a busy pair beside
 * them.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { Child } from "../harness/process/child.ts";
import { readResidentBytes } from "../harness/process/resident_memory.ts";
import type { Host } from "../peers/host.ts";
import { measureThroughput } from "./throughput.ts";
import type { IdleWork, Result } from "./work.ts";

/** The program that connects. */
const PROGRAM = new URL("./idle_clients.ts", import.meta.url);

/** So many connect first: what they make the broker load and compile is no cost of each one. */
const WARM_UP_COUNT = 20;

/** So long the broker is left alone before its memory is looked at, in milliseconds. */
const SETTLE_MS = 1000;

/** Measures it. */
export async function measureIdle(host: Host, work: IdleWork): Promise<Result> {
  await withIdleClients(host, WARM_UP_COUNT, () => Promise.resolve());
  await delay(SETTLE_MS);
  const before = readResidentBytes(host.pid);
  return await withIdleClients(host, work.connections, async () => {
    await delay(SETTLE_MS);
    const after = readResidentBytes(host.pid);
    const result = await measureThroughput(host, work.busy);
    if (before === undefined || after === undefined) return result;
    return { ...result, connectionBytes: (after - before) / work.connections };
  });
}

/** Does something while so many clients, in a process of their own, are connected and idle. */
async function withIdleClients<T>(
  host: Host,
  count: number,
  measure: () => Promise<T>,
): Promise<T> {
  const args = [host.clientUrl, String(host.port), String(count)];
  const child = new Child({ program: PROGRAM, args, output: "stdout" });
  try {
    await child.findLine(new RegExp(`^${count} connected$`, "m"));
    return await measure();
  } finally {
    await child.finish();
  }
}
