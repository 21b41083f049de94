/**
 * What was sent and what came, by count and by the sum of the messages' numbers.
 *
 * @module
 */

/** What the broker says of a stream in the end. */
export interface StreamState {
  /** Messages that nobody has taken. */
  readonly ready: number;
  /** Messages that were taken and not acknowledged. */
  readonly pending: number;
  /** The id of the next message. */
  readonly nextId: number;
}

/** What was counted, and what it should be. */
type Entry = readonly [what: string, found: number, expected: number];

/** The account of one round: messages 1 to `count`, each sent, confirmed and taken once. */
export class Account {
  /** How many messages the round has. */
  readonly count: number;
  readonly #copies: number;
  #confirmedCount = 0;
  #takenCount = 0;
  #takenSum = 0;

  /**
   * Opens an account.
   *
   * @param count How many messages are sent.
   * @param copies How many streams get each of them.
   */
  constructor(count: number, copies: number = 1) {
    this.count = count;
    this.#copies = copies;
  }

  /** Whether as many messages have come as were to be sent. */
  get isComplete(): boolean {
    return this.#takenCount >= this.count * this.#copies;
  }

  /** How many messages have come. */
  get takenCount(): number {
    return this.#takenCount;
  }

  /** How many messages are confirmed and have not come yet. */
  get lead(): number {
    return this.#confirmedCount * this.#copies - this.#takenCount;
  }

  /** A number that grows as long as anything goes on. */
  get progress(): number {
    return this.#confirmedCount + this.#takenCount;
  }

  /** Notes that so many more messages are confirmed. */
  confirm(count: number): void {
    this.#confirmedCount += count;
  }

  /** Notes that a message has come. */
  take(number: number): void {
    this.#takenCount++;
    this.#takenSum += number;
  }

  /**
   * Checks that everything is accounted for.
   *
   * @param state What the broker says of the stream, after the last acknowledgement.
   * @throws {Error} If anything is missing, or there is too much of anything.
   */
  check(state: StreamState): void {
    this.#compare([
      ["messages left in the stream", state.ready, 0],
      ["messages not acknowledged", state.pending, 0],
      ["messages ever stored", state.nextId - 1, this.count],
    ]);
  }

  /**
   * Checks that everything is accounted for, where a broker tells no more than what is left.
   *
   * @param left How many messages are left, taken and not acknowledged included.
   * @throws {Error} If anything is missing, or there is too much of anything.
   */
  checkLeft(left: number): void {
    this.#compare([["messages left in the streams", left, 0]]);
  }

  #compare(entries: readonly Entry[]): void {
    const { count } = this;
    const own: readonly Entry[] = [
      ["messages confirmed", this.#confirmedCount, count],
      ["messages taken", this.#takenCount, count * this.#copies],
      ["sum of the numbers taken", this.#takenSum, this.#copies * count * (count + 1) / 2],
    ];
    const wrong = [...own, ...entries].filter(([, found, expected]) => found !== expected);
    if (wrong.length === 0) return;
    const report = wrong.map(([what, found, expected]) => `${what}: ${found}, not ${expected}`);
    throw new Error(`The round does not add up: ${report.join("; ")}`);
  }
}
