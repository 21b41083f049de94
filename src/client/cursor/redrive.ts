import { BrokerError } from "../../../protocol.ts";
import { PEEK_COUNT_MAX } from "../../protocol/limits.ts";
import type { CallOptions } from "../member/call_options.ts";
import { delay } from "../member/delay.ts";
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
   * Selects messages: those for which it does not return `true` stay where they are.
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
  /** Stops: the call rejects with the signal's reason. Messages already sent back stay there. */
  readonly signal?: AbortSignal;
}

/** The result of {@linkcode Cursor.redrive}. */
export interface RedriveResult {
  /** The number of messages sent back. */
  readonly count: number;
  /**
   * The number of selected messages that could not be sent back: a follower holds them, they or their
   * stream are gone, or the stream has no room for them.
   */
  readonly skipped: number;
}

/** The operations of a cursor that a redrive needs, for one dead-letter stream. */
export interface RedriveSteps {
  /** Looks at up to so many messages, beginning at an id. */
  readonly peek: (from: number, limit: number) => Promise<readonly PeekedMessage[]>;
  readonly send: (ids: readonly number[]) => Promise<RedriveResult>;
}

/** The number of steps a second when a rate is set. */
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
 * Sends dead letters below an id back to their streams: looks at them page by page, selects, and has the
 * broker move the selected ones.
 */
export async function redrive(
  { peek, send }: RedriveSteps,
  options: RedriveOptions,
  endId: number,
): Promise<RedriveResult> {
  const { limit = Infinity, ratePerSecond = Infinity, signal } = options;
  const rated = Math.floor(ratePerSecond / STEPS_PER_SECOND);
  const stepCount = Math.max(1, Math.min(rated, PEEK_COUNT_MAX));
  const total = { count: 0, skipped: 0 };
  let isFirst = true;
  for (let from = 1; from < endId && total.count < limit;) {
    // With a filter, it is not known how many are to be looked at.
    const most = options.filter === undefined ? limit - total.count : Infinity;
    const page = await peek(from, Math.min(PEEK_COUNT_MAX, most));
    const last = page.at(-1);
    if (last === undefined) break;
    const ids = await select(page.filter(({ id }) => id < endId), options);
    for (let at = 0; at < ids.length && total.count < limit;) {
      signal?.throwIfAborted();
      if (!isFirst && ratePerSecond < Infinity) {
        await delay(stepCount / ratePerSecond * 1000, signal);
      }
      isFirst = false;
      const step = ids.slice(at, at + Math.min(stepCount, limit - total.count));
      const { count, skipped } = await send(step).catch((error) => explainFull(error, total.count));
      total.count += count;
      total.skipped += skipped;
      at += step.length;
    }
    from = last.id + 1;
  }
  return total;
}

async function select(
  page: readonly PeekedMessage[],
  { filter, signal }: RedriveOptions,
): Promise<number[]> {
  const ids: number[] = [];
  for (const message of page) {
    if (filter !== undefined && await filter(message) !== true) continue;
    signal?.throwIfAborted();
    ids.push(message.id);
  }
  return ids;
}

/** Adds the number of messages sent back before to a `STREAM_FULL` error. */
function explainFull(cause: unknown, redriven: number): never {
  if (!(cause instanceof BrokerError) || cause.code !== "STREAM_FULL") throw cause;
  const details = { ...cause.details, redriven };
  throw new BrokerError(cause.code, cause.message, { cause, details });
}
