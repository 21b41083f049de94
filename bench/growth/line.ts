/**
 * A point of a line: how fast messages move in a given shape, and how long one of them takes when
 * there are few.
 *
 * @module
 */

import type { EngineName } from "../harness/broker_process.ts";
import type { Host } from "../peers/host.ts";
import { measureSteady } from "../work/steady.ts";
import { measureThroughput } from "../work/throughput.ts";
import { transfer } from "../harness/transfer.ts";
import type { CpuMeter } from "./cpu_meter.ts";
import type { Pace } from "./dimensions/dimension.ts";
import { withHost } from "./host.ts";
import type { Figures, Reading } from "./reading.ts";
import type { Shape } from "./shape.ts";

/** Percentiles mean something from so many messages on. */
const LATENCY_COUNT_MIN = 150;

/** Each of many streams gets so many messages: what it costs to open it is not what is asked for. */
const STREAM_COUNT_MIN = 20;

/** How many messages a second there are when latencies are measured. */
export interface SteadyPlan {
  /** Messages per second. */
  readonly rate: number;
  /** How many of them at a time. */
  readonly burst?: number;
}

/** A point of a line. */
export interface PointPlan {
  /** What the line is called. */
  readonly line: string;
  /** Where on it. */
  readonly x: number;
  /** What holds the streams. */
  readonly engine: EngineName;
  /** How messages are sent and followed. */
  readonly shape: Shape;
  /** How latencies are measured, if they are. */
  readonly steady?: SteadyPlan;
}

/** Measures a point. */
export async function measurePoint(plan: PointPlan, pace: Pace): Promise<Reading> {
  const { line, x, engine, shape, steady } = plan;
  return await withHost({ engine, shape, pace }, async (host, meter) => {
    const rates = await measureRate(host, meter, { shape, pace });
    if (steady === undefined) return { line, x, figures: rates };
    return {
      line,
      x,
      figures: { ...rates, ...await measureLatency(host, { shape, pace, steady }) },
    };
  });
}

/** Measures how fast messages move, and the processor time that each of them takes. */
export async function measureRate(
  host: Host,
  meter: CpuMeter,
  { shape, pace }: { shape: Shape; pace: Pace },
): Promise<Figures> {
  const plan = { bodyBytes: shape.bodyBytes, publishers: 1, followers: 1, way: "batch" } as const;
  const { seconds } = pace;
  const found = await measureThroughput(host, { kind: "throughput", ...plan, seconds });
  const countMin = shape.streams === 1 ? 0 : shape.streams * STREAM_COUNT_MIN;
  if (found.count >= countMin) return { rate: found.rate!, ...shareTime(meter, found.count) };
  const rate = await transfer(host, { ...plan, streams: 1, count: countMin });
  return { rate, ...shareTime(meter, countMin) };
}

/** The processor time of each of so many messages. */
export function shareTime({ taken }: CpuMeter, count: number): Figures {
  if (taken === undefined) return {};
  const micros = 1e6 / count;
  return { brokerMicros: taken.broker * micros, clientMicros: taken.clients * micros };
}

/** Measures how long a message takes from when it is due to the follower's hands. */
export async function measureLatency(
  host: Host,
  { shape, pace, steady }: { shape: Shape; pace: Pace; steady: SteadyPlan },
): Promise<Figures> {
  const seconds = Math.max(pace.seconds, LATENCY_COUNT_MIN / steady.rate);
  const { bodyBytes } = shape;
  const { deliveryMs, flushMs } = await measureSteady(host, {
    kind: "steady",
    bodyBytes,
    seconds,
    ...steady,
  });
  return { p50Ms: deliveryMs!.p50, p99Ms: deliveryMs!.p99, flushMs: flushMs!.p50 };
}
