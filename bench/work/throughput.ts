/**
 * Works that ask how many messages a second: as many are moved as take about the time that is asked
 * for, so that a slow peer does not take all day and a fast one is not over before it is warm.
 *
 * @module
 */

import type { Host } from "../peers/host.ts";
import { transfer, type TransferPlan } from "../harness/transfer.ts";
import type { FanOutWork, Result, ThroughputWork } from "./work.ts";

/** So many messages are moved first, to learn the size of the rate. */
const FIRST_COUNT = 2_000;

/** A run counts if it has taken this part of the time at least, and is not the first one. */
const TIME_SHARE_MIN = 0.6;

/** A run has so many times as many messages as the one before, at most. */
const GROWTH_MAX = 50;

/** Measures from one or more publishers to one or more followers of one stream. */
export async function measureThroughput(host: Host, work: ThroughputWork): Promise<Result> {
  return await measure(host, { ...work, streams: 1 }, work.seconds);
}

/** Measures from one publisher to many streams, which one follower follows all. */
export async function measureFanOut(host: Host, work: FanOutWork): Promise<Result> {
  const plan = { ...work, publishers: 1, followers: 1, way: "batch" as const };
  return await measure(host, plan, work.seconds);
}

async function measure(
  host: Host,
  plan: Omit<TransferPlan, "count">,
  seconds: number,
): Promise<Result> {
  let count = Math.max(1, Math.round(FIRST_COUNT / plan.streams));
  for (let isWarm = false;; isWarm = true) {
    const rate = await transfer(host, { ...plan, count });
    const wanted = Math.max(1, Math.round(rate * seconds));
    if (isWarm && count >= wanted * TIME_SHARE_MIN) return { count, rate };
    count = Math.min(wanted, count * GROWTH_MAX);
  }
}
