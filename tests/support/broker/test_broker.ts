/**
 * A broker with nothing around it: `now` is a number, and what is committed becomes durable at once,
 * or when the test says so.
 *
 * @module
 */

import type {
  BindFields,
  BrokerError,
  MessageBatch,
  StreamInfo,
  StreamOptionsInput,
  TagRange,
} from "../../../protocol.ts";
import { Broker } from "../../../src/broker/broker.ts";
import type { FollowerInit, PublisherInit } from "../../../src/broker/engine.ts";
import type { Decided, Event, Moved, Stored } from "../../../src/broker/event.ts";
import type { Appender, EventLog, StoreOutcome } from "../../../src/broker/event_log.ts";
import type { BrokerFollower } from "../../../src/broker/rules/broker_follower.ts";
import type { BrokerPublisher } from "../../../src/broker/rules/broker_publisher.ts";
import type { FollowerState } from "../../../src/broker/share/follower_state.ts";
import { CronerReader } from "../../../src/engine/cron.ts";
import type { Place } from "../../../src/broker/backlog/pager.ts";
import { Residency } from "../../../src/broker/backlog/residency.ts";
import { encodeBatch } from "../../../protocol.ts";
import { findFlags } from "../../../src/protocol/messages/batch.ts";
import type { PropertyWishes } from "../../../src/protocol/messages/property_wishes.ts";
import { batchOf } from "../wire/batches.ts";
import { RecordingFollowerSink, RecordingPublisherSink } from "./recording_sinks.ts";
import { unlimited } from "./test_stream.ts";

/** Large enough not to matter. */
const PLENTY = 1_000_000;

/** A string is a direct bind, a RegExp is a pattern. */
export type TestBind = string | RegExp;

/** Makes a bind as the wire says it. */
export function bindOf(bind: TestBind): BindFields {
  if (typeof bind === "string") {
    return { routeString: bind, bindType: "direct", ignoreCase: false };
  }
  return { routeString: bind.source, bindType: "regex", ignoreCase: bind.ignoreCase };
}

/** A publisher and all that it has heard. */
export class TestPublisher {
  readonly publisher: BrokerPublisher;
  readonly sink: RecordingPublisherSink = new RecordingPublisherSink();
  #sequence = 1;

  constructor(broker: Broker, init: PublisherInit) {
    this.publisher = broker.openPublisher(init, this.sink);
  }

  /** Publishes texts, or bodies of so many bytes, as one batch with the next numbers. */
  publish(...bodies: readonly (string | number)[]): void {
    this.publishAs(this.#sequence, ...bodies);
    this.#sequence += bodies.length;
  }

  /** Publishes messages of lanes, or with other wishes, as one batch. */
  publishWith(...wishes: readonly PropertyWishes[]): void {
    const body = new Uint8Array(10);
    const batch = encodeBatch(wishes.map((one) => ({ kind: 0, body, wishes: one })));
    const sequence = this.#sequence;
    this.#sequence += wishes.length;
    const flags = findFlags(batch);
    this.publisher.publish({ ...batch, sequence, settled: 0, bytes: batch.end, flags });
    batch.buffer.fill(0xee);
  }

  /** Publishes a batch with given numbers. */
  publishAs(sequence: number, ...bodies: readonly (string | number)[]): void {
    const batch = batchOf(...bodies);
    const numbered = { ...batch, sequence, settled: 0, bytes: batch.end };
    this.publisher.publish(numbered);
    // An engine that keeps the buffer beyond the call is found out by this.
    batch.buffer.fill(0xee);
  }
}

/** A follower and all that it was given. */
export class TestFollower {
  readonly open: BrokerFollower;
  readonly sink: RecordingFollowerSink = new RecordingFollowerSink();

  constructor(broker: Broker, init: FollowerInit) {
    this.open = broker.openFollower(init, this.sink);
  }

  get follower(): FollowerState {
    return this.open.follower;
  }

  /** Everything it was given, as `stream:id×attempts`. */
  get received(): string[] {
    return this.sink.messages.map(({ stream, id, attempts }) => `${stream}:${id}×${attempts}`);
  }

  ack(...tags: readonly number[]): void {
    this.open.ack(tags.map(single), true);
  }

  release(...tags: readonly number[]): void {
    this.open.release(tags.map(single));
  }

  begin(...tags: readonly number[]): void {
    this.open.begin(tags.map(single));
  }

  setCredit(messages: number, bytes: number = PLENTY): void {
    this.open.setCredit(messages, bytes);
  }

  /** Ends it as its client would that has received `lastTag`, or as lost. */
  close(lastTag?: number): void {
    this.open.close(lastTag);
  }
}

/** Something that is not durable yet. */
interface Waiting {
  /** What is to be written down, if anything is. */
  readonly event?: Event;
  readonly finish: () => void;
  /** Only what needs room can fail. */
  readonly fail?: (error: BrokerError) => void;
  /** Whether nobody waits for it. */
  readonly isLazy?: boolean;
}

/** Tells of all streams, by name. */
export function describeStreams({ state }: Broker): StreamInfo[] {
  return [...state.router.streams].map((stream) => stream.describe("test", 0))
    .sort((one, other) => one.name < other.name ? -1 : 1);
}

/** A broker under test, and its log. */
export class TestBroker implements EventLog, Appender {
  readonly name = "test";
  readonly durability = "test";
  readonly broker: Broker;
  /** All events, in the order in which they were given. */
  readonly events: Event[] = [];
  /** The time. */
  now = 1000;
  /** How much later it is whenever somebody reads the time, in milliseconds: the work takes so long. */
  readMs = 0;
  /** Whether events wait for {@linkcode TestBroker.sync} to become durable. */
  isSlow = false;
  /** Whether the broker has asked to be dispatched since it was last. */
  isWoken = false;
  /** Writes messages to a store and tells where they are; there is none as long as this is not set. */
  write: ((batch: MessageBatch) => Place) | undefined;
  /** The streams that were found damaged. */
  readonly damaged: string[] = [];
  #waiting: Waiting[] = [];

  /** Creates a broker with some streams, and memory without a limit if nothing else is said. */
  constructor(...setup: readonly (string | Residency)[]) {
    const residency = setup.find((one) => one instanceof Residency) ?? unlimited();
    this.broker = new Broker({
      log: this,
      now: () => this.now += this.readMs,
      compilePattern: (pattern, ignoreCase) => {
        const expression = new RegExp(pattern, ignoreCase ? "i" : "");
        return (name) => expression.test(name);
      },
      cron: new CronerReader(),
      residency,
      wake: () => this.isWoken = true,
      report: (message, { stream }) => {
        if (message === "a stream is not served") this.damaged.push(stream as string);
      },
    });
    this.broker.begin(this);
    for (const stream of setup) if (typeof stream === "string") this.create(stream);
  }

  create(stream: string, options: StreamOptionsInput = {}): void {
    this.broker.createStream(stream, options);
  }

  publisher(
    bind: TestBind,
    identity: string = "publisher",
    sent: { readonly sentUntil?: number; readonly sentMs?: number } = {},
  ): TestPublisher {
    return new TestPublisher(this.broker, { identity, bind: bindOf(bind), ...sent });
  }

  follower(
    bind: TestBind,
    options: {
      name?: string;
      messages?: number;
      bytes?: number;
      slots?: number;
      ordersKeys?: boolean;
    } = {},
  ): TestFollower {
    const { name = "follower", messages = PLENTY, bytes = PLENTY, slots, ordersKeys } = options;
    const init = { name, messages, bytes, slots, ordersKeys, bind: bindOf(bind) };
    return new TestFollower(this.broker, init);
  }

  /** Hands out, if the broker has asked for it; dispatching without having been asked is no use. */
  dispatch(): void {
    if (!this.isWoken) return;
    this.isWoken = false;
    this.broker.dispatch();
  }

  /** How many of the events are durable: the first ones. */
  get durableCount(): number {
    const waiting = this.#waiting.filter(({ event }) => event !== undefined).length;
    return this.events.length - waiting;
  }

  /** Makes durable what waits for it, or the first of it that somebody waits for. */
  sync(countMax: number = Infinity): void {
    for (let left = countMax; left > 0 && this.#waiting.length > 0;) {
      const { finish, isLazy } = this.#waiting.shift()!;
      if (isLazy !== true) left--;
      finish();
    }
  }

  /** Does not store what waits for it: the rest of it becomes durable. */
  fail(error: BrokerError): void {
    const waiting = this.#waiting.splice(0);
    for (const { event, fail } of waiting) {
      if (fail === undefined) continue;
      this.events.splice(this.events.indexOf(event!), 1);
      fail(error);
    }
    for (const { finish, fail } of waiting) if (fail === undefined) finish();
  }

  /** Tells of a stream; throws if there is none, or if it is not served. */
  getStream(name: string): StreamInfo {
    const stream = this.broker.state.router.requireStream(name);
    if (stream.damage !== undefined) throw stream.damage;
    return stream.describe("test", this.now);
  }

  get eventCount(): number {
    return this.events.length;
  }

  open(): Promise<this> {
    return Promise.resolve(this);
  }

  findObstacle(): undefined {}

  whenDurable(done: () => void): void {
    this.#defer({ finish: done });
  }

  tend(): number {
    return Infinity;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  commit(event: Decided, written?: () => void): void {
    this.events.push(event);
    this.#defer({ event, finish: () => written?.(), isLazy: true });
  }

  /** Writes messages that are stored to another place. */
  move(moved: Moved): void {
    const event = this.#keep(moved);
    this.events.push(event);
    this.#defer({ event, finish: () => this.broker.apply(event), fail: () => {} });
  }

  store(stored: Stored, outcome: StoreOutcome): void {
    const event = this.#keep(stored);
    this.events.push(event);
    const finish = () => outcome.stored(event);
    this.#defer({ event, finish, fail: (error) => outcome.failed(error) });
  }

  /** Copies messages before the call returns, as a durable engine does, into the midst of others. */
  #keep<E extends Stored | Moved>(event: E): E {
    const { count, buffer, start, end } = event.batch;
    const copy = new Uint8Array(end - start + 20).fill(0xee);
    copy.set(buffer.subarray(start, end), 10);
    const batch = { count, buffer: copy, start: 10, end: copy.length - 10 };
    const place = this.write?.(batch);
    return { ...event, batch, ...place !== undefined && { place } };
  }

  #defer(waiting: Waiting): void {
    if (this.isSlow) this.#waiting.push(waiting);
    else waiting.finish();
  }
}

function single(firstTag: number): TagRange {
  return { firstTag, count: 1 };
}
