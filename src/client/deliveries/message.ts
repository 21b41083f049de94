import type { CallOptions } from "../member/call_options.ts";
import type { StreamMessage } from "../member/entry_content.ts";
import type { MessageBody } from "../outgoing/body.ts";
import type { ReplyOptions } from "../requesting/reply.ts";

/** Options of acknowledging, rejecting and releasing a message. */
export interface AckOptions extends CallOptions {
  /**
   * Wait until the broker has recorded the call as durably as its engine promises: an acknowledged message
   * then never comes again. Without it, the call resolves at once, and the message may come again if the
   * connection is lost or the broker crashes at that moment.
   *
   * @default {false}
   */
  readonly confirm?: boolean;
}

/** Options of giving a message back for another attempt. */
export interface NackOptions extends AckOptions {
  /**
   * The delay before the message is delivered again, in milliseconds, 0 to 100 years.
   *
   * @default {the stream's `backoffMs` for this number of failures}
   */
  readonly delayMs?: number;
  /**
   * The reason, kept for the dead letters: a text, or an error whose message is used. It is cut to 256
   * bytes of UTF-8.
   *
   * @default {""}
   */
  readonly reason?: string | Error;
  /**
   * `"downstream"`: a service that the handler needs is at fault, and not the message. Such failures open the
   * stream's breaker, see {@linkcode StreamOptions.breaker}; with none of them, all failures do.
   *
   * @default {nothing is said about it}
   */
  readonly fault?: "downstream";
}

/** Options of postponing a message. */
export interface PostponeOptions extends AckOptions {
  /** The reason, as that of {@linkcode NackOptions.reason}. */
  readonly reason?: string | Error;
  /**
   * How long all messages of the same lane wait, too, in milliseconds, from the time of the message itself to
   * 100 years: the service that answered 429 does so for one customer. The message waits as long. Nothing
   * else happens for a message without a lane.
   *
   * @default {only the message waits}
   */
  readonly lane?: number;
}

/**
 * A message that a follower has taken. It stays in the follower's pending entry list until it is
 * acknowledged, given back, released or rejected. When the follower's connection ends before that,
 * another follower gets it.
 *
 * `JSON.stringify` shows its fields, with bytes in base64.
 *
 * @typeParam Body The type of the body; it is not checked.
 *
 * @example Retrying and rejecting
 * ```ts
 * import { serve } from "@simplemq/simplemq/server";
 * import { assertEquals } from "@std/assert";
 *
 * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
 * await using connection = await broker.connect();
 * await connection.cursor().createStream("orders");
 * await connection.publisher("orders").sendMessage({ sum: -1 });
 *
 * for await (const message of connection.follower<{ sum: number }>("orders").getMessages()) {
 *   if (message.attempts === 1) {
 *     await message.nack({ delayMs: 0, reason: "the shop is closed" });
 *     continue;
 *   }
 *   await message.reject("the sum is negative", { confirm: true });
 *   break;
 * }
 * const [dead] = await connection.cursor().peek("orders.dead");
 * assertEquals(dead?.deadLetter?.cause, "rejected");
 * assertEquals(dead?.deadLetter?.reasons, ["the shop is closed", "the sum is negative"]);
 * ```
 */
export interface Message<Body = unknown> extends StreamMessage<Body> {
  /**
   * Aborts when the message is no longer this follower's: it took longer than the stream's
   * `ackTimeoutMs`, a cursor released it, the stream was deleted or may no longer be followed, the
   * connection was lost, the loop was left, or the follower was closed. `reason` is a `BrokerError` with code `STALE_DELIVERY`.
   *
   * Acknowledging, giving back or rejecting the message does not abort it, unless the call fails with
   * `confirm`: then `reason` is the error of the call.
   *
   * @example Stopping work that is no longer wanted
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * await connection.cursor().createStream("pages");
   * await connection.publisher("pages").sendMessage("about:blank");
   *
   * const follower = connection.follower<string>("pages");
   * for await (const message of follower.getMessages()) {
   *   const work = new Promise((resolve) => message.signal.addEventListener("abort", resolve));
   *   // Or: await fetch(message.body, { signal: message.signal });
   *   await follower.close({ drainMs: 0 });
   *   await work;
   *   assertEquals(message.signal.reason.code, "STALE_DELIVERY");
   * }
   * ```
   */
  readonly signal: AbortSignal;
  /** Acknowledges the message; see {@linkcode Follower.ackMessage}. */
  ack(options?: AckOptions): Promise<void>;
  /** Gives the message back for another attempt; see {@linkcode Follower.nackMessage}. */
  nack(options?: NackOptions): Promise<void>;
  /** Gives the message back for later, at no cost; see {@linkcode Follower.postponeMessage}. */
  postpone(ms: number, options?: PostponeOptions): Promise<void>;
  /** Moves the message to the dead letters; see {@linkcode Follower.rejectMessage}. */
  reject(reason?: string | Error, options?: AckOptions): Promise<void>;
  /** Gives the message back without counting the attempt; see {@linkcode Follower.releaseMessage}. */
  release(options?: AckOptions): Promise<void>;
  /** Extends the time for the message; see {@linkcode Follower.extendMessage}. */
  extend(ms: number, options?: CallOptions): Promise<void>;
  /** Whether the sender waits for a {@linkcode Message.reply}: it called `publisher.request`. */
  readonly isRequest: boolean;
  /**
   * Replies to a request. This does not acknowledge the message. The reply is sent before an
   * acknowledgement that follows it; if the connection is lost in between, the request is delivered and
   * answered again. The requester receives the first reply only.
   *
   * @param body A string, a `Uint8Array` (copied before the call returns), or a JSON value.
   * @param options Headers, and whether to wait for the broker.
   * @returns Resolves at once; with `confirm` when the broker has passed the reply on. Without `confirm`
   * a reply is dropped if the connection is closed.
   * @throws {TypeError} If the message is not a request, or JSON cannot express the body.
   * @throws {RangeError} If the body or the headers are too large.
   * @throws {BrokerError} `STREAM_NOT_FOUND`, with `confirm`: the requester's connection is gone.
   * @throws {ConnectionClosedError} With `confirm`: this connection is lost or closed.
   *
   * @example Answering with headers
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * await connection.cursor().createStream("sums");
   * const answer = connection.publisher("sums").request([1, 2, 3]);
   *
   * for await (const message of connection.follower<number[]>("sums").getMessages()) {
   *   message.reply(message.body.reduce((sum, number) => sum + number), { headers: { by: "me" } });
   *   await message.ack();
   *   break;
   * }
   * const { body, headers } = await answer;
   * assertEquals([body, headers], [6, { by: "me" }]);
   * ```
   */
  reply(body: MessageBody, options?: ReplyOptions): Promise<void>;
}
