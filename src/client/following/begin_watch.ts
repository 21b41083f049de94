import { setImmediate } from "node:timers";
import type { HeldMessages } from "../deliveries/held_messages.ts";
import type { DeliveredMessage } from "../deliveries/delivered_message.ts";

export interface BeginWatchOptions {
  readonly held: HeldMessages;
  /** Whether there are messages to hand out. */
  readonly hasMore: () => boolean;
  /** Reports to the broker that a handler has a message. */
  readonly report: (tag: number) => void;
}

/**
 * Reports messages that handlers keep for some time: their ack timeout begins, and they count as attempts if
 * the follower is lost. Messages that are processed quickly are not reported and cost nothing: a timer checks
 * whether the message in hand was there at the check before.
 */
export class BeginWatch {
  readonly #options: BeginWatchOptions;
  #beginMs = 0;
  #isWary = false;
  /** The tag of the newest message at the last check. */
  #seenTag = 0;
  /** The highest reported tag; messages are handed out in the order of their tags. */
  #reportedTag = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: BeginWatchOptions) {
    this.#options = options;
  }

  /** Whether even a single message may have to be reported when it is handed out. */
  get isWary(): boolean {
    return this.#isWary;
  }

  /** Starts on a new link; messages are to be reported within `beginMs` milliseconds. */
  start(beginMs: number): void {
    this.stop();
    this.#beginMs = beginMs;
    this.#isWary = beginMs === 0;
    this.#seenTag = this.#reportedTag = 0;
  }

  wake(isDoubtful: boolean | undefined): void {
    if (isDoubtful) this.#isWary = true;
    // A message that two checks have seen has been there for at least half the time.
    if (this.#beginMs > 0) this.#timer ??= setInterval(() => this.#look(), this.#beginMs / 2);
  }

  /** A message was handed out while handlers have others, or to a wary follower. */
  note({ tag, isDoubtful }: DeliveredMessage, othersCount: number): void {
    const { held } = this.#options;
    // Until now the other message was the only one.
    if (othersCount === 1) this.#report(held.oldestTag);
    if (othersCount > 0 || isDoubtful) this.#report(tag);
    else if (this.#beginMs === 0) setImmediate(() => this.#reportHeld(tag));
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const { held, hasMore } = this.#options;
    const { newestTag } = held;
    if (newestTag === 0 && !hasMore()) return this.stop();
    if (newestTag === this.#seenTag && newestTag > 0) this.#report(newestTag);
    this.#seenTag = newestTag;
    // It is reported; no check is needed until more messages come.
    if (newestTag === this.#reportedTag && !hasMore()) this.stop();
  }

  #reportHeld(tag: number): void {
    if (this.#options.held.find(tag) !== undefined) this.#report(tag);
  }

  #report(tag: number): void {
    if (tag <= this.#reportedTag) return;
    this.#reportedTag = tag;
    this.#options.report(tag);
  }
}
