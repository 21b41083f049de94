import type { ClusterRole, ClusterStatus } from "../../protocol.ts";

/**
 * The place of a broker in its cluster, as sessions and operators see it. Engines on one machine have none.
 *
 * Before it has served, and when it is a standby, nothing may be called of its engine but what a broker does
 * without streams: `counters`, `steps`, `deletedCount`, backups, `tick`, `tend` and `close`. While the
 * lease is over, callers wait before they ask for anything.
 */
export interface ClusterSeat {
  /** `active`: it decides. `standby`: it follows, and serves nothing but this. */
  readonly role: ClusterRole;
  /** Whether it may deliver and answer now: it is the active broker, and has the lease. */
  readonly isServing: boolean;
  /** Whether clients should go elsewhere: a standby, or an active broker that is cut off from the log. */
  readonly sendsAway: boolean;
  /** The address of the active broker, if another one is known to be active. */
  readonly active: string | undefined;
  /** The addresses of all brokers that are known, this one first. */
  readonly brokers: readonly string[];
  /** Resolves when it serves; at once if it does. Rejects with `NOT_ACTIVE` when it never will. */
  whenServing(): Promise<void>;
  /** Hears of every change of the fields above; returns how to stop that. */
  watch(changed: () => void): () => void;
  /** Tells all that is known of the cluster. */
  describe(): ClusterStatus;
  /**
   * Gives the lead to another broker: everything is flushed, and nothing more is decided. Resolves when
   * another broker has taken over. Rejects with `NOT_ACTIVE`, or with `BAD_REQUEST` if no standby follows.
   */
  handOver(): Promise<void>;
}
