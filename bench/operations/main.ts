/**
 * Measures what each operation costs with 1, 1,000 and 1,000,000 messages that wait, are delayed, have failed,
 * have keys …, and with 1, 1,000 and 100,000 streams: how many times as long it takes with the most, how long the
 * broker's thread works for it with one and with the most, and the longest turn of its event loop meanwhile. Collections of garbage do not count.
 *
 * ```text
 * deno task bench:operations [--only waiting,streams] [--engine memory] [--messages 1000000] [--quick]
 * ```
 *
 * @module
 */

import type { EngineName } from "../harness/broker_process.ts";
import { ENGINES } from "../harness/broker_process.ts";
import { Arguments } from "../harness/frame/arguments.ts";
import { runMain } from "../harness/frame/main.ts";
import { print } from "../harness/print.ts";
import { formatTable } from "../harness/table.ts";
import { measureCase, type Measured, ROUNDS } from "./measuring.ts";
import { MeteredBroker } from "./metered_broker.ts";
import type { Case } from "./operation.ts";
import { Recorder } from "./recorder.ts";
import { DEAD_LETTERS, FAILED, HELD } from "./states/failed.ts";
import { DEDUP, LANES } from "./states/lanes.ts";
import {
  DEAD_TOGETHER,
  DELAYED,
  DUE_TOGETHER,
  EXPIRING,
  EXPIRING_TOGETHER,
} from "./states/later.ts";
import { STREAMS } from "./states/streams.ts";
import { FULL, KEYED, LIMITED, PARKED, WAITING } from "./states/waiting.ts";
import type { Turn } from "./turn_meter.ts";

const CASES: readonly Case[] = [
  WAITING,
  KEYED,
  PARKED,
  DELAYED,
  EXPIRING,
  DUE_TOGETHER,
  EXPIRING_TOGETHER,
  DEAD_TOGETHER,
  FAILED,
  DEAD_LETTERS,
  HELD,
  LANES,
  DEDUP,
  LIMITED,
  FULL,
  STREAMS,
];

/** Times below this are those of a message there and back, and tell nothing of growth. */
const FLOOR_MS = 0.2;

function formatRow(
  { state, operation, costs }: Measured,
  read: (turn: Turn) => number,
): string[] {
  const [first, last] = [costs[0]!, costs.at(-1)!];
  const longest = Math.max(0, ...last.turns.map(read));
  const ratio = Math.max(FLOOR_MS, last.ms) / Math.max(FLOOR_MS, first.ms);
  return [
    state,
    operation.name,
    ...costs.map(({ ms }) => ms.toFixed(2)),
    operation.isOnce ? `${(last.ms * 1000 / last.count).toFixed(2)} µs each` : ratio.toFixed(1),
    last.firstMs.toFixed(1),
    `${first.cpuMs.toFixed(2)}, ${last.cpuMs.toFixed(2)}`,
    longest < 1 ? "" : longest.toFixed(1),
  ];
}

async function measure(engine: EngineName, cases: readonly Case[], most: number): Promise<void> {
  const recorder = new Recorder();
  for (const one of cases) {
    const last = Math.min(most, one.countMax ?? most);
    const counts = [1, Math.min(1000, Math.ceil(last / 10)), last];
    const broker = await MeteredBroker.start(engine);
    let measured: Measured[];
    let read: (turn: Turn) => number;
    try {
      measured = await measureCase(broker, recorder, one, counts);
    } finally {
      read = await broker.finish();
    }
    const head = ["what there is", "operation", ...counts.map((count) => `${count}`)]
      .concat("last/first", "first call", "broker's CPU", "longest turn");
    const rows = measured.map((row) => formatRow(row, read));
    print(`\n${formatTable({ head, rows })}`);
  }
  if (cases.length < CASES.length) return;
  const missing = recorder.listMissing();
  if (missing.length > 0) throw new Error(`Nothing measures ${missing.join(", ")}`);
}

if (import.meta.main) {
  await runMain(async () => {
    const args = new Arguments(Deno.args, ["only", "engine", "messages"], ["quick"]);
    const cases = args.readSome("only", CASES, ({ name }) => name.replaceAll(/[^a-z]+/g, "-"));
    const engine = args.readWord("engine", ENGINES, "journal");
    const most = args.readCount("messages", args.has("quick") ? 200 : 1_000_000);
    print(`Medians of ${ROUNDS} calls, in milliseconds, engine ${engine}, 100 bytes`);
    await measure(engine, cases, most);
  });
}
