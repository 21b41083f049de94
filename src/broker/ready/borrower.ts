import type { NumberLine } from "../tables/number_line.ts";

/** A follower that messages go to, and what it may have of one key. */
export interface Borrower {
  /** Whether its client hands out messages of one key one at a time, in order. */
  readonly ordersKeys: boolean;
  /** The most messages of one key that it may have at once, if it orders them. */
  readonly keyRoom: number;
  /** Whether other followers have room, and wait for something that they may have. */
  readonly hasRivals: boolean;
  /** Notes that messages wait for a key that is lent to it. */
  owe(key: number): void;
  /** The keys that are noted, in the order in which they were; some may be lent to others by now. */
  readonly owed: NumberLine | undefined;
}
