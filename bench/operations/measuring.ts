import { summarise } from "../harness/statistics.ts";
import { tell } from "../harness/print.ts";
import type { MeteredBroker } from "./metered_broker.ts";
import type { Bench, Case, Operation } from "./operation.ts";
import type { Recorder } from "./recorder.ts";
import type { Turn } from "./turn_meter.ts";

/** Calls of an operation for each count; fewer if they take long. */
export const ROUNDS = 7;
const ROUNDS_MIN = 2;
const LONG_MS = 1500;

/** What an operation has cost with so many messages. */
export interface Cost {
  readonly count: number;
  /** The median, in milliseconds. */
  readonly ms: number;
  readonly firstMs: number;
  /** How long the broker's thread has worked, the median in milliseconds. */
  readonly cpuMs: number;
  readonly turns: readonly Turn[];
}

/** An operation, and what it has cost with each count. */
export interface Measured {
  readonly state: string;
  readonly operation: Operation;
  readonly costs: readonly Cost[];
}

/** Measures the operations of a case on streams with so many messages, by turns. */
export async function measureCase(
  broker: MeteredBroker,
  recorder: Recorder,
  one: Case,
  counts: readonly number[],
): Promise<Measured[]> {
  if (!one.isShared) return await measureTogether(broker, recorder, one, counts);
  const all: Measured[][] = [];
  for (const count of counts) all.push(await measureTogether(broker, recorder, one, [count]));
  return one.operations.map((operation, index) => ({
    state: one.name,
    operation,
    costs: all.flatMap((measured) => measured[index]!.costs),
  }));
}

async function measureTogether(
  broker: MeteredBroker,
  recorder: Recorder,
  { name, isShared, open, operations }: Case,
  counts: readonly number[],
): Promise<Measured[]> {
  const benches: Omit<Bench, "turn">[] = [];
  await using stack = new AsyncDisposableStack();
  for (const count of counts) {
    tell(`${name}: ${count}`);
    const connection = recorder.watch(await broker.connect());
    const other = recorder.watch(await broker.connect());
    stack.defer(() => connection.close({ drainMs: 0 }).catch(() => {}));
    stack.defer(() => other.close({ drainMs: 0 }).catch(() => {}));
    const stream = isShared ? "hot" : `${name.replaceAll(/[^a-z]+/g, "-")}-${count}`;
    const publisher = connection.publisher(stream);
    const bench = {
      broker,
      connection,
      other,
      cursor: connection.cursor(),
      publisher,
      stream,
      count,
    };
    await open({ ...bench, turn: 0 });
    benches.push(bench);
  }
  const measured: Measured[] = [];
  for (const operation of operations) {
    measured.push({ state: name, operation, costs: await measure(operation, benches) });
  }
  return measured;
}

async function measure(
  operation: Operation,
  benches: readonly Omit<Bench, "turn">[],
): Promise<Cost[]> {
  const times = benches.map((): number[] => []);
  const works = benches.map((): number[] => []);
  const turns = benches.map((): Turn[] => []);
  const rounds = operation.isOnce ? 1 : ROUNDS;
  const until = performance.now() + LONG_MS;
  for (let turn = 0; turn < rounds; turn++) {
    if (turn >= ROUNDS_MIN && performance.now() > until) break;
    for (const [index, parts] of benches.entries()) {
      const bench = { ...parts, turn };
      await operation.prepare?.(bench);
      await parts.broker.take();
      const start = performance.now();
      await operation.run(bench).catch((cause) => {
        throw new Error(`Operation "${operation.name}" of "${parts.stream}"`, { cause });
      });
      times[index]!.push(performance.now() - start);
      const taken = await parts.broker.take();
      works[index]!.push(taken.cpuMs);
      turns[index]!.push(...taken.turns);
    }
  }
  return benches.map(({ count }, index) => ({
    count,
    ms: summarise(times[index]!).median,
    firstMs: times[index]![0]!,
    cpuMs: summarise(works[index]!).median,
    turns: turns[index]!,
  }));
}
