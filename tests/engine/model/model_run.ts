/**
 * An engine and a model of the rules, driven side by side and compared.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { encodeBatch, type StreamOptionsInput } from "../../../protocol.ts";
import { findEntries, findFlags } from "../../../src/protocol/messages/batch.ts";
import { readEntryPriority } from "../../../src/protocol/messages/entry.ts";
import { readProperties } from "../../../src/protocol/messages/properties.ts";
import type { EngineFollower, EnginePublisher } from "../../../src/broker/engine.ts";
import type { LocalEngine } from "../../../src/engine/local_engine.ts";
import { createMemoryEngine } from "../../../src/engine/memory.ts";
import { textsOf } from "../../support/wire/batches.ts";
import {
  type ReceivedMessage,
  RecordingFollowerSink,
  RecordingPublisherSink,
} from "../../support/broker/recording_sinks.ts";
import { bindOf, type TestBind } from "../../support/broker/test_broker.ts";
import { Model } from "./model.ts";
import type { ModelFollower, SentMessage } from "./model_message.ts";
import { describeMessage, describeText, numberArrivals, type Peeked } from "./model_peek.ts";
import { asModelInfo, type ModelInfo } from "./model_streams.ts";
import { ModelTotals } from "./model_totals.ts";

const MEMORY_LIMIT = 6000;

/**
 * The streams that are created, with what is set for them; others hold their dead letters. A step
 * begins at a multiple of ten seconds, an expiry is up to 50 milliseconds later and up to 20 more until
 * it is done, and no deadline of a follower is so soon: which of them comes first is known.
 */
export const STREAMS: Readonly<Record<string, StreamOptionsInput>> = {
  a1: { maxDeliveries: 2, ackTimeoutMs: 100_103, backoffMs: [30_000, 90_000] },
  a2: { maxDeliveries: 3, ackTimeoutMs: 250_207, backoffMs: [0, 60_000], deadLetter: false },
  b1: { ttlMs: 200_001, deadLetterExpired: true, dedupWindowMs: 60_000 },
};
const PUBLISHER_BINDS: TestBind[] = ["a1", "b1", /^a/, /1$/, "a1.dead", "nowhere"];

/** How many followers there can be. */
export const FOLLOWER_COUNT = 4;

/** A publisher, with what it has sent. */
export interface PublisherSlot {
  readonly identity: string;
  readonly bind: TestBind;
  readonly sent: { sequence: number; messages: readonly SentMessage[] }[];
  port: EnginePublisher | undefined;
  sink: RecordingPublisherSink;
  nextSequence: number;
  settled: number;
}

/** A follower, on both sides. */
export interface FollowerSlot {
  readonly port: EngineFollower;
  readonly sink: RecordingFollowerSink;
  readonly model: ModelFollower;
}

/** The engine and the model, driven side by side. */
export class Run {
  readonly engine: LocalEngine = createMemoryEngine({
    memoryLimit: MEMORY_LIMIT,
    now: () => this.model.now,
    dateNow: () => this.model.now + this.model.aheadMs,
  });
  readonly model: Model = new Model(MEMORY_LIMIT, 1_000_000, () => this.engine.bookedBytes);
  readonly #totals = new ModelTotals();
  readonly publishers: PublisherSlot[] = PUBLISHER_BINDS.map((bind, index) => ({
    identity: `p${index}`,
    bind,
    sent: [],
    port: undefined,
    sink: new RecordingPublisherSink(),
    nextSequence: 1,
    settled: 0,
  }));
  readonly followers: (FollowerSlot | undefined)[] = [];
  /** Deliveries since the last look, in their order over all followers. */
  readonly #delivered: [ModelFollower, ReceivedMessage][] = [];
  #textCount = 0;

  makeTexts(sizes: readonly number[]): string[] {
    return sizes.map((size) => `${++this.#textCount}`.padEnd(size, "."));
  }

  open(who: number): PublisherSlot {
    const slot = this.publishers[who % this.publishers.length]!;
    if (slot.port !== undefined) return slot;
    const { identity, bind } = slot;
    slot.port = this.engine.openPublisher({ identity, bind: bindOf(bind) }, slot.sink);
    this.model.openPublisher(identity);
    return slot;
  }

  /** Publishes messages under the publisher's next numbers. */
  publishNext(slot: PublisherSlot, messages: readonly SentMessage[]): void {
    const sequence = slot.nextSequence;
    slot.nextSequence += messages.length;
    slot.sent.push({ sequence, messages });
    this.publish(slot, sequence, messages);
  }

  publish(slot: PublisherSlot, sequence: number, messages: readonly SentMessage[]): void {
    const { identity, bind, settled } = slot;
    const isRegex = typeof bind !== "string";
    const expected = this.model.publish(
      { identity, sequence, settled, sent: messages },
      { matches: matcher(bind), isRegex },
    );
    const before = slot.sink.outcomes.length;
    const batch = encodeBatch(messages.map(({ text, ...wishes }) => {
      return { kind: 1, headers: {}, body: new TextEncoder().encode(text), wishes };
    }));
    const flags = findFlags(batch);
    slot.port!.publish({ ...batch, flags, sequence, settled, bytes: batch.end });
    batch.buffer.fill(0);
    assertEquals(slot.sink.outcomes.length, before + 1);
    const { code, stored, isDuplicate } = slot.sink.outcomes.at(-1)!;
    assertEquals(code ?? [...stored].sort().join() + (isDuplicate ? " again" : ""), expected);
  }

  openFollower(
    slot: number,
    options: {
      name: string;
      bind: TestBind;
      messages: number;
      bytes: number;
      reportsBegin: boolean;
    },
  ): void {
    const { name, bind, messages, bytes, reportsBegin } = options;
    const model: ModelFollower = {
      name,
      matches: matcher(bind),
      messages,
      bytes,
      isFull: false,
      reportsBegin,
      lifeAt: -Infinity,
      isSuspended: false,
      nextTag: 1,
      held: [],
      lapsed: [],
      oldest: { tag: 0, since: 0 },
      revoked: [],
    };
    const sink = new RecordingFollowerSink((messages) => {
      for (const message of messages) this.#delivered.push([model, message]);
    });
    const port = this.engine.openFollower({ ...options, bind: bindOf(bind) }, sink);
    this.model.followers.add(model);
    this.followers[slot] = { port, sink, model };
  }

  closeFollower(slot: number, lastTag?: number): void {
    const follower = this.followers[slot];
    if (follower === undefined) return;
    follower.port.close(lastTag);
    this.model.closeFollower(follower.model, lastTag);
    this.followers[slot] = undefined;
  }

  /**
   * The broker stands still while followers go on: what they acknowledge meanwhile is heard before
   * anything that came due is looked at.
   *
   * @param ms How long.
   * @param countMax So many of what it holds each follower acknowledges.
   */
  stall(ms: number, countMax: number): void {
    if (ms === 0) return;
    // What expires is taken out together, some milliseconds apart: nothing is due so soon then.
    this.model.now += ms - 5000;
    for (const slot of this.followers) {
      const tags = slot?.model.held.slice(0, countMax).map(({ tag }) => tag) ?? [];
      if (slot === undefined || tags.length === 0) continue;
      const ranges = tags.map((firstTag) => ({ firstTag, count: 1 }));
      assertSame(this.model.ack(slot.model, ranges), undefined);
      slot.port.ack(ranges, false);
    }
    this.model.tick(this.model.now);
    this.engine.tick(this.model.now);
    this.passTime(5000);
  }

  /** Lets time pass from deadline to deadline: what comes first may change what comes then. */
  passTime(ms: number): void {
    const end = this.model.now + ms;
    for (let next = this.engine.tick(this.model.now);;) {
      const now = Math.min(next, end);
      this.model.tick(now);
      next = this.engine.tick(now);
      this.engine.tend(now);
      assert(next > now);
      if (now === end) return;
    }
  }

  /** Sets the machine's clock; no time passes. */
  setDate(stepMs: number): void {
    this.model.setDate(stepMs);
    this.passTime(0);
  }

  /** Waits until the engine has handed out what it can, and compares everything. */
  async check(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await Promise.resolve();
    const found = new Map<string, Peeked[]>();
    for (const stream of this.model.streams.values()) {
      const peeked = await this.#peek(stream.name);
      found.set(stream.name, peeked);
      numberArrivals(stream, peeked);
    }
    for (const [follower, message] of this.#delivered.splice(0)) {
      this.#checkDelivery(follower, message);
    }
    this.model.unseen.clear();
    const streams = [...this.model.streams.values()].sort((one, other) =>
      one.name < other.name ? -1 : 1
    );
    const infos = await this.engine.getStreams();
    this.#totals.check(this.engine, infos, this.model);
    assertSame<ModelInfo[]>(
      infos.map(asModelInfo),
      streams.map((stream) => this.model.describe(stream, this.model.followers)),
    );
    for (const { name, messages } of streams) {
      assertSame(found.get(name)!, messages.map(describeMessage));
    }
    await this.#checkPels();
    this.#checkRevoked();
    for (const stream of streams) {
      const [next] = stream.isPaused ? [] : this.model.listReady(stream);
      for (const follower of next === undefined ? [] : this.model.followers) {
        const couldTake = follower.matches(stream.name) && this.model.hasRoom(follower);
        assert(!couldTake, `${follower.name} has room for ${stream.name}:${next?.id}`);
      }
    }
  }

  /** All messages of a stream, and what is told of them. */
  async #peek(name: string): Promise<Peeked[]> {
    const { infos, entries } = await this.engine.peek(name, 1, 1000);
    const batch = { count: infos.length, buffer: entries, start: 0, end: entries.length };
    const texts = textsOf(batch);
    return findEntries(batch).map((offset, index) => {
      const { id, state, attempts, dueAt, follower } = infos[index]!;
      const { dedupId, deadLetter: story, redrives } = readProperties(entries, offset);
      const priority = readEntryPriority(entries, offset);
      const text = describeText({ text: texts[index]!, dedupId, priority, story, redrives });
      const due = dueAt === undefined ? "" : dueAt - this.model.aheadMs;
      return { id, text, place: `×${attempts} ${state} ${due}${follower ?? ""}` };
    });
  }

  #checkDelivery(follower: ModelFollower, message: ReceivedMessage): void {
    const what = `${message.stream}:${message.id} to ${follower.name}`;
    assert(this.model.followers.has(follower), `${what}: it is open`);
    assert(follower.matches(message.stream), `${what}: its bind matches`);
    assert(this.model.hasRoom(follower), `${what}: it has room`);
    const stream = this.model.streams.get(message.stream);
    assert(stream !== undefined, `${what}: there is such a stream`);
    assert(!stream.isPaused, `${what}: it is not paused`);
    const [next] = this.model.listReady(stream);
    assert(message.id === next?.id, `${what}: it is the first ready message, ${next?.id}`);
    assertSame([message.text, message.bytes], [next.text, next.bytes]);
    assert(message.attempts === next.attempts + 1, `${what}: attempts`);
    const others = this.model.unseen.get(stream) !== follower ? [] : [...this.model.followers];
    this.model.unseen.delete(stream);
    for (const other of others) {
      const couldTake = other !== follower && other.matches(stream.name) &&
        this.model.hasRoom(other);
      assert(!couldTake, `${what}: it was given back unseen, and ${other.name} comes first`);
    }
    this.#totals.noteDelivery(stream, message.attempts);
    const { tag, isDoubtful } = this.model.deliver(follower, stream, next);
    assertSame([message.tag, message.isDoubtful], [tag, isDoubtful]);
  }

  async #checkPels(): Promise<void> {
    const expected = new Map<string, string[]>();
    for (const { name, held } of this.model.followers) {
      const entries = expected.get(name) ?? [];
      expected.set(name, entries);
      for (const { stream, message, deliveredAt } of held) {
        const date = deliveredAt + this.model.aheadMs;
        entries.push(`${stream.name}:${message.id}×${message.attempts + 1} ${date}`);
      }
    }
    const found = new Map<string, string[]>();
    for (const { follower, count, entries } of await this.engine.getPels()) {
      assert(count === entries.length);
      assertSame(await this.engine.getPel(follower), entries);
      const times = entries.map(({ deliveredAt }) => deliveredAt);
      assertSame(times, [...times].sort((one, other) => one - other), "in the order of delivery");
      found.set(
        follower,
        entries.map(({ stream, id, attempts, deliveredAt }) =>
          `${stream}:${id}×${attempts} ${deliveredAt}`
        ),
      );
    }
    const sorted = (lists: Map<string, string[]>) =>
      [...lists].map(([name, entries]) => [name, ...entries.sort()]).sort();
    assertSame(sorted(found), sorted(expected));
  }

  /** Each follower has heard of what was taken from it, and of nothing else. */
  #checkRevoked(): void {
    for (const slot of this.followers) {
      const told = slot?.sink.revoked.splice(0).flatMap((one) => {
        const [firstTag, count] = one.split(/[+ ]/).map(Number);
        return Array.from({ length: count! }, (_, index) => firstTag! + index);
      });
      // What is due at the same moment is told in any order.
      assertSame(sortNumbers(told), sortNumbers(slot?.model.revoked.splice(0)));
    }
  }

  /** Takes everything out: what the model still has must come, and nothing else. */
  async finish(): Promise<void> {
    for (let slot = 0; slot < FOLLOWER_COUNT; slot++) this.closeFollower(slot);
    await this.check();
    for (const stream of this.model.streams.values()) {
      stream.isPaused = false;
      await this.engine.pauseStream(stream.name, false);
    }
    // What was held back is ready then, or its time is over.
    this.passTime(10_000_000);
    await this.check();
    const left = [...this.model.streams.values()].flatMap(({ name, messages }) =>
      messages.map(({ id, text }) => `${name}:${id} ${text}`)
    );
    const plenty = { messages: 100_000, bytes: 1_000_000, reportsBegin: false };
    this.openFollower(0, { name: "last", bind: /./, ...plenty });
    this.openFollower(1, { name: "last", bind: /\.dead$/, ...plenty });
    await this.check();
    const received = this.followers.flatMap((slot) => slot?.sink.messages ?? []);
    assertSame(
      received.map(({ stream, id, text }) => `${stream}:${id} ${text}`).sort(),
      left.sort(),
    );
    await this.engine.close();
  }
}

function sortNumbers(numbers: readonly number[] | undefined): number[] | undefined {
  return numbers?.toSorted((one, other) => one - other);
}

/** As `assertEquals`, but fast for what is equal. */
function assertSame<Value>(found: Value, expected: Value, what?: string): void {
  if (JSON.stringify(found) !== JSON.stringify(expected)) assertEquals(found, expected, what);
}

/** Tells whether a bind matches a stream: a pattern matches dead letters only if it says so. */
function matcher(bind: TestBind): (stream: string) => boolean {
  if (typeof bind === "string") return (name) => name === bind;
  const meansDead = bind.source.includes("dead");
  return (name) => bind.test(name) && (meansDead || !name.endsWith(".dead"));
}
