import { BrokerProcess } from "../harness/broker_process.ts";
import { repeat } from "../harness/frame/main.ts";
import { runRound } from "../harness/round.ts";
import { type Percentiles, summarise } from "../harness/statistics.ts";
import { formatColumns } from "../harness/table.ts";
import { sendSteadily } from "../work/latency.ts";
import { type ByName, compare, gather } from "./comparison.ts";
import type { DoorName, Gate, NamedDoor } from "./gate.ts";
import type { TlsScale } from "./scale.ts";
import { WrongLogins } from "./wrong_logins.ts";

const DOORS: readonly DoorName[] = ["users", "TLS, users"];

/** Wrong logins a second. */
const RATE = 200;

/** An address of which fewer logins fail than this is not held back. */
const FAILURES_PER_ADDRESS = 10;

/** What the well-behaved publisher sends: messages a second, each of so many bytes. */
const PACE = { rate: 1000 };
const BODY_BYTES = 100;

/** So many messages are not timed: everything is new then. */
const WARM_UP_COUNT = 500;

/** What goes on beside the publisher. */
const STORMS = [
  { name: "no wrong logins", at: undefined },
  { name: "from one address", at: "broker", perAddress: undefined },
  { name: "from many addresses", at: "broker", perAddress: FAILURES_PER_ADDRESS },
  // It costs the machine as much, and the publisher's broker nothing: two cores are few.
  { name: "many, at another broker", at: "neighbour", perAddress: FAILURES_PER_ADDRESS },
] as const;

type Storm = typeof STORMS[number];

/** Two brokers with the same door; the publisher is at the first. */
interface Site {
  readonly door: NamedDoor;
  readonly broker: BrokerProcess;
  readonly neighbour: BrokerProcess;
}

/** The publisher's times, and what became of the wrong logins. */
interface Sample {
  readonly confirm: Percentiles;
  readonly refused: number;
  readonly closed: number;
}

/** Measures the confirms of a publisher while logins fail, and while none do; returns the report. */
export async function measureLogins(gate: Gate, scale: TlsScale): Promise<string> {
  const rows: Row[] = [];
  for (const door of gate.find(...DOORS)) rows.push(...await measureDoor(door, scale));
  return format(rows);
}

/** One storm at one door, with the rounds without one beside it. */
interface Row {
  readonly name: string;
  readonly samples: readonly Sample[];
  readonly quiet: readonly Sample[];
}

async function measureDoor(
  door: NamedDoor,
  { rounds: count, stormSeconds }: TlsScale,
): Promise<Row[]> {
  await using stack = new AsyncDisposableStack();
  const start = async () => stack.use(await BrokerProcess.start("memory", undefined, {}, door));
  const site = { door, broker: await start(), neighbour: await start() };
  const rounds = await repeat(
    `wrong logins, ${door.name}: round`,
    Math.ceil(count / 2),
    async () => {
      const found: Record<string, Sample> = {};
      for (const storm of STORMS) found[storm.name] = await measureStorm(site, storm, stormSeconds);
      return [found];
    },
  );
  const samples: ByName<Sample> = gather(rounds, 0);
  return STORMS.map(({ name }) => ({
    name: `${door.name}: ${name}`,
    samples: samples[name]!,
    quiet: samples[STORMS[0].name]!,
  }));
}

async function measureStorm(site: Site, storm: Storm, seconds: number): Promise<Sample> {
  if (storm.at === undefined) {
    return { confirm: await publish(site.broker, seconds), refused: 0, closed: 0 };
  }
  const { at, perAddress } = storm;
  await using logins = await WrongLogins.begin({
    port: site[at].port,
    ca: site.door.ca,
    rate: RATE,
    ...perAddress !== undefined && { perAddress },
  });
  const confirm = await publish(site.broker, seconds);
  const { refused, closed } = await logins.end();
  if (refused + closed >= RATE * seconds / 2) return { confirm, refused, closed };
  throw new Error(`Only ${refused + closed} wrong logins could be made in ${seconds} s`);
}

/** Publishes at a steady pace, and follows; gives the times from when each message was due. */
async function publish(broker: BrokerProcess, seconds: number): Promise<Percentiles> {
  await using publishing = await broker.connect();
  await using following = await broker.connect();
  const { latency } = await broker.during(runRound({ publishing, following }, {
    way: sendSteadily(PACE, WARM_UP_COUNT),
    bodyBytes: BODY_BYTES,
    count: WARM_UP_COUNT + Math.ceil(PACE.rate * seconds),
  }));
  return latency.confirm;
}

function format(rows: readonly Row[]): string {
  const read = (samples: readonly Sample[], part: keyof Percentiles) =>
    samples.map(({ confirm }) => confirm[part]);
  const sum = (samples: readonly Sample[], key: "refused" | "closed") =>
    samples.reduce((total, sample) => total + sample[key], 0);
  const ratio = ({ samples, quiet }: Row) => compare(read(samples, "p99"), read(quiet, "p99"));
  return formatColumns(rows, [
    [`confirms while ${RATE} logins a second fail`, ({ name }) => name],
    ["p50 ms", ({ samples }) => summarise(read(samples, "p50")).median, 2],
    ["p99 ms", ({ samples }) => summarise(read(samples, "p99")).median, 2],
    ["p99, ratio", (row) => ratio(row).median, 2],
    ["lowest", (row) => ratio(row).lowest, 2],
    ["highest", (row) => ratio(row).highest, 2],
    ["refused", ({ samples }) => sum(samples, "refused")],
    ["closed at once", ({ samples }) => sum(samples, "closed")],
  ]);
}
