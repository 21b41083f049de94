/**
 * Measures how long confirms take at a steady rate, beside a reference: a program with the same arrivals
 * that only writes and flushes them. Broker, publishers, follower and reference have a process each; broker
 * and reference take turns.
 *
 * ```text
 * deno task bench:tail [--rounds 5] [--seconds 4] [--works 10k,memory,…] [--quick]
 * ```
 *
 * @module
 */

import { BrokerProcess, type EngineName } from "../harness/broker_process.ts";
import { Arguments } from "../harness/frame/arguments.ts";
import { repeat, runMain } from "../harness/frame/main.ts";
import { describeSurroundings, formatFacts } from "../harness/frame/surroundings.ts";
import { print } from "../harness/print.ts";
import { openClient } from "../harness/simplemq_client.ts";
import { describeTimes, type Percentiles, summarise } from "../harness/statistics.ts";
import { type Column, formatColumns } from "../harness/table.ts";
import { measureReceipts } from "../throughput/receipt_time.ts";
import { measureApart } from "../work/steady/apart.ts";
import { countSteady, type Pace } from "../work/steady/schedule.ts";
import { TimedProgram } from "../work/steady/timed_program.ts";
import type { Reference, ReferencePlan } from "./reference.ts";

const CLIENT = new URL("../harness/simplemq_client.ts", import.meta.url).href;
const REFERENCE = new URL("./reference.ts", import.meta.url);
const BODY_BYTES = 100;
const PROCESSES = "broker, publishers, follower and reference have one each, over loopback TCP";

/**
 * Everything is new in the first seconds of a client, and of the reference. V8 compiles functions of the broker
 * and of the clients for eight seconds at 10,000 messages a second, on threads of its own, up to 40 ms for one:
 * on two cores that is what the others wait for.
 */
const WARM_UP_SECONDS = 10;

/** What is measured; the reference has no publishers. */
interface Row extends Pace {
  /** Its name in arguments. */
  readonly id: string;
  readonly name: string;
  readonly engine: EngineName;
  readonly publishers?: number;
}

const ROWS: readonly Row[] = [
  { id: "1k", name: "1,000 a second", engine: "journal", rate: 1_000 },
  { id: "10k", name: "10,000 a second", engine: "journal", rate: 10_000 },
  { id: "50k", name: "50,000 a second", engine: "journal", rate: 50_000 },
  {
    id: "100x100",
    name: "100 publishers, 100 a second each",
    engine: "journal",
    rate: 10_000,
    publishers: 100,
  },
  { id: "memory", name: "10,000 a second, memory", engine: "memory", rate: 10_000 },
];

/** The id of one message at a time. */
const AWAITED = "awaited";

/** One measurement of a row. */
interface Sample {
  readonly confirm: Percentiles;
  readonly delivery?: Percentiles;
  readonly late?: Percentiles;
  /** From when messages were really sent: without what the sender was late. */
  readonly sinceSent?: Percentiles;
  /** Nothing needs a flush in memory. */
  readonly reference?: Percentiles;
}

interface TailScale {
  readonly rounds: number;
  readonly seconds: number;
  /** Before what is counted. */
  readonly warmUpSeconds: number;
  /** The ids of what is measured. */
  readonly works: readonly string[];
  /** Messages that are awaited one by one. */
  readonly awaited: number;
}

type Times = Pick<TailScale, "seconds" | "warmUpSeconds">;

async function measureRow(
  broker: BrokerProcess,
  row: Row,
  times: Times,
): Promise<Sample> {
  const { seconds } = times;
  const { port, directory } = broker;
  const counts = countAll(row, times);
  const reference = row.engine === "memory"
    ? undefined
    : await measureReference(directory, row, counts);
  const host = { port, clientUrl: CLIENT, open: () => openClient(port) };
  const work = { kind: "steady", bodyBytes: BODY_BYTES, seconds, ...row } as const;
  const { confirmMs, deliveryMs, lateMs, sinceSentMs } = await measureApart(host, work, counts);
  return {
    confirm: confirmMs!,
    delivery: deliveryMs!,
    late: lateMs!,
    sinceSent: sinceSentMs!,
    ...reference && { reference },
  };
}

async function measureReference(
  directory: string,
  { rate }: Row,
  counts: Counts,
): Promise<Percentiles> {
  const plan: ReferencePlan = { directory, work: { rate, bodyBytes: BODY_BYTES }, ...counts };
  await using reference = await TimedProgram.start(REFERENCE, plan);
  const [found] = await TimedProgram.run(reference) as [Reference];
  return found.flushedMs;
}

/** How many messages there are in all, and how many of them come before what counts. */
interface Counts {
  readonly warmUpCount: number;
  readonly count: number;
}

function countAll(pace: Pace, { seconds, warmUpSeconds }: Times): Counts {
  const warmUpCount = countSteady(pace, warmUpSeconds);
  return { warmUpCount, count: warmUpCount + countSteady(pace, seconds) };
}

/** One message at a time, and one write and fdatasync at a time, in turn. */
async function measureAwaited(broker: BrokerProcess, count: number): Promise<Sample> {
  await using connection = await broker.connect();
  const { flushMs, receiptMs } = await measureReceipts(connection, broker.directory, count);
  // At first everything is new.
  const counted = Math.floor(count / 4);
  return {
    confirm: describeTimes(receiptMs.slice(counted)),
    reference: describeTimes(flushMs.slice(counted)),
  };
}

async function measure({ rounds, works, awaited, ...times }: TailScale): Promise<void> {
  await using journal = await BrokerProcess.start("journal");
  await using memory = await BrokerProcess.start("memory");
  const brokers = { journal, memory };
  const rows = ROWS.filter(({ id }) => works.includes(id));
  const names = rows.map(({ name }) => name);
  if (works.includes(AWAITED)) names.push("awaited one by one");
  const samples = await repeat("tail: round", rounds, async () => {
    const found: Sample[] = [];
    for (const row of rows) found.push(await measureRow(brokers[row.engine], row, times));
    if (works.includes(AWAITED)) found.push(await measureAwaited(journal, awaited));
    return found;
  });
  await using connection = await journal.connect();
  print(`${formatFacts(describeSurroundings([connection.broker], PROCESSES))}\n`);
  print(format(names.map((name, index) => ({ name, samples: samples.map((all) => all[index]!) }))));
}

/** A row of the table, with all its samples. */
interface Line {
  readonly name: string;
  readonly samples: readonly Sample[];
}

function format(lines: readonly Line[]): string {
  const parts = [["p50", "p50"], ["p99", "p99"], ["p99.9", "p999"]] as const;
  const times = (what: keyof Sample, label: string): Column<Line>[] =>
    parts.map(([head, part]) => [
      `${label} ${head}`,
      (line) => median(line, (sample) => sample[what]?.[part]),
      2,
    ]);
  const ratios = parts.slice(1).map(([head, part]): Column<Line> => [
    `ratio ${head}`,
    (line) =>
      divide(
        median(line, ({ confirm }) => confirm[part]),
        median(line, ({ reference }) => reference?.[part]),
      ),
    2,
  ]);
  return formatColumns(lines, [
    ["milliseconds", ({ name }) => name],
    ...times("confirm", "confirmed"),
    ...times("reference", "reference"),
    ["ratio p50", (line) =>
      divide(
        median(line, ({ confirm }) => confirm.p50),
        median(line, ({ reference }) => reference?.p50),
      ), 2],
    ...ratios,
    ["delivered p99", (line) => median(line, ({ delivery }) => delivery?.p99), 2],
    ["since sent p50", (line) => median(line, ({ sinceSent }) => sinceSent?.p50), 2],
    ["since sent p99", (line) => median(line, ({ sinceSent }) => sinceSent?.p99), 2],
    ["sent late p50", (line) => median(line, ({ late }) => late?.p50), 2],
    ["sent late p99", (line) => median(line, ({ late }) => late?.p99), 2],
  ]);
}

function median(
  { samples }: Line,
  read: (sample: Sample) => number | undefined,
): number | undefined {
  const values = samples.map(read).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : summarise(values).median;
}

function divide(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one / other;
}

function readScale(args: readonly string[]): TailScale {
  const flags = new Arguments(args, ["rounds", "seconds", "works"], ["quick"]);
  const isQuick = flags.has("quick");
  return {
    rounds: flags.readCount("rounds", isQuick ? 1 : 5),
    seconds: isQuick ? 0.1 : flags.readCount("seconds", 4),
    warmUpSeconds: isQuick ? 0.1 : WARM_UP_SECONDS,
    works: flags.readSome("works", [...ROWS.map(({ id }) => id), AWAITED], (id) => id),
    awaited: isQuick ? 20 : 2_000,
  };
}

if (import.meta.main) await runMain(() => measure(readScale(Deno.args)));
