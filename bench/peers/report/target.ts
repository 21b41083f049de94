import type { Percentiles } from "../../harness/statistics.ts";
import { formatNumber } from "../../harness/table.ts";
import { BARE, DURABLE } from "../agenda.ts";
import { type Findings, sumUp } from "./findings.ts";
import type { Result } from "../../work/work.ts";

/** Something that the project asks of itself beside its peers, and what a run has reached of it. */
export interface Target {
  /** What is compared with what. */
  readonly what: string;
  /** What is asked for: `at least 8`. */
  readonly asked: string;
  /** What was reached, if all that it takes was measured. */
  readonly reached?: string;
  /** Whether that is enough. */
  readonly isReached?: boolean;
}

/** So many times the rate of each of these. */
const THROUGHPUT: readonly (readonly [peer: string, factor: number])[] = [
  ["redis-everysec", 8],
  ["jetstream-file", 30],
  ["rabbitmq-classic", 30],
  ["beanstalkd-binlog", 12],
  ["bullmq", 50],
];

/** So many times the rate of the best peer that keeps messages on a disk. */
const BEST: readonly (readonly [what: string, ours: string, theirs: string, factor: number])[] = [
  ["throughput, 100 B, calls not awaited", "single-100", "throughput-100", 3],
  ["throughput, 1 KiB", "throughput-1k", "throughput-1k", 4],
  ["throughput, 100 B, four by four", "four-by-four", "four-by-four", 6],
];

/** Awaited one by one, a confirm takes no longer than with these. */
const AWAITED: readonly (readonly [ours: string, theirs: string])[] = [
  ["simplemq-memory", "redis-memory"],
  ["simplemq", "redis-always"],
];

/** The times until the confirm are so many times those of the bare program, at most. */
const BARE_TIMES: readonly (readonly [what: string, work: string, keyof Percentiles, number])[] = [
  ["awaited, p50", "awaited", "p50", 1.2],
  ["1,000 a second, p99", "steady-1k", "p99", 1.5],
  ["1,000 a second, p99.9", "steady-1k", "p999", 2],
  ["10,000 a second, p99", "steady-10k", "p99", 1.5],
  ["10,000 a second, p99.9", "steady-10k", "p999", 2],
];

/** At 10,000 a second, the p99 in memory is at most so many milliseconds. */
const MEMORY_MS_MAX = 0.5;

/** A long backlog takes this part of the memory of Redis, at most. */
const MEMORY_SHARE_MAX = 1 / 3;

/** An idle connection takes so many bytes of memory, at most. */
const CONNECTION_BYTES_MAX = 20_000;

/** This part of the rate of the bare program, at least. */
const LIMIT_SHARE_MIN = 1 / 3;

/** Finds what was asked for and what was reached. */
export function findTargets(findings: Findings): Target[] {
  const reader = new Reader(findings);
  return [
    ...THROUGHPUT.map(([peer, factor]) => {
      const ratio = reader.compare("simplemq", peer, "throughput-100", readRate);
      return askAtLeast(`throughput, 100 B: SimpleMQ to ${peer}`, factor, ratio);
    }),
    ...BEST.map(([what, ours, theirs, factor]) => {
      const best = reader.findBest(theirs);
      const ratio = divide(reader.read("simplemq", ours, readRate), best?.rate);
      return askAtLeast(`${what}: SimpleMQ to the best peer${name(best?.peer)}`, factor, ratio);
    }),
    ...AWAITED.map(([ours, theirs]) => {
      const ratio = reader.compare(ours, theirs, "awaited", ({ confirmMs }) => confirmMs?.p50);
      return askAtMost(`confirm, awaited, p50: ${ours} to ${theirs}`, 1, ratio);
    }),
    ...BARE_TIMES.map(([what, work, part, factor]) => {
      const ratio = reader.compare("simplemq", BARE, work, ({ confirmMs }) => confirmMs?.[part]);
      return askAtMost(`confirm, ${what}: SimpleMQ to the bare program`, factor, ratio);
    }),
    askAtMost(
      "ms until the confirm, 10,000 a second, p99: simplemq-memory",
      MEMORY_MS_MAX,
      reader.read("simplemq-memory", "steady-10k", ({ confirmMs }) => confirmMs?.p99),
    ),
    askAtMost(
      "memory of the long backlog: SimpleMQ to redis-everysec",
      MEMORY_SHARE_MAX,
      reader.compare("simplemq", "redis-everysec", "backlog-10m", (result) => result.backlogBytes),
    ),
    askAtMost(
      "kB of memory for an idle connection",
      CONNECTION_BYTES_MAX / 1e3,
      divide(reader.read("simplemq", "idle", (result) => result.connectionBytes), 1e3),
    ),
    askAtLeast(
      "throughput, 1 KiB: SimpleMQ to the bare program",
      LIMIT_SHARE_MIN,
      reader.compare("simplemq", BARE, "throughput-1k", readRate),
    ),
  ];
}

/** Reads medians. */
class Reader {
  readonly #findings: Findings;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  read(
    peer: string,
    work: string,
    read: (result: Result) => number | undefined,
  ): number | undefined {
    return sumUp(this.#findings, peer, work, read)?.median;
  }

  compare(
    ours: string,
    theirs: string,
    work: string,
    read: (result: Result) => number | undefined,
  ): number | undefined {
    return divide(this.read(ours, work, read), this.read(theirs, work, read));
  }

  /** The peer with the highest rate of those that keep messages on a disk. */
  findBest(work: string): { readonly peer: string; readonly rate: number } | undefined {
    return DURABLE
      .filter((peer) => peer !== "simplemq")
      .map((peer) => ({ peer, rate: this.read(peer, work, readRate) ?? 0 }))
      .filter(({ rate }) => rate > 0)
      .sort((one, other) => other.rate - one.rate)[0];
  }
}

const readRate = ({ rate }: Result) => rate;

function divide(value: number | undefined, by: number | undefined): number | undefined {
  return value === undefined || by === undefined ? undefined : value / by;
}

function name(peer: string | undefined): string {
  return peer === undefined ? "" : `, ${peer}`;
}

function askAtLeast(what: string, bound: number, value: number | undefined): Target {
  return ask(what, `at least ${format(bound)}`, value, (found) => found >= bound);
}

function askAtMost(what: string, bound: number, value: number | undefined): Target {
  return ask(what, `at most ${format(bound)}`, value, (found) => found <= bound);
}

function ask(
  what: string,
  asked: string,
  value: number | undefined,
  isEnough: (found: number) => boolean,
): Target {
  if (value === undefined) return { what, asked };
  return { what, asked, reached: format(value), isReached: isEnough(value) };
}

function format(value: number): string {
  const decimals = Number.isInteger(value) ? 0 : value < 1 ? 3 : value < 10 ? 2 : 1;
  return formatNumber(value, decimals);
}
