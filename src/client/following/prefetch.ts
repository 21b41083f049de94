/** The amount of work to hold, in milliseconds: longer than a network's round trip, short for a person. */
export const WORK_MS = 50;

/**
 * Adapts how many messages a follower fetches ahead: a slow follower holds one, a fast one never waits for
 * the network.
 *
 * The window begins at one. Each time a whole window of messages was taken, it grows towards the number taken
 * in {@linkcode WORK_MS}, at most to its double. Idle time does not count. When the fetched messages do not
 * move for that long, all of them are given back, and the window shrinks to the messages that are being
 * worked on; it grows again when the follower asks for more.
 *
 * Nothing here has a timer or a clock: times are arguments.
 */
export class Prefetch {
  readonly #isFixed: boolean;
  #windowMax: number;
  #window: number;
  #takenInRound = 0;
  #roundStart = 0;
  #idleSince = 0;
  #idleMs = 0;
  #isIdle = false;
  #takenCount = 0;
  #takenAtTick = -1;

  /**
   * @param prefetch A fixed number of messages, or `"auto"`.
   * @param windowMax The largest window.
   */
  constructor(prefetch: number | "auto", windowMax: number) {
    this.#isFixed = prefetch !== "auto";
    this.#windowMax = windowMax;
    this.#window = prefetch === "auto" ? 1 : Math.min(prefetch, windowMax);
  }

  /** The number of messages to hold, including those that are being worked on. */
  get window(): number {
    return this.#window;
  }

  /** Whether the window adapts. */
  get isAutomatic(): boolean {
    return !this.#isFixed;
  }

  /** Begins again, for a new connection with its own limit. */
  restart(windowMax: number): void {
    this.#windowMax = windowMax;
    if (this.#isFixed) this.#window = Math.min(this.#window, windowMax);
    else this.#window = 1;
    this.#takenInRound = 0;
  }

  /** There is nothing to take, and the follower waits. */
  waitBegins(now: number): void {
    if (this.#isIdle) return;
    this.#isIdle = true;
    this.#idleSince = now;
  }

  /** There is something to take again. */
  waitEnds(now: number): void {
    if (!this.#isIdle) return;
    this.#isIdle = false;
    this.#idleMs += now - this.#idleSince;
  }

  /**
   * A message has been taken.
   *
   * @param now Reads the clock; not called for every message.
   * @returns Whether the window has changed.
   */
  take(now: () => number): boolean {
    this.#takenCount++;
    if (this.#isFixed) return false;
    if (this.#takenInRound++ === 0) this.#beginRound(now());
    // The round ends when the message after its last one is taken: only then is the last one finished.
    if (this.#takenInRound <= this.#window) return false;
    return this.#endRound(now());
  }

  /**
   * The follower asks for more than it has been given, while it works on `heldCount` messages.
   *
   * @returns Whether the window has changed.
   */
  demand(heldCount: number): boolean {
    if (this.#isFixed || heldCount < this.#window || this.#window >= this.#windowMax) return false;
    this.#window = Math.min(heldCount + 1, this.#windowMax);
    return true;
  }

  /**
   * Checks, every {@linkcode WORK_MS}, whether the fetched messages move.
   *
   * @param bufferedCount The number of messages fetched and not taken.
   * @param heldCount The number of messages being worked on.
   * @returns Whether all fetched messages should be given back now.
   */
  tick(bufferedCount: number, heldCount: number): boolean {
    const isStalled = bufferedCount > 0 && this.#takenCount === this.#takenAtTick;
    this.#takenAtTick = this.#takenCount;
    if (this.#isFixed || !isStalled) return false;
    this.#window = heldCount;
    this.#takenInRound = 0;
    return true;
  }

  #beginRound(now: number): void {
    this.#roundStart = now;
    this.#idleMs = 0;
  }

  #endRound(now: number): boolean {
    const workedMs = Math.max(now - this.#roundStart - this.#idleMs, 0.001);
    const taken = this.#takenInRound - 1;
    const goal = Math.floor(taken * WORK_MS / workedMs);
    const before = this.#window;
    this.#window = Math.max(1, Math.min(goal, before * 2, this.#windowMax));
    this.#takenInRound = 1;
    this.#beginRound(now);
    return this.#window !== before;
  }
}
