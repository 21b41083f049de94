/**
 * A message as a follower gets it.
 *
 * @module
 */

import type { DeadLetter, MessageProperties, ReplyAddress } from "../../../protocol.ts";
import {
  ENTRY_HEAD_BYTES,
  readEntryFlags,
  readEntryHeaderBytes,
  readEntryKind,
  readEntryPriority,
  readEntrySize,
} from "../../protocol/messages/entry.ts";
import { decodeHeaders } from "../../protocol/messages/headers.ts";
import {
  PropertyFlag,
  readProperties,
  readPropertyBytes,
} from "../../protocol/messages/properties.ts";
import { decodeBody, type MessageBody } from "../outgoing/body.ts";
import type { CallOptions } from "../member/call_options.ts";
import type { ReplyOptions } from "../requesting/reply.ts";

/** How to acknowledge. */
export interface AckOptions extends CallOptions {
  /**
   * Wait until the broker has made the acknowledgement as durable as its engine promises: such a
   * message never comes again. Without it the acknowledgement is on its way when the call returns,
   * and after a crash the message may come again.
   *
   * @default {false}
   */
  readonly confirm?: boolean;
}

/** How to give a message back that could not be worked off. */
export interface NackOptions extends AckOptions {
  /**
   * How long the message is held back before it is delivered again, in milliseconds, 0 to a hundred
   * years.
   *
   * @default {what the stream's `backoffMs` says after so many failures}
   */
  readonly delayMs?: number;
  /**
   * Why, for whoever looks into the dead letters: a text, or an error, whose message counts. What is
   * longer than 256 bytes of UTF-8 is cut, with an ellipsis; no reason makes the call fail.
   *
   * @default {""}
   */
  readonly reason?: string | Error;
}

/**
 * A message, taken by a follower. Until it is acknowledged, given back or rejected it stands in the
 * follower's pending entry list; when the follower's connection ends before that, another follower
 * gets it. `JSON.stringify` shows what it is and has; bytes are in base64.
 *
 * @typeParam Body What the body is; it is not checked.
 *
 * @example Giving back what cannot be worked off now, and rejecting what never can
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
export interface Message<Body = unknown> {
  /** What was sent: a string, bytes or a JSON value. Decoded when it is first looked at. */
  readonly body: Body;
  /** The body's bytes. */
  readonly bytes: Uint8Array;
  /** The headers that were sent with it. */
  readonly headers: Readonly<Record<string, string>>;
  /** The stream that it was taken from. */
  readonly stream: string;
  /** Its number in that stream: 1, 2, 3 … */
  readonly id: number;
  /** How often it has been delivered: 1 is the first time. */
  readonly attempts: number;
  /** Its key, if it has one: messages of one key are worked on one at a time. */
  readonly key?: string | undefined;
  /** Its priority: 0 to 9, 4 unless its sender said something else. */
  readonly priority: number;
  /** The id that its sender gave it, so that a repetition is recognised; if there is one. */
  readonly dedupId?: string | undefined;
  /** The time before which it was not to be delivered, in milliseconds since 1970; if it had one. */
  readonly deliverAt?: number | undefined;
  /** The time from which on it is not delivered any more, in milliseconds since 1970; if it has one. */
  readonly expiresAt?: number | undefined;
  /** What had happened to it before it came into a dead-letter stream; if it has. */
  readonly deadLetter?: DeadLetter | undefined;
  /**
   * Aborts when the delivery is not the follower's any more: the broker has taken it back (it took
   * longer than the stream's `ackTimeoutMs`, a cursor released it, the stream is gone), its connection
   * was lost, its loop was left, or the follower was closed and its time to finish is over. The work
   * is then somebody else's; `reason` is a `BrokerError` with code `STALE_DELIVERY` that says why.
   * What is done to the message here (acknowledged, given back, rejected) does not abort it, unless
   * that fails where the broker's answer was waited for: then `reason` is the same error.
   *
   * @example Passing it on to what should stop then
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
  /** Acknowledges the message: it is done, and gone. See {@linkcode Follower.ackMessage}. */
  ack(options?: AckOptions): Promise<void>;
  /** Gives the message back: it is delivered again later. See {@linkcode Follower.nackMessage}. */
  nack(options?: NackOptions): Promise<void>;
  /**
   * Rejects the message: it is not delivered again, and goes to the dead letters. See
   * {@linkcode Follower.rejectMessage}.
   */
  reject(reason?: string | Error, options?: AckOptions): Promise<void>;
  /**
   * Gives the message back as if it had not been taken: its attempt does not count. See
   * {@linkcode Follower.releaseMessage}.
   */
  release(options?: AckOptions): Promise<void>;
  /**
   * Takes more time for the message: the broker takes it back `ms` milliseconds from now at the
   * earliest. See {@linkcode Follower.extendMessage}.
   */
  extend(ms: number, options?: CallOptions): Promise<void>;
  /** Whether somebody waits for a {@linkcode Message.reply}: it was sent by `publisher.request`. */
  readonly isRequest: boolean;
  /**
   * Replies to a request. That does not acknowledge it: whoever acknowledges it afterwards has sent
   * the reply first, and if the connection is lost in between, somebody replies once more. The first
   * reply counts; the requester does not see a second one.
   *
   * @param body A string, a `Uint8Array` (copied before the call returns), or a JSON value.
   * @param options Headers, and whether to wait until the broker has passed the reply on.
   * @returns Resolves at once, or with `confirm` when the broker has passed the reply on. Without
   * `confirm` a reply is let go if the connection is closed.
   * @throws {TypeError} If nobody waits for a reply, or JSON cannot express the body.
   * @throws {RangeError} If body or headers are over the broker's limits.
   * @throws {BrokerError} `STREAM_NOT_FOUND`, with `confirm`: the requester's connection is gone.
   * @throws {ConnectionClosedError} With `confirm`: the connection here is lost or closed.
   *
   * @example Counting for others
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

/** What can be done to messages by whoever took them: their follower. */
export interface MessageOwner {
  /** Acknowledges a message of its own. */
  ackMessage(message: Message, options?: AckOptions): Promise<void>;
  /** Gives a message of its own back. */
  nackMessage(message: Message, options?: NackOptions): Promise<void>;
  /** Rejects a message of its own. */
  rejectMessage(message: Message, reason?: string | Error, options?: AckOptions): Promise<void>;
  /** Gives a message of its own back as if it had not been taken. */
  releaseMessage(message: Message, options?: AckOptions): Promise<void>;
  /** Takes more time for a message of its own. */
  extendMessage(message: Message, ms: number, options?: CallOptions): Promise<void>;
  /** Replies to whoever waits for it. */
  reply(address: ReplyAddress, body: MessageBody, options?: ReplyOptions): Promise<void>;
  /** The signal that aborts when a message is not its own any more. */
  signalOf(message: DeliveredMessage): AbortSignal;
}

/** Messages of one `deliver` frame. */
export interface DeliveredBatch {
  /** Who took them. */
  readonly owner: MessageOwner;
  /** The stream that they are in. */
  readonly stream: string;
  /** How often they have been delivered. */
  readonly attempts: number;
  /** Whether the broker has to be told before a handler gets them. */
  readonly isDoubtful?: boolean | undefined;
  /** The entries. */
  readonly bytes: Uint8Array;
}

/** What this client has done to a message. */
export type Verdict = "acknowledged" | "acknowledged by autoAck" | "given back" | "rejected";

/** A message in the bytes that it came in. Nothing is decoded before it is looked at. */
export class DeliveredMessage implements Message {
  readonly id: number;
  /** The delivery's tag. */
  readonly tag: number;
  /** What this client has done to it; nothing yet if undefined. */
  verdict: Verdict | undefined = undefined;
  readonly #batch: DeliveredBatch;
  readonly #offset: number;
  #body: unknown;

  constructor(batch: DeliveredBatch, offset: number, numbers: { id: number; tag: number }) {
    this.#batch = batch;
    this.#offset = offset;
    this.id = numbers.id;
    this.tag = numbers.tag;
  }

  get stream(): string {
    return this.#batch.stream;
  }

  get attempts(): number {
    return this.#batch.attempts;
  }

  /** Whether the broker has to be told before a handler gets it. */
  get isDoubtful(): boolean {
    return this.#batch.isDoubtful ?? false;
  }

  /** Who took it. */
  get owner(): MessageOwner {
    return this.#batch.owner;
  }

  get body(): unknown {
    this.#body ??= decodeBody(readEntryKind(this.#batch.bytes, this.#offset), this.bytes);
    return this.#body;
  }

  get bytes(): Uint8Array {
    const { bytes } = this.#batch;
    const end = this.#offset + readEntrySize(bytes, this.#offset);
    return bytes.subarray(this.#headersEnd, end);
  }

  get headers(): Readonly<Record<string, string>> {
    const { bytes } = this.#batch;
    const start = this.#offset + ENTRY_HEAD_BYTES + readPropertyBytes(bytes, this.#offset);
    return decodeHeaders(bytes.subarray(start, this.#headersEnd));
  }

  get key(): string | undefined {
    return this.#properties.key;
  }

  get priority(): number {
    return readEntryPriority(this.#batch.bytes, this.#offset);
  }

  get dedupId(): string | undefined {
    return this.#properties.dedupId;
  }

  get deliverAt(): number | undefined {
    return this.#properties.deliverAt;
  }

  get expiresAt(): number | undefined {
    return this.#properties.expiresAt;
  }

  get deadLetter(): DeadLetter | undefined {
    return this.#properties.deadLetter;
  }

  get signal(): AbortSignal {
    return this.#batch.owner.signalOf(this);
  }

  ack(options?: AckOptions): Promise<void> {
    return DeliveredMessage.#ownerOf(this, "ack").ackMessage(this, options);
  }

  nack(options?: NackOptions): Promise<void> {
    return DeliveredMessage.#ownerOf(this, "nack").nackMessage(this, options);
  }

  reject(reason?: string | Error, options?: AckOptions): Promise<void> {
    return DeliveredMessage.#ownerOf(this, "reject").rejectMessage(this, reason, options);
  }

  release(options?: AckOptions): Promise<void> {
    return DeliveredMessage.#ownerOf(this, "release").releaseMessage(this, options);
  }

  extend(ms: number, options?: CallOptions): Promise<void> {
    return DeliveredMessage.#ownerOf(this, "extend").extendMessage(this, ms, options);
  }

  get isRequest(): boolean {
    return (readEntryFlags(this.#batch.bytes, this.#offset) & PropertyFlag.request) !== 0;
  }

  reply(body: MessageBody, options?: ReplyOptions): Promise<void> {
    const owner = DeliveredMessage.#ownerOf(this, "reply");
    const { request } = this.#properties;
    if (request !== undefined) return owner.reply(request, body, options);
    return Promise.reject(
      new TypeError(`Cannot reply to message ${this.id} of "${this.stream}": it is no request`),
    );
  }

  /** What `JSON.stringify` shows: bytes in base64, and nothing that the message does not have. */
  toJSON(): Record<string, unknown> {
    const { stream, id, attempts, key, priority, dedupId, deliverAt, expiresAt } = this;
    const { headers, deadLetter, body } = this;
    return {
      stream,
      id,
      attempts,
      key,
      priority,
      dedupId,
      deliverAt,
      expiresAt,
      headers: Object.keys(headers).length > 0 ? headers : undefined,
      deadLetter,
      body: body instanceof Uint8Array ? { base64: body.toBase64() } : body,
    };
  }

  /** Whose message it is; a method that was taken from its message has none. */
  static #ownerOf(message: DeliveredMessage | undefined, method: string): MessageOwner {
    if (message !== undefined && #batch in message) return message.#batch.owner;
    throw new TypeError(
      `Cannot ${method}: ${method}() was called without its message; ` +
        `write message.${method}(), or follower.${method}Message(message)`,
    );
  }

  get #headersEnd(): number {
    const { bytes } = this.#batch;
    return this.#offset + ENTRY_HEAD_BYTES + readEntryHeaderBytes(bytes, this.#offset);
  }

  /** Read anew each time: hardly anybody asks twice, and every message would be larger. */
  get #properties(): MessageProperties {
    return readProperties(this.#batch.bytes, this.#offset);
  }
}

// What a person sees who prints a message: what it is, not how it is kept.
Object.defineProperty(DeliveredMessage.prototype, Symbol.for("Deno.customInspect"), {
  value(this: DeliveredMessage, inspect: typeof Deno.inspect): string {
    const { stream, id, attempts, body } = this;
    return `Message ${inspect({ stream, id, attempts, body })}`;
  },
});
