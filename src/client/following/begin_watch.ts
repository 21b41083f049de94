import { setImmediate } from "node:timers";
import type { HeldMessages } from "./held_messages.ts";
import type { DeliveredMessage } from "./delivered_message.ts";

export interface BeginWatchOptions {
  /** What the follower holds. */
  readonly held: HeldMessages;
  /** Whether there are messages to hand out. */
  readonly hasMore: () => boolean;
  /** Says that a handler has the message of a tag. */
  readonly report: (tag: number) => void;
}

/**
 * Watches for messages that handlers have for so long that the broker has to know of it: their time begins,
 * and they count as attempts if the follower is lost. What is done at once is never spoken of, and costs
 * nothing: a timer looks whether the message in hand is the one that was there before.
 */
export class BeginWatch {
  readonly #options: BeginWatchOptions;
  #beginMs = 0;
  #isWary = false;
  /** The tag of the newest message at the last look. */
  #seenTag = 0;
  /** The highest tag that was reported: messages are handed out in their order. */
  #reportedTag = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: BeginWatchOptions) {
    this.#options = options;
  }

  /** Whether also a message that is in hand alone may have to be reported when it is handed out. */
  get isWary(): boolean {
    return this.#isWary;
  }

  /** Begins to watch, over a connection whose broker wants to know within so many milliseconds. */
  start(beginMs: number): void {
    this.stop();
    this.#beginMs = beginMs;
    this.#isWary = beginMs === 0;
    this.#seenTag = this.#reportedTag = 0;
  }

  wake(isDoubtful: boolean | undefined): void {
    if (isDoubtful) this.#isWary = true;
    // What is there at two looks has been there for half the time at least.
    if (this.#beginMs > 0) this.#timer ??= setInterval(() => this.#look(), this.#beginMs / 2);
  }

  /** A message was handed out beside so many others, or to a follower that is wary. */
  note({ tag, isDoubtful }: DeliveredMessage, othersCount: number): void {
    const { held } = this.#options;
    // The other one was alone until now.
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
    // However long its handler takes: there is nothing to look for before something comes.
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
