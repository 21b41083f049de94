/** What was counted, and what it should be. */
type Entry = readonly [what: string, found: number, expected: number];

/**
 * The account of a transfer: messages 1, 2, 3 …, each sent, confirmed and taken once. Taken messages are
 * counted, and their numbers summed, so that a lost message cannot hide behind a doubled one.
 */
export class Account {
  readonly #copies: number;
  #sentCount = 0;
  #confirmedCount = 0;
  #takenCount = 0;
  #takenSum = 0;

  /** @param copies How many streams get each message. */
  constructor(copies: number = 1) {
    this.#copies = copies;
  }

  /** How many messages were sent, or are about to be. */
  get sentCount(): number {
    return this.#sentCount;
  }

  /** How many copies of messages have come. */
  get takenCount(): number {
    return this.#takenCount;
  }

  /** The sum of the numbers that have come. */
  get takenSum(): number {
    return this.#takenSum;
  }

  /** How many messages are confirmed. */
  get confirmedCount(): number {
    return this.#confirmedCount;
  }

  /** How many copies of messages were sent and have not come yet. */
  get backlog(): number {
    return this.#sentCount * this.#copies - this.#takenCount;
  }

  /** How many copies of messages are confirmed and have not come yet. */
  get lead(): number {
    return this.#confirmedCount * this.#copies - this.#takenCount;
  }

  /** A number that grows as long as anything goes on. */
  get progress(): number {
    return this.#confirmedCount + this.#takenCount;
  }

  /** Enters messages that are about to be sent; returns the number of the first one. */
  send(count: number): number {
    const first = this.#sentCount + 1;
    this.#sentCount += count;
    return first;
  }

  /** Enters confirms. */
  confirm(count: number): void {
    this.#confirmedCount += count;
  }

  /** Enters a message that has come. */
  take(number: number): void {
    this.#takenCount++;
    this.#takenSum += number;
  }

  /** Enters messages that have come to another process. */
  takeAll(count: number, sumOfNumbers: number): void {
    this.#takenCount += count;
    this.#takenSum += sumOfNumbers;
  }

  /**
   * Checks that everything is accounted for.
   *
   * @param left How many messages the broker still has, pending ones included.
   * @param stored How many it has ever stored, if it tells.
   * @throws {Error} If anything is missing, or there is too much of anything.
   */
  check(left: number, stored?: number): void {
    const count = this.#sentCount;
    const copies = this.#copies;
    const entries: Entry[] = [
      ["messages confirmed", this.#confirmedCount, count],
      ["messages taken", this.#takenCount, count * copies],
      ["sum of the numbers taken", this.#takenSum, copies * count * (count + 1) / 2],
      ["messages left in the streams", left, 0],
    ];
    if (stored !== undefined) entries.push(["messages ever stored", stored, count * copies]);
    const wrong = entries.filter(([, found, expected]) => found !== expected);
    if (wrong.length === 0) return;
    const report = wrong.map(([what, found, expected]) => `${what}: ${found}, not ${expected}`);
    throw new Error(`The round does not add up: ${report.join("; ")}`);
  }
}
