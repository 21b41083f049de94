import { type ClockTimer, systemClock } from "../../transport/clock.ts";
import { whenAborted } from "./abort_listener.ts";
import { DeadlineTimer } from "./deadline_timer.ts";

/** How long a link is left at least to take the last words, and the broker to answer, in milliseconds. */
export const FAREWELL_MS = 1000;

/** What ends a wait. */
export interface ClosingLimits {
  /** How long nothing may move, in milliseconds. */
  readonly drainMs: number;
  /** Gives another text whenever something has moved; without it, the time is the limit. */
  readonly progress?: () => string;
  readonly signal?: AbortSignal | undefined;
}

/** Gives up a wait when nothing has moved for a time, or when a signal is aborted. */
export class ClosingLimit {
  readonly #limits: ClosingLimits;
  readonly #giveUp: (isAborted: boolean) => void;
  #seen = "";
  #timer: ClockTimer | undefined;
  #forget: (() => void) | undefined;

  /** @param giveUp Ends what is waited for; called at once if the signal is aborted already. */
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
    // By the system's clock: one that stands still would keep tests from ending.
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
