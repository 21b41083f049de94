import type { LocalEngine } from "../../../src/engine/local_engine.ts";
import type { ClientLife, ClientParts } from "./network_client.ts";
import type { WorkLedger } from "./promises/work_ledger.ts";
import type { WorkStream } from "./work_streams.ts";

/** A process of a broker, as clients who work with it see it. */
export interface WorkLife extends ClientLife {
  readonly name: string;
  readonly engine: LocalEngine;
  /** Whether nobody else has taken over. */
  readonly leads: boolean;
  /** Since when it may deliver, by the true time. */
  readonly leadsSince: number;
  /**
   * It confirms or delivers something: nobody else may have taken over. Returns whether anybody hears that, since it
   * is not gone.
   */
  isHeard(what: string): boolean;
}

/** What all who work in a world have in common. */
export interface WorkParts extends ClientParts {
  readonly ledger: WorkLedger;
  readonly streams: readonly WorkStream[];
  readonly counts: WorkCounts;
  /** Writes down what happens, for who looks for a mistake. */
  readonly tell: (what: string) => void;
}

/** What was done with messages in worlds. */
export interface WorkCounts {
  sent: number;
  confirmed: number;
  delivered: number;
  acknowledged: number;
  failed: number;
  postponed: number;
  cancelled: number;
  replaced: number;
  kept: number;
  /** Messages that were delivered while others of their key were with the same follower. */
  lent: number;
  /** Deliveries that were the last ones that a limit, or a rate, allowed. */
  limited: number;
  /** How often a breaker was seen to open, and to be open at a start. */
  opened: number;
  stayedOpen: number;
  probes: number;
  lanesSet: number;
  /** Where all messages were compared with what was promised. */
  compared: number;
}

/** The counts of a world in which nothing has happened yet. */
export function countNoWork(): WorkCounts {
  const ends = { acknowledged: 0, failed: 0, postponed: 0, cancelled: 0, replaced: 0, kept: 0 };
  const held = { lent: 0, limited: 0, opened: 0, stayedOpen: 0, probes: 0, lanesSet: 0 };
  return { sent: 0, confirmed: 0, delivered: 0, ...ends, ...held, compared: 0 };
}
