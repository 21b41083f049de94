import type { Borrower } from "./borrower.ts";

/**
 * While others wait, so many messages are given of a key before it has to be free for a moment: enough for a
 * full batch, and so few that nobody waits long.
 */
const GIVEN_MAX = 128;

/** The most messages that come back together and are given out together. */
const BACK_MAX = 128;

/** Ids in front of the first one are dropped when there are more of them than this, and than of the others. */
const GONE_MAX = 64;

/**
 * The messages that hold one key, if they are more than one: those that its borrower has, and those that have
 * come back and keep it. They are in the order in which they were delivered; the first one is the holder.
 */
export class Loan {
  /** How many of them the borrower has. */
  outCount: number;
  /** How many the borrower was given since it got the key. */
  givenCount: number;
  #ids: number[];
  /** The index of the first one. */
  #at = 0;

  constructor(first: number, outCount: number) {
    this.#ids = [first];
    this.outCount = outCount;
    this.givenCount = outCount;
  }

  get size(): number {
    return this.#ids.length - this.#at;
  }

  /** The first message; there must be one. */
  get first(): number {
    return this.#ids[this.#at]!;
  }

  /** The last message; there must be one. */
  get last(): number {
    return this.#ids[this.#ids.length - 1]!;
  }

  push(id: number): void {
    this.#ids.push(id);
  }

  /** The message behind `index` others; undefined if there is none. */
  at(index: number): number | undefined {
    return this.#ids[this.#at + index];
  }

  /**
   * Whether a message is the first of those that came back, and only these are behind it.
   *
   * @param isBack Whether no follower has a message.
   */
  isNext(id: number, isBack: (id: number) => boolean): boolean {
    const { outCount } = this;
    if (outCount > BACK_MAX || this.at(outCount) !== id) return false;
    return this.#ids.slice(this.#at, this.#at + outCount).every((one) => !isBack(one));
  }

  /** Puts a message in front of the first one that is behind it; returns whether there is one. */
  insert(id: number, isBehind: (other: number) => boolean): boolean {
    const index = this.#ids.findIndex((other, index) => index >= this.#at && isBehind(other));
    if (index >= 0) this.#ids.splice(index, 0, id);
    return index >= 0;
  }

  /** Those behind a message. */
  listAfter(id: number): number[] {
    return this.#ids.slice(this.#ids.indexOf(id, this.#at) + 1);
  }

  remove(id: number): void {
    const ids = this.#ids;
    if (ids[this.#at] === id) {
      this.#at++;
      if (this.#at <= GONE_MAX || this.#at < ids.length - this.#at) return;
      ids.splice(0, this.#at);
      this.#at = 0;
    } else if (ids[ids.length - 1] === id) ids.pop();
    else ids.splice(ids.indexOf(id, this.#at), 1);
  }
}

/** How many more messages of a key that is lent its borrower may have; without a loan it has one. */
export function findLoanRoom(loan: Loan | undefined, borrower: Borrower): number {
  const room = borrower.keyRoom - (loan?.outCount ?? 1);
  if (room <= 0 || !borrower.hasRivals) return room;
  return Math.min(room, GIVEN_MAX - (loan?.givenCount ?? 1));
}
