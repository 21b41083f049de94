import type { Log } from "../log.ts";
import type { User } from "./user.ts";

/** How long the refusals of one kind are counted before they are reported together, in milliseconds. */
const REPORT_MS = 60_000;

/** The most kinds of refusals that are counted at a time. */
const KINDS_MAX = 1000;

/** The refusals of one verb to one user. */
interface Refusals {
  readonly user: string;
  readonly verb: string;
  /** The stream of the last one. */
  stream: string;
  /** How many were not reported. */
  count: number;
  /** When they were reported last, in milliseconds. */
  reportedAt: number;
}

/**
 * Writes into the log what was refused: the first refusal of a verb to a user at once, and the others of
 * a minute as one line with their number. A client that tries again and again does not fill the disk.
 */
export class Audit {
  /** The time, in milliseconds. */
  readonly now: () => number;
  readonly #log: Log;
  /** By user and verb, the longest counted first. */
  readonly #refusals = new Map<string, Refusals>();

  constructor(log: Log, now: () => number) {
    this.#log = log;
    this.now = now;
  }

  /** Notes that a user was refused. */
  noteRefused(user: User, verb: string, stream: string): void {
    const now = this.now();
    const key = `${verb} ${user.name}`;
    const known = this.#refusals.get(key);
    if (known === undefined) {
      const refusals = { user: user.name, verb, stream, count: 1, reportedAt: now };
      this.#refusals.set(key, refusals);
      this.#report(refusals, now);
      return this.#dropOldest();
    }
    known.stream = stream;
    known.count++;
    if (now >= known.reportedAt + REPORT_MS) this.#report(known, now);
  }

  /** Reports what was counted for a minute; to be called from time to time. */
  tick(now: number = this.now()): void {
    for (const [key, refusals] of this.#refusals) {
      if (now < refusals.reportedAt + REPORT_MS) continue;
      if (refusals.count > 0) this.#report(refusals, now);
      else this.#refusals.delete(key);
    }
  }

  /** Reports what is left: nothing is reported later. */
  end(): void {
    const now = this.now();
    for (const refusals of this.#refusals.values()) {
      if (refusals.count > 0) this.#report(refusals, now);
    }
    this.#refusals.clear();
  }

  #dropOldest(): void {
    if (this.#refusals.size <= KINDS_MAX) return;
    for (const [key, oldest] of this.#refusals) {
      this.#refusals.delete(key);
      if (oldest.count > 0) this.#report(oldest, this.now());
      return;
    }
  }

  #report(refusals: Refusals, now: number): void {
    const { user, verb, stream, count } = refusals;
    this.#log.warning("a user was refused", { user, verb, stream, count });
    refusals.count = 0;
    refusals.reportedAt = now;
  }
}
