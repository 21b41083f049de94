/**
 * How long single messages take.
 *
 * @module
 */

import { findQuantile } from "./statistics.ts";

/** Milliseconds that half of the messages, 99 of 100, and 999 of 1,000 take at most. */
export interface Percentiles {
  /** The median. */
  readonly p50: number;
  /** The 99th percentile. */
  readonly p99: number;
  /** The 99.9th percentile. */
  readonly p999: number;
}

/** Numbers in a row that grows, without an object for each: what measures must not make garbage. */
class Row {
  #values = new Float64Array(4096);
  #length = 0;

  /** Puts a number at a place. */
  set(index: number, value: number): void {
    if (index >= this.#values.length) {
      const grown = new Float64Array(Math.max(index + 1, this.#values.length * 2));
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[index] = value;
    this.#length = Math.max(this.#length, index + 1);
  }

  /** The number at a place. */
  get(index: number): number {
    return this.#values[index]!;
  }

  /** Puts a number at the end. */
  push(value: number): void {
    this.set(this.#length, value);
  }

  /** All of them. */
  get values(): Float64Array {
    return this.#values.subarray(0, this.#length);
  }
}

/** Notes when each message of a round was sent, confirmed and delivered. */
export class LatencyLog {
  readonly #sentAt = new Row();
  readonly #untilConfirmed = new Row();
  readonly #untilDelivered = new Row();

  /**
   * A message is about to be sent.
   *
   * @param number Its number.
   * @param at When it was due, if that is not now.
   */
  sent(number: number, at: number = performance.now()): void {
    this.#sentAt.set(number, at);
  }

  /** Its receipt is here. */
  confirmed(number: number): void {
    this.#untilConfirmed.push(performance.now() - this.#sentAt.get(number));
  }

  /** A follower has it. */
  delivered(number: number): void {
    this.#untilDelivered.push(performance.now() - this.#sentAt.get(number));
  }

  /** From the call to the receipt. */
  get confirm(): Percentiles {
    return describeTimes(this.#untilConfirmed.values);
  }

  /** From the call to the follower's loop. */
  get delivery(): Percentiles {
    return describeTimes(this.#untilDelivered.values);
  }
}

/** Sums up times in milliseconds. */
export function describeTimes(times: ArrayLike<number>): Percentiles {
  return {
    p50: findQuantile(times, 0.5),
    p99: findQuantile(times, 0.99),
    p999: findQuantile(times, 0.999),
  };
}
