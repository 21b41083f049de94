import { type ClockTimer, systemClock } from "../../transport/clock.ts";
import { whenAborted } from "./abort_listener.ts";
import { DeadlineTimer } from "./deadline_timer.ts";

/** The least time that closing waits for the last frames and answers, in milliseconds. */
export const FAREWELL_MS = 1000;

/** The limits of a wait. */
export interface ClosingLimits {
  /** The longest time without progress, in milliseconds. */
  readonly drainMs: number;
  /** A value that changes with every progress. */
  readonly progress?: () => string;
  readonly signal?: AbortSignal | undefined;
}

/** Gives up a wait when nothing has moved for some time, or when a signal is aborted. */
export class ClosingLimit {
  readonly #limits: ClosingLimits;
  readonly #giveUp: (isAborted: boolean) => void;
  #seen = "";
  #timer: ClockTimer | undefined;
  #forget: (() => void) | undefined;

  /** @param giveUp Ends the wait; called at once if the signal is aborted already. */
  constructor(limits: ClosingLimits, giveUp: (isAborted: boolean) => void) {
    this.#limits = limits;
    this.#giveUp = giveUp;
    const { signal, progress } = limits;
    if (signal?.aborted) {
      giveUp(true);
      return;
    }
    if (signal !== undefined) this.#forget = whenAborted(signal, () => this.#end(true));
    this.#seen = progress?.() ?? "";
    this.#arm();
  }

  /** The wait is over. */
  end(): void {
    this.#timer?.cancel();
    this.#forget?.();
  }

  #arm(): void {
    // By the system's clock: with a virtual clock that stands still, tests would not end.
    const at = systemClock.now() + this.#limits.drainMs;
    this.#timer = new DeadlineTimer(systemClock, at, () => this.#look());
  }

  #look(): void {
    const now = this.#limits.progress?.() ?? "";
    if (now === this.#seen) return this.#end(false);
    this.#seen = now;
    this.#arm();
  }

  #end(isAborted: boolean): void {
    this.end();
    this.#giveUp(isAborted);
  }
}
