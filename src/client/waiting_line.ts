/**
 * Calls that wait until a publisher has fewer messages unconfirmed.
 *
 * @module
 */

/** A call that waits. */
export interface WaitingCall {
  /** The place of its first message in the order of the calls. */
  readonly ordinal: number;
  /** Puts its messages on their way. */
  readonly place: () => void;
  /** Its messages are not sent. */
  readonly refuse: (error: Error) => void;
}

/** So many places at the front may be empty before the line moves up. */
const GAP_MAX = 1024;

/** The calls that wait, in their order. Both ends cost the same, however long it is. */
export class WaitingLine {
  #calls: (WaitingCall | undefined)[] = [];
  #head = 0;

  /** Who is next, if anybody waits. */
  get first(): WaitingCall | undefined {
    while (this.#head < this.#calls.length && this.#calls[this.#head] === undefined) this.#head++;
    return this.#calls[this.#head];
  }

  /** Puts a call at the end. */
  add(call: WaitingCall): void {
    this.#calls.push(call);
  }

  /** Lets the first one go. */
  shift(): void {
    this.#calls[this.#head++] = undefined;
    if (this.#head < GAP_MAX || this.#head * 2 < this.#calls.length) return;
    this.#calls = this.#calls.slice(this.#head);
    this.#head = 0;
  }

  /** Takes a call out, wherever it is; returns whether it was still there. */
  remove(call: WaitingCall): boolean {
    // Whoever has left the line is not looked for in all of it.
    if (call.ordinal < (this.first?.ordinal ?? Infinity)) return false;
    const index = this.#calls.indexOf(call, this.#head);
    if (index < 0) return false;
    this.#calls[index] = undefined;
    return true;
  }

  /** Takes all of them out. */
  takeAll(): WaitingCall[] {
    const calls = this.#calls.filter((call) => call !== undefined);
    this.#calls = [];
    this.#head = 0;
    return calls;
  }
}
