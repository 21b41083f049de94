import type { Rate } from "../../../../src/protocol/messages/stream_options.ts";
import type { WorkLife } from "../work_parts.ts";

/** How much faster a clock may go than the true one, where clocks are wrong. */
const CLOCK_ERROR = 1.06;

/** What is left of a rate, by the true time. */
interface Bucket {
  tokens: number;
  at: number;
  life: WorkLife;
}

/**
 * Counts deliveries against their rates, over all processes: one that begins has no token, and what an earlier one has
 * delivered counts.
 */
export class RateWatch {
  readonly #buckets = new Map<string, Bucket>();
  readonly #speed: number;
  /** The process that has created the streams: nothing was delivered before. */
  creator: WorkLife | undefined;

  constructor(hasTrueClocks: boolean) {
    this.#speed = hasTrueClocks ? 1 : CLOCK_ERROR;
  }

  /** A message was delivered; returns how many tokens are left: below zero there are too few. */
  take(name: string, rate: Rate, life: WorkLife, now: number): number {
    const bucket = this.#find(name, rate, life, now);
    return --bucket.tokens;
  }

  /** A message came back that no handler has seen. */
  refund(name: string, rate: Rate, life: WorkLife, now: number): void {
    const bucket = this.#find(name, rate, life, now);
    bucket.tokens = Math.min(rate.count, bucket.tokens + 1);
  }

  #find(name: string, rate: Rate, life: WorkLife, now: number): Bucket {
    let bucket = this.#buckets.get(name);
    if (bucket === undefined || bucket.life !== life) {
      // What is missing stays missing, and more than nothing there is not.
      const isNew = bucket === undefined && life === this.creator;
      const tokens = isNew ? rate.count : Math.min(0, bucket?.tokens ?? 0);
      bucket = { tokens, at: life.leadsSince, life };
      this.#buckets.set(name, bucket);
    }
    const grown = Math.max(0, now - bucket.at) * this.#speed * rate.count / rate.perMs;
    bucket.tokens = Math.min(rate.count, bucket.tokens + grown);
    bucket.at = Math.max(now, bucket.at);
    return bucket;
  }
}
