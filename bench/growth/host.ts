/**
 * A broker of its own for everything that is measured, warmed up and watched: what one measurement
 * leaves behind is nothing that the next one finds.
 *
 * @module
 */

import { BrokerProcess, type EngineName } from "../harness/broker_process.ts";
import type { Host } from "../peers/host.ts";
import { transfer } from "../harness/transfer.ts";
import { makeOpenClient } from "./client.ts";
import { CpuMeter } from "./cpu_meter.ts";
import type { Pace } from "./dimensions/dimension.ts";
import { SHAPE, type Shape } from "./shape.ts";

/** What a broker is started for. */
export interface HostPlan {
  /** What holds its streams. */
  readonly engine: EngineName;
  /** How messages are sent and followed. */
  readonly shape: Shape;
  /** How it is warmed up. */
  readonly pace: Pace;
}

/**
 * Does something with a warm broker.
 *
 * @throws {Error} If the broker ends before it should.
 */
export async function withHost<T>(
  { engine, shape, pace }: HostPlan,
  act: (host: Host, meter: CpuMeter) => Promise<T>,
): Promise<T> {
  await using broker = await BrokerProcess.start(engine);
  const { pid, port, directory } = broker;
  const meter = new CpuMeter(pid);
  const makeHost = (shape: Shape): Host => {
    return { pid, port, directory, clientUrl: "", openClient: makeOpenClient(shape, meter) };
  };
  const work = async () => {
    const { bodyBytes } = SHAPE;
    const plan = { bodyBytes, streams: 1, publishers: 1, followers: 1, way: "batch" } as const;
    await transfer(makeHost(SHAPE), { ...plan, count: pace.warmUpCount });
    return await act(makeHost(shape), meter);
  };
  return await Promise.race([work(), broker.watch()]);
}
