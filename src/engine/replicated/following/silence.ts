/** How much later each standby takes over than the one before it, so that one of them is the first. */
const RANK_MS = 100;

/** The most that chance adds. */
const CHANCE_MS = 50;

/** What is lost where times are added up. */
const ROUNDING_MS = 0.001;

/**
 * How long a standby has heard nothing of the active broker, while it could have heard something. It
 * takes over when that is the lease's time, and a little for its rank among the standbys and by chance.
 *
 * ```text
 * record     look    look    look      record
 *   ┼─────────┼───────┼───✗───┼───────┼──┼──
 *   └ counts ─┴ counts┘       └ counts┘        a look that fails takes the time around it with it
 * ```
 *
 * Time counts only between two moments at which the log answered and had nothing that was not read: while
 * it has no leader, the active broker cannot append either, and need not be replaced. Nor does the time
 * count in which this process did not run.
 *
 * What it asks for: look at the log when `dueAt` is reached, note the answer, and see whether it is over.
 */
export class Silence {
  /** Its place among the standbys that are known, from 0 on. */
  rank = 0;
  readonly #leaseMs: number;
  readonly #random: () => number;
  /** What chance adds, chosen anew with each silence. */
  #chanceMs: number;
  /** The silence that counts, up to `#at`. */
  #ms = 0;
  /** The last record, or answer, with nothing behind it; `undefined` after a look that failed. */
  #at: number | undefined;
  /** When something was last looked at. */
  #lookedAt: number;
  #isReleased = false;

  /** Begins with a silence of nothing. `random` returns a number from 0 on, below 1. */
  constructor(leaseMs: number, now: number, random: () => number) {
    this.#leaseMs = leaseMs;
    this.#random = random;
    this.#chanceMs = random() * CHANCE_MS;
    this.#at = now;
    this.#lookedAt = now;
  }

  /** How long the silence is that counts. */
  get ms(): number {
    return this.#ms;
  }

  /** When the log is to be looked at next. */
  get dueAt(): number {
    if (this.#at === undefined) return this.#lookedAt + this.#leaseMs / 8;
    const missing = this.#needed - this.#ms;
    // A busy broker is not looked after: a quarter of the lease has to be silent first.
    const step = this.#ms === 0 ? this.#leaseMs / 4 : this.#leaseMs / 8;
    return this.#at + Math.max(0, Math.min(step, missing));
  }

  /** How long it has to be. */
  get #needed(): number {
    const rankMs = this.rank * RANK_MS;
    return this.#isReleased ? rankMs : this.#leaseMs + rankMs + this.#chanceMs;
  }

  /** Notes a record of the active broker: one that counts. Records that are void say nothing of it. */
  noteRecord(now: number): void {
    this.#ms = 0;
    this.#at = now;
    this.#lookedAt = now;
    this.#isReleased = false;
    this.#chanceMs = this.#random() * CHANCE_MS;
  }

  /** Notes that the active broker let go: nothing has to be waited for but those of a lower rank. */
  noteRelease(now: number): void {
    this.noteRecord(now);
    this.#isReleased = true;
  }

  /**
   * Notes what the node that leads the log said.
   *
   * @param isBehind Whether the log has records that were not read yet.
   */
  noteAnswer(now: number, isBehind: boolean): void {
    this.#lookedAt = now;
    const since = this.#at;
    // What is behind may be a record of the active broker: it is noted when it is read.
    this.#at = isBehind ? undefined : now;
    if (since === undefined || isBehind) return;
    // An answer that took long, or a process that stood still: nobody knows how it was meanwhile.
    if (now - since <= this.#leaseMs / 2) this.#ms += now - since;
  }

  /** Notes that the log did not answer, or that no node leads it. */
  noteFailure(now: number): void {
    this.#lookedAt = now;
    this.#at = undefined;
  }

  /** Whether this standby is to take over, as of an answer that has just come. */
  isOver(now: number): boolean {
    return this.#at !== undefined && now - this.#at <= this.#leaseMs / 8 &&
      this.#ms >= this.#needed - ROUNDING_MS;
  }
}
