import {
  type Log,
  type LogBounds,
  type LogFollowing,
  RefusedError,
} from "../../../../src/engine/replicated/log.ts";

/** An append on its way: to the log, and the answer back. */
export class Attempt {
  readonly expected: number;
  readonly record: Uint8Array;
  readonly #log: ScriptedLog;
  readonly #settled = Promise.withResolvers<number>();
  #outcome: number | Error | undefined;
  #isSettled = false;

  constructor(log: ScriptedLog, expected: number, record: Uint8Array) {
    this.#log = log;
    this.expected = expected;
    this.record = record;
  }

  get whenSettled(): Promise<number> {
    return this.#settled.promise;
  }

  get hasArrived(): boolean {
    return this.#outcome !== undefined;
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** It comes to the log, and is stored if it fits. The sender may have given up. */
  arrive(): this {
    this.#outcome ??= this.#log.store(this.expected, this.record);
    return this;
  }

  /** The answer comes back to the sender; it arrives before, if it has not. */
  answer(): void {
    this.arrive();
    const outcome = this.#outcome!;
    if (typeof outcome === "number") this.answerWith(outcome);
    else this.fail(outcome);
  }

  answerWith(sequence: number): void {
    this.#isSettled = true;
    this.#settled.resolve(sequence);
  }

  /** The sender hears of an error, by default that there was no answer. */
  fail(error: Error = new Error("there was no answer")): void {
    this.#isSettled = true;
    this.#settled.reject(error);
  }
}

/** A log that does what a test says, when it says it. */
export class ScriptedLog implements Log {
  /** Whether appends are stored and answered at once. */
  isPrompt = true;
  isFull = false;
  /** What the next reads, and looks at the bounds, come to; the truth if there is nothing. */
  readonly readings: ("none" | Error)[] = [];
  readonly looks: (Error | Partial<LogBounds>)[] = [];
  readonly attempts: Attempt[] = [];
  first = 1;
  readonly records: Uint8Array[] = [];
  /** Hears of each record that is stored. */
  stored: (sequence: number) => void = () => {};

  get last(): number {
    return this.first + this.records.length - 1;
  }

  /** Appends whose answer has not come. */
  get open(): Attempt[] {
    return this.attempts.filter(({ isSettled }) => !isSettled);
  }

  at(sequence: number): Uint8Array | undefined {
    return this.records[sequence - this.first];
  }

  /** Compares and stores. */
  store(expected: number, record: Uint8Array): number | Error {
    if (this.isFull) return new RefusedError("Cannot append: the log is full", "full");
    if (expected !== this.last) {
      return new RefusedError("Cannot append: another sequence", "sequence", this.last);
    }
    this.records.push(record);
    this.stored(this.last);
    return this.last;
  }

  append(expected: number, record: Uint8Array): Promise<number> {
    const attempt = new Attempt(this, expected, record.slice());
    this.attempts.push(attempt);
    if (this.isPrompt) attempt.answer();
    return attempt.whenSettled;
  }

  read(sequence: number): Promise<Uint8Array | undefined> {
    const reading = this.readings.shift();
    if (reading instanceof Error) return Promise.reject(reading);
    return Promise.resolve(reading === "none" ? undefined : this.at(sequence)?.slice());
  }

  bounds(): Promise<LogBounds> {
    const look = this.looks.shift();
    if (look instanceof Error) return Promise.reject(look);
    const { first, last } = this;
    return Promise.resolve({
      first,
      last,
      bytes: 0,
      bytesMax: undefined,
      leader: undefined,
      replicas: undefined,
      ...look,
    });
  }

  trim(below: number): Promise<void> {
    this.records.splice(0, below - this.first);
    this.first = below;
    return Promise.resolve();
  }

  follow(): LogFollowing {
    throw new Error("Cannot follow: a scripted log is read");
  }

  changeNode(): Promise<void> {
    return Promise.resolve();
  }

  announce(): void {}

  listen(): void {}

  close(): Promise<void> {
    return Promise.resolve();
  }
}
