import { Arguments } from "../harness/frame/arguments.ts";
import { type AgendaEntry, doesWork, makeAgenda } from "./agenda.ts";
import type { Peer } from "./peer.ts";
import type { SupplyPlan } from "./servers/supply.ts";

/** What to measure, as the arguments say. */
export interface Choice {
  /** How often each work is done. */
  readonly rounds: number;
  /** Whether it is only a look at whether everything works. */
  readonly isQuick: boolean;
  readonly peers: readonly Peer[];
  readonly agenda: readonly AgendaEntry[];
  /** The directory that gets the results. */
  readonly output: string;
  /** Whether the tables are written into the documents. */
  readonly hasDocuments: boolean;
  /** Where the servers come from. */
  readonly supply: SupplyPlan;
  /** The results of a run, if nothing is to be measured. */
  readonly from: string | undefined;
}

/** Rounds, unless told otherwise. */
const ROUNDS = { full: 3, quick: 1 };

/** Where the results go, unless told otherwise. */
const OUTPUT = "bench/results/peers";

/** Debian's suite that servers are taken from, unless told otherwise. */
const SUITE = "forky";

/**
 * Reads the arguments.
 *
 * @param catalogue The peers to choose from.
 * @throws {RangeError} If an argument is not known, or its value is not allowed.
 */
export function readChoice(args: readonly string[], catalogue: readonly Peer[]): Choice {
  const flags = new Arguments(args, [
    "rounds",
    "peers",
    "works",
    "output",
    "from",
    "servers",
    "suite",
  ], [
    "quick",
    "without-servers",
    "documents",
  ]);
  const isQuick = flags.has("quick");
  const peers = flags.readSome("peers", catalogue, ({ name }) => name);
  const agenda = flags.readSome("works", makeAgenda(isQuick), ({ id }) => id);
  if (!peers.some(({ name }) => agenda.some((entry) => doesWork(name, entry)))) {
    const ids = agenda.map(({ id }) => id).join(", ");
    const names = peers.map(({ name }) => name).join(", ");
    throw new RangeError(
      `Nothing is left to measure: --works ${ids} are not done by --peers ${names}`,
    );
  }
  return {
    rounds: flags.readCount("rounds", isQuick ? ROUNDS.quick : ROUNDS.full),
    isQuick,
    peers,
    agenda,
    output: flags.readPath("output") ?? OUTPUT,
    hasDocuments: flags.has("documents"),
    supply: readSupply(flags),
    from: flags.readPath("from"),
  };
}

function readSupply(flags: Arguments): SupplyPlan {
  const folder = flags.readPath("servers");
  return {
    ...(folder !== undefined && { folder }),
    suite: flags.readPath("suite") ?? SUITE,
    isOff: flags.has("without-servers"),
  };
}
