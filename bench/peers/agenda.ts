import type { ThroughputWork, Work } from "../work/work.ts";

/** A work that peers are asked to do. */
export interface AgendaEntry {
  /** Its name in arguments: `throughput-100`. */
  readonly id: string;
  /** Its heading in the report. */
  readonly title: string;
  readonly work: Work;
  /** The names of the peers that do it; all brokers if not set. */
  readonly peers?: readonly string[];
  /** What {@linkcode BARE} does meanwhile, if anything: it knows no messages. */
  readonly limit?: Work;
  /**
   * Whether it is done in the first round only, each time on a server that was started for it: it takes
   * long, and what was in a server's memory before would count.
   */
  readonly isOnce?: boolean;
}

/** The peer that is no broker: it only does the works whose figures a broker cannot beat. */
export const BARE = "bare";

/** The peers that can keep messages on a disk, with one or more levels of each product. */
export const DURABLE: readonly string[] = [
  "simplemq",
  "redis-everysec",
  "redis-always",
  "bullmq",
  "bullmq-postgres",
  "pg-boss",
  "graphile-worker",
  "jetstream-file",
  "jetstream-always",
  "rabbitmq-classic",
  "rabbitmq-quorum",
  "beanstalkd-binlog",
];

/** One level of durability of each product, where another one would show the same. */
const ONE_LEVEL = DURABLE.filter((name) => !["redis-always", "jetstream-always"].includes(name));

/** The peers whose idle connections are measured: those of the others are to a server of theirs. */
const CONNECTED = ["simplemq", "redis-everysec", "jetstream-file"]
  .concat("rabbitmq-classic", "beanstalkd-binlog");

/** The peers that have one message in many streams without a worker for each. */
const FANNING = ["simplemq", "redis-everysec", "jetstream-file", "rabbitmq-classic"]
  .concat("beanstalkd-binlog");

/** At more than so many messages a second, each sent by itself, only {@linkcode PROMPT} are asked. */
const SLOW_RATE = 1_000;

/** The peers that take some thousand messages a second which are sent one by one, or more. */
const PROMPT = ["simplemq", "simplemq-memory", "redis-everysec", "redis-always", "redis-memory"]
  .concat("bullmq", "jetstream-file", "jetstream-memory")
  .concat("rabbitmq-classic", "rabbitmq-quorum", "beanstalkd-binlog", "beanstalkd-memory");

/** The peers that take ten million messages in minutes. */
const LARGE = ["simplemq", "redis-everysec"];

/** The peers whose clients have a plain call that need not be awaited. */
const POSTING = ["simplemq", "simplemq-memory"];

/** The steady rates, in messages a second. */
const RATES = [1_000, 10_000];

/** How much is done. */
interface Measure {
  readonly seconds: number;
  /** The same of a steady rate, of which the last thousandth is asked for. */
  readonly steadySeconds: number;
  /** Of the two backlogs. */
  readonly backlog: readonly [short: number, long: number];
  readonly streams: number;
  readonly connections: number;
}

/** For figures to quote. */
const FULL: Measure = {
  seconds: 1.5,
  steadySeconds: 2.5,
  backlog: [1_000_000, 10_000_000],
  streams: 100,
  connections: 2_000,
};

/** For a look at whether it works. */
const QUICK: Measure = {
  seconds: 0.05,
  steadySeconds: 0.05,
  backlog: [2_000, 4_000],
  streams: 3,
  connections: 20,
};

/** Makes the agenda; a quick one is only for a look at whether everything works. */
export function makeAgenda(isQuick: boolean): readonly AgendaEntry[] {
  const measure = isQuick ? QUICK : FULL;
  const pair: ThroughputWork = {
    kind: "throughput",
    bodyBytes: 100,
    publishers: 1,
    followers: 1,
    way: "batch",
    seconds: measure.seconds,
  };
  return [...listRates(pair), ...listLoads(pair, measure), ...listStocks(pair, measure)];
}

/** A publisher and a follower, as fast as they can. */
function listRates(pair: ThroughputWork): AgendaEntry[] {
  return [
    {
      id: "throughput-100",
      title: "Throughput, 100 B, one publisher and one follower",
      work: pair,
      limit: pair,
    },
    {
      id: "throughput-1k",
      title: "Throughput, 1 KiB, one publisher and one follower",
      work: { ...pair, bodyBytes: 1024 },
      limit: { ...pair, bodyBytes: 1024 },
    },
    {
      id: "throughput-16k",
      title: "Throughput, 16 KiB, one publisher and one follower",
      work: { ...pair, bodyBytes: 16 * 1024 },
      limit: { ...pair, bodyBytes: 16 * 1024 },
    },
    {
      id: "single-100",
      title: "Throughput, 100 B, a call for each message, none of them awaited",
      work: { ...pair, way: "single" },
      peers: POSTING,
    },
    {
      id: "single-1k",
      title: "Throughput, 1 KiB, a call for each message, none of them awaited",
      work: { ...pair, bodyBytes: 1024, way: "single" },
      peers: POSTING,
    },
  ];
}

/** Works with several members, and works that measure latency. */
function listLoads(
  pair: ThroughputWork,
  { seconds, steadySeconds, streams }: Measure,
): AgendaEntry[] {
  return [
    {
      id: "four-by-four",
      title: "Throughput, 100 B, four publishers and four followers of one stream",
      work: { ...pair, publishers: 4, followers: 4 },
    },
    {
      id: "fan-out",
      title: `Fan-out, 100 B, each message to ${streams} streams`,
      work: { kind: "fan-out", bodyBytes: 100, streams, seconds },
      peers: FANNING,
      isOnce: true,
    },
    {
      id: "awaited",
      title: "Latency, 100 B, the next message is sent when this one is confirmed",
      work: { kind: "awaited", bodyBytes: 100, seconds },
      limit: { kind: "flush", bodyBytes: 100, seconds },
    },
    ...RATES.map((rate): AgendaEntry => {
      const count = rate.toLocaleString("en-US");
      const pace = { bodyBytes: 100, rate, seconds: steadySeconds };
      return {
        id: `steady-${rate / 1000}k`,
        title: `Latency, 100 B, ${count} messages a second, spread evenly`,
        work: { kind: "steady", ...pace },
        limit: { kind: "flush", ...pace },
        ...rate > SLOW_RATE && { peers: PROMPT },
      };
    }),
  ];
}

/** Works with many messages, and with many connections. */
function listStocks(
  pair: ThroughputWork,
  { backlog: [short, long], connections }: Measure,
): AgendaEntry[] {
  return [
    {
      id: "backlog-1m",
      title: `Backlog of ${short.toLocaleString("en-US")} messages of 100 B`,
      work: { kind: "backlog", bodyBytes: 100, count: short },
      peers: ONE_LEVEL,
      isOnce: true,
    },
    {
      id: "backlog-10m",
      title: `Backlog of ${long.toLocaleString("en-US")} messages of 100 B`,
      work: { kind: "backlog", bodyBytes: 100, count: long },
      peers: LARGE,
      isOnce: true,
    },
    {
      id: "idle",
      title: `${connections.toLocaleString("en-US")} idle connections, and a busy pair beside them`,
      work: { kind: "idle", connections, busy: pair },
      peers: CONNECTED,
      isOnce: true,
    },
  ];
}

/** Whether a peer does a work. */
export function doesWork(peer: string, { peers, limit }: AgendaEntry): boolean {
  if (peer === BARE) return limit !== undefined;
  return peers?.includes(peer) ?? true;
}

/** What a peer is asked to do. */
export function findWork(peer: string, { work, limit }: AgendaEntry): Work {
  return peer === BARE ? limit ?? work : work;
}
