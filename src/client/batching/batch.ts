import type { AckOptions, Message, NackOptions, PostponeOptions } from "../deliveries/message.ts";
import type { CallOptions } from "../member/call_options.ts";

/**
 * Messages that a handler has together, from {@linkcode Follower.getBatches}. Each message has an outcome in the
 * end: by a call on the message, or by one on the batch, which is for all that have none yet.
 *
 * @typeParam Body The type of the messages' bodies; it is not checked.
 *
 * @example Storing many rows at once
 * ```ts
 * import { serve } from "@simplemq/simplemq/server";
 * import { assertEquals } from "@std/assert";
 *
 * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
 * await using connection = await broker.connect();
 * await connection.cursor().createStream("rows");
 * await connection.publisher("rows").sendMessages([1, 2, "three", 4]);
 *
 * const stored: unknown[] = [];
 * for await (const batch of connection.follower("rows").getBatches({ size: 4, minSize: 4 })) {
 *   for (const message of batch.messages) {
 *     if (typeof message.body !== "number") await message.reject("no number");
 *     else stored.push(message.body);
 *   }
 *   await batch.ack();
 *   break;
 * }
 * assertEquals(stored, [1, 2, 4]);
 * ```
 */
export interface Batch<Body = unknown> {
  /** The messages, at least one, in the order of delivery. */
  readonly messages: readonly Message<Body>[];
  /** Their bodies. */
  readonly bodies: Body[];
  /**
   * Aborts when the handler should stop: no message without an outcome is this follower's any more, the handler
   * has run for too long, or the work is closed. The messages have signals of their own.
   */
  readonly signal: AbortSignal;
  /**
   * Acknowledges all messages that have no outcome yet. See {@linkcode Follower.ackMessage}.
   *
   * @throws {BrokerError} `STALE_DELIVERY`, with `confirm` or if the follower is closed: a message was lost. The
   * others are acknowledged.
   */
  ack(options?: AckOptions): Promise<void>;
  /**
   * Gives back all messages that have no outcome yet, after a failure. If there are several, nobody knows which one
   * is at fault: they come back in two halves, at once and without using up an attempt, and a half that fails is
   * halved again. Only a message that is alone when it fails has used up an attempt, and waits.
   *
   * @param options The reason, and the delay of a message that is alone.
   * @throws {BrokerError} `STALE_DELIVERY`, see {@linkcode Batch.ack}.
   */
  nack(options?: NackOptions): Promise<void>;
  /** Moves all messages that have no outcome yet to the dead letters. See {@linkcode Follower.rejectMessage}. */
  reject(reason?: string | Error, options?: AckOptions): Promise<void>;
  /** Gives back all messages that have no outcome yet, as if they had not been taken. */
  release(options?: AckOptions): Promise<void>;
  /** Lets all messages that have no outcome yet come again later. See {@linkcode Follower.postponeMessage}. */
  postpone(ms: number, options?: PostponeOptions): Promise<void>;
  /**
   * Extends the time of all messages that have no outcome yet, see {@linkcode Follower.extendMessage}.
   *
   * @throws {BrokerError} `STALE_DELIVERY` if one of them is no longer this follower's.
   */
  extend(ms: number, options?: CallOptions): Promise<void>;
}
