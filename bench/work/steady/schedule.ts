import type { SteadyWork } from "../work.ts";

/** Messages per second, and how many of them are due at the same time. */
export type Pace = Pick<SteadyWork, "rate" | "burst">;

/**
 * The shortest time from one wake-up of a sender to the next one, in milliseconds. To wake up for each of
 * 10,000 messages a second takes all of a core from what is measured (seen: 96 % of one).
 */
export const GRAIN_MS = 0.25;

/** When each of the messages 1, 2, 3 … is due: they are spread evenly. */
export class Schedule {
  readonly begin: number;
  readonly burst: number;
  /** Milliseconds from one burst to the next one. */
  readonly #interval: number;

  /** @param begin When the first one is due, in milliseconds of any clock. */
  constructor({ rate, burst = 1 }: Pace, begin: number) {
    this.begin = begin;
    this.burst = burst;
    this.#interval = 1000 * burst / rate;
  }

  /** The shortest time between bursts, or a multiple of it, that is not below a number of milliseconds. */
  intervalOf(msMin: number): number {
    return Math.max(1, Math.ceil(msMin / this.#interval)) * this.#interval;
  }

  /** When a message is due. */
  dueAt(number: number): number {
    return this.begin + Math.floor((number - 1) / this.burst) * this.#interval;
  }

  /** How many are due by now. */
  countDue(now: number): number {
    return Math.max(0, (Math.floor((now - this.begin) / this.#interval) + 1) * this.burst);
  }
}

/** How many messages there are in some time: whole bursts, one at least. */
export function countSteady({ rate, burst = 1 }: Pace, seconds: number): number {
  return Math.max(1, Math.round(rate * seconds / burst)) * burst;
}
