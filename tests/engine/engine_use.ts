/**
 * A few words to use an engine with, through the port that sessions talk to.
 *
 * @module
 */

import {
  encodeBatch,
  type MessageProperties,
  type PropertyWishes,
  type StreamOptionsInput,
  type TagRange,
} from "../../protocol.ts";
import { checkBatch, findEntries } from "../../src/protocol/messages/batch.ts";
import { readProperties } from "../../src/protocol/messages/properties.ts";
import type {
  Engine,
  EngineFollower,
  EnginePublisher,
  NackDetails,
  NumberedBatch,
  PublisherInit,
  StreamFilter,
} from "../../src/broker/engine.ts";
import { batchOf, textsOf } from "../support/wire/batches.ts";
import {
  RecordingFollowerSink,
  RecordingPublisherSink,
} from "../support/broker/recording_sinks.ts";
import { bindOf, type TestBind } from "../support/broker/test_broker.ts";
import { assertEquals } from "@std/assert";

/** Large enough not to matter, small enough for a follower's limits. */
const MESSAGES = 4096;
export const BYTES: number = 16 * 1024 * 1024;

/** The time of a test, and of the engine in it. */
export class TestClock {
  /** Milliseconds since 1970: 14 November 2023. */
  now: number = 1_700_000_000_000;
  /** By so much the machine's clock is ahead of that. */
  aheadMs: number = 0;

  /** What the machine's clock says. */
  get date(): number {
    return this.now + this.aheadMs;
  }
}

/** A message with what it says of its own delivery. */
export interface WishedMessage extends PropertyWishes {
  readonly text: string;
}

/** A publisher that numbers its batches. */
export class Publishing {
  readonly sink: RecordingPublisherSink = new RecordingPublisherSink();
  readonly port: EnginePublisher;
  #sequence = 1;
  #batchCount = 0;

  constructor(engine: Engine, bind: TestBind, options: Omit<PublisherInit, "bind">) {
    this.port = engine.openPublisher({ ...options, bind: bindOf(bind) }, this.sink);
  }

  /** Sends a batch with the next numbers, and waits for nothing. */
  send(...bodies: readonly (string | number)[]): void {
    this.sendAs(this.#sequence, ...bodies);
    this.#sequence += bodies.length;
  }

  /** Sends messages that say something of their own delivery, as one batch. */
  sendWished(...messages: readonly WishedMessage[]): void {
    const batch = encodeBatch(messages.map(({ text, ...wishes }) => {
      return { kind: 1, headers: {}, body: new TextEncoder().encode(text), wishes };
    }));
    const flags = checkBatch(batch, BYTES);
    this.#publish({ ...batch, flags, sequence: this.#sequence, settled: this.settled });
    this.#sequence += messages.length;
  }

  /** Sends such messages, and waits until they are stored; tells where, as {@linkcode outcomes}. */
  async storeWished(...messages: readonly WishedMessage[]): Promise<string> {
    this.sendWished(...messages);
    const outcomes = await this.outcomes();
    return outcomes.at(-1)!;
  }

  /** Below this number it says to know all outcomes. */
  settled = 0;

  /** The number of its next message. */
  get nextSequence(): number {
    return this.#sequence;
  }

  #publish(batch: Omit<NumberedBatch, "bytes">): void {
    this.port.publish({ ...batch, bytes: batch.end - batch.start });
    batch.buffer.fill(0xee);
    this.#batchCount++;
  }

  /** Sends a batch with given numbers. Its buffer is used again at once, as a socket's is. */
  sendAs(sequence: number, ...bodies: readonly (string | number)[]): void {
    this.#publish({ ...batchOf(...bodies), sequence, settled: this.settled });
  }

  /** Waits for the outcomes of all batches: where each was stored, or the code. */
  async outcomes(): Promise<string[]> {
    const outcomes = await this.sink.waitFor(this.#batchCount);
    return outcomes.map(({ stored, code, isDuplicate }) =>
      code ?? `${stored.join()}${isDuplicate ? " again" : ""}`
    );
  }

  /** Sends a batch and waits until it is stored. */
  async store(...bodies: readonly (string | number)[]): Promise<void> {
    this.send(...bodies);
    const outcomes = await this.sink.waitFor(this.#batchCount);
    assertEquals(outcomes.at(-1)?.code, undefined);
  }
}

/** What can be said of a follower. */
export interface FollowingOptions {
  readonly name?: string;
  readonly messages?: number;
  readonly bytes?: number;
  readonly isFull?: boolean;
  readonly reportsBegin?: boolean;
  readonly ordersKeys?: boolean;
  /** How many messages it works on at once. */
  readonly slots?: number;
  readonly filter?: StreamFilter;
  readonly owner?: string;
}

/** A follower that writes down what it gets. */
export class Following {
  readonly sink: RecordingFollowerSink;
  readonly port: EngineFollower;

  constructor(
    engine: Engine,
    bind: TestBind,
    options: FollowingOptions,
  ) {
    const { name = "follower", messages = MESSAGES, bytes = BYTES, isFull = false } = options;
    const { reportsBegin = false, ordersKeys, slots, filter, owner } = options;
    this.sink = new RecordingFollowerSink();
    this.sink.isFull = isFull;
    const limits = { messages, bytes };
    this.port = engine.openFollower(
      { name, ...limits, reportsBegin, ordersKeys, slots, filter, owner, bind: bindOf(bind) },
      this.sink,
    );
  }

  /** Waits for so many messages in all; tells of all of them as `stream:id×attempts text`. */
  async received(count: number): Promise<string[]> {
    const messages = await this.sink.waitFor(count);
    return messages.map(({ stream, id, attempts, text }) => `${stream}:${id}×${attempts} ${text}`);
  }

  /** Says that deliveries have failed, by tag, and waits until that is durable. */
  async nack(
    tags: readonly number[],
    { reason = "", ...others }: Partial<NackDetails> = {},
  ): Promise<void> {
    await this.port.nack(tags.map(single), { ...others, reason }, true);
  }

  /** Postpones deliveries by tag, and waits until that is durable. */
  async postpone(tags: readonly number[], delayMs: number, reason = ""): Promise<void> {
    await this.nack(tags, { delayMs, reason, isPostponed: true });
  }

  /** Rejects deliveries by tag, and waits until that is durable. */
  async reject(tags: readonly number[], reason = ""): Promise<void> {
    await this.port.reject(tags.map(single), reason, true);
  }

  /** Acknowledges deliveries by tag, and waits until that is durable. */
  async ack(...tags: readonly number[]): Promise<void> {
    await this.port.ack(tags.map(single), true);
  }
}

/** What an operator was told. */
export interface ReportedNotice {
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What goes with an engine. */
export interface EngineUseOptions {
  readonly clock?: TestClock | undefined;
  readonly reopen?: (() => Promise<Engine>) | undefined;
  readonly reports?: readonly ReportedNotice[];
}

/** An engine under test, with a few words to use it. */
export class EngineUse {
  engine: Engine;
  /** The engine's time. */
  readonly clock: TestClock;
  /** What an operator was told. */
  readonly reports: readonly ReportedNotice[];
  readonly #reopen: (() => Promise<Engine>) | undefined;
  #fenceCount = 0;

  constructor(engine: Engine, options: EngineUseOptions = {}) {
    this.engine = engine;
    this.clock = options.clock ?? new TestClock();
    this.reports = options.reports ?? [];
    this.#reopen = options.reopen;
  }

  /** Lets time pass; the engine does what is due. */
  advance(ms: number): void {
    this.clock.now += ms;
    this.engine.tick(this.clock.now);
    this.engine.tend(this.clock.now);
  }

  /** Ends the engine, and opens it again. */
  async restart(): Promise<void> {
    await this.engine.close();
    this.engine = await this.#reopen!();
  }

  /** Sets the machine's clock while the engine runs; no time passes. */
  setDate(date: number): void {
    this.clock.aheadMs = date - this.clock.now;
    this.advance(0);
  }

  /** Ends the engine, and opens it again when the machine's clock says this: a process begins by it. */
  async restartAt(date: number): Promise<void> {
    await this.engine.close();
    this.clock.now = date;
    this.clock.aheadMs = 0;
    this.engine = await this.#reopen!();
  }

  /** Looks at all messages of a stream, as `id×attempts state text`. */
  async look(stream: string): Promise<string[]> {
    const { infos, entries } = await this.engine.peek(stream, 1, 1000);
    const count = infos.length;
    const batch = { count, buffer: entries, start: 0, end: entries.length };
    const texts = textsOf(batch);
    return infos.map(({ id, attempts, state }, at) => `${id}×${attempts} ${state} ${texts[at]}`);
  }

  /** The properties of all messages of a stream. */
  async properties(stream: string): Promise<MessageProperties[]> {
    const { infos, entries } = await this.engine.peek(stream, 1, 1000);
    const count = infos.length;
    const offsets = findEntries({ count, buffer: entries, start: 0, end: entries.length });
    return offsets.map((offset) => readProperties(entries, offset));
  }

  publisher(
    bind: TestBind,
    identity: string = "publisher",
    others: Omit<PublisherInit, "identity" | "bind"> = {},
  ): Publishing {
    return new Publishing(this.engine, bind, { identity, ...others });
  }

  follower(
    bind: TestBind,
    options: FollowingOptions = {},
  ): Following {
    return new Following(this.engine, bind, options);
  }

  /** Creates a stream with options. */
  async createWith(stream: string, options: StreamOptionsInput): Promise<void> {
    await this.engine.createStream(stream, options);
  }

  async create(...streams: readonly string[]): Promise<void> {
    for (const stream of streams) await this.engine.createStream(stream);
  }

  /** Waits for a message that goes after all that has been done so far. */
  async fence(): Promise<void> {
    const stream = `fence-${++this.#fenceCount}`;
    await this.create(stream);
    const follower = this.follower(stream, { name: stream });
    for (let round = 1; round <= 3; round++) {
      await this.publisher(stream, `${stream}-${round}`).store("fence");
      await follower.received(round);
    }
    await follower.ack(1, 2, 3);
    follower.port.close();
    await this.engine.deleteStream(stream);
  }

  /** The ids that followers of one name hold, as `stream:id`. */
  async pel(name: string): Promise<string[]> {
    const entries = await this.engine.getPel(name);
    return entries.map(({ stream, id }) => `${stream}:${id}`);
  }

  /** A stream's counts: ready, pending, followers. */
  async counts(stream: string): Promise<[number, number, number]> {
    const { ready, pending, followers } = await this.engine.getStream(stream);
    return [ready, pending, followers];
  }
}

/** The range of one tag. */
export function single(firstTag: number): TagRange {
  return { firstTag, count: 1 };
}

/** The numbers from 1 to `count`. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
