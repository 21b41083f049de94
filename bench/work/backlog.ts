/**
 * A long backlog: publish everything, look at the memory, then follow until all is gone.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { Account } from "../harness/account.ts";
import { readResidentBytes } from "../harness/process/resident_memory.ts";
import { watchForStall } from "../harness/stall.ts";
import type { Host } from "../peers/host.ts";
import { checkStreams, follow, nameStreams, send } from "../harness/transfer.ts";
import type { BacklogWork, Result } from "./work.ts";

/** So long the broker is left alone before its memory is looked at, in milliseconds. */
const SETTLE_MS = 1000;

/** Measures it. */
export async function measureBacklog(host: Host, work: BacklogWork): Promise<Result> {
  const { bodyBytes, count } = work;
  const account = new Account(count);
  const streams = nameStreams(1);
  const plan = {
    bodyBytes,
    count,
    streams: 1,
    publishers: 1,
    followers: 1,
    way: "batch",
    leadBytesMax: Infinity,
  } as const;
  await using publishing = await host.openClient(host.port);
  await using following = await host.openClient(host.port);
  await publishing.createStream(streams[0]!);
  const publisher = await publishing.openPublisher(streams);
  const watch = async (work: Promise<void>) => {
    const begin = performance.now();
    await watchForStall(work, () => account.progress);
    return (performance.now() - begin) / 1000;
  };
  const fillSeconds = await watch(send({ publisher, first: 1, end: count + 1 }, account, plan));
  await delay(SETTLE_MS);
  const backlogBytes = readResidentBytes(host.pid);
  const follower = await following.openFollower(streams);
  const drainSeconds = await watch(follow([follower], account, bodyBytes));
  await checkStreams(publishing, streams, account);
  return { count, fillSeconds, drainSeconds, ...(backlogBytes !== undefined && { backlogBytes }) };
}
