import { describeTimes, type Percentiles } from "./statistics.ts";

/** Numbers in a row that grows, without an object for each: what measures must not make garbage. */
class Row {
  #values: Float64Array;
  #length = 0;

  /** @param room So many numbers come, if that is known. */
  constructor(room: number) {
    // Written to, so that the system finds the memory now.
    this.#values = new Float64Array(Math.max(4096, room)).fill(0);
  }

  set(index: number, value: number): void {
    if (index >= this.#values.length) {
      const grown = new Float64Array(Math.max(index + 1, this.#values.length * 2));
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[index] = value;
    this.#length = Math.max(this.#length, index + 1);
  }

  get(index: number): number {
    return this.#values[index]!;
  }

  push(value: number): void {
    this.set(this.#length, value);
  }

  get values(): Float64Array {
    return this.#values.subarray(0, this.#length);
  }
}

/** Notes when each message was sent, confirmed and delivered. */
export class LatencyLog {
  readonly #first: number;
  readonly #sentAt: Row;
  readonly #late: Row;
  readonly #lateBy: Row;
  readonly #untilConfirmedSinceSent: Row;
  readonly #untilConfirmed: Row;
  readonly #untilDelivered: Row;

  /**
   * @param first The number of the first message that is timed.
   * @param count How many are, if that is known: a row that grows while it measures makes V8 collect garbage.
   */
  constructor(first: number, count: number = 0) {
    this.#first = first;
    this.#sentAt = new Row(count);
    this.#late = new Row(count);
    this.#lateBy = new Row(count);
    this.#untilConfirmedSinceSent = new Row(count);
    this.#untilConfirmed = new Row(count);
    this.#untilDelivered = new Row(count);
  }

  /**
   * A message is about to be sent. One that this is not called for is not noted at all.
   *
   * @param dueAt When it was due, if that is not now.
   */
  sent(number: number, dueAt?: number, now: number = performance.now()): void {
    this.#sentAt.set(number - this.#first, dueAt ?? now);
    const lateBy = now - (dueAt ?? now);
    this.#lateBy.set(number - this.#first, lateBy);
    if (dueAt !== undefined) this.#late.push(lateBy);
  }

  /** A message was sent when it was due by another process, or about to be. */
  due(number: number, dueAt: number): void {
    this.#sentAt.set(number - this.#first, dueAt);
  }

  /** The confirm of a message is here. */
  confirmed(number: number): void {
    const index = number - this.#first;
    if (index < 0) return;
    const sentAt = this.#sentAt.get(index);
    if (!(sentAt > 0)) return;
    const ms = performance.now() - sentAt;
    this.#untilConfirmed.push(ms);
    this.#untilConfirmedSinceSent.push(ms - this.#lateBy.get(index));
  }

  /** A follower has a message. */
  delivered(number: number): void {
    this.#note(this.#untilDelivered, number);
  }

  /** From when messages were due to the call. */
  get late(): Percentiles {
    return describeTimes(this.#late.values);
  }

  /** From the call to the confirm. */
  get confirm(): Percentiles {
    return describeTimes(this.#untilConfirmed.values);
  }

  /** From when messages were really sent to the confirm. */
  get sinceSent(): Percentiles {
    return describeTimes(this.#untilConfirmedSinceSent.values);
  }

  /** From the call to the follower's loop. */
  get delivery(): Percentiles {
    return describeTimes(this.#untilDelivered.values);
  }

  #note(row: Row, number: number): void {
    const sentAt = this.#sentAt.get(number - this.#first);
    if (sentAt > 0) row.push(performance.now() - sentAt);
  }
}
