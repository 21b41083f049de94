/** The amount of work to hold, in milliseconds: longer than a network's round trip, short for a person. */
export const WORK_MS = 50;

/** Messages that take longer than a round. */
export interface SlowMessages {
  /** A round begins with the newest message. */
  mark(): void;
  /** The number of messages in hand that are older than the mark. */
  count(): number;
}

/**
 * Adapts how many messages a follower fetches ahead: a slow follower holds one, a fast one never waits for
 * the network.
 *
 * The window begins at one. Each time a whole window of messages was taken, it grows towards the number taken
 * in {@linkcode WORK_MS}, at most to its double. Idle time does not count. When the fetched messages do not
 * move for that long, all of them are given back, and the window shrinks to the messages that are being
 * worked on; it grows again when the follower asks for more.
 *
 * With several slots, there is at least a message for each of them, and what is fetched ahead comes on top. A
 * round has a message for each slot, and messages that were begun before it do not count as moving: so a slot
 * with a slow message holds that one, and the others are measured without it.
 *
 * Nothing here has a timer or a clock: times are arguments.
 */
export class Prefetch {
  /** The fixed number of messages for one slot; undefined if the window adapts. */
  readonly #fixed: number | undefined;
  readonly #slow: SlowMessages | undefined;
  #slots = 1;
  /** The smallest window while batches need more to choose from than there is work for. */
  #floor = 0;
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
   * @param slow What the slots have; needed if there are several.
   */
  constructor(prefetch: number | "auto", windowMax: number, slow?: SlowMessages) {
    this.#fixed = prefetch === "auto" ? undefined : prefetch;
    this.#slow = slow;
    this.#windowMax = windowMax;
    this.#window = this.#least;
  }

  /** How many messages are worked on at once. */
  get slots(): number {
    return this.#slots;
  }

  set slots(slots: number) {
    this.#slots = slots;
    this.#window = this.#fixed === undefined
      ? Math.min(Math.max(this.#window, slots), this.#windowMax)
      : this.#least;
    this.#takenInRound = 0;
  }

  /** The number of messages to hold, including those that are being worked on. */
  get window(): number {
    return this.#window;
  }

  /** Whether the window adapts. */
  get isAutomatic(): boolean {
    return this.#fixed === undefined;
  }

  /** Begins again, for a new connection with its own limit. */
  restart(windowMax: number): void {
    this.#windowMax = windowMax;
    this.#floor = 0;
    this.#window = this.#least;
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
    if (this.#fixed !== undefined) return false;
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
    const isEnough = heldCount < this.#window || this.#window >= this.#windowMax;
    if (this.#fixed !== undefined || isEnough) return false;
    this.#window = Math.min(heldCount + 1, this.#windowMax);
    return true;
  }

  /**
   * More messages are needed than the window has room for.
   *
   * @returns Whether the window has grown.
   */
  widen(): boolean {
    if (this.#fixed !== undefined || this.#window >= this.#windowMax) return false;
    this.#floor = Math.min(this.#window * 2, this.#windowMax);
    this.#window = this.#floor;
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
    if (this.#fixed !== undefined || !isStalled) return false;
    this.#floor = 0;
    this.#window = Math.max(heldCount, this.#slots === 1 ? 0 : this.#least);
    this.#takenInRound = 0;
    return true;
  }

  /** The smallest window. */
  get #least(): number {
    const least = (this.#fixed ?? 1) + this.#slots - 1;
    return Math.min(Math.max(least, this.#floor), this.#windowMax);
  }

  #beginRound(now: number): void {
    this.#roundStart = now;
    this.#idleMs = 0;
    if (this.#slots > 1) this.#slow?.mark();
  }

  #endRound(now: number): boolean {
    const workedMs = Math.max(now - this.#roundStart - this.#idleMs, 0.001);
    const taken = this.#takenInRound - 1;
    const goal = Math.floor(taken * WORK_MS / workedMs);
    const before = this.#window;
    const slowCount = this.#slots > 1 ? this.#slow?.count() ?? 0 : 0;
    this.#window = Math.max(this.#least, Math.min(goal + slowCount, before * 2, this.#windowMax));
    this.#takenInRound = 1;
    this.#beginRound(now);
    return this.#window !== before;
  }
}
