import { setImmediate } from "node:timers";

/** How many steps are done in one turn: a few milliseconds. */
const STEPS_MAX = 8192;

/** Less than this is not worth a timer that tells when the turn is over: it counts for the next turns. */
const QUIET_STEPS_MAX = 256;

/** How many steps a slice of long work has. */
export const SLICE_STEPS = 1024;

/**
 * Counts what is done for clients in one turn of the event loop. A session that has more to do waits
 * for the next turn, so that others are heard in between; each gets one thing done in each turn.
 */
export class WorkTurn {
  readonly #countSteps: () => number;
  /** What the engine had done when the turn began. */
  #stepsBefore = 0;
  #notedCount = 0;
  /** Whether it is told when the turn is over. */
  #isWatched = false;
  #over: PromiseWithResolvers<void> | undefined;
  #count = 0;

  /** @param countSteps How many steps the engine has taken, in all. */
  constructor(countSteps: () => number) {
    this.#countSteps = countSteps;
  }

  /** How many turns there were in which much was done. */
  get count(): number {
    return this.#count;
  }

  /** Resolves when the turn is over, if a session waits for that. */
  get awaited(): Promise<void> | undefined {
    return this.#over?.promise;
  }

  /**
   * Notes that something was done; returns what to wait for if that was enough for this turn.
   *
   * @param noted How many steps it has taken beside those of the engine.
   */
  note(noted: number = 1): Promise<void> | undefined {
    this.#notedCount += noted;
    const steps = this.#notedCount + this.#countSteps() - this.#stepsBefore;
    if (steps < QUIET_STEPS_MAX) return undefined;
    if (steps >= STEPS_MAX) return this.next();
    this.#watch();
    return undefined;
  }

  next(): Promise<void> {
    this.#watch();
    this.#over ??= Promise.withResolvers();
    return this.#over.promise;
  }

  #watch(): void {
    if (this.#isWatched) return;
    this.#isWatched = true;
    this.#count++;
    setImmediate(() => {
      // The runtime looks at sockets when it has nothing else to do, or after sixty turns without a
      // pause: where a session waits for its turn there is work for all of them.
      if (this.#over === undefined) this.#end();
      else setTimeout(() => this.#end());
    });
  }

  #end(): void {
    this.#isWatched = false;
    this.#stepsBefore = this.#countSteps();
    this.#notedCount = 0;
    this.#over?.resolve();
    this.#over = undefined;
  }
}
