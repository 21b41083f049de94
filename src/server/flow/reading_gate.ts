/**
 * What keeps a session from reading on: it asks faster than it takes the answers, the broker has as
 * many unconfirmed bytes as it may, or it is somebody else's turn. What is delivered to it keeps nobody from reading: a client that
 * takes it slowly has to be heard.
 *
 * @module
 */

import type { Link } from "../../transport/link.ts";
import type { ByteBudget } from "./byte_budget.ts";
import type { WorkTurn } from "./work_turn.ts";

/** What a gate looks at. */
export interface ReadingGateOptions {
  /** The session's connection. */
  readonly link: Link;
  /** How many unconfirmed bytes there may be. */
  readonly budget: ByteBudget;
  /** How many bytes of answers may wait to be taken. */
  readonly answerBytesMax: number;
  /** Whether as many requests are under way as may be. */
  readonly isBusy: () => boolean;
  /** How much is done in one turn of the event loop. */
  readonly turn: WorkTurn;
}

/** Stands between a session and its next frame. */
export class ReadingGate {
  readonly #options: ReadingGateOptions;
  /** What waits to be taken and was not asked for: at most so much. */
  #pushedBytes = 0;
  #receivedKib = 0;
  /** Set while something is done in slices that the next frame comes behind. */
  #work: Promise<void> | undefined;
  /** Set while nothing is read. */
  #opened: PromiseWithResolvers<void> | undefined;
  #isAwaitingBudget = false;

  constructor(options: ReadingGateOptions) {
    this.#options = options;
  }

  /** Whether nothing is read, and not because the client takes its answers too slowly. */
  get isDeaf(): boolean {
    return this.#options.link.isHeldBack && !this.#isBehind;
  }

  /** Notes bytes for the client that are no answers. */
  notePushed(bytes: number): void {
    this.#pushedBytes += bytes;
  }

  /** Lets the next frame wait until something is done. */
  hold(work: Promise<void>): void {
    this.#work = work.finally(() => this.#work = undefined);
  }

  /** Notes a frame; what to wait for before the next one is read, if anything. */
  wait(): Promise<void> | undefined {
    const turn = this.#options.turn.note(1 + this.#takeReceived());
    if (this.#work !== undefined) return this.#work;
    if (this.#isOpen) return turn;
    this.#opened ??= Promise.withResolvers();
    this.#awaitBudget();
    return this.#opened.promise;
  }

  /** Something has changed: reads on, if nothing is in the way any more. */
  look(): void {
    this.#pushedBytes = Math.min(this.#pushedBytes, this.#options.link.outboundBytes);
    if (this.#opened === undefined) return;
    if (this.#isOpen) {
      this.#opened.resolve();
      this.#opened = undefined;
    } else {
      this.#awaitBudget();
    }
  }

  /** What was received since the last frame, in KiB: a message takes about as long as a step. */
  #takeReceived(): number {
    const received = Math.floor(this.#options.link.receivedBytes / 1024);
    const more = received - this.#receivedKib;
    this.#receivedKib = received;
    return more;
  }

  get #isOpen(): boolean {
    const { link, budget } = this.#options;
    return link.isClosed || (!this.#isBehind && !budget.isSpent);
  }

  /** Whether the client asks faster than it takes the answers. */
  get #isBehind(): boolean {
    const { link, answerBytesMax, isBusy } = this.#options;
    return link.outboundBytes - this.#pushedBytes >= answerBytesMax || isBusy();
  }

  /** Looks again when there is something left of the budget, if it is spent. */
  #awaitBudget(): void {
    if (this.#isAwaitingBudget) return;
    const room = this.#options.budget.wait();
    if (room === undefined) return;
    this.#isAwaitingBudget = true;
    room.then(() => {
      this.#isAwaitingBudget = false;
      this.look();
    });
  }
}
