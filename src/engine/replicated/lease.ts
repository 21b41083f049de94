/** The part of the lease's time for which the active broker has it after an append. */
const HELD_PART = 3 / 4;

/** How often the active one appends something, and how long after the lease's end clients are sent away. */
const QUARTER = 1 / 4;

/**
 * The active broker's right to deliver and to answer. It has it for three quarters of the lease's time after
 * it sent the last append that counts. The others wait for all of that time after they have seen the record,
 * which is later; the quarter is for clocks that go at other rates.
 *
 * Nothing that is stored rests on it: which records count is decided by the log. It makes it unlikely
 * that two brokers deliver the same messages at a time. It is judged at the moment of each decision, so
 * a process that was stopped for a while does not have it when it goes on. Times are those of a clock
 * that cannot be set.
 *
 * That clock may stand still while the machine sleeps, and the date goes on. If the date has gone on by
 * more than a quarter of the lease's time beside the clock, the lease is over until something counts that
 * was sent later. Somebody who sets the date causes the same, which costs a heartbeat.
 */
export class Lease {
  readonly #leaseMs: number;
  /** When the last append that counts was sent. */
  #sentAt = -Infinity;
  /** When it ended, or will. */
  #endsAt: number;
  /** When the log last said that no node leads it. */
  #leaderlessAt = -Infinity;
  #nodeChangedAt = -Infinity;
  /** What was sent before does not count: the machine has slept since. */
  #wokenAt = -Infinity;
  /** By how much the date was ahead of the clock, at least: lately, and in the lease's time before. */
  #ahead = Infinity;
  #aheadBefore = Infinity;
  /** Since when it is "lately". */
  #aheadSince = -Infinity;

  /** Makes a lease that nobody has. */
  constructor(leaseMs: number, now: number) {
    this.#leaseMs = leaseMs;
    this.#endsAt = now;
  }

  /** When it ends, if nothing more counts. */
  get endsAt(): number {
    return this.#endsAt;
  }

  /** When something has to be appended so that it does not end. */
  get heartbeatDueAt(): number {
    if (this.#sentAt < this.#wokenAt) return this.#wokenAt;
    return this.#sentAt + this.#leaseMs * QUARTER;
  }

  /** Notes a record that counts. A record of before the last one changes nothing. */
  note(sentAt: number): void {
    if (sentAt <= this.#sentAt || sentAt < this.#wokenAt) return;
    this.#sentAt = sentAt;
    this.#endsAt = Math.max(this.#endsAt, sentAt + this.#leaseMs * HELD_PART);
  }

  /** Notes the date, whenever it is asked whether it is held: a machine that has slept does not have it. */
  noteDate(now: number, date: number): void {
    const ahead = date - now;
    if (ahead > Math.min(this.#ahead, this.#aheadBefore) + this.#leaseMs * QUARTER) {
      this.#endsAt = Math.min(this.#endsAt, now);
      this.#wokenAt = now;
      this.#ahead = this.#aheadBefore = ahead;
    }
    // Clocks that go at other rates differ by more and more; only what is new matters.
    if (now >= this.#aheadSince + this.#leaseMs) {
      this.#aheadBefore = this.#ahead;
      this.#ahead = ahead;
      this.#aheadSince = now;
    } else this.#ahead = Math.min(this.#ahead, ahead);
  }

  /** Gives it back, for good: the next one is another object. */
  end(now: number): void {
    this.#sentAt = Infinity;
    this.#endsAt = Math.min(this.#endsAt, now);
  }

  isHeld(now: number): boolean {
    return now < this.#endsAt;
  }

  /** Notes that the log said that no node leads it: nobody else can take over either. */
  noteLeaderless(now: number): void {
    this.#leaderlessAt = now;
  }

  /**
   * Whether clients should look for another broker: this one is cut off, and another one may not be. After the
   * log had no leader, others wait for a whole lease, too; this one's first append then has an answer sooner.
   */
  sendsAway(now: number): boolean {
    return now >= this.#endsAt + this.#leaseMs * QUARTER &&
      now >= this.#leaderlessAt + this.#leaseMs;
  }

  /**
   * Whether the log is to be asked by another node: the lease is over, so this node's answers do not
   * come. A `true` is given once in half of the lease's time.
   */
  takeNodeChange(now: number): boolean {
    if (this.isHeld(now) || now < this.#nodeChangedAt + this.#leaseMs / 2) return false;
    this.#nodeChangedAt = now;
    return true;
  }
}
