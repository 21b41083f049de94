import { type FrameWriter, writeCredit } from "../../../protocol.ts";
import type { HeldMessages } from "../deliveries/held_messages.ts";
import { type Prefetch, WORK_MS } from "./prefetch.ts";

export interface CreditBasis {
  readonly held: HeldMessages;
  readonly fetched: { readonly count: number };
  /** Gives the fetched messages back, because the handler does not take them. */
  readonly giveBack: () => void;
  /** Whether they are collected for somebody who waits for more of them. */
  readonly isAwaited: () => boolean;
  /** How many loops wait, although there are some: those wait for their keys. */
  readonly waiting: () => number;
}

/** The number of messages that a follower asks the broker for. */
export class FollowerCredit {
  readonly prefetch: Prefetch;
  readonly #basis: CreditBasis;
  /** Paused until a loop asks for a message; stopped while the broker stops. */
  #state: "flowing" | "paused" | "stopped" = "paused";
  /** The credit last sent to the broker. */
  #sent = 0;
  /** The number of slots last sent to the broker. */
  #sentSlots = 1;
  /** How many messages loops had at once, with those that they waited for. */
  #busyCount = 1;
  /** The slots of handlers; a loop that takes one message after the other needs none. */
  #slotCount = 0;
  /** Slots that the broker is not told of. */
  #borrowedSlots = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(prefetch: Prefetch, basis: CreditBasis) {
    this.prefetch = prefetch;
    this.#basis = basis;
  }

  /** How many messages are worked on at once. */
  get slots(): number {
    return Math.max(1, this.prefetch.slots - this.#borrowedSlots, this.#busyCount);
  }

  /**
   * More or fewer messages are worked on at once.
   *
   * @param handlers How many handlers have them, if they have several messages of one key: a follower with more
   * slots gets fewer messages of each key.
   */
  addSlots(count: number, handlers: number): void {
    this.#slotCount += count;
    this.#borrowedSlots += count - handlers;
    this.prefetch.slots = Math.max(1, this.#slotCount);
  }

  /** Loops have so many messages, with those that they wait for. */
  noteBusy(count: number): void {
    this.#busyCount = Math.max(this.#busyCount, count);
  }

  /** Whether messages that arrive are given back. */
  get isPaused(): boolean {
    return this.#state !== "flowing";
  }

  /** Whether the broker must be told of a new credit. */
  get isChanged(): boolean {
    return this.#sent !== this.#wanted || this.#sentSlots !== this.slots;
  }

  /** Begins on a new link; returns the first credit. */
  restart(isAsked: boolean, windowMax: number): number {
    this.prefetch.restart(windowMax);
    this.#state = isAsked ? "flowing" : "paused";
    this.#sent = this.#wanted;
    this.#sentSlots = this.slots;
    return this.#sent;
  }

  /** A loop asks for a message; returns whether the credit changes. */
  ask(): boolean {
    if (this.#state !== "paused") return false;
    this.#state = "flowing";
    return true;
  }

  /** Asks for nothing more until a loop asks. */
  pause(): void {
    if (this.#state === "flowing") this.#state = "paused";
  }

  /** Asks for nothing more on this link. */
  stop(): void {
    this.#state = "stopped";
  }

  /** The broker waits for a new credit. */
  renew(): void {
    this.#sent = -1;
  }

  /** @param basis The follower, and the most bytes to hold; whether the broker knows of slots. */
  write(
    writer: FrameWriter,
    { knowsSlots, ...basis }: { follower: number; bytes: number; knowsSlots: boolean },
  ): void {
    if (!this.isChanged) return;
    const { slots } = this;
    this.#sent = this.#wanted;
    this.#sentSlots = slots;
    writeCredit(writer, { ...basis, messages: this.#sent, ...knowsSlots && { slots } });
  }

  /** Checks from time to time whether the handler still takes the fetched messages. */
  watch(): void {
    if (this.#timer !== undefined || !this.prefetch.isAutomatic) return;
    const { held, fetched, giveBack, isAwaited, waiting } = this.#basis;
    this.#timer = setInterval(() => {
      if (fetched.count === 0) this.unwatch();
      else if (isAwaited()) return;
      else if (this.prefetch.tick(fetched.count, held.count + waiting())) giveBack();
    }, WORK_MS);
  }

  unwatch(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  get #wanted(): number {
    return this.#state === "flowing" ? this.prefetch.window : this.#basis.held.count;
  }
}
