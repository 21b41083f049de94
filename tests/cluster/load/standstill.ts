import type { ClusterEvent } from "../checking/history.ts";
import { MEASURED } from "./load.ts";

/** How long nothing has come, in milliseconds. */
export interface Standstills {
  /** The longest time without a confirm. */
  readonly publisher: number;
  /** The longest time without a delivery. */
  readonly follower: number;
}

/** Measures for how long nothing comes to clients that always have something to do. */
export class StandstillMeter {
  readonly #confirms: number[] = [];
  readonly #deliveries: number[] = [];

  /** Looks at an event. */
  note(event: ClusterEvent, at: number): void {
    if (event.type === "confirmed" && event.publisher.endsWith(MEASURED.publisher)) {
      this.#confirms.push(at);
    } else if (event.type === "delivered" && event.follower === MEASURED.follower) {
      this.#deliveries.push(at);
    }
  }

  /** For how long nothing has come until now, to the one or the other. */
  quietMs(now: number): number {
    return now - Math.min(this.#confirms.at(-1) ?? 0, this.#deliveries.at(-1) ?? 0);
  }

  /** The longest standstills that ended after a time, or have not ended. */
  findLongest(from: number, now: number): Standstills {
    return {
      publisher: findLongest(this.#confirms, from, now),
      follower: findLongest(this.#deliveries, from, now),
    };
  }

  /** Forgets what is older than the last of everything. */
  forget(): void {
    for (const times of [this.#confirms, this.#deliveries]) times.splice(0, times.length - 1);
  }
}

function findLongest(times: readonly number[], from: number, now: number): number {
  let longest = 0;
  let last = from;
  for (const time of times) {
    if (time > from) longest = Math.max(longest, time - last);
    last = time;
  }
  return Math.max(longest, now - Math.max(last, from));
}
