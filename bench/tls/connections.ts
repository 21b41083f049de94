import { BrokerProcess } from "../harness/broker_process.ts";
import { runRounds } from "../harness/frame/main.ts";
import { InFlight } from "../harness/in_flight.ts";
import { CpuMeter } from "../harness/process/cpu_meter.ts";
import { summarise } from "../harness/statistics.ts";
import { formatColumns, formatNumber } from "../harness/table.ts";
import { alternate, findMean, gather, halve } from "./comparison.ts";
import { type DoorName, type Gate, type NamedDoor, USER } from "./gate.ts";
import type { TlsScale } from "./scale.ts";
import { WrongLogins } from "./wrong_logins.ts";

const DOORS: readonly DoorName[] = ["plain", "users", "TLS", "TLS, users"];

/** So many connections are opened at a time, and so many times as many of them. */
const LANES = [{ length: 1, factor: 1 }, { length: 20, factor: 2 }] as const;

/** Logins fail at this rate, a second. */
const FAILURE_RATE = 500;

/** An address of which fewer logins fail than this is not held back. */
const FAILURES_PER_ADDRESS = 10;

/** A broker of which only the connections are of interest. */
interface Site {
  readonly door: NamedDoor;
  readonly broker: BrokerProcess;
}

/** What connections took. */
interface Sample {
  /** Connections a second. */
  readonly rate: number;
  /** Milliseconds of the broker's processor time for each. */
  readonly cpuMs: number;
}

/** Measures new connections and wrong logins at each door, in turn; returns the report. */
export async function measureConnections(gate: Gate, scale: TlsScale): Promise<string> {
  await using stack = new AsyncDisposableStack();
  const sites: Site[] = [];
  for (const door of gate.find(...DOORS)) {
    const broker = stack.use(await BrokerProcess.start("memory", undefined, {}, door));
    sites.push({ door, broker });
  }
  const order = alternate(sites);
  const rounds = await runRounds("connections", halve(scale.rounds), async () => {
    const round = order();
    const withUsers = round.filter(({ door }) => door.options.token !== undefined);
    const found: Record<string, Sample>[] = [];
    for (const { length, factor } of LANES) {
      const count = scale.connections * factor;
      found.push(await inTurn(round, (site) => connectAll(site, count, length)));
    }
    const { failures } = scale;
    found.push(await atOnce(withUsers, (site) => failAll(site, failures, FAILURES_PER_ADDRESS)));
    found.push(await atOnce(withUsers, (site) => failAll(site, failures)));
    return found;
  }, scale.isWarmedUp);
  return format(rounds);
}

/** Measures all sites, one after the other. */
async function inTurn(
  sites: readonly Site[],
  measure: (site: Site) => Promise<Sample>,
): Promise<Record<string, Sample>> {
  const samples: Record<string, Sample> = {};
  for (const site of sites) samples[site.door.name] = await site.broker.during(measure(site));
  return samples;
}

/** Measures all sites at the same time: for refusals, which wait, only processor time counts. */
async function atOnce(
  sites: readonly Site[],
  measure: (site: Site) => Promise<Sample>,
): Promise<Record<string, Sample>> {
  return Object.fromEntries(
    await Promise.all(
      sites.map(async (site) => [site.door.name, await site.broker.during(measure(site))] as const),
    ),
  );
}

/** Opens connections and closes them, so many at a time. */
async function connectAll({ broker, door }: Site, count: number, length: number): Promise<Sample> {
  const user = door.options.token === undefined ? "local" : USER;
  return await watch(broker, count, async () => {
    const inFlight = new InFlight(length);
    for (let left = count; left > 0; left--) await inFlight.add(connectOnce(broker, user));
    await inFlight.end();
  });
}

/** @throws {Error} If the session is another user's. */
async function connectOnce(broker: BrokerProcess, user: string): Promise<void> {
  await using connection = await broker.connect();
  if (connection.broker.user === user) return;
  throw new Error(`A session is of the user "${connection.broker.user}", not of "${user}"`);
}

/** Logs in with wrong tokens: from many addresses, or all from one, which is held back. */
async function failAll(
  { broker, door }: Site,
  count: number,
  perAddress?: number,
): Promise<Sample> {
  const { port } = broker;
  const sources = perAddress === undefined ? {} : { perAddress };
  const plan = { port, ca: door.ca, rate: FAILURE_RATE, count, ...sources };
  return await watch(broker, count, async () => {
    await using logins = await WrongLogins.begin(plan);
    const { refused } = await logins.end();
    if (perAddress === undefined || refused === count) return;
    throw new Error(`Of ${count} wrong logins ${refused} were refused, the others had no answer`);
  });
}

/** Measures how long something takes, and the broker's processor time. */
async function watch(
  { pid }: BrokerProcess,
  count: number,
  work: () => Promise<void>,
): Promise<Sample> {
  const meter = new CpuMeter(pid);
  meter.start();
  const begin = performance.now();
  await work();
  const seconds = (performance.now() - begin) / 1000;
  meter.stop();
  return { rate: count / seconds, cpuMs: meter.taken!.broker / count * 1000 };
}

/** The rows of the report: which of the results of a round, and what of it. */
const ROWS = [
  { name: "one after the other, per second", index: 0, key: "rate" },
  { name: "20 at a time, per second", index: 1, key: "rate" },
  { name: "one after the other, broker's CPU, ms", index: 0, key: "cpuMs" },
  { name: "20 at a time, broker's CPU, ms", index: 1, key: "cpuMs" },
  { name: "wrong token, broker's CPU, ms", index: 2, key: "cpuMs" },
  { name: "wrong token, address held back, broker's CPU, ms", index: 3, key: "cpuMs" },
] as const;

function format(rounds: readonly Record<string, Sample>[][]): string {
  const read = ({ index, key }: typeof ROWS[number], door: DoorName) => {
    const values = gather(rounds, index)[door]?.map((sample) => sample[key]);
    if (values === undefined) return undefined;
    const isRate = key === "rate";
    return formatNumber(isRate ? summarise(values).median : findMean(values), isRate ? 0 : 2);
  };
  return formatColumns(ROWS, [
    ["new connections", ({ name }) => name],
    ...DOORS.map((door) => [door, (row: typeof ROWS[number]) => read(row, door)] as const),
  ]);
}
