import { delay } from "@std/async/delay";

/** How many checks of passwords may wait for the one under way. */
const WAITING_MAX = 16;

/** How many of them may come from one network: nobody alone fills the line. */
const WAITING_PER_NETWORK_MAX = 4;

/** How long whoever is turned away should wait, in milliseconds: until a full line is done. */
const RETRY_AFTER_MS = 3000;

/** How many times as long as a check the threads rest after it, and how long at most, in milliseconds. */
const REST_RATIO = 4;
const REST_MS_MAX = 500;

/** There are too many who wait for the check of a password. */
export class PasswordQueueFull extends Error {
  /** When to come again, in milliseconds from now. */
  readonly retryAfterMs: number = RETRY_AFTER_MS;

  constructor() {
    super("Cannot check a password: too many are being checked, try again in a moment");
    this.name = "PasswordQueueFull";
  }
}

/**
 * Lets checks of passwords run one at a time, in the whole broker. A hash takes a thread of those that also
 * flush the disk, and 7 MiB: many at once would hold back every confirm for seconds. If others wait, a rest
 * comes after each, so that many logins take no more than a fifth of a processor.
 */
export class PasswordQueue {
  /** The networks of those that wait, first come first; the first one is under way. */
  readonly #waiting: string[] = [];
  #last: Promise<unknown> = Promise.resolve();
  /** When the next check may begin. */
  #restsUntil = -Infinity;

  /** How many wait, the one under way included. */
  get count(): number {
    return this.#waiting.length;
  }

  /**
   * Does a piece of work when it is its turn.
   *
   * @param network Where it comes from.
   * @throws {PasswordQueueFull} At once, if too many wait.
   */
  async run<Result>(network: string, work: () => Promise<Result>): Promise<Result> {
    const own = this.#waiting.filter((one) => one === network).length;
    // The one under way does not wait.
    if (this.#waiting.length > WAITING_MAX || own >= WAITING_PER_NETWORK_MAX) {
      throw new PasswordQueueFull();
    }
    this.#waiting.push(network);
    const turn = this.#last.then(() => this.#check(work)).finally(() => this.#waiting.shift());
    this.#last = turn.catch(() => {});
    return await turn;
  }

  async #check<Result>(work: () => Promise<Result>): Promise<Result> {
    const restMs = this.#restsUntil - performance.now();
    if (restMs > 0) await delay(restMs);
    const began = performance.now();
    try {
      return await work();
    } finally {
      const ended = performance.now();
      this.#restsUntil = ended + Math.min(REST_MS_MAX, REST_RATIO * (ended - began));
    }
  }
}
