import { type EngineName, ENGINES } from "../harness/broker_process.ts";
import { Arguments } from "../harness/frame/arguments.ts";
import type { Work } from "../work/work.ts";

/** What a broker is watched at: one work, done several times. */
export interface Load {
  readonly engine: EngineName;
  readonly work: Work;
  /** How often the work is done while the memory is watched. */
  readonly rounds: number;
}

/** The works, by their names in arguments. */
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
  const flags = new Arguments(args, ["engine", "work", "bytes", "seconds", "rounds"]);
  const engine = flags.readWord("engine", ENGINES, "journal");
  const work = flags.readWord("work", Object.keys(WORKS) as (keyof typeof WORKS)[], "batch");
  const bytes = flags.readCount("bytes", 1024);
  // A number and what proves it have to fit into a body.
  if (bytes < 5) throw new RangeError(`Argument --bytes is "${bytes}"; the least is 5`);
  return {
    engine,
    work: WORKS[work](bytes, flags.readCount("seconds", 5)),
    rounds: flags.readCount("rounds", 4),
  };
}
