import { DEDUP_COUNT_MAX } from "../../protocol/messages/stream_options.ts";
import { AgedMap } from "../collections/aged_map.ts";
import type { KeyedHash } from "../collections/keyed_hash.ts";
import { TextMap } from "../collections/text_map.ts";

/** The interval at which ids are forgotten together when their window is over, in milliseconds. */
const FORGET_MS = 1000;

/** How many old ids are forgotten with each new one. */
const PRUNED_WITH = 16;

/** A message that was stored under a dedup id, or is about to be. */
export interface RememberedMessage {
  readonly id: number;
  /** When it came, in milliseconds since 1970. */
  readonly at: number;
  isStored: boolean;
}

export interface DedupIdSnapshot {
  readonly dedupId: string;
  readonly id: number;
  /** When it came, in milliseconds since 1970. */
  readonly at: number;
}

/**
 * The dedup ids that a stream has seen lately, so that a message is stored once. Bounded by time and by
 * count; the oldest are forgotten first.
 */
export class DedupWindow {
  /** By dedup id; the last message is the newest, also if its dedup id was used before. */
  #messages: AgedMap<string, RememberedMessage> | undefined;
  readonly #countMax: number;
  readonly #hash: KeyedHash | undefined;

  /**
   * @param countMax How many ids are remembered.
   * @param hash The hash of ids, which others may use too; without a secret key by default.
   */
  constructor(countMax: number = DEDUP_COUNT_MAX, hash: KeyedHash | undefined = undefined) {
    this.#countMax = countMax;
    this.#hash = hash;
  }

  get size(): number {
    return this.#messages?.size ?? 0;
  }

  /** The message with a dedup id within the window, if there is one. */
  find(dedupId: string, now: number, windowMs: number): RememberedMessage | undefined {
    const message = this.#messages?.get(dedupId);
    return message !== undefined && message.at + windowMs > now ? message : undefined;
  }

  /** Remembers a message, and forgets ids that are too old or too many. */
  add(dedupId: string, message: RememberedMessage, windowMs: number): void {
    const messages = this.#messages ??= new AgedMap(new TextMap(this.#hash));
    messages.set(dedupId, message);
    if (messages.size > this.#countMax) messages.delete(messages.oldestKey!);
    this.prune(message.at, windowMs, PRUNED_WITH);
  }

  /** When the oldest dedup ids are to be forgotten; `Infinity` if there are none. */
  nextAt(windowMs: number): number {
    const oldest = this.#messages?.oldest;
    if (oldest === undefined) return Infinity;
    return Math.ceil((oldest.at + windowMs) / FORGET_MS) * FORGET_MS;
  }

  /** Forgets ids after their window, at most so many. */
  prune(now: number, windowMs: number, countMax: number = Infinity): void {
    const messages = this.#messages;
    if (messages === undefined) return;
    let left = countMax;
    for (let oldest = messages.oldest; oldest !== undefined; oldest = messages.oldest) {
      if (oldest.at + windowMs > now || --left < 0) return;
      messages.delete(messages.oldestKey!);
    }
    this.#messages = undefined;
  }

  /** Notes that a message is durable. */
  markStored(dedupId: string, id: number): void {
    const message = this.#messages?.get(dedupId);
    if (message?.id === id) message.isStored = true;
  }

  /** Forgets a message that was not stored. */
  delete(dedupId: string, id: number): void {
    if (this.#messages?.get(dedupId)?.id === id) this.#messages.delete(dedupId);
  }

  /** The ids within the window whose messages are durable. */
  takeSnapshot(now: number, windowMs: number): DedupIdSnapshot[] {
    const snapshot: DedupIdSnapshot[] = [];
    for (const [dedupId, { id, at, isStored }] of this.#messages ?? []) {
      if (isStored && at + windowMs > now) snapshot.push({ dedupId, id, at });
    }
    return snapshot;
  }
}
