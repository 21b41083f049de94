import type { Link } from "../../transport/link.ts";
import type { ByteBudget } from "./byte_budget.ts";
import type { OutboundShare } from "./outbound_share.ts";
import type { WorkTurn } from "./work_turn.ts";

/** The session, as its gate sees it. */
export interface ReadingGateOptions {
  readonly link: Link;
  readonly budget: ByteBudget;
  /** The most bytes of answers that may wait for the client. */
  readonly share: OutboundShare;
  /** Whether the client has as much under way as allowed. */
  readonly isBusy: () => boolean;
  /** Whether nothing may be answered at present. */
  readonly isHalted: () => boolean;
  readonly turn: WorkTurn;
}

/**
 * Stops a session from reading while its client asks faster than it reads the answers, while the broker
 * has too many unconfirmed bytes or may not answer, or while others have their turn. Waiting deliveries do not stop reading:
 * a client that reads them slowly must be heard.
 */
export class ReadingGate {
  readonly #options: ReadingGateOptions;
  /** An upper bound of the waiting bytes that are no answers. */
  #pushedBytes = 0;
  #receivedKib = 0;
  /** Set while work in slices must end before the next frame. */
  #work: Promise<void> | undefined;
  /** Set while a wait is under way; the state is checked again when it resolves. */
  #changed: PromiseWithResolvers<void> | undefined;
  #isAwaitingBudget = false;

  constructor(options: ReadingGateOptions) {
    this.#options = options;
  }

  /** Whether reading may go on. */
  get isOpen(): boolean {
    const { link, budget, isHalted } = this.#options;
    return link.isClosed || (!this.#isBehind && !budget.isSpent && !isHalted());
  }

  /** Whether nothing is read for another reason than that the client reads its answers too slowly. */
  get isDeaf(): boolean {
    return this.#options.link.isHeldBack && !this.#isBehind;
  }

  /** Whether there is room for more answers. */
  get hasRoom(): boolean {
    const { link, share } = this.#options;
    return link.outboundBytes - this.#pushedBytes < share.bytesMax;
  }

  /** Notes bytes for the client that are no answers. */
  notePushed(bytes: number): void {
    this.#pushedBytes += bytes;
  }

  /** Lets the next frame wait for some work. */
  hold(work: Promise<void>): void {
    this.#work = work.finally(() => this.#work = undefined);
  }

  /** Notes a frame; returns a promise to wait for before the next one, if there is one. */
  wait(): Promise<void> | undefined {
    const turn = this.#options.turn.note(1 + this.#takeReceived());
    if (this.#work !== undefined) return this.#work;
    return this.isOpen ? turn : this.until(() => this.isOpen);
  }

  /** Resolves when a condition is true, or when the connection is closed. */
  async until(isTrue: () => boolean): Promise<void> {
    while (!this.#options.link.isClosed && !isTrue()) {
      this.#awaitBudget();
      this.#changed ??= Promise.withResolvers();
      await this.#changed.promise;
    }
  }

  /** Notes a change: waiting conditions are checked again. */
  look(): void {
    this.#pushedBytes = Math.min(this.#pushedBytes, this.#options.link.outboundBytes);
    this.#changed?.resolve();
    this.#changed = undefined;
  }

  /** The KiB received since the last frame: a message takes about as long as a step. */
  #takeReceived(): number {
    const received = Math.floor(this.#options.link.receivedBytes / 1024);
    const more = received - this.#receivedKib;
    this.#receivedKib = received;
    return more;
  }

  /** Whether the client asks faster than it reads the answers. */
  get #isBehind(): boolean {
    return !this.hasRoom || this.#options.isBusy();
  }

  /** Checks again when some of the budget is free, if it is spent. */
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
