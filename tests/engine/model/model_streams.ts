/**
 * The streams' half of the model of the rules: what is stored, when it may be delivered, and what of it
 * goes to another stream.
 *
 * @module
 */

import { assert } from "@std/assert";
import type {
  DeadLetter,
  DeadLetterCause,
  ErrorCode,
  StreamInfo,
  StreamOptionsInput,
} from "../../../protocol.ts";
import { PRIORITY_DEFAULT } from "../../../src/protocol/messages/entry.ts";
import { STREAM_OPTIONS_DEFAULT } from "../../../src/protocol/messages/stream_options.ts";
import {
  forget,
  isDead,
  measure,
  type ModelMessage,
  type ModelStream,
  type SentMessage,
  sumBytes,
} from "./model_message.ts";

/** What the model knows of a stream. */
export type ModelInfo = Omit<StreamInfo, "durability" | "parked" | "oldestReadyMs" | "totals">;

/** What the model knows of what an engine tells. */
export function asModelInfo(info: StreamInfo): ModelInfo {
  const { durability: _, parked: _parked, oldestReadyMs: _age, totals: _totals, ...rest } = info;
  return rest;
}

/** How many messages a call has moved or removed, and how many ids it has left. */
interface ModelCount {
  readonly count: number;
  readonly skipped: number;
}

/** Where a batch goes. */
export interface ModelBind {
  readonly matches: (stream: string) => boolean;
  readonly isRegex: boolean;
}

/** All streams, and the time. */
export class ModelStreams {
  readonly streams: Map<string, ModelStream> = new Map();
  now: number;
  /** By so much the machine's clock is ahead. */
  aheadMs = 0;
  readonly #memoryLimit: number;
  readonly #bookedBytes: () => number;

  /** `bookedBytes` tells how much memory failures take up: how little that may be is up to the engine. */
  constructor(memoryLimit: number, now: number, bookedBytes: () => number = () => 0) {
    this.#memoryLimit = memoryLimit;
    this.#bookedBytes = bookedBytes;
    this.now = now;
  }

  /** How many bytes of messages there may be. */
  get #bytesMax(): number {
    return this.#memoryLimit - this.#bookedBytes();
  }

  /** The bytes of all messages. */
  get bytes(): number {
    return [...this.streams.values()].reduce((sum, { messages, arrivals }) => {
      return sum + sumBytes(messages) + sumBytes(arrivals);
    }, 0);
  }

  createStream(name: string, options: StreamOptionsInput = {}): boolean | ErrorCode {
    if (this.streams.has(name)) return false;
    if (this.bytes > this.#bytesMax) return "MEMORY_FULL";
    this.#requireStream(name, options);
    return true;
  }

  #requireStream(name: string, options: StreamOptionsInput = {}): ModelStream {
    const known = this.streams.get(name);
    if (known !== undefined) return known;
    const stream = {
      name,
      options: { ...STREAM_OPTIONS_DEFAULT, ...options },
      nextId: 1,
      messages: [],
      arrivals: [],
      isPaused: false,
      dedupIds: new Map(),
    };
    this.streams.set(name, stream);
    return stream;
  }

  pauseStream(name: string, isPaused: boolean): ErrorCode | undefined {
    const stream = this.streams.get(name);
    if (stream === undefined) return "STREAM_NOT_FOUND";
    stream.isPaused = isPaused;
    return undefined;
  }

  /** Tells how many messages nobody held: they are gone. */
  purgeStream(name: string): number | ErrorCode {
    const stream = this.streams.get(name);
    if (stream === undefined) return "STREAM_NOT_FOUND";
    const before = stream.messages.length;
    stream.messages = stream.messages.filter(({ holder }) => holder !== undefined);
    return before - stream.messages.length;
  }

  /** Tells how many messages of these ids nobody held, and are gone; and how many ids are left. */
  dropMessages(name: string, ids: readonly number[]): ErrorCode | ModelCount {
    const stream = this.streams.get(name);
    if (stream === undefined) return "STREAM_NOT_FOUND";
    const wanted = new Set(ids);
    const before = stream.messages.length;
    stream.messages = stream.messages.filter(({ id, holder }) =>
      holder !== undefined || !wanted.has(id)
    );
    const count = before - stream.messages.length;
    return { count, skipped: wanted.size - count };
  }

  /** Tells how many dead letters went back, and how many did not. */
  redrive(name: string, ids: readonly number[]): ErrorCode | ModelCount {
    const stream = this.streams.get(name);
    if (stream === undefined) return "STREAM_NOT_FOUND";
    const wanted = new Set(ids);
    const going = stream.messages.filter((message) => {
      const isThere = this.streams.has(message.story?.stream ?? "");
      return wanted.has(message.id) && message.holder === undefined && isThere;
    });
    if (going.length > 0 && this.bytes > this.#bytesMax) return "MEMORY_FULL";
    for (const message of going) {
      forget(stream, message);
      const { stream: origin, id: firstId, firstAt, redrives: before } = message.story!;
      const { count, ...first } = before ?? { count: 0, firstId, firstAt };
      const redrives = { count: count + 1, ...first };
      this.#arrive(this.streams.get(origin)!, { ...message, redrives }, undefined);
    }
    return { count: going.length, skipped: wanted.size - going.length };
  }

  /** The machine's clock is set further: what waits for a date does so for a shorter time. */
  setDate(stepMs: number): void {
    this.aheadMs += stepMs;
    for (const { messages, arrivals } of this.streams.values()) {
      for (const message of [...messages, ...arrivals]) {
        if (message.isDueDated && message.dueAt > 0) message.dueAt -= stepMs;
        if (message.isExpiryDated) message.expiresAt -= stepMs;
      }
    }
  }

  /** Takes out what is overdue and not held, and makes ready what is due. */
  expireDue(): void {
    const { now } = this;
    for (const stream of [...this.streams.values()]) {
      for (const message of [...stream.messages]) {
        if (message.expiresAt > now) {
          if (message.dueAt <= now) message.dueAt = 0;
        } else if (message.holder === undefined) {
          this.bury(stream, message, "expired", message.attempts);
        } else {
          // Also if the machine's clock is set back then.
          message.expiresAt = -Infinity;
        }
      }
    }
  }

  /** Where a message of that dedup id is, or was. */
  findKnown([sent]: readonly SentMessage[], matches: (name: string) => boolean): string {
    const known = [...this.streams.values()].flatMap((stream) => {
      const first = matches(stream.name) ? stream.dedupIds.get(sent?.dedupId ?? "") : undefined;
      const isRecent = first !== undefined && first.at + stream.options.dedupWindowMs > this.now;
      return isRecent ? [`${stream.name}:${first.id}`] : [];
    });
    return known.sort().join();
  }

  /** Stores a batch; tells where, or why not. */
  store(
    sent: readonly SentMessage[],
    bind: ModelBind,
  ): string {
    const { now } = this;
    const streams = [...this.streams.values()].filter(({ name }) => bind.matches(name));
    if (streams.length === 0) return bind.isRegex ? "NO_MATCHING_STREAM" : "STREAM_NOT_FOUND";
    const bytes = sent.reduce((sum, message) => sum + measure(message), 0);
    if (this.bytes + bytes * streams.length > this.#bytesMax) return "MEMORY_FULL";
    const stored = streams.map((stream) => `${stream.name}:${stream.nextId}`);
    for (const stream of streams) {
      for (const message of sent) {
        const { text, dedupId, deliverAt = 0, ttlMs = stream.options.ttlMs ?? Infinity } = message;
        const isDated = deliverAt > now + this.aheadMs;
        const delayMs = isDated ? deliverAt - now - this.aheadMs : message.delayMs ?? 0;
        const id = stream.nextId++;
        stream.messages.push({
          id,
          text,
          dedupId,
          bytes: measure(message),
          storedAt: now,
          priority: message.priority ?? PRIORITY_DEFAULT,
          attempts: 0,
          dueAt: delayMs === 0 ? 0 : now + delayMs,
          expiresAt: now + delayMs + ttlMs,
          isDueDated: isDated,
          isExpiryDated: isDated,
          holder: undefined,
        });
        if (dedupId !== undefined) stream.dedupIds.set(dedupId, { id, at: now });
      }
    }
    return stored.sort().join();
  }

  /** What `StreamInfo` must say. */
  describe(
    stream: ModelStream,
    followers: Iterable<{ matches(name: string): boolean }>,
  ): ModelInfo {
    const { name, nextId, isPaused, options, messages } = stream;
    const pending = messages.filter(({ holder }) => holder !== undefined).length;
    const ready = this.listReady(stream).length;
    return {
      name,
      ready,
      delayed: messages.length - ready - pending,
      pending,
      followers: [...followers].filter((one) => one.matches(name)).length,
      bytes: sumBytes(messages),
      nextId,
      isPaused,
      options,
    };
  }

  /** The messages of a stream that may be delivered, if it is not paused, in their order. */
  listReady({ messages }: ModelStream): ModelMessage[] {
    return messages.filter(({ holder, dueAt }) => holder === undefined && dueAt === 0)
      .sort((one, other) => other.priority - one.priority);
  }

  /** Brings a message to the dead letters, or lets go of it. */
  bury(
    stream: ModelStream,
    message: ModelMessage,
    cause: DeadLetterCause,
    attempts: number,
  ): void {
    const { name, options: { deadLetter, deadLetterExpired } } = stream;
    forget(stream, message);
    const { seenCount = 0 } = message;
    assert(cause === "expired" || seenCount > 0, `${name}:${message.id} is given up and was seen`);
    assert(attempts <= seenCount + 1, `${name}:${message.id} pays for what was seen only`);
    const isKept = cause === "expired" ? deadLetterExpired : deadLetter;
    if (!isKept || isDead(stream)) return;
    const { id, failure } = message;
    const { firstAt = this.now, reasons = [], follower } = failure ?? {};
    const times = { firstAt: firstAt + this.aheadMs, lastAt: this.now + this.aheadMs };
    const common = { stream: name, id, attempts, cause, ...times, reasons };
    const { redrives } = message;
    const story = {
      ...common,
      ...follower !== undefined && { follower },
      ...redrives && { redrives },
    };
    this.#arrive(this.#requireStream(`${name}.dead`), { ...message, redrives: undefined }, story);
  }

  /** Puts a message into another stream, as if it were new. */
  #arrive(
    stream: ModelStream,
    { text, dedupId, priority, redrives }: ModelMessage,
    story: DeadLetter | undefined,
  ): void {
    const ids = { id: 0, text, dedupId, priority, story, redrives };
    const bytes = measure(ids);
    const expiresAt = this.now + (stream.options.ttlMs ?? Infinity);
    const storedAt = this.now;
    const times = { storedAt, dueAt: 0, expiresAt, isDueDated: false, isExpiryDated: false };
    stream.arrivals.push({ ...ids, ...times, bytes, attempts: 0, holder: undefined });
  }
}
