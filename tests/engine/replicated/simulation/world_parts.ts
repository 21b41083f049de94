import type { Random } from "../../../support/random.ts";
import type { SimulatedLogServer } from "../../../support/log/simulated_log_server.ts";
import type { VirtualTime } from "../../../support/log/virtual_time.ts";
import type { ClusterLedger } from "./cluster_ledger.ts";
import type { LogTruth } from "./log_truth.ts";

/** What went on in worlds. */
export interface ClusterCounts {
  published: number;
  confirmed: number;
  duplicates: number;
  delivered: number;
  acknowledged: number;
  records: number;
  voids: number;
  epochs: number;
  faults: number;
  kills: number;
  powerCuts: number;
  pauses: number;
  cuts: number;
  handovers: number;
  shrinks: number;
  /** Losses of what others may have read, and the active broker has not; and brokers that have ended of it. */
  forks: number;
  damaged: number;
  fenced: number;
  /** Brokers that began anew, since the log did not have any more what they needed. */
  trimmed: number;
  refused: number;
}

/** The counts of a world in which nothing has happened yet. */
export function countNothing(): ClusterCounts {
  const clients = { published: 0, confirmed: 0, duplicates: 0, delivered: 0, acknowledged: 0 };
  const log = { records: 0, voids: 0, epochs: 0, faults: 0, kills: 0, powerCuts: 0, pauses: 0 };
  return {
    ...clients,
    ...log,
    cuts: 0,
    handovers: 0,
    shrinks: 0,
    forks: 0,
    damaged: 0,
    fenced: 0,
    trimmed: 0,
    refused: 0,
  };
}

/** What all in a world have in common. */
export interface WorldParts {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly server: SimulatedLogServer;
  readonly ledger: ClusterLedger;
  readonly truth: LogTruth;
  /** Since when the broker has the lead that has it. */
  readonly lead: { since: number };
  /** Whether all clocks are right: then delays are what they should be. */
  readonly hasTrueClocks: boolean;
  readonly counts: ClusterCounts;
  /** Writes down what happens, for who looks for a mistake. */
  readonly tell: (what: string) => void;
}

/** The streams of a world. */
export const STREAMS: readonly string[] = ["a1", "a2", "b1"];
