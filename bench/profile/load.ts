/**
 * What a broker is watched at.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import type { EngineName } from "../harness/broker_process.ts";
import type { Work } from "../work/work.ts";

/** What a broker is watched at. */
export interface Load {
  /** What holds its streams. */
  readonly engine: EngineName;
  /** What is done. */
  readonly work: Work;
  /** How often it is done while the memory is watched. */
  readonly rounds: number;
}

const ENGINES: readonly EngineName[] = ["journal", "memory"];

/** What there is to do, by the name that the argument has for it. */
const WORKS = {
  batch: (bodyBytes: number, seconds: number) => throughput(bodyBytes, seconds, "batch", 1),
  single: (bodyBytes: number, seconds: number) => throughput(bodyBytes, seconds, "single", 1),
  four: (bodyBytes: number, seconds: number) => throughput(bodyBytes, seconds, "batch", 4),
  awaited: (bodyBytes: number, seconds: number): Work => ({ kind: "awaited", bodyBytes, seconds }),
  steady: (bodyBytes: number, seconds: number): Work => {
    return { kind: "steady", bodyBytes, seconds, rate: 10_000 };
  },
  "fan-out": (bodyBytes: number, seconds: number): Work => {
    return { kind: "fan-out", bodyBytes, seconds, streams: 100 };
  },
} as const;

function throughput(
  bodyBytes: number,
  seconds: number,
  way: "batch" | "single",
  members: number,
): Work {
  return { kind: "throughput", bodyBytes, seconds, way, publishers: members, followers: members };
}

/**
 * Reads the arguments.
 *
 * @throws {RangeError} If one is not known, or has a value that is not allowed.
 */
export function readLoad(args: readonly string[]): Load {
  const flags = parseArgs(args, {
    string: ["engine", "work", "bytes", "seconds", "rounds"],
    unknown: (arg) => {
      throw new RangeError(
        `Unknown argument "${arg}"; allowed are --engine, --work, --bytes, --seconds, --rounds`,
      );
    },
  });
  const engine = choose("engine", flags.engine ?? "journal", ENGINES);
  const work = choose("work", flags.work ?? "batch", Object.keys(WORKS) as (keyof typeof WORKS)[]);
  const bytes = readCount("bytes", flags.bytes ?? "1024");
  // A number and what proves it have to fit into a body.
  if (bytes < 5) throw new RangeError(`Argument --bytes is "${flags.bytes}"; the least is 5`);
  return {
    engine,
    work: WORKS[work](bytes, readCount("seconds", flags.seconds ?? "5")),
    rounds: readCount("rounds", flags.rounds ?? "4"),
  };
}

function choose<T extends string>(name: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === text);
  if (found !== undefined) return found;
  throw new RangeError(`Argument --${name} is "${text}"; allowed are ${allowed.join(", ")}`);
}

function readCount(name: string, text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new RangeError(`Argument --${name} is "${text}"; allowed are whole numbers above 0`);
}
