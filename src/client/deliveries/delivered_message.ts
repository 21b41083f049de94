import type { DeadLetter, MessageProperties, ReplyAddress, StoredRun } from "../../../protocol.ts";
import { readEntryFlags, readEntryPriority, readEntrySize } from "../../protocol/messages/entry.ts";
import { findEntryKey, PropertyFlag, readProperties } from "../../protocol/messages/properties.ts";
import { TRACE_PARENT } from "../../protocol/messages/trace_parent.ts";
import type { CallOptions } from "../member/call_options.ts";
import { bodyOf, bytesOf, headersOf, tellTrace } from "../member/entry_content.ts";
import { printAs } from "../member/inspection.ts";
import type { MessageBody } from "../outgoing/body.ts";
import type { ReplyOptions } from "../requesting/reply.ts";
import { KeyNames } from "./key_names.ts";
import type { AckOptions, Message, NackOptions, PostponeOptions } from "./message.ts";

const keyNames = new KeyNames();

/** The operations of a follower on its messages. */
export interface MessageOwner {
  ackMessage(message: Message, options?: AckOptions): Promise<void>;
  nackMessage(message: Message, options?: NackOptions): Promise<void>;
  postponeMessage(message: Message, ms: number, options?: PostponeOptions): Promise<void>;
  rejectMessage(message: Message, reason?: string | Error, options?: AckOptions): Promise<void>;
  releaseMessage(message: Message, options?: AckOptions): Promise<void>;
  extendMessage(message: Message, ms: number, options?: CallOptions): Promise<void>;
  reply(
    message: Message,
    address: ReplyAddress,
    body: MessageBody,
    options?: ReplyOptions,
  ): Promise<void>;
  /** The signal that aborts when the message is no longer the follower's. */
  signalOf(message: DeliveredMessage): AbortSignal;
}

/** Messages of one `deliver` frame. */
export interface DeliveredBatch {
  readonly owner: MessageOwner;
  readonly stream: string;
  readonly firstId: number;
  readonly attempts: number;
  /** When they were stored, in runs, if the broker tells. */
  readonly storedAt?: readonly StoredRun[] | undefined;
  /** Whether the broker must be told before a handler gets these messages. */
  readonly isDoubtful?: boolean | undefined;
  /** Whether they make up a batch of their own: the follower of the last one was lost. */
  readonly isSuspect?: boolean | undefined;
  readonly bytes: Uint8Array;
}

/** How this client has ended a message. */
export type Verdict = "acknowledged" | "acknowledged by autoAck" | "given back" | "rejected";

/** The body of a message that nobody has asked for yet. */
const UNREAD = Symbol("unread");

/** A message in the bytes that it came in. Fields are decoded when they are read. */
export class DeliveredMessage implements Message {
  readonly id: number;
  readonly tag: number;
  verdict: Verdict | undefined = undefined;
  /** Whether the broker has been told that a handler has it. */
  isBegun = false;
  readonly #batch: DeliveredBatch;
  readonly #offset: number;
  #body: unknown = UNREAD;
  #orderKey: string | undefined = undefined;

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

  get storedAt(): number | undefined {
    const { storedAt = [], firstId } = this.#batch;
    let left = this.id - firstId;
    for (const { count, at } of storedAt) {
      if (left < count) return at === 0 ? undefined : at;
      left -= count;
    }
    return undefined;
  }

  get isDoubtful(): boolean {
    return this.#batch.isDoubtful ?? false;
  }

  /** The name of those that make up a batch with it; undefined if it may be in any batch. */
  get suspects(): string | undefined {
    const { isSuspect, stream, firstId } = this.#batch;
    return isSuspect ? `suspects\n${stream}\n${firstId}` : undefined;
  }

  /** The bytes that it takes up, with its properties and headers. */
  get entryBytes(): number {
    return readEntrySize(this.#batch.bytes, this.#offset);
  }

  get owner(): MessageOwner {
    return this.#batch.owner;
  }

  get body(): unknown {
    if (this.#body === UNREAD) this.#body = bodyOf(this.#batch.bytes, this.#offset);
    return this.#body;
  }

  get bytes(): Uint8Array {
    return bytesOf(this.#batch.bytes, this.#offset);
  }

  get headers(): Readonly<Record<string, string>> {
    return headersOf(this.#batch.bytes, this.#offset);
  }

  get traceparent(): string | undefined {
    return this.headers[TRACE_PARENT];
  }

  get key(): string | undefined {
    return this.#properties.key;
  }

  /** The name of its key among those of all streams; undefined if it has none. */
  get orderKey(): string | undefined {
    if (this.#orderKey !== undefined) return this.#orderKey;
    const { bytes, stream } = this.#batch;
    const at = findEntryKey(bytes, this.#offset);
    if (at === 0) return undefined;
    return this.#orderKey = keyNames.find(stream, bytes, at + 1, at + 1 + bytes[at]!);
  }

  get lane(): string | undefined {
    return this.#properties.lane;
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
    const { deadLetter } = this.#properties;
    return deadLetter && tellTrace(deadLetter, this.headers);
  }

  get signal(): AbortSignal {
    return this.#batch.owner.signalOf(this);
  }

  get isRequest(): boolean {
    return (readEntryFlags(this.#batch.bytes, this.#offset) & PropertyFlag.request) !== 0;
  }

  ack(options?: AckOptions): Promise<void> {
    return DeliveredMessage.#ownerOf(this, "ack").ackMessage(this, options);
  }

  nack(options?: NackOptions): Promise<void> {
    return DeliveredMessage.#ownerOf(this, "nack").nackMessage(this, options);
  }

  postpone(ms: number, options?: PostponeOptions): Promise<void> {
    return DeliveredMessage.#ownerOf(this, "postpone").postponeMessage(this, ms, options);
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

  reply(body: MessageBody, options?: ReplyOptions): Promise<void> {
    const owner = DeliveredMessage.#ownerOf(this, "reply");
    const { request } = this.#properties;
    if (request !== undefined) return owner.reply(this, request, body, options);
    return Promise.reject(
      new TypeError(`Cannot reply to message ${this.id} of "${this.stream}": it is not a request`),
    );
  }

  /** The value for `JSON.stringify`: bytes in base64, absent fields left out. */
  toJSON(): Record<string, unknown> {
    const { stream, id, attempts, storedAt, priority, headers, deadLetter, body } = this;
    const { key, lane, dedupId, deliverAt, expiresAt } = this.#properties;
    return {
      stream,
      id,
      attempts,
      storedAt,
      key,
      lane,
      priority,
      dedupId,
      deliverAt,
      expiresAt,
      headers: Object.keys(headers).length > 0 ? headers : undefined,
      deadLetter,
      body: body instanceof Uint8Array ? { base64: body.toBase64() } : body,
    };
  }

  /** Has `body` be something else, such as what a schema has made of it. */
  static replaceBody(message: DeliveredMessage, body: unknown): void {
    message.#body = body;
  }

  /** The owner of a message; a method that was detached from its message has none. */
  static #ownerOf(message: DeliveredMessage | undefined, method: string): MessageOwner {
    if (message !== undefined && #batch in message) return message.#batch.owner;
    throw new TypeError(
      `Cannot ${method}: ${method}() was called without its message; ` +
        `write message.${method}(), or follower.${method}Message(message)`,
    );
  }

  /** Decoded at each access: it is rarely read twice, and a cache would make every message larger. */
  get #properties(): MessageProperties {
    return readProperties(this.#batch.bytes, this.#offset);
  }
}

printAs(DeliveredMessage, ({ stream, id, attempts, body }, inspect) => {
  return `Message ${inspect({ stream, id, attempts, body })}`;
});
