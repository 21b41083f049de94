/**
 * A steady stream of messages, a good deal below what the broker could take: what does one of them
 * wait? All that are due are sent at each turn of a timer, none of them awaited. A turn that comes late
 * is counted from when it should have come, so that a pause counts for all that it has held up.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { Account } from "../harness/account.ts";
import { LatencyLog } from "../harness/latency_log.ts";
import { readNumber, writeNumber } from "../harness/numbered_body.ts";
import { watchForStall } from "../harness/stall.ts";
import { DiskProbe } from "../harness/process/disk_probe.ts";
import type { Host } from "../peers/host.ts";
import { checkStreams, nameStreams } from "../harness/transfer.ts";
import type { Result, SteadyWork } from "./work.ts";

/**
 * Timers are no finer than this, in milliseconds: one for a millisecond comes after 2 to 2.5 of them.
 * So messages are sent in bunches. To look at the clock all the time instead would take one of the
 * machine's cores from what is measured (seen: fdatasync beside such a loop takes 1.5 times as long,
 * its p99 five times).
 */
const TURN_MS_MAX = 3;

/**
 * So many bodies take turns: more than a second's worth, so that none is written into while a client
 * may still need it. New ones would make garbage, and what measures must not do that.
 */
const BODY_COUNT = 16_384;

/** What is sent in the first second, or less, is not counted: everything is new then. */
const WARM_UP_SECONDS = 1;

/** Measures it, with a look at the disk before and after. */
export async function measureSteady(host: Host, work: SteadyWork): Promise<Result> {
  await using disk = await DiskProbe.open(host.directory);
  await disk.measure();
  const { count, log } = await sendSteadily(host, work);
  await disk.measure();
  const flushMs = disk.percentiles;
  return { count, confirmMs: log.confirm, deliveryMs: log.delivery, flushMs };
}

function countMessages({ rate, burst = 1 }: SteadyWork, seconds: number): number {
  return Math.max(1, Math.round(rate * seconds / burst)) * burst;
}

async function sendSteadily(
  host: Host,
  work: SteadyWork,
): Promise<{ count: number; log: LatencyLog }> {
  const { bodyBytes, rate, burst = 1, seconds } = work;
  const warmUpCount = countMessages(work, Math.min(WARM_UP_SECONDS, seconds));
  const count = warmUpCount + countMessages(work, seconds);
  const account = new Account(count);
  const log = new LatencyLog();
  const streams = nameStreams(1);
  await using publishing = await host.openClient(host.port);
  await using followingClient = await host.openClient(host.port);
  await publishing.createStream(streams[0]!);
  const publisher = await publishing.openPublisher(streams);
  const follower = await followingClient.openFollower(streams);
  const following = follower.follow((body) => {
    const number = readNumber(body, bodyBytes);
    if (number > warmUpCount) log.delivered(number);
    account.take(number);
    if (account.isComplete) follower.stop();
  });
  const bodies = Array.from({ length: BODY_COUNT }, () => new Uint8Array(bodyBytes));
  const confirming = Promise.withResolvers<void>();
  let unconfirmedCount = count;
  const sendDue = async (first: number, dueAt: number) => {
    const isCounted = first > warmUpCount;
    const batch: Uint8Array[] = [];
    for (let number = first; number < first + burst; number++) {
      const body = bodies[number % BODY_COUNT]!;
      writeNumber(body, number);
      if (isCounted) log.sent(number, dueAt);
      batch.push(body);
    }
    await (burst === 1 ? publisher.send(batch[0]!) : publisher.sendBatch(batch));
    for (let number = first; isCounted && number < first + burst; number++) log.confirmed(number);
    account.confirm(burst);
    unconfirmedCount -= burst;
    if (unconfirmedCount === 0) confirming.resolve();
  };
  const sendAll = async () => {
    const begin = performance.now();
    let lastTurnAt = begin;
    for (let number = 1; number <= count;) {
      const now = performance.now();
      const dueCount = Math.min(count, Math.floor((now - begin) * rate / 1000) + 1);
      const dueAt = Math.min(now, lastTurnAt + TURN_MS_MAX);
      for (; number <= dueCount; number += burst) sendDue(number, dueAt).catch(confirming.reject);
      lastTurnAt = now;
      await delay(1);
    }
  };
  await watchForStall(
    Promise.all([following, sendAll(), confirming.promise]),
    () => account.progress,
  );
  await checkStreams(publishing, streams, account);
  return { count, log };
}
