import { delay } from "@std/async/delay";
import { writeNumber } from "../harness/numbered_body.ts";
import { DiskProbe } from "../harness/process/disk_probe.ts";
import { AWAITED, type Shipment, type Way } from "../harness/sending.ts";
import { describeTimes } from "../harness/statistics.ts";
import { transfer } from "../harness/transfer.ts";
import type { AwaitedWork, Host, Result, SteadyWork } from "./work.ts";

/** So many messages are sent one by one first, to warm up and to learn how many fit into the time. */
const FIRST_COUNT = 300;

/** What is sent steadily in the first second, or less, is not counted: everything is new then. */
const WARM_UP_SECONDS = 1;

/** So many flushes are timed at a time. */
const FLUSH_COUNT = 300;

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

/** Messages per second, and how many of them are due at the same time. */
export type Pace = Pick<SteadyWork, "rate" | "burst">;

/** Measures one message at a time: until the confirm, and until a follower has it. */
export async function measureAwaited(host: Host, work: AwaitedWork): Promise<Result> {
  const { bodyBytes, seconds } = work;
  const first = await transfer(host.open, { bodyBytes, way: AWAITED, count: FIRST_COUNT });
  const count = Math.max(100, Math.round(seconds * first.rate));
  const { latency } = await transfer(host.open, { bodyBytes, way: AWAITED, count });
  return { count, confirmMs: latency.confirm, deliveryMs: latency.delivery };
}

/**
 * Measures messages that are sent steadily, a good deal below what the broker could take, with a look at
 * the disk before and after.
 */
export async function measureSteady(host: Host, work: SteadyWork): Promise<Result> {
  const { bodyBytes, seconds } = work;
  await using disk = await DiskProbe.open(host.directory);
  await disk.measure(FLUSH_COUNT);
  const warmUpCount = countSteady(work, Math.min(WARM_UP_SECONDS, seconds));
  const count = warmUpCount + countSteady(work, seconds);
  const way = sendSteadily(work, warmUpCount);
  const { latency } = await transfer(host.open, { bodyBytes, way, count });
  await disk.measure(FLUSH_COUNT);
  const flushMs = describeTimes(disk.times);
  return { count, confirmMs: latency.confirm, deliveryMs: latency.delivery, flushMs };
}

function countSteady({ rate, burst = 1 }: Pace, seconds: number): number {
  return Math.max(1, Math.round(rate * seconds / burst)) * burst;
}

/**
 * The way to send so many messages a second: all that are due are sent at each turn of a timer, none of
 * them awaited. A turn that comes late is counted from when it should have come, so that a pause counts
 * for all that it has held up.
 *
 * @param warmUpCount So many messages are not timed.
 */
export function sendSteadily({ rate, burst = 1 }: Pace, warmUpCount: number = 0): Way {
  const send = async (shipment: Shipment) => {
    const { bodyBytes, first, count } = shipment;
    const bodies = Array.from({ length: Math.min(count, BODY_COUNT) }, () => {
      return new Uint8Array(bodyBytes);
    });
    const confirming = Promise.withResolvers<void>();
    let unconfirmedCount = count;
    const sendOne = async (number: number, dueAt: number | undefined) => {
      await sendBurst(shipment, bodies, { number, burst, dueAt });
      unconfirmedCount -= burst;
      if (unconfirmedCount === 0) confirming.resolve();
    };
    const begin = performance.now();
    let lastTurnAt = begin;
    for (let sent = 0; sent < count;) {
      const now = performance.now();
      const dueCount = Math.min(count, Math.floor((now - begin) * rate / 1000) + 1);
      const dueAt = Math.min(now, lastTurnAt + TURN_MS_MAX);
      for (; sent < dueCount; sent += burst) {
        sendOne(first + sent, sent < warmUpCount ? undefined : dueAt).catch(confirming.reject);
      }
      lastTurnAt = now;
      await delay(1);
    }
    await confirming.promise;
  };
  return { name: `${rate} a second`, share: 1, isTimed: true, send };
}

/** Sends messages that are due at the same time; they are timed if it is said when that is. */
async function sendBurst(
  { publisher, account, latency }: Shipment,
  bodies: readonly Uint8Array[],
  { number: first, burst, dueAt }: { number: number; burst: number; dueAt: number | undefined },
): Promise<void> {
  const batch: Uint8Array[] = [];
  for (let number = first; number < first + burst; number++) {
    const body = bodies[number % bodies.length]!;
    writeNumber(body, number);
    if (dueAt !== undefined) latency.sent(number, dueAt);
    batch.push(body);
  }
  await (burst === 1 ? publisher.send(batch[0]!) : publisher.sendBatch(batch));
  for (let number = first; number < first + burst; number++) latency.confirmed(number);
  account.confirm(burst);
}
