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
    this.#seenTag = 0;
  }

  wake(isDoubtful: boolean | undefined): void {
    if (isDoubtful) this.#isWary = true;
    // A message that two checks have seen has been there for at least half the time.
    if (this.#beginMs > 0) this.#timer ??= setInterval(() => this.#look(), this.#beginMs / 2);
  }

  /** A message was handed out while handlers have others, or to a wary follower. */
  note(message: DeliveredMessage, othersCount: number): void {
    const { held } = this.#options;
    // Until now the other message was the only one.
    if (othersCount === 1) this.#report(held.find(held.oldestTag));
    if (othersCount > 0 || message.isDoubtful) this.#report(message);
    else if (this.#beginMs === 0) setImmediate(() => this.#reportHeld(message));
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const { held, hasMore } = this.#options;
    const { newestTag } = held;
    if (newestTag === 0 && !hasMore()) return this.stop();
    const newest = newestTag === 0 ? undefined : held.find(newestTag);
    if (newestTag === this.#seenTag) this.#report(newest);
    this.#seenTag = newestTag;
    // It is reported; no check is needed until more messages come.
    if (newest?.isBegun && !hasMore()) this.stop();
  }

  #reportHeld(message: DeliveredMessage): void {
    if (this.#options.held.has(message)) this.#report(message);
  }

  #report(message: DeliveredMessage | undefined): void {
    if (message === undefined || message.isBegun) return;
    message.isBegun = true;
    this.#options.report(message.tag);
  }
}
