/**
 * Which message a handler has for so long that the broker has to know of it: its time begins, and it
 * counts as an attempt if the follower is lost. What is done at once is never spoken of.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { HeldMessages } from "./held_messages.ts";

/** Watches the message that is in hand alone; of others it is said at once. */
export class BeginWatch {
  readonly #held: HeldMessages;
  readonly #report: (tag: number) => void;
  #beginMs = 0;
  /** The tag of the message in hand; 0 if there is none. */
  #tag = 0;
  /** Whether it has come since the last look. */
  #isNew = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  /**
   * @param held What the follower holds.
   * @param report Says that a handler has a message.
   */
  constructor(held: HeldMessages, report: (tag: number) => void) {
    this.#held = held;
    this.#report = report;
  }

  /** Begins to watch, over a connection whose broker wants to know within so many milliseconds. */
  start(beginMs: number): void {
    this.stop();
    this.#beginMs = beginMs;
  }

  /** A handler gets a message. */
  note(tag: number): void {
    this.#tag = tag;
    this.#isNew = true;
    if (this.#timer === undefined) this.#begin();
  }

  /** Watches no more. */
  stop(): void {
    this.#tag = 0;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #begin(): void {
    // What is new at one look and there at the next one has been there for half the time at least.
    if (this.#beginMs > 0) this.#timer = setInterval(() => this.#look(), this.#beginMs / 2);
    else {
      const tag = this.#tag;
      setImmediate(() => tag === this.#tag && this.#reportHeld());
    }
  }

  #look(): void {
    if (this.#isNew && this.#held.find(this.#tag) !== undefined) this.#isNew = false;
    else this.#reportHeld();
  }

  #reportHeld(): void {
    const tag = this.#tag;
    this.stop();
    if (this.#held.find(tag) !== undefined) this.#report(tag);
  }
}
