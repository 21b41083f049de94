import { delay } from "@std/async/delay";
import { Child, type ChildPlan } from "../harness/process/child.ts";
import { readCpuSeconds, readResidentBytes } from "../harness/process/process_meter.ts";
import { measureThroughput } from "./throughput.ts";
import { type Host, type IdleWork, type Result, SETTLE_MS } from "./work.ts";

/** The program that connects. */
const PROGRAM = new URL("./idle_clients.ts", import.meta.url);

/** So many connect first: what they make the broker load and compile is no cost of each one. */
const WARM_UP_COUNT = 20;

/** A broker that others connect to. */
type Broker = Pick<Host, "clientUrl" | "config" | "port" | "pid"> & Pick<ChildPlan, "env">;

/** Measures what idle connections cost in memory, and what they cost a busy pair beside them. */
export async function measureIdle(host: Host, { connections, busy }: IdleWork): Promise<Result> {
  let result: Result | undefined;
  const connectionBytes = await measureIdleConnection(host, connections, async () => {
    result = await measureThroughput(host, busy);
  });
  return { ...result!, ...(connectionBytes !== undefined && { connectionBytes }) };
}

/**
 * Measures by how many bytes the memory of a broker grows for each idle connection, what the handshakes
 * leave behind included.
 *
 * @param act Done while all are connected.
 * @param settleMs How long nothing happens before the memory is read.
 * @returns Bytes per connection, or `undefined` where the system does not tell.
 * @throws {Error} If not all of them could be opened.
 */
export async function measureIdleConnection(
  broker: Broker,
  count: number,
  act?: () => Promise<void>,
  settleMs: number = SETTLE_MS,
): Promise<number | undefined> {
  await withIdleClients(broker, WARM_UP_COUNT, () => Promise.resolve());
  const before = await readSettled(broker.pid, settleMs);
  let after: number | undefined;
  await withIdleClients(broker, count, async () => {
    after = await readSettled(broker.pid, settleMs);
    await act?.();
  });
  if (before === undefined || after === undefined) return undefined;
  return (after - before) / count;
}

/** When the processor time of a broker with idle clients is read, in milliseconds. */
export interface IdleSpan {
  /** How long they have been connected before: until then their handshakes are cleared away. */
  readonly settleMs: number;
  /** How long it is watched. */
  readonly spanMs: number;
}

/**
 * Measures which part of one processor a broker takes while clients with a publisher and a follower each do
 * nothing, in a process of their own: heartbeats, and what a broker does anyway.
 *
 * @returns The part, from 0 to 1, or `undefined` where the system does not tell.
 * @throws {Error} If not all of them could be opened.
 */
export async function measureIdleCpu(
  broker: Broker,
  count: number,
  { settleMs, spanMs }: IdleSpan,
): Promise<number | undefined> {
  let part: number | undefined;
  await withIdleClients(broker, count, async () => {
    await delay(settleMs);
    const before = readCpuSeconds(broker.pid);
    const begin = performance.now();
    await delay(spanMs);
    const seconds = (performance.now() - begin) / 1000;
    const after = readCpuSeconds(broker.pid);
    if (before !== undefined && after !== undefined) part = (after - before) / seconds;
  }, "idle");
  return part;
}

async function readSettled(pid: number, settleMs: number): Promise<number | undefined> {
  await delay(settleMs);
  return readResidentBytes(pid);
}

/**
 * Does something while so many clients, in a process of their own, are connected and idle.
 *
 * @param stream The stream that they publish to and follow, if they do.
 */
async function withIdleClients(
  { clientUrl, config, port, env = {} }: Broker,
  count: number,
  act: () => Promise<void>,
  stream?: string,
): Promise<void> {
  const args = [clientUrl, String(port), String(count)].concat(stream ?? []);
  const flags = config === undefined ? [] : ["--config", config];
  const child = new Child({ program: PROGRAM, args, flags, env, output: "stdout" });
  try {
    await child.findLine(new RegExp(`^${count} connected$`));
    await act();
  } finally {
    await child.finish();
  }
}
