/**
 * How long single messages take.
 *
 * @module
 */

import { findQuantile } from "./statistics.ts";

/** Latencies in milliseconds: half of the messages, and 99 of 100, take at most so long. */
export interface Latency {
  /** The median. */
  readonly p50: number;
  /** The 99th percentile. */
  readonly p99: number;
}

/** Notes when each message of a round was sent, confirmed and delivered. */
export class LatencyLog {
  readonly #sentAt: number[] = [];
  readonly #untilConfirmed: number[] = [];
  readonly #untilDelivered: number[] = [];

  /** A message is about to be sent. */
  sent(number: number): void {
    this.#sentAt[number] = performance.now();
  }

  /** Its receipt is here. */
  confirmed(number: number): void {
    this.#untilConfirmed.push(performance.now() - this.#sentAt[number]!);
  }

  /** A follower has it. */
  delivered(number: number): void {
    this.#untilDelivered.push(performance.now() - this.#sentAt[number]!);
  }

  /** From the call to the receipt. */
  get confirm(): Latency {
    return describe(this.#untilConfirmed);
  }

  /** From the call to the follower's loop. */
  get delivery(): Latency {
    return describe(this.#untilDelivered);
  }
}

function describe(latencies: readonly number[]): Latency {
  return { p50: findQuantile(latencies, 0.5), p99: findQuantile(latencies, 0.99) };
}
