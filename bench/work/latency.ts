import { DiskProbe } from "../harness/process/disk_probe.ts";
import { AWAITED } from "../harness/sending.ts";
import { describeTimes } from "../harness/statistics.ts";
import { transfer } from "../harness/transfer.ts";
import { measureApart } from "./steady/apart.ts";
import { countSteady } from "./steady/schedule.ts";
import { sendSteadily } from "./steady/steady_sender.ts";
import type { AwaitedWork, Host, Result, SteadyWork } from "./work.ts";

/** So many messages are sent one by one first, to warm up and to learn how many fit into the time. */
const FIRST_COUNT = 300;

/** What is sent steadily in the first seconds, or less, is not counted: everything is new then. */
const WARM_UP_SECONDS = 2;

/** So many flushes are timed at a time. */
const FLUSH_COUNT = 300;

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
 * the disk before and after. Publishers and follower have a process each.
 */
export async function measureSteady(host: Host, work: SteadyWork): Promise<Result> {
  return await measureBesideDisk(host, work, (counts) => measureApart(host, work, counts));
}

/**
 * The same with publisher and follower in this process, which is measured too: for clients that another
 * process cannot open.
 */
export async function measureSteadyHere(host: Host, work: SteadyWork): Promise<Result> {
  return await measureBesideDisk(host, work, async ({ count, warmUpCount }) => {
    const { bodyBytes } = work;
    const way = sendSteadily(work, warmUpCount);
    const { latency } = await transfer(host.open, { bodyBytes, way, count });
    return {
      count,
      confirmMs: latency.confirm,
      deliveryMs: latency.delivery,
      lateMs: latency.late,
    };
  });
}

async function measureBesideDisk(
  { directory }: Host,
  work: SteadyWork,
  measure: (counts: { count: number; warmUpCount: number }) => Promise<Result>,
): Promise<Result> {
  const { seconds } = work;
  await using disk = await DiskProbe.open(directory);
  disk.measure(FLUSH_COUNT);
  const warmUpCount = countSteady(work, Math.min(WARM_UP_SECONDS, seconds));
  const count = warmUpCount + countSteady(work, seconds);
  const result = await measure({ count, warmUpCount });
  disk.measure(FLUSH_COUNT);
  return { ...result, flushMs: describeTimes(disk.times) };
}
