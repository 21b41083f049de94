import { CpuMeter, type CpuTimes } from "../harness/process/cpu_meter.ts";
import { BATCHES, PIPELINED, type Way } from "../harness/sending.ts";
import { type Pass, transfer, type TransferPlan } from "../harness/transfer.ts";
import type { FanOutWork, Host, Result, ThroughputWork } from "./work.ts";

/** So many messages are moved first, to learn the size of the rate. */
const FIRST_COUNT = 2_000;

/** A run counts if it has taken this part of the time at least, and is not the first one. */
const TIME_SHARE_MIN = 0.6;

/** A run has so many times as many messages as the one before, at most. */
const GROWTH_MAX = 50;

/** Measures from one or more publishers to one or more followers of one stream. */
export async function measureThroughput(host: Host, work: ThroughputWork): Promise<Result> {
  const { bodyBytes, publishers, followers, seconds } = work;
  const way = work.way === "batch" ? BATCHES : PIPELINED;
  return describe(await repeat(host, { bodyBytes, publishers, followers }, way, seconds));
}

/** Measures from one publisher to many streams, all of which one follower follows. */
export async function measureFanOut(host: Host, work: FanOutWork): Promise<Result> {
  const { bodyBytes, streams, seconds } = work;
  return describe(await repeat(host, { bodyBytes, streams }, BATCHES, seconds));
}

/**
 * Moves as many messages as take about the time that is asked for, so that a slow peer does not take all
 * day and a fast one is not over before it is warm.
 */
async function repeat(
  host: Host,
  plan: TransferPlan,
  way: Way,
  seconds: number,
): Promise<MeteredPass> {
  let count = Math.max(1, Math.round(FIRST_COUNT / (plan.streams ?? 1)));
  const meter = new CpuMeter(host.pid);
  for (let isWarm = false;; isWarm = true) {
    meter.start();
    const pass = await transfer(host.open, { ...plan, way, count });
    meter.stop();
    const wanted = Math.max(1, Math.round(pass.rate * seconds));
    if (isWarm && count >= wanted * TIME_SHARE_MIN) return { ...pass, cpu: meter.taken };
    count = Math.min(wanted, count * GROWTH_MAX);
  }
}

/** A pass, and the processor time that it took. */
type MeteredPass = Pass & { readonly cpu: CpuTimes | undefined };

function describe({ count, rate, cpu }: MeteredPass): Result {
  return { count, rate, ...(cpu !== undefined && { cpu }) };
}
