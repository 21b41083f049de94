/**
 * What somebody wants to have measured, as the arguments say.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { type AgendaEntry, doesWork, makeAgenda } from "./agenda.ts";
import type { Peer } from "./peer.ts";

/** What to do. */
export interface Choice {
  /** How often each work is done. */
  readonly rounds: number;
  /** Whether it is only a look at whether everything works. */
  readonly isQuick: boolean;
  /** Who is compared. */
  readonly peers: readonly Peer[];
  /** What they do. */
  readonly agenda: readonly AgendaEntry[];
  /** The directory that gets the results. */
  readonly output: string;
  /** The results of a run, if nothing is to be measured. */
  readonly from?: string;
}

/** Rounds, unless told otherwise. */
const ROUNDS = { full: 5, quick: 1 };

/** Where the results go, unless told otherwise. */
const OUTPUT = "bench/results/peers";

const NAMES = ["rounds", "peers", "works", "output", "from"] as const;

/**
 * Reads the arguments.
 *
 * @param args The arguments.
 * @param catalogue Whom one can choose.
 * @throws {RangeError} If one is not known, or its value is not allowed.
 */
export function readChoice(args: readonly string[], catalogue: readonly Peer[]): Choice {
  const flags = parseArgs(args, {
    string: NAMES,
    boolean: ["quick"],
    unknown: (arg) => {
      const allowed = [...NAMES, "quick"].map((name) => `--${name}`).join(", ");
      throw new RangeError(`Unknown argument "${arg}"; allowed are ${allowed}`);
    },
  });
  const isQuick = flags.quick;
  const peers = choose("peers", flags.peers, catalogue, ({ name }) => name);
  const agenda = choose("works", flags.works, makeAgenda(isQuick), ({ id }) => id);
  if (!peers.some(({ name }) => agenda.some((entry) => doesWork(name, entry)))) {
    const ids = agenda.map(({ id }) => id).join(", ");
    const names = peers.map(({ name }) => name).join(", ");
    throw new RangeError(
      `Nothing is left to measure: --works ${ids} are not done by --peers ${names}`,
    );
  }
  return {
    rounds: readCount("rounds", flags.rounds) ?? (isQuick ? ROUNDS.quick : ROUNDS.full),
    isQuick,
    peers,
    agenda,
    output: readPath("output", flags.output) ?? OUTPUT,
    ...(flags.from !== undefined && { from: readPath("from", flags.from)! }),
  };
}

function choose<T>(
  flag: string,
  text: string | undefined,
  all: readonly T[],
  nameOf: (one: T) => string,
): readonly T[] {
  if (text === undefined) return all;
  const wanted = text.split(",");
  for (const name of wanted) {
    if (all.some((one) => nameOf(one) === name)) continue;
    const allowed = all.map(nameOf).join(", ");
    throw new RangeError(`Argument --${flag} has "${name}"; allowed are ${allowed}`);
  }
  return all.filter((one) => wanted.includes(nameOf(one)));
}

function readCount(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new RangeError(`Argument --${name} is "${text}"; allowed are whole numbers above 0`);
}

function readPath(name: string, text: string | undefined): string | undefined {
  if (text === "") throw new RangeError(`Argument --${name} is empty; allowed are paths`);
  return text;
}
