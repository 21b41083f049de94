import { BrokerProcess, type EngineName, ENGINES } from "../harness/broker_process.ts";
import { runRounds } from "../harness/frame/main.ts";
import { takeShare } from "../harness/frame/scale.ts";
import { CpuMeter, type CpuTimes } from "../harness/process/cpu_meter.ts";
import { type Clients, type RoundPlan, runRound } from "../harness/round.ts";
import { BATCHES, PIPELINED } from "../harness/sending.ts";
import { summarise } from "../harness/statistics.ts";
import { formatColumns } from "../harness/table.ts";
import type { DoorName, Gate, NamedDoor } from "./gate.ts";
import { alternate, type ByName, compare, findMean, formatPercent, gather } from "./comparison.ts";
import type { TlsScale } from "./scale.ts";

/** What is sent, and which part of the messages it is. */
const LOADS = [
  { name: "100 B, batches of 256", way: BATCHES, bodyBytes: 100, share: 1 },
  { name: "100 B, single, not awaited", way: PIPELINED, bodyBytes: 100, share: 1 / 2 },
  { name: "4 KiB, batches", way: BATCHES, bodyBytes: 4096, share: 1 / 10 },
  { name: "64 KiB, batches", way: BATCHES, bodyBytes: 65_536, share: 1 / 200 },
] as const;

const DOORS: readonly DoorName[] = ["plain", "users", "TLS"];

/** A broker with its clients. */
interface Site {
  readonly door: NamedDoor;
  readonly broker: BrokerProcess;
  readonly clients: Clients;
}

/** What one load did at one door. */
interface Sample {
  /** Messages a second. */
  readonly rate: number;
  /** Microseconds of processor time for each message. */
  readonly cpu: CpuTimes;
}

/** One load with one engine, in all rounds. */
interface Row {
  readonly engine: EngineName;
  readonly load: string;
  readonly samples: ByName<Sample>;
}

/** Measures throughput and processor time at each door, in turn; returns the report. */
export async function measureThroughput(gate: Gate, scale: TlsScale): Promise<string> {
  const rows: Row[] = [];
  for (const engine of ENGINES) rows.push(...await measureEngine(engine, gate, scale));
  const costs = ENGINES.map((engine) =>
    formatCosts(engine, rows.filter((row) => row.engine === engine))
  );
  return [formatRates(rows), ...costs].join("\n\n");
}

async function measureEngine(
  engine: EngineName,
  gate: Gate,
  { messages, rounds, isWarmedUp }: TlsScale,
): Promise<Row[]> {
  await using stack = new AsyncDisposableStack();
  const sites: Site[] = [];
  for (const door of gate.find(...DOORS)) {
    const broker = stack.use(await BrokerProcess.start(engine, undefined, {}, door));
    const publishing = stack.use(await broker.connect());
    const following = stack.use(await broker.connect());
    sites.push({ door, broker, clients: { publishing, following } });
  }
  const order = alternate(sites);
  const found = await runRounds(`throughput, ${engine}`, rounds, async () => {
    const round = order();
    const results: Record<string, Sample>[] = [];
    for (const { way, bodyBytes, share } of LOADS) {
      const plan = { way, bodyBytes, count: takeShare(messages, share) };
      const samples: Record<string, Sample> = {};
      for (const site of round) samples[site.door.name] = await measureLoad(site, plan);
      results.push(samples);
    }
    return results;
  }, isWarmedUp);
  return LOADS.map(({ name }, index) => ({
    engine,
    load: name,
    samples: gather(found, index),
  }));
}

async function measureLoad({ broker, clients }: Site, plan: RoundPlan): Promise<Sample> {
  const meter = new CpuMeter(broker.pid);
  meter.start();
  const { rate, count } = await broker.during(runRound(clients, plan));
  meter.stop();
  const { broker: ofBroker, clients: ofClients } = meter.taken!;
  return { rate, cpu: { broker: ofBroker / count * 1e6, clients: ofClients / count * 1e6 } };
}

/** The doors that were measured, in their order. */
function findDoors(rows: readonly Row[]): DoorName[] {
  return DOORS.filter((door) => rows[0]!.samples[door] !== undefined);
}

function formatRates(rows: readonly Row[]): string {
  const read = ({ samples }: Row, door: DoorName) => samples[door]!.map(({ rate }) => rate);
  const median = (row: Row, door: DoorName) => summarise(read(row, door)).median;
  const share = (row: Row, door: DoorName) => compare(read(row, door), read(row, "plain"));
  const doors = findDoors(rows);
  return formatColumns(rows, [
    ["messages/s", ({ load }) => load],
    ["engine", ({ engine }) => engine],
    ...doors.map((door) => [door, (row: Row) => median(row, door)] as const),
    ...doors.filter((door) => door !== "plain").map((door) =>
      [`${door} / plain`, (row: Row) => formatPercent(share(row, door).median)] as const
    ),
    ["lowest", (row) => formatPercent(share(row, "TLS").lowest)],
    ["highest", (row) => formatPercent(share(row, "TLS").highest)],
  ]);
}

function formatCosts(engine: EngineName, rows: readonly Row[]): string {
  const mean = ({ samples }: Row, door: DoorName, side: keyof CpuTimes) =>
    findMean(samples[door]!.map(({ cpu }) => cpu[side]));
  const doors = findDoors(rows);
  return formatColumns(rows, [
    [`CPU, µs per message, ${engine}`, ({ load }) => load],
    ...doors.map((door) =>
      [`broker, ${door}`, (row: Row) => mean(row, door, "broker"), 2] as const
    ),
    ...doors.map((door) =>
      [`clients, ${door}`, (row: Row) => mean(row, door, "clients"), 2] as const
    ),
  ]);
}
