import { setImmediate } from "node:timers";
import { BrokerError } from "../../protocol.ts";
import type { Decided, Event, Stored } from "../../src/broker/event.ts";
import { trimEvent } from "../../src/broker/events/event_codec.ts";
import type { Appender, EventLog, LoggedState, StoreOutcome } from "../../src/broker/event_log.ts";

const NOT_OWNER = new BrokerError("SHUTTING_DOWN", "Cannot store messages: another broker does");

/** Events that outlive brokers: one of them appends, others may read what it appends. */
export class EventArray {
  readonly events: Event[] = [];
  readonly readers: Set<LoggedState> = new Set();
  owner: ArrayLog | undefined;

  append(event: Event): void {
    this.events.push(event);
    for (const reader of this.readers) reader.apply(event);
  }
}

type Waiting = { event?: Event; finish?: (() => void) | undefined; outcome?: StoreOutcome };

/** A log in an array. What it is given is durable a turn later, or when {@linkcode flush} is called. */
export class ArrayLog implements EventLog, Appender {
  readonly name = "array";
  readonly durability = "array";
  eventCount = 0;
  isHeld = false;
  lossCount = 0;
  readonly #array: EventArray;
  readonly #mayAppend = Promise.withResolvers<void>();
  #waiting: Waiting[] = [];

  constructor(array: EventArray, isStandby = false) {
    this.#array = array;
    if (!isStandby) this.takeOver();
  }

  async open(state: LoggedState): Promise<this> {
    for (const event of this.#array.events) state.apply(event);
    this.#array.readers.add(state);
    await this.#mayAppend.promise;
    this.#array.readers.delete(state);
    return this;
  }

  /** Takes the right to append; whoever has had it has lost it, and is told. */
  takeOver(): void {
    const loser = this.#array.owner;
    this.#array.owner = this;
    this.#mayAppend.resolve();
    if (loser === undefined) return;
    loser.lossCount++;
    // What is not durable never will be.
    for (const { outcome } of loser.#waiting.splice(0)) outcome?.failed(NOT_OWNER);
  }

  flush(): void {
    for (const { event, finish } of this.#waiting.splice(0)) {
      if (event !== undefined) this.#array.append(event);
      finish?.();
    }
  }

  store(event: Stored, outcome: StoreOutcome): void {
    const { count, buffer, start, end } = event.batch;
    const batch = { count, buffer: buffer.slice(start, end), start: 0, end: end - start };
    const kept = { ...event, batch };
    this.#add({ event: kept, outcome, finish: () => outcome.stored(kept) });
  }

  commit(event: Decided, written?: () => void): void {
    this.#add({ event: event.type === "failed" ? trimEvent(event) : event, finish: written });
  }

  whenDurable(done: () => void): void {
    if (this.#waiting.length === 0 && this.#array.owner === this) return done();
    this.#add({ finish: done });
  }

  findObstacle(): undefined {}

  tend(): number {
    return Infinity;
  }

  // deno-lint-ignore require-await
  async close(): Promise<void> {
    this.flush();
  }

  #add(waiting: Waiting): void {
    if (waiting.event !== undefined) this.eventCount++;
    // Who has lost the right is silent; messages are never stored.
    if (this.#array.owner !== this) return waiting.outcome?.failed(NOT_OWNER);
    this.#waiting.push(waiting);
    if (this.#waiting.length === 1) setImmediate(() => this.isHeld || this.flush());
  }
}
