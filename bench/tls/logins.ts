import { BrokerProcess } from "../harness/broker_process.ts";
import { repeat } from "../harness/frame/main.ts";
import { runRound } from "../harness/round.ts";
import { type Percentiles, summarise } from "../harness/statistics.ts";
import { type Column, formatColumns } from "../harness/table.ts";
import { sendSteadily } from "../work/steady/steady_sender.ts";
import { type ByName, compare, gather, halve } from "./comparison.ts";
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

/** Measures the confirms of a publisher while logins fail, and while none do; returns the report. */
export async function measureLogins(gate: Gate, scale: TlsScale): Promise<string> {
  const found = new Map<DoorName, ByName<Percentiles>>();
  for (const door of gate.find(...DOORS)) found.set(door.name, await measureDoor(door, scale));
  return format(found);
}

async function measureDoor(
  door: NamedDoor,
  scale: TlsScale,
): Promise<ByName<Percentiles>> {
  await using stack = new AsyncDisposableStack();
  const start = async () => stack.use(await BrokerProcess.start("memory", undefined, {}, door));
  const site = { door, broker: await start(), neighbour: await start() };
  const rounds = await repeat(
    `wrong logins, ${door.name}: round`,
    halve(scale.rounds),
    async () => {
      const samples: Record<string, Percentiles> = {};
      for (const storm of STORMS) samples[storm.name] = await measureStorm(site, storm, scale);
      return [samples];
    },
  );
  return gather(rounds, 0);
}

async function measureStorm(site: Site, storm: Storm, scale: TlsScale): Promise<Percentiles> {
  if (storm.at === undefined) {
    return await publish(site.broker, scale);
  }
  const { at, perAddress } = storm;
  await using logins = await WrongLogins.begin({
    port: site[at].port,
    ca: site.door.ca,
    rate: RATE,
    ...perAddress !== undefined && { perAddress },
  });
  const confirm = await publish(site.broker, scale);
  const { refused, closed } = await logins.end();
  if (refused + closed >= RATE * scale.stormSeconds / 2) return confirm;
  throw new Error(`Only ${refused + closed} wrong logins could be made in ${scale.stormSeconds} s`);
}

/** Publishes at a steady pace, and follows; gives the times from when each message was due. */
async function publish(
  broker: BrokerProcess,
  { stormSeconds, stormWarmUp }: TlsScale,
): Promise<Percentiles> {
  await using publishing = await broker.connect();
  await using following = await broker.connect();
  const { latency } = await broker.during(runRound({ publishing, following }, {
    way: sendSteadily(PACE, stormWarmUp),
    bodyBytes: BODY_BYTES,
    count: stormWarmUp + Math.ceil(PACE.rate * stormSeconds),
  }));
  return latency.confirm;
}

function format(found: ReadonlyMap<DoorName, ByName<Percentiles>>): string {
  const read = (door: DoorName, name: string, part: keyof Percentiles) =>
    found.get(door)![name]!.map((times) => times[part]);
  const columnsOf = (door: DoorName): Column<Storm>[] => {
    const median = (name: string, part: "p50" | "p99") => summarise(read(door, name, part)).median;
    const ratio = (name: string) =>
      compare(read(door, name, "p99"), read(door, STORMS[0].name, "p99"));
    return [
      [`${door}: p50 ms`, ({ name }) => median(name, "p50"), 2],
      ["p99 ms", ({ name }) => median(name, "p99"), 2],
      ["p99, ratio", ({ name }) => ratio(name).median, 2],
      ["highest", ({ name }) => ratio(name).highest, 2],
    ];
  };
  return formatColumns(STORMS, [
    [`confirms while ${RATE} logins a second fail`, ({ name }) => name],
    ...[...found.keys()].flatMap(columnsOf),
  ]);
}
