import { delay } from "@std/async/delay";
import { BrokerError } from "../../../protocol.ts";
import { PEEK_COUNT_MAX } from "../../protocol/limits.ts";
import type { CallOptions } from "../member/call_options.ts";
import { checkNumber, checkOptionNames } from "../member/option_check.ts";
import type { PeekedMessage } from "./peeked_message.ts";

/** Options of {@linkcode Cursor.redrive}. */
export interface RedriveOptions extends CallOptions {
  /**
   * The maximum number of messages to send back.
   *
   * @default {all that are there when the call is made}
   */
  readonly limit?: number;
  /**
   * Selects messages: one for which it does not return `true` stays where it is.
   *
   * @default {every message}
   */
  readonly filter?: (message: PeekedMessage) => boolean | Promise<boolean>;
  /**
   * The maximum number of messages to send back per second, so that followers are not flooded.
   *
   * @default {no limit}
   */
  readonly ratePerSecond?: number;
  /** Stops: the call rejects with the signal's reason. What was sent back until then stays so. */
  readonly signal?: AbortSignal;
}

/** The result of {@linkcode Cursor.redrive}. */
export interface RedriveResult {
  /** How many messages were sent back. */
  readonly count: number;
  /**
   * How many selected messages could not be sent back: a follower holds them, they or their stream are
   * gone, or the stream has no room for them.
   */
  readonly skipped: number;
}

/** What a redrive needs of a cursor, for one dead-letter stream. */
export interface RedriveSteps {
  /** Looks at messages, from an id on. */
  readonly peek: (from: number) => Promise<readonly PeekedMessage[]>;
  readonly send: (ids: readonly number[]) => Promise<RedriveResult>;
}

/** How often a second messages are sent back when there is a rate. */
const STEPS_PER_SECOND = 10;

/**
 * Checks options.
 *
 * @throws {TypeError | RangeError} If one is not allowed.
 */
export function checkRedriveOptions(options: RedriveOptions): void {
  checkOptionNames(options, ["limit", "filter", "ratePerSecond", "signal"], "Cannot redrive");
  const { limit, filter, ratePerSecond } = options;
  if (filter !== undefined && typeof filter !== "function") {
    throw new TypeError("Cannot redrive: filter must be a function");
  }
  checkNumber("limit", limit, { low: 1, high: Number.MAX_SAFE_INTEGER }, "Cannot redrive");
  if (ratePerSecond !== undefined && !(Number.isFinite(ratePerSecond) && ratePerSecond > 0)) {
    throw new RangeError(
      `Cannot redrive: ratePerSecond is ${ratePerSecond}, allowed are numbers above 0`,
    );
  }
}

/**
 * Sends dead letters back to where they came from: looks at them page by page, selects, and has the
 * broker move those that were selected.
 */
export class Redrive {
  readonly #steps: RedriveSteps;
  readonly #options: RedriveOptions;
  #count = 0;
  #skipped = 0;
  #isFirstStep = true;

  constructor(steps: RedriveSteps, options: RedriveOptions) {
    this.#steps = steps;
    this.#options = options;
  }

  /** Sends back what is selected of the messages below an id. */
  async run(endId: number): Promise<RedriveResult> {
    let from = 1;
    while (from < endId && this.#left > 0) {
      const page = await this.#steps.peek(from);
      const last = page.at(-1);
      if (last === undefined) break;
      const selected = await this.#select(page.filter(({ id }) => id < endId));
      await this.#sendAll(selected);
      from = last.id + 1;
    }
    return { count: this.#count, skipped: this.#skipped };
  }

  /** How many may still be sent back. */
  get #left(): number {
    return (this.#options.limit ?? Infinity) - this.#count;
  }

  async #select(page: readonly PeekedMessage[]): Promise<number[]> {
    const { filter, signal } = this.#options;
    const ids: number[] = [];
    for (const message of page) {
      if (filter !== undefined && await filter(message) !== true) continue;
      signal?.throwIfAborted();
      ids.push(message.id);
    }
    return ids;
  }

  async #sendAll(ids: readonly number[]): Promise<void> {
    let at = 0;
    while (at < ids.length && this.#left > 0) {
      await this.#pause();
      const step = ids.slice(at, at + Math.min(this.#stepCount, this.#left));
      const { count, skipped } = await this.#send(step);
      this.#count += count;
      this.#skipped += skipped;
      at += step.length;
    }
  }

  /** Sends a step; an error that there is no room also tells what was sent back before. */
  async #send(step: readonly number[]): Promise<RedriveResult> {
    try {
      return await this.#steps.send(step);
    } catch (cause) {
      if (!(cause instanceof BrokerError) || cause.code !== "STREAM_FULL") throw cause;
      const details = { ...cause.details, redriven: this.#count };
      throw new BrokerError(cause.code, cause.message, { cause, details });
    }
  }

  /** How many to send back in one go. */
  get #stepCount(): number {
    const { ratePerSecond = Infinity } = this.#options;
    return Math.max(1, Math.min(Math.floor(ratePerSecond / STEPS_PER_SECOND), PEEK_COUNT_MAX));
  }

  /** Keeps to the rate. */
  async #pause(): Promise<void> {
    const { ratePerSecond, signal } = this.#options;
    signal?.throwIfAborted();
    const isFirst = this.#isFirstStep;
    this.#isFirstStep = false;
    if (ratePerSecond === undefined || isFirst) return;
    await delay(this.#stepCount / ratePerSecond * 1000, signal && { signal });
  }
}
