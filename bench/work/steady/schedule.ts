import type { SteadyWork } from "../work.ts";

/** Messages per second, and how many of them are due at the same time. */
export type Pace = Pick<SteadyWork, "rate" | "burst">;

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
