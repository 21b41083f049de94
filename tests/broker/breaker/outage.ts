/**
 * Followers whose handlers call a service, and the service is down at times: everything in one process, on
 * a clock that jumps from one event to the next.
 *
 * @module
 */

import type { StreamOptionsInput, TagRange } from "../../../protocol.ts";
import type { Delivery, EngineFollower, FollowerSink } from "../../../src/broker/engine.ts";
import { bindOf, TestBroker } from "../../support/broker/test_broker.ts";

/** Says whether the service answers a call about a message. */
export type Service = (now: number, id: number) => boolean;

export interface OutageOptions {
  readonly count: number;
  readonly followers: number;
  /** How many messages each follower works on at once. */
  readonly slots: number;
  readonly service: Service;
  readonly stream: StreamOptionsInput;
  /** How long a call takes, in milliseconds. */
  readonly callMs?: number;
}

/** A follower that works on some messages at once and fetches others ahead. */
class Caller implements FollowerSink {
  readonly isFull = false;
  readonly port: EngineFollower;
  /** The tags and ids of what no handler has. */
  readonly #fetched = new Map<number, number>();
  /** When each call ends, and for which message, by tag. */
  readonly #calls = new Map<number, { readonly endAt: number; readonly id: number }>();
  readonly #outage: Outage;

  constructor(outage: Outage, name: string) {
    this.#outage = outage;
    const { slots } = outage.options;
    this.port = outage.test.broker.openFollower({
      name,
      bind: bindOf("calls"),
      messages: 100 + slots,
      bytes: 1e9,
      reportsBegin: true,
      slots,
    }, this);
  }

  /** When its first call ends; `Infinity` if there is none. */
  get nextAt(): number {
    let at = Infinity;
    for (const { endAt } of this.#calls.values()) at = Math.min(at, endAt);
    return at;
  }

  deliver({ firstTag, firstId, batch: { count } }: Delivery): void {
    this.#outage.noteDelivered(count);
    for (let index = 0; index < count; index++) {
      this.#fetched.set(firstTag + index, firstId + index);
    }
  }

  revoke(ranges: readonly TagRange[]): void {
    for (const { firstTag, count } of ranges) {
      for (let tag = firstTag; tag < firstTag + count; tag++) {
        this.#fetched.delete(tag);
        this.#calls.delete(tag);
      }
    }
  }

  noteDeleted(): void {}

  end(): void {}

  /** Ends calls that are over, and makes others. */
  work(now: number): void {
    const { options: { slots, service, callMs = 50 } } = this.#outage;
    for (const [tag, { endAt, id }] of [...this.#calls]) {
      if (endAt > now || !this.#calls.delete(tag)) continue;
      const range = [{ firstTag: tag, count: 1 }];
      if (service(now, id)) {
        this.#outage.ackedCount++;
        this.port.ack(range, false);
      } else {
        this.#outage.failedCount++;
        this.port.nack(range, { reason: "ECONNREFUSED", isFault: true }, false);
      }
    }
    for (const [tag, id] of this.#fetched) {
      if (this.#calls.size >= slots) break;
      this.#fetched.delete(tag);
      this.port.begin([{ firstTag: tag, count: 1 }]);
      this.#calls.set(tag, { endAt: now + callMs, id });
    }
  }
}

/** A stream, its followers, and the service that they need. */
export class Outage {
  readonly test: TestBroker = new TestBroker();
  readonly options: OutageOptions;
  readonly #callers: readonly Caller[];
  ackedCount = 0;
  failedCount = 0;
  /** How many messages were delivered while the breaker was open. */
  probeCount = 0;
  /** When it opened and closed, in milliseconds from the beginning. */
  readonly openings: { readonly at: number; closedAt: number; failedBefore: number }[] = [];
  readonly #startAt: number;

  constructor(options: OutageOptions) {
    this.options = options;
    this.test.create("calls", options.stream);
    this.#startAt = this.test.now;
    this.#callers = Array.from(
      { length: options.followers },
      (_, index) => new Caller(this, `caller ${index}`),
    );
    const texts = Array.from({ length: options.count }, (_, index) => `${index}`);
    this.test.publisher("calls").publish(...texts);
  }

  /** The time since the beginning, in milliseconds. */
  get atMs(): number {
    return this.test.now - this.#startAt;
  }

  get isOpen(): boolean {
    return this.test.getStream("calls").breaker !== undefined;
  }

  /** How many messages are dead. */
  get deadCount(): number {
    return this.test.getStream("calls").totals.dead.maxDeliveries;
  }

  /** The attempts that the messages have used up, the most of one of them. */
  get attemptsMax(): number {
    const { share } = this.test.broker.state.router.requireStream("calls");
    const runs = [...share.listReturned(), ...share.delayed.list()];
    return Math.max(0, ...runs.map(({ attempts }) => attempts));
  }

  noteDelivered(count: number): void {
    if (this.openings.at(-1)?.closedAt === Infinity) this.probeCount += count;
  }

  /** Lets time pass until then, or until everything is done. */
  runUntil(atMs: number): void {
    const end = this.#startAt + atMs;
    this.#goOn();
    while (this.test.now < end && this.ackedCount < this.options.count) {
      let next = Math.min(end, this.test.broker.tick(this.test.now));
      for (const caller of this.#callers) next = Math.min(next, caller.nextAt);
      this.test.now = Math.max(next, this.test.now);
      this.test.broker.tick(this.test.now);
      this.#goOn();
    }
  }

  #goOn(): void {
    for (const caller of this.#callers) caller.work(this.test.now);
    this.#look();
    this.test.dispatch();
    for (const caller of this.#callers) caller.work(this.test.now);
  }

  #look(): void {
    const last = this.openings.at(-1);
    const wasOpen = last?.closedAt === Infinity;
    if (this.isOpen === wasOpen) return;
    if (wasOpen) last.closedAt = this.atMs;
    else {
      const failedBefore = this.failedCount;
      this.openings.push({ at: this.atMs, closedAt: Infinity, failedBefore });
    }
  }
}
