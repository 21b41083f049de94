/**
 * Who holds what: within one reign, a message and a key are with one follower at a time.
 *
 * @module
 */

import type { ClusterFindings, ClusterViolation } from "./cluster_verdict.ts";
import type { Reigns, Session } from "./reigns.ts";

/** What is known of a delivery. */
export interface Holding {
  readonly delivery: number;
  readonly follower: string;
  readonly session: Session;
  readonly at: number;
  /** Whether the handler has acknowledged it or given it back. */
  isOver: boolean;
}

/** Something was given to somebody although another one held it. */
interface Suspicion {
  readonly violation: ClusterViolation;
  readonly holder: Holding;
  readonly at: number;
  readonly what: string;
}

/** Compares holders. A holder that has lost its session holds nothing, even if it hears so a little later. */
export class Holds {
  readonly #graceMs: number;
  readonly #suspicions: Suspicion[] = [];

  /** @param graceMs So long after the broker a client may notice that its session is over. */
  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  /** Compares the one who held something until now with the next one. */
  compare(
    violation: ClusterViolation,
    holder: Holding | undefined,
    next: Holding,
    what: () => string,
  ): void {
    if (holder === undefined || holder.isOver || holder.session.lostAt !== undefined) return;
    if (holder.session.reign !== next.session.reign) return;
    const { follower, session } = next;
    const where =
      `in ${session.reign}, ${holder.follower} (${holder.session.session}) and ${follower} ` +
      `(${session.session})`;
    this.#suspicions.push({ violation, holder, at: next.at, what: `${what()} ${where}` });
  }

  /** Adds what cannot be excused; returns how many were. */
  judge(findings: ClusterFindings, reigns: Reigns): number {
    let excused = 0;
    for (const { violation, holder, at, what } of this.#suspicions.splice(0)) {
      const { lostAt = Infinity, reign } = holder.session;
      const isLost = lostAt <= at + this.#graceMs;
      // It may look silent from its broker's side only: a late revoke takes away what it holds.
      const wasSilent = reigns.wasSilenced(reign, holder.at - this.#graceMs, at + this.#graceMs);
      if (isLost || wasSilent) excused++;
      else findings.add(violation, what);
    }
    return excused;
  }
}
