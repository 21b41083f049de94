/**
 * Random commands to the memory engine and to a model of the rules. After each command: no message
 * is lost or held by two, each went to a follower that may have it, in the order of ids and with the
 * attempts that the rules say; streams, pending entry lists and outcomes are the model's; and
 * nothing that could be delivered is lying about.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { BrokerError, type TagRange } from "../../protocol.ts";
import type { EngineFollower, EnginePublisher } from "../../src/broker/engine.ts";
import { MemoryEngine } from "../../src/engine/memory.ts";
import { batchOf } from "../support/batches.ts";
import { fuzz } from "../support/fuzz.ts";
import {
  type ReceivedMessage,
  RecordingFollowerSink,
  RecordingPublisherSink,
} from "../support/recording_sinks.ts";
import { bindOf, type TestBind } from "../support/test_broker.ts";
import { Model, type ModelFollower } from "./model.ts";

const MEMORY_LIMIT = 2500;
const STREAMS = ["a1", "a2", "b1"];
const PUBLISHER_BINDS: TestBind[] = ["a1", "b1", /^a/, /1$/, "nowhere"];
const FOLLOWER_BINDS: TestBind[] = ["a1", "a2", "b1", /^a/, /1$/, /./, /^never$/];
const FOLLOWER_COUNT = 4;

/** A step: what to do, and numbers that choose whom, where and how much. */
interface Step {
  readonly do: keyof typeof commands;
  readonly who: number;
  readonly pick: number;
  readonly count: number;
  readonly sizes: readonly number[];
}

/** A publisher, with what it has sent. */
interface PublisherSlot {
  readonly identity: string;
  readonly bind: TestBind;
  readonly sent: { sequence: number; texts: string[] }[];
  port: EnginePublisher | undefined;
  sink: RecordingPublisherSink;
  nextSequence: number;
  settled: number;
}

/** A follower, on both sides. */
interface FollowerSlot {
  readonly port: EngineFollower;
  readonly sink: RecordingFollowerSink;
  readonly model: ModelFollower;
}

/** The engine and the model, driven side by side. */
class Run {
  readonly model = new Model(MEMORY_LIMIT);
  now = 1_000_000;
  readonly engine = new MemoryEngine({ memoryLimit: MEMORY_LIMIT, now: () => this.now });
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

  publish(slot: PublisherSlot, sequence: number, texts: readonly string[]): void {
    const { identity, bind, settled } = slot;
    const isRegex = typeof bind !== "string";
    const expected = this.model.publish(
      { identity, sequence, settled, texts },
      { matches: matcher(bind), isRegex },
    );
    const before = slot.sink.outcomes.length;
    const batch = batchOf(...texts);
    slot.port!.publish({ ...batch, sequence, settled, bytes: batch.end });
    batch.buffer.fill(0);
    assertEquals(slot.sink.outcomes.length, before + 1);
    const { code, stored, isDuplicate } = slot.sink.outcomes.at(-1)!;
    assertEquals(code ?? [...stored].sort().join() + (isDuplicate ? " again" : ""), expected);
  }

  openFollower(
    slot: number,
    options: { name: string; bind: TestBind; messages: number; bytes: number },
  ) {
    const { name, bind, messages, bytes } = options;
    const model: ModelFollower = {
      name,
      matches: matcher(bind),
      messages,
      bytes,
      isFull: false,
      nextTag: 1,
      held: [],
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

  /** Waits until the engine has handed out what it can, and compares everything. */
  async check(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await Promise.resolve();
    for (const [follower, message] of this.#delivered.splice(0)) {
      this.#checkDelivery(follower, message);
    }
    const streams = [...this.model.streams.values()].sort((one, other) =>
      one.name < other.name ? -1 : 1
    );
    assertEquals(
      await this.engine.getStreams(),
      streams.map((stream) => ({ ...this.model.describe(stream), durability: "memory" })),
    );
    await this.#checkPels();
    for (const { name, ready } of streams) {
      for (const follower of ready.length === 0 ? [] : this.model.followers) {
        const couldTake = follower.matches(name) && this.model.hasRoom(follower);
        assert(!couldTake, `${follower.name} has room for ${name}:${ready[0]?.id}`);
      }
    }
  }

  #checkDelivery(follower: ModelFollower, message: ReceivedMessage): void {
    const what = `${message.stream}:${message.id} to ${follower.name}`;
    assert(this.model.followers.has(follower), `${what}: it is open`);
    assert(follower.matches(message.stream), `${what}: its bind matches`);
    assert(this.model.hasRoom(follower), `${what}: it has room`);
    const stream = this.model.streams.get(message.stream);
    assert(stream !== undefined, `${what}: there is such a stream`);
    const [next] = stream.ready;
    assertEquals(message.id, next?.id, `${what}: it is the first ready message`);
    assertEquals([message.text, message.bytes], [next?.text, next?.bytes]);
    assertEquals(message.attempts, next!.attempts + 1, `${what}: attempts`);
    assertEquals(message.tag, this.model.deliver(follower, stream, this.now).tag);
  }

  async #checkPels(): Promise<void> {
    const expected = new Map<string, string[]>();
    for (const { name, held } of this.model.followers) {
      const entries = expected.get(name) ?? [];
      expected.set(name, entries);
      for (const { stream, message, deliveredAt } of held) {
        entries.push(`${stream.name}:${message.id}×${message.attempts + 1} ${deliveredAt}`);
      }
    }
    const found = new Map<string, string[]>();
    for (const { follower, count, entries } of await this.engine.getPels()) {
      assertEquals(count, entries.length);
      assertEquals(await this.engine.getPel(follower), entries);
      const times = entries.map(({ deliveredAt }) => deliveredAt);
      assertEquals(times, [...times].sort((one, other) => one - other), "in the order of delivery");
      found.set(
        follower,
        entries.map(({ stream, id, attempts, deliveredAt }) =>
          `${stream}:${id}×${attempts} ${deliveredAt}`
        ),
      );
    }
    const sorted = (lists: Map<string, string[]>) =>
      [...lists].map(([name, entries]) => [name, ...entries.sort()]).sort();
    assertEquals(sorted(found), sorted(expected));
  }

  /** Takes everything out: what the model still has must come, and nothing else. */
  async finish(): Promise<void> {
    for (let slot = 0; slot < FOLLOWER_COUNT; slot++) this.closeFollower(slot);
    await this.check();
    const left = [...this.model.streams.values()].flatMap(({ name, ready }) =>
      ready.map(({ id, text }) => `${name}:${id} ${text}`)
    );
    this.openFollower(0, { name: "last", bind: /./, messages: 100_000, bytes: 1_000_000 });
    await this.check();
    const { sink } = this.followers[0]!;
    assertEquals(
      sink.messages.map(({ stream, id, text }) => `${stream}:${id} ${text}`).sort(),
      left.sort(),
    );
    await this.engine.close();
  }
}

/** Tells whether a bind matches a stream. */
function matcher(bind: TestBind): (stream: string) => boolean {
  return typeof bind === "string" ? (name) => name === bind : (name) => bind.test(name);
}

/** Ranges of tags: mostly of what is held, sometimes of anything else, sometimes the same twice. */
function rangesOf({ model }: FollowerSlot, { pick, count, sizes }: Step): TagRange[] {
  const [first] = model.held;
  if (first === undefined || pick % 10 === 0) {
    return sizes.map((size) => ({
      firstTag: 1 + (pick + size) % (model.nextTag + 1),
      count: 1 + count,
    }));
  }
  if (pick % 10 > 6) return [{ firstTag: first.tag, count: 1 + count % model.held.length }];
  return sizes.slice(0, 1 + count % 3).map((size) => {
    return { firstTag: model.held[(pick + size) % model.held.length]!.tag, count: 1 };
  });
}

/** The code that a call throws or rejects with, if it does. */
async function codeOf(act: () => Promise<void> | void): Promise<string | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    if (error instanceof BrokerError) return error.code;
    throw error;
  }
}

/** Says something about deliveries to both sides. */
function tell(verb: "ack" | "release" | "begin"): Command {
  return async (run, step) => {
    const slot = run.followers[step.who % FOLLOWER_COUNT];
    if (slot === undefined) return;
    const ranges = rangesOf(slot, step);
    const expected = run.model[verb](slot.model, ranges);
    assertEquals(await codeOf(() => slot.port[verb](ranges, step.pick % 2 === 0)), expected);
  };
}

type Command = (run: Run, step: Step) => Promise<void> | void;

const commands = {
  async createStream(run: Run, { pick }: Step) {
    const name = STREAMS[pick % STREAMS.length]!;
    run.model.createStream(name);
    await run.engine.createStream(name);
  },
  async deleteStream(run: Run, { pick }: Step) {
    const name = STREAMS[pick % STREAMS.length]!;
    const expected = run.model.deleteStream(name);
    assertEquals(await codeOf(() => run.engine.deleteStream(name)), expected);
  },
  publish(run: Run, { who, sizes }: Step) {
    const slot = run.open(who);
    const texts = run.makeTexts(sizes);
    const sequence = slot.nextSequence;
    slot.nextSequence += texts.length;
    slot.sent.push({ sequence, texts });
    run.publish(slot, sequence, texts);
  },
  publishAgain(run: Run, { who, pick }: Step) {
    const slot = run.open(who);
    const batch = slot.sent[pick % Math.max(1, slot.sent.length)];
    if (batch !== undefined) run.publish(slot, batch.sequence, batch.texts);
  },
  settle(run: Run, { who, pick }: Step) {
    const slot = run.open(who);
    slot.settled = Math.max(slot.settled, pick % (slot.nextSequence + 1));
  },
  losePublisher(run: Run, { who }: Step) {
    const slot = run.open(who);
    slot.port!.lose();
    slot.port = undefined;
    run.model.losePublisher(slot.identity, run.now);
  },
  endPublisher(run: Run, { who }: Step) {
    const slot = run.open(who);
    slot.port!.close();
    Object.assign(slot, { port: undefined, nextSequence: 1, settled: 0 });
    slot.sent.length = 0;
    run.model.endPublisher(slot.identity);
  },
  passTime(run: Run, { pick }: Step) {
    run.now += (pick % 8) * 60_000;
    run.model.tick(run.now);
    assert(run.engine.tick(run.now) > run.now);
  },
  openFollower(run: Run, { who, pick, count, sizes }: Step) {
    const slot = who % FOLLOWER_COUNT;
    run.closeFollower(slot);
    run.openFollower(slot, {
      name: `f${who % 3}`,
      bind: FOLLOWER_BINDS[pick % FOLLOWER_BINDS.length]!,
      messages: count,
      bytes: sizes[0]! * 10,
    });
  },
  loseFollower(run: Run, { who }: Step) {
    run.closeFollower(who % FOLLOWER_COUNT);
  },
  endFollower(run: Run, { who, pick }: Step) {
    const slot = run.followers[who % FOLLOWER_COUNT];
    if (slot !== undefined) run.closeFollower(who % FOLLOWER_COUNT, pick % slot.model.nextTag);
  },
  setCredit(run: Run, { who, count, sizes }: Step) {
    const slot = run.followers[who % FOLLOWER_COUNT];
    const [messages, bytes] = [count, sizes[0]! * 20];
    slot?.port.setCredit(messages, bytes);
    Object.assign(slot?.model ?? {}, { messages, bytes });
  },
  fill(run: Run, { who, pick }: Step) {
    const slot = run.followers[who % FOLLOWER_COUNT];
    if (slot === undefined) return;
    slot.sink.isFull = pick % 2 === 0;
    slot.model.isFull = slot.sink.isFull;
    if (!slot.sink.isFull) slot.port.resume();
  },
  ack: tell("ack"),
  release: tell("release"),
  begin: tell("begin"),
} satisfies Record<string, Command>;

/** How often each command comes up. */
const weights: Record<keyof typeof commands, number> = {
  createStream: 3,
  deleteStream: 1,
  publish: 8,
  publishAgain: 2,
  settle: 1,
  losePublisher: 1,
  endPublisher: 1,
  passTime: 1,
  openFollower: 4,
  loseFollower: 1,
  endFollower: 1,
  setCredit: 3,
  fill: 2,
  ack: 8,
  release: 4,
  begin: 2,
};

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.oneof(
    ...Object.entries(weights).map(([name, weight]) => ({
      weight,
      arbitrary: fc.constant(name as keyof typeof commands),
    })),
  ),
  who: fc.nat(11),
  pick: fc.nat(1000),
  count: fc.nat(12),
  sizes: fc.array(fc.nat(120), { minLength: 1, maxLength: 8 }),
}, { noNullPrototype: true });

Deno.test("MemoryEngine does what the model does, whatever comes (random)", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 250, size: "max" }), async (steps) => {
      const run = new Run();
      for (const name of STREAMS.slice(1)) {
        run.model.createStream(name);
        await run.engine.createStream(name);
      }
      for (const step of steps) {
        await commands[step.do](run, step);
        await run.check();
      }
      await run.finish();
    }),
    fuzz(150),
  );
});
