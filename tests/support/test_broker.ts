/**
 * A broker with nothing around it: `now` is a number, and what is committed becomes durable at once,
 * or when the test says so.
 *
 * @module
 */

import type { BindFields, TagRange } from "../../protocol.ts";
import { Broker, type Publisher } from "../../src/broker/broker.ts";
import type { Event } from "../../src/broker/event.ts";
import type { Follower } from "../../src/broker/follower.ts";
import { batchOf } from "./batches.ts";
import { RecordingFollowerSink, RecordingPublisherSink } from "./recording_sinks.ts";

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
  readonly publisher: Publisher;
  readonly sink: RecordingPublisherSink = new RecordingPublisherSink();
  readonly #broker: Broker;
  #sequence = 1;

  constructor(broker: Broker, options: { identity: string; bind: BindFields }) {
    this.#broker = broker;
    this.publisher = broker.openPublisher(options, this.sink);
  }

  /** Publishes texts, or bodies of so many bytes, as one batch with the next numbers. */
  publish(...bodies: readonly (string | number)[]): void {
    this.publishAs(this.#sequence, ...bodies);
    this.#sequence += bodies.length;
  }

  /** Publishes a batch with given numbers. */
  publishAs(sequence: number, ...bodies: readonly (string | number)[]): void {
    const batch = batchOf(...bodies);
    this.#broker.publish(this.publisher, { ...batch, sequence, settled: 0, bytes: batch.end });
    // Whoever keeps the buffer beyond the call will see this.
    batch.buffer.fill(0xee);
  }
}

/** A follower and all that it was given. */
export class TestFollower {
  readonly follower: Follower;
  readonly sink: RecordingFollowerSink;
  readonly #broker: Broker;

  constructor(
    broker: Broker,
    options: { name: string; bind: BindFields; messages: number; bytes: number },
  ) {
    this.#broker = broker;
    this.sink = new RecordingFollowerSink();
    this.follower = broker.openFollower(options, this.sink);
  }

  /** Everything it was given, as `stream:id×attempts`. */
  get received(): string[] {
    return this.sink.messages.map(({ stream, id, attempts }) => `${stream}:${id}×${attempts}`);
  }

  ack(...tags: readonly number[]): void {
    this.#broker.ack(this.follower, tags.map(single), () => {});
  }

  release(...tags: readonly number[]): void {
    this.#broker.release(this.follower, tags.map(single));
  }

  begin(...tags: readonly number[]): void {
    this.#broker.begin(this.follower, tags.map(single));
  }

  setCredit(messages: number, bytes: number = PLENTY): void {
    this.#broker.setCredit(this.follower, messages, bytes);
  }

  /** Ends it as its client would that has received `lastTag`, or as lost. */
  close(lastTag?: number): void {
    this.#broker.closeFollower(this.follower, lastTag);
  }
}

/** A broker under test. */
export class TestBroker {
  readonly broker: Broker;
  /** All events that were committed. */
  readonly events: Event[] = [];
  /** The time. */
  now = 1000;
  /** Whether events wait for {@linkcode TestBroker.sync} to become durable. */
  isSlow = false;
  /** Whether the broker has asked to be dispatched since it was last. */
  isWoken = false;
  #waiting: (() => void)[] = [];

  /** Creates a broker with some streams. */
  constructor(...streams: readonly string[]) {
    this.broker = new Broker({
      durability: "test",
      compilePattern: (pattern, ignoreCase) => {
        const expression = new RegExp(pattern, ignoreCase ? "i" : "");
        return (name) => expression.test(name);
      },
      commit: (event, done) => this.#commit(event, done),
      wake: () => this.isWoken = true,
    });
    for (const stream of streams) this.create(stream);
  }

  create(stream: string): void {
    this.broker.createStream(stream, () => {});
  }

  publisher(bind: TestBind, identity: string = "publisher"): TestPublisher {
    return new TestPublisher(this.broker, { identity, bind: bindOf(bind) });
  }

  follower(
    bind: TestBind,
    options: { name?: string; messages?: number; bytes?: number } = {},
  ): TestFollower {
    const { name = "follower", messages = PLENTY, bytes = PLENTY } = options;
    return new TestFollower(this.broker, { name, messages, bytes, bind: bindOf(bind) });
  }

  /** Hands out, if the broker has asked for it; dispatching without having been asked is no use. */
  dispatch(): void {
    if (!this.isWoken) return;
    this.isWoken = false;
    this.broker.dispatch(this.now);
  }

  /** Makes durable what waits for it, or the first of it. */
  sync(countMax: number = Infinity): void {
    for (const apply of this.#waiting.splice(0, countMax)) apply();
  }

  #commit(event: Event, done: () => void): void {
    if (event.type === "published") {
      // A durable engine copies the bytes before the call returns, into the midst of others.
      const { count, buffer, start, end } = event.batch;
      const copy = new Uint8Array(end - start + 20).fill(0xee);
      copy.set(buffer.subarray(start, end), 10);
      event = { ...event, batch: { count, buffer: copy, start: 10, end: copy.length - 10 } };
    }
    this.events.push(event);
    const apply = () => {
      this.broker.apply(event);
      done();
    };
    if (this.isSlow) this.#waiting.push(apply);
    else apply();
  }
}

function single(firstTag: number): TagRange {
  return { firstTag, count: 1 };
}
