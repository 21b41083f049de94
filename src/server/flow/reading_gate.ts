import type { Link } from "../../transport/link.ts";
import type { ByteBudget } from "./byte_budget.ts";
import type { WorkTurn } from "./work_turn.ts";

/** What a gate looks at. */
export interface ReadingGateOptions {
  readonly link: Link;
  readonly budget: ByteBudget;
  /** How many bytes of answers may wait to be taken. */
  readonly answerBytesMax: number;
  /** Whether as much is under way for the client as may be. */
  readonly isBusy: () => boolean;
  readonly turn: WorkTurn;
}

/**
 * Keeps a session from reading on while its client asks faster than it takes the answers, while the
 * broker has as many unconfirmed bytes as it may, or while it is the turn of others. Deliveries keep
 * nobody from reading: a client that takes them slowly has to be heard.
 */
export class ReadingGate {
  readonly #options: ReadingGateOptions;
  /** At most so much waits to be taken that was not asked for. */
  #pushedBytes = 0;
  #receivedKib = 0;
  /** Set while something is done in slices that the next frame comes behind. */
  #work: Promise<void> | undefined;
  /** Set while something is waited for that may have become true when it resolves. */
  #changed: PromiseWithResolvers<void> | undefined;
  #isAwaitingBudget = false;

  constructor(options: ReadingGateOptions) {
    this.#options = options;
  }

  /** Whether nothing is in the way of reading on. */
  get isOpen(): boolean {
    const { link, budget } = this.#options;
    return link.isClosed || (!this.#isBehind && !budget.isSpent);
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
    return this.isOpen ? turn : this.until(() => this.isOpen);
  }

  /** Resolves when something is true, or when the connection is closed. */
  async until(isTrue: () => boolean): Promise<void> {
    while (!this.#options.link.isClosed && !isTrue()) {
      this.#awaitBudget();
      this.#changed ??= Promise.withResolvers();
      await this.#changed.promise;
    }
  }

  /** Something has changed: those who wait look again. */
  look(): void {
    this.#pushedBytes = Math.min(this.#pushedBytes, this.#options.link.outboundBytes);
    this.#changed?.resolve();
    this.#changed = undefined;
  }

  /** What was received since the last frame, in KiB: a message takes about as long as a step. */
  #takeReceived(): number {
    const received = Math.floor(this.#options.link.receivedBytes / 1024);
    const more = received - this.#receivedKib;
    this.#receivedKib = received;
    return more;
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
