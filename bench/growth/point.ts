import { BrokerProcess, type EngineName } from "../harness/broker_process.ts";
import { BATCHES } from "../harness/sending.ts";
import { type Pass, transfer } from "../harness/transfer.ts";
import { measureSteadyHere } from "../work/latency.ts";
import type { Pace as SteadyPace } from "../work/steady/schedule.ts";
import { measureThroughput } from "../work/throughput.ts";
import type { Host } from "../work/work.ts";
import { makeOpen } from "./client.ts";
import { CpuMeter } from "../harness/process/cpu_meter.ts";
import type { Pace } from "./dimensions/dimension.ts";
import type { Figures, Reading } from "./reading.ts";
import { SHAPE, type Shape } from "./shape.ts";

/** Percentiles mean something from so many messages on. */
const LATENCY_COUNT_MIN = 150;

/** Each of many streams gets so many messages: the cost of opening one is not asked for. */
const STREAM_COUNT_MIN = 20;

/** A broker that is measured, and how messages are sent and followed. */
export interface ShapedHost extends Host {
  readonly shape: Shape;
  readonly meter: CpuMeter;
}

/** A line of a chart: how messages are sent and followed. */
export interface Line {
  /** Its name. */
  readonly line: string;
  readonly engine: EngineName;
  readonly shape: Shape;
  /** How many messages a second there are when latencies are measured, if they are. */
  readonly steady?: SteadyPace;
}

/** Measures some lines at one point, one after the other. */
export async function* measureLines(
  x: number,
  pace: Pace,
  lines: readonly Line[],
): AsyncGenerator<Reading> {
  for (const { line, engine, shape, steady } of lines) {
    const figures = await withHost({ engine, shape, pace }, async (host) => ({
      ...await measureRate(host, pace),
      ...(steady !== undefined && await measureLatency(host, pace, steady)),
    }));
    yield { line, x, figures };
  }
}

/**
 * Does something with a broker of its own, warmed up: nothing that one measurement leaves behind is
 * there for the next one.
 *
 * @throws {Error} If the broker ends before it should.
 */
export async function withHost<T>(
  { engine, shape, pace }: { engine: EngineName; shape: Shape; pace: Pace },
  act: (host: ShapedHost) => Promise<T>,
): Promise<T> {
  await using broker = await BrokerProcess.start(engine);
  const { pid, port, directory } = broker;
  const meter = new CpuMeter(pid);
  const work = async () => {
    const { bodyBytes } = SHAPE;
    const count = pace.warmUpCount;
    await transfer(makeOpen(port, SHAPE, meter), { bodyBytes, way: BATCHES, count });
    const open = makeOpen(port, shape, meter);
    return await act({ pid, port, directory, clientUrl: "", open, shape, meter });
  };
  return await broker.during(work());
}

/** Measures how fast messages move, and the processor time that each of them takes. */
export async function measureRate(host: ShapedHost, { seconds }: Pace): Promise<Figures> {
  const { open, shape, meter } = host;
  const { bodyBytes, streams } = shape;
  const one = { publishers: 1, followers: 1, way: "batch" } as const;
  const found = await measureThroughput(host, { kind: "throughput", ...one, bodyBytes, seconds });
  const countMin = streams === 1 ? 0 : streams * STREAM_COUNT_MIN;
  if (found.count >= countMin) return describePass({ ...found, rate: found.rate! }, meter);
  return describePass(await transfer(open, { bodyBytes, way: BATCHES, count: countMin }), meter);
}

/** The rate, and the processor time of each message. */
export function describePass(
  { rate, count }: Pick<Pass, "rate" | "count">,
  { taken }: CpuMeter,
): Figures {
  if (taken === undefined) return { rate };
  const micros = 1e6 / count;
  return { rate, brokerMicros: taken.broker * micros, clientMicros: taken.clients * micros };
}

/** Measures how long a message takes from when it is due to the follower's hands. */
export async function measureLatency(
  host: ShapedHost,
  pace: Pace,
  steady: SteadyPace,
): Promise<Figures> {
  const { bodyBytes } = host.shape;
  const seconds = Math.max(pace.seconds, LATENCY_COUNT_MIN / steady.rate);
  const work = { kind: "steady", bodyBytes, seconds, ...steady } as const;
  const { deliveryMs, flushMs } = await measureSteadyHere(host, work);
  return { p50Ms: deliveryMs!.p50, p99Ms: deliveryMs!.p99, flushMs: flushMs!.p50 };
}
