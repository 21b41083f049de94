import type { QueryOptions } from "../../../protocol.ts";
import { findShortTextMistake } from "../../protocol/messages/property_wishes.ts";
import type { CallOptions } from "../member/call_options.ts";
import { checkNumber, checkOptionNames } from "../member/option_check.ts";

/** Options of {@linkcode Cancelling.cancel}. */
export interface CancelOptions extends CallOptions {
  /**
   * Why, at most 256 bytes of UTF-8: the signal of a message that a handler has aborts with it, and a dead
   * letter keeps it.
   *
   * @default {none}
   */
  readonly reason?: string;
  /**
   * Whether the message becomes a dead letter with the cause `cancelled`, if its stream keeps dead letters.
   *
   * @default {false}
   */
  readonly deadLetter?: boolean;
}

/** Options of {@linkcode Cancelling.cancelAll}: exactly one of `lane`, `key` and `dedupId` is given. */
export interface CancelAllOptions extends CancelOptions {
  /** Cancels the messages of a lane. */
  readonly lane?: string;
  /** Cancels the messages with a key. */
  readonly key?: string;
  /** Cancels the messages with a dedup id. */
  readonly dedupId?: string;
  /**
   * The most messages to cancel, the oldest first.
   *
   * @default {no limit}
   */
  readonly limit?: number;
}

/** What became of one message. */
export interface CancelledMessage {
  /**
   * What it was: `ready` or `delayed` (it waited), `pending` (a follower had it, and has lost it for good), or
   * `gone` (acknowledged, removed, or on its way to the dead letters: nothing was done).
   */
  readonly was: "ready" | "delayed" | "pending" | "gone";
}

/** How many messages were cancelled, by what they were. */
export interface CancelCounts {
  /** All of them. */
  readonly count: number;
  /** They waited to be delivered. */
  readonly ready: number;
  /** They waited for a time. */
  readonly delayed: number;
  /** Followers had them. */
  readonly pending: number;
}

/** The part of a cursor that takes messages out of circulation. */
export interface Cancelling {
  /**
   * Cancels a message, wherever it is. It is never delivered again, and its key is free at once. If a follower
   * has it, that one loses it for good: `message.signal` aborts with the code `CANCELLED`, and an
   * acknowledgement comes too late. The answer tells who was first.
   *
   * @param id The message's id, from the receipt or from {@linkcode Cursor.peek}.
   * @returns What the message was, once that is durable.
   * @throws {TypeError | RangeError} If the name, the id or an option is not allowed.
   * @throws {BrokerError} `STREAM_NOT_FOUND`, `FORBIDDEN`.
   * @throws {ConnectionClosedError} If the connection is lost before the answer; the call is not repeated,
   * since a second answer would be `gone`.
   *
   * @example Stopping work that nobody waits for any more
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * const cursor = connection.cursor();
   * await cursor.createStream("films");
   * const { streams } = await connection.publisher("films").sendMessage("a long film");
   *
   * for await (const message of connection.follower("films").getMessages()) {
   *   const cancelled = new Promise((resolve) => message.signal.onabort = resolve);
   *   const { was } = await cursor.cancel("films", streams[0]!.id, { reason: "the tab was closed" });
   *   await cancelled;
   *   assertEquals([was, message.signal.reason.code], ["pending", "CANCELLED"]);
   *   break;
   * }
   * ```
   */
  cancel(stream: string, id: number, options?: CancelOptions): Promise<CancelledMessage>;
  /**
   * Cancels all messages of a lane, a key or a dedup id, as {@linkcode Cancelling.cancel} does, in steps: the
   * broker looks at some thousand messages at a time, and others are served in between. Messages that are
   * stored during the call may be among them.
   *
   * @returns How many messages were cancelled.
   * @throws {TypeError | RangeError} If the name or an option is not allowed.
   * @throws {BrokerError} `STREAM_NOT_FOUND`, `FORBIDDEN`.
   * @throws {ConnectionClosedError} If the connection is lost on the way.
   *
   * @example Cancelling everything of one customer
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * const cursor = connection.cursor();
   * await cursor.createStream("films");
   * const publisher = connection.publisher("films");
   * await publisher.sendMessages(["one", "two"], { lane: "acme" });
   * await publisher.sendMessage("three", { lane: "acme", delayMs: 60_000 });
   * await publisher.sendMessage("four", { lane: "other" });
   * const counts = await cursor.cancelAll("films", { lane: "acme" });
   * assertEquals(counts, { count: 3, ready: 2, delayed: 1, pending: 0 });
   * ```
   */
  cancelAll(stream: string, options: CancelAllOptions): Promise<CancelCounts>;
}

/** The answer to one step. */
interface CancelStep extends Omit<CancelCounts, "count"> {
  readonly next?: number;
}

const CANCEL_NAMES = ["reason", "deadLetter", "signal"];
const MARKS = ["lane", "key", "dedupId"] as const;

/**
 * Checks the options of a cancelled message, and translates them for the broker.
 *
 * @throws {TypeError | RangeError} If one is not allowed.
 */
export function readCancelOptions(
  options: CancelOptions,
  action: string,
  names: readonly string[] = CANCEL_NAMES,
): QueryOptions {
  checkOptionNames(options, names, action);
  const { deadLetter, reason } = options;
  if (deadLetter !== undefined && typeof deadLetter !== "boolean") {
    throw new TypeError(`${action}: deadLetter must be true or false`);
  }
  return { ...reason !== undefined && { reason }, ...deadLetter && { isDeadLetter: true } };
}

/**
 * Checks the options of a selection of messages, and translates them.
 *
 * @throws {TypeError | RangeError} If one is not allowed.
 */
export function readCancelAllOptions(options: CancelAllOptions, action: string): QueryOptions {
  const details = readCancelOptions(options, action, [...CANCEL_NAMES, ...MARKS, "limit"]);
  checkNumber("limit", options.limit, { low: 1, high: Number.MAX_SAFE_INTEGER }, action);
  const given = MARKS.filter((mark) => options[mark] !== undefined);
  const [mark] = given;
  if (mark === undefined || given.length > 1) {
    throw new TypeError(`${action}: give exactly one of ${MARKS.join(", ")}`);
  }
  const mistake = findShortTextMistake(mark, options[mark]);
  if (mistake !== undefined) throw new RangeError(`${action}: ${mistake}`);
  return { ...details, [mark]: options[mark] };
}

/** The most messages that one step cancels. */
const STEP_COUNT_MAX = 1000;

/** Cancels messages step by step. */
export async function cancelAll(
  ask: (options: QueryOptions) => Promise<unknown>,
  selection: QueryOptions,
  limit: number = Infinity,
): Promise<CancelCounts> {
  const total = { count: 0, ready: 0, delayed: 0, pending: 0 };
  for (let after: number | undefined = 0; after !== undefined && total.count < limit;) {
    const step = await ask({
      ...selection,
      limit: Math.min(STEP_COUNT_MAX, limit - total.count),
      ...after > 0 && { after },
    }) as CancelStep;
    total.ready += step.ready;
    total.delayed += step.delayed;
    total.pending += step.pending;
    total.count = total.ready + total.delayed + total.pending;
    after = step.next;
  }
  return total;
}
