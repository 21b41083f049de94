/** A call that may have to wait. */
export interface QueuedCall {
  /** The ordinal of its first message in the order of the calls. */
  readonly ordinal: number;
  /** Puts its messages into batches. */
  readonly place: () => void;
  /** Fails the call: its messages are not sent. */
  readonly refuse: (error: Error) => void;
}

/** The most empty places at the front before the array is cut. */
const GAP_MAX = 1024;

/**
 * Lets in the calls of a publisher in their order. A call waits while too many messages are unconfirmed. Both
 * ends of the queue cost the same, however long it is.
 */
export class CallQueue {
  /** The ordinal of the next message. */
  nextOrdinal = 1;
  /** The most messages that may be under way. */
  readonly #room: number;
  /** From this ordinal on, calls wait. */
  #from: number;
  #calls: (QueuedCall | undefined)[] = [];
  #head = 0;

  constructor(room: number) {
    this.#room = room;
    this.#from = this.nextOrdinal + room;
  }

  /** Whether a new call is let in at once. */
  get isOpen(): boolean {
    return this.nextOrdinal < this.#from;
  }

  /**
   * Takes a call that may have to wait.
   *
   * @param count The number of its messages.
   * @param place Puts them into batches.
   * @param refuse Fails the call: they are not sent.
   */
  enter(
    count: number,
    place: (ordinal: number) => void,
    refuse: (error: Error) => void,
  ): QueuedCall {
    const ordinal = this.nextOrdinal;
    this.nextOrdinal += count;
    const call: QueuedCall = { ordinal, place: () => place(ordinal), refuse };
    if (ordinal < this.#from) call.place();
    else {
      this.#calls.push(call);
      // Later calls wait behind it.
      this.#from = 0;
    }
    return call;
  }

  /**
   * Lets in the calls for which there is room.
   *
   * @param findOldest Finds the oldest message without an outcome, if there is one.
   */
  move(findOldest: () => number | undefined): void {
    for (;;) {
      const limit = (findOldest() ?? this.nextOrdinal) + this.#room;
      const next = this.first;
      this.#from = next === undefined ? limit : 0;
      if (next === undefined || next.ordinal >= limit) return;
      this.#shift();
      next.place();
    }
  }

  /** The next call, if any waits. */
  get first(): QueuedCall | undefined {
    while (this.#head < this.#calls.length && this.#calls[this.#head] === undefined) this.#head++;
    return this.#calls[this.#head];
  }

  /** Takes a call out, wherever it is. */
  remove(call: QueuedCall): void {
    // A call that has been let in is not searched for in the whole queue.
    if (call.ordinal < (this.first?.ordinal ?? Infinity)) return;
    const index = this.#calls.indexOf(call, this.#head);
    if (index >= 0) this.#calls[index] = undefined;
  }

  /** Takes all of them out. */
  takeAll(): QueuedCall[] {
    const calls = this.#calls.filter((call) => call !== undefined);
    this.#calls = [];
    this.#head = 0;
    return calls;
  }

  #shift(): void {
    this.#calls[this.#head++] = undefined;
    if (this.#head < GAP_MAX || this.#head * 2 < this.#calls.length) return;
    this.#calls = this.#calls.slice(this.#head);
    this.#head = 0;
  }
}
