/**
 * One message at a time: how long the confirm takes, and how long it takes until a follower has it.
 *
 * @module
 */

import { Account } from "../harness/account.ts";
import { LatencyLog } from "../harness/latency_log.ts";
import { readNumber, writeNumber } from "../harness/numbered_body.ts";
import { watchForStall } from "../harness/stall.ts";
import type { Host } from "../peers/host.ts";
import { checkStreams, nameStreams } from "../harness/transfer.ts";
import type { AwaitedWork, Result } from "./work.ts";

/** So many messages are sent first, to warm up and to learn how many fit into the time. */
const FIRST_COUNT = 300;

/** Measures it. */
export async function measureAwaited(host: Host, work: AwaitedWork): Promise<Result> {
  const first = await sendOneByOne(host, work.bodyBytes, FIRST_COUNT);
  const count = Math.max(100, Math.round(work.seconds / first.seconds * FIRST_COUNT));
  const { log } = await sendOneByOne(host, work.bodyBytes, count);
  return { count, confirmMs: log.confirm, deliveryMs: log.delivery };
}

async function sendOneByOne(
  host: Host,
  bodyBytes: number,
  count: number,
): Promise<{ log: LatencyLog; seconds: number }> {
  const account = new Account(count);
  const log = new LatencyLog();
  const streams = nameStreams(1);
  await using publishing = await host.openClient(host.port);
  await using followingClient = await host.openClient(host.port);
  await publishing.createStream(streams[0]!);
  const publisher = await publishing.openPublisher(streams);
  const follower = await followingClient.openFollower(streams);
  const begin = performance.now();
  const following = follower.follow((body) => {
    const number = readNumber(body, bodyBytes);
    log.delivered(number);
    account.take(number);
    if (account.isComplete) follower.stop();
  });
  const sending = async () => {
    for (let number = 1; number <= count; number++) {
      const body = new Uint8Array(bodyBytes);
      writeNumber(body, number);
      log.sent(number);
      await publisher.send(body);
      log.confirmed(number);
      account.confirm(1);
    }
  };
  await watchForStall(Promise.all([following, sending()]), () => account.progress);
  const seconds = (performance.now() - begin) / 1000;
  await checkStreams(publishing, streams, account);
  return { log, seconds };
}
