import { setImmediate } from "node:timers";

/** The steps of one turn: a few milliseconds of work. */
const STEPS_MAX = 8192;

/** Fewer steps are not worth a timer for the end of the turn: they count for the next turns. */
const QUIET_STEPS_MAX = 256;

/** The steps of a slice of long work. */
export const SLICE_STEPS = 1024;

/**
 * Counts the work for clients in one turn of the event loop. A session with more to do waits for the next
 * turn, so that others are heard in between; each gets at least one thing done in each turn.
 */
export class WorkTurn {
  readonly #countSteps: () => number;
  /** The engine's steps when the turn began. */
  #stepsBefore = 0;
  #notedCount = 0;
  /** Whether the end of the turn will be noticed. */
  #isWatched = false;
  #over: PromiseWithResolvers<void> | undefined;
  #count = 0;

  /** @param countSteps Returns the steps that the engine has taken, in all. */
  constructor(countSteps: () => number) {
    this.#countSteps = countSteps;
  }

  /** The number of turns with much work. */
  get count(): number {
    return this.#count;
  }

  /** Resolves when the turn is over, if a session waits for that. */
  get awaited(): Promise<void> | undefined {
    return this.#over?.promise;
  }

  /**
   * Notes work; returns a promise to wait for if that was enough for this turn.
   *
   * @param noted Its steps beside those of the engine.
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
      // The runtime polls sockets when it is idle, or after sixty turns without a pause; while a session
      // waits for its turn it is not idle.
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
