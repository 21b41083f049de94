import { readResidentBytes } from "../../harness/process/process_meter.ts";
import { BATCHES } from "../../harness/sending.ts";
import { Transfer } from "../../harness/transfer.ts";
import { sendSteadily } from "../../work/steady/steady_sender.ts";
import { describePass, measureLatency, measureRate, type ShapedHost, withHost } from "../point.ts";
import type { Figures, Reading } from "../reading.ts";
import { SHAPE } from "../shape.ts";
import type { Dimension, Pace } from "./dimension.ts";

/** So many messages are published and followed first, to learn the size of the rate. */
const FIRST_COUNT = 100_000;

/** Filling or draining fewer messages than these is over before it can be measured. */
const COUNT_MIN = 1_000_000;

/** Messages per second when latencies are measured. */
const STEADY = { rate: 1000 };

/** Queues that get longer. */
export const backlog: Dimension = {
  name: "backlog",
  title: "Messages that are queued already",
  description:
    "One stream with so many messages of 100 bytes in it. Then a publisher adds to its " +
    "end as many as a follower takes from its beginning, so that it keeps its length. A pair on " +
    "another stream of the same broker shows what the queue costs those who have nothing to do " +
    "with it. Filling and draining is one side alone. Latencies at 1,000 messages/s.",
  label: "messages queued",
  zeroAt: 1000,
  throughput: "published and followed; filling and draining is one side alone",
  latency: "to the confirm; of the pair on another stream, from due to the follower",
  points: [0, 10_000, 100_000, 1_000_000, 10_000_000],
  async *measure(x, pace) {
    yield* await withHost({ engine: "journal", shape: SHAPE, pace }, async (host) => {
      return await measureQueue(host, x, pace);
    });
  },
};

async function measureQueue(host: ShapedHost, x: number, pace: Pace): Promise<Reading[]> {
  const readings: Reading[] = [];
  const read = (line: string, figures: Figures) => readings.push({ line, x, figures });
  const plan = { bodyBytes: SHAPE.bodyBytes, isOrdered: true };
  await using queue = await Transfer.open(host.open, plan);
  if (x > 0) {
    const { rate } = await queue.send(BATCHES, x);
    if (x >= COUNT_MIN) read("filling it", { rate });
  }
  const memory = readResidentBytes(host.pid);
  const { rate } = await queue.move(BATCHES, FIRST_COUNT);
  const moved = await queue.move(BATCHES, Math.round(rate * pace.seconds));
  const rates = describePass(moved, host.meter);
  const steadily = sendSteadily(STEADY);
  const { latency } = await queue.send(steadily, Math.round(STEADY.rate * pace.seconds));
  read("publishing and following it", {
    ...rates,
    p50Ms: latency.confirm.p50,
    p99Ms: latency.confirm.p99,
    ...(memory !== undefined && { memoryMiB: memory / 2 ** 20 }),
  });
  read("a pair on another stream", {
    ...await measureRate(host, pace),
    ...await measureLatency(host, pace, STEADY),
  });
  const drained = await queue.follow(queue.backlog);
  if (x >= COUNT_MIN) read("draining it", { rate: drained.rate });
  await queue.finish();
  return readings;
}
