/**
 * A broker that is made again of what another one has written down: nobody holds anything, and all
 * else is as if the other one had lost its followers.
 *
 * @module
 */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { BrokerError, type TagRange } from "../../protocol.ts";
import type { Broker } from "../../src/broker/broker.ts";
import type { Event } from "../../src/broker/event.ts";
import type { Segment } from "../../src/broker/pager.ts";
import { PublisherRegistry } from "../../src/broker/publisher_registry.ts";
import { Residency } from "../../src/broker/residency.ts";
import { Restoration } from "../../src/broker/restoration.ts";
import type { Snapshot } from "../../src/broker/snapshot.ts";
import { fuzz } from "../support/fuzz.ts";
import { MemoryPager } from "../support/memory_pager.ts";
import { TestBroker, type TestFollower, type TestPublisher } from "../support/test_broker.ts";

/** The publishers of an earlier broker, on their way into a registry. */
function restorePublishers() {
  const closed: number[] = [];
  const registry = new PublisherRegistry(({ number }) => closed.push(number));
  const restoration = new Restoration(registry);
  /** Where a batch was stored. */
  const storedIn = (firstId: number) => [{ stream: "orders", number: 1, firstId }];
  return {
    registry,
    restoration,
    closed,
    storedIn,
    open: (number: number, identity: string) =>
      restoration.openPublisher({ type: "publisherOpened", number, identity }),
    close: (number: number) => restoration.closePublisher({ type: "publisherClosed", number }),
    note: (publisher: number, sequence: number, count = 1) =>
      restoration.notePublished({ publisher, sequence, count, storedIn: storedIn(sequence) }),
  };
}

Deno.test("Restoration knows publishers again with what they have stored", () => {
  const { registry, storedIn, open, note } = restorePublishers();
  open(7, "me");
  open(7, "me");
  open(8, "you");
  note(7, 1, 2);
  note(8, 1);
  note(7, 3);
  note(7, 3);
  note(9, 1);
  const record = registry.open("me");
  assertEquals([record.number, record.lastSequence, record.lastStoredSequence], [7, 3, 3]);
  assertEquals(record.stored, [
    { sequence: 1, count: 2, outcome: { storedIn: storedIn(1) } },
    { sequence: 3, count: 1, outcome: { storedIn: storedIn(3) } },
  ]);
  assertEquals([registry.count, registry.open("you").stored.length], [2, 1]);
});

Deno.test("Restoration stores a batch between others when it was written after them", () => {
  const { registry, open, note } = restorePublishers();
  open(1, "me");
  note(1, 1);
  note(1, 5);
  const record = registry.open("me");
  assertEquals([2, 3, 4].map((sequence) => record.hasSeen(sequence)), [false, false, false]);
  note(1, 3);
  assertEquals([2, 3, 4].map((sequence) => record.hasSeen(sequence)), [false, true, false]);
});

Deno.test("Restoration forgets publishers that have ended", () => {
  const { registry, closed, open, close, note } = restorePublishers();
  open(1, "me");
  note(1, 1);
  close(1);
  close(2);
  note(1, 2);
  // Without a number there is nothing to write down: that it is gone has just been read.
  assertEquals([registry.count, closed], [0, [0]]);
  open(3, "me");
  assertEquals([registry.open("me").number, registry.open("me").lastSequence], [3, 0]);
});

Deno.test("Restoration takes of a snapshot what it has not been told", () => {
  const { registry, restoration, storedIn, open, note } = restorePublishers();
  open(1, "known");
  note(1, 1);
  note(1, 2);
  const batches = [{ sequence: 8, count: 2, outcome: { storedIn: storedIn(4) } }];
  restoration.restorePublishers([
    { number: 1, identity: "known", lastSequence: 1, batches: [] },
    { number: 2, identity: "new", lastSequence: 9, batches },
    { number: 3, identity: "settled", lastSequence: 6, batches: [] },
  ]);
  const [known, added, settled] = ["known", "new", "settled"].map((name) => registry.open(name));
  assertEquals([known!.lastSequence, known!.stored.length], [2, 2]);
  assertEquals([added!.number, added!.lastSequence, added!.stored], [2, 9, batches]);
  assertEquals([settled!.lastStoredSequence, settled!.hasSeen(6)], [6, true]);
  note(2, 10);
  assertEquals(added!.lastSequence, 10);
});

Deno.test("Restoration: who ended and began anew is the one that began, in whatever order it is told", () => {
  const { registry, restoration, open, close, note } = restorePublishers();
  // The snapshot knows what was decided; that it was so is written behind it.
  restoration.restorePublishers([{ number: 2, identity: "me", lastSequence: 0, batches: [] }]);
  open(1, "me");
  note(1, 1);
  close(1);
  open(2, "me");
  note(2, 1);
  const record = registry.open("me");
  assertEquals([record.number, record.stored.length], [2, 1]);
  assertStrictEquals([...registry.records][0], record);
});

const STREAMS = ["a1", "a2", "b1"];
const BINDS = ["a1", "b1", /^a/, /1$/, /./];
const SLOT_COUNT = 4;

/** A step: what to do, and numbers that choose whom, where and how much. */
interface Step {
  readonly do: keyof typeof commands;
  readonly who: number;
  readonly pick: number;
  readonly count: number;
}

/** A snapshot on its way through the journal. */
interface Checkpoint {
  /** What was written before it: so many events. */
  readonly at: number;
  readonly snapshot: Snapshot;
  /** Whether what is behind it is enough. */
  isComplete: boolean;
  /** Behind which event it is so, if everything in between is written. */
  completeAt: number;
}

/** A publisher that numbers its messages over all its connections. */
interface PublisherSlot {
  port: TestPublisher | undefined;
  nextSequence: number;
  readonly sent: { readonly sequence: number; readonly texts: readonly string[] }[];
}

/** A broker in use that keeps little in memory, and writes everything down. */
class Run {
  readonly pager = new MemoryPager();
  readonly test = new TestBroker(new Residency({ bytesMax: 0, pager: this.pager }), ...STREAMS);
  readonly segments: Segment[] = [];
  readonly checkpoints: Checkpoint[] = [];
  readonly followers: (TestFollower | undefined)[] = [];
  readonly publishers: PublisherSlot[] = BINDS.map(() => ({
    port: undefined,
    nextSequence: 1,
    sent: [],
  }));
  #textCount = 0;

  constructor() {
    this.beginSegment();
  }

  get broker(): Broker {
    return this.test.broker;
  }

  beginSegment(): void {
    const segment = this.pager.begin();
    this.segments.push(segment);
    this.test.write = (batch) => this.pager.store(segment, batch);
  }

  /** Messages of many sizes, so that slabs of some are full soon. */
  makeTexts(count: number): string[] {
    return Array.from({ length: count }, () => {
      const number = ++this.#textCount;
      return `${number}`.padEnd(number % 5 === 0 ? 400 : number % 50, ".");
    });
  }

  open(who: number): PublisherSlot {
    const slot = this.publishers[who % BINDS.length]!;
    slot.port ??= this.test.publisher(BINDS[who % BINDS.length]!, `p${who % BINDS.length}`);
    return slot;
  }

  /** Begins a segment with a snapshot. */
  checkpoint(): Checkpoint {
    const snapshot = JSON.parse(JSON.stringify(this.broker.state.takeSnapshot())) as Snapshot;
    const at = this.test.durableCount;
    const checkpoint = { at, snapshot, isComplete: false, completeAt: Infinity };
    this.checkpoints.push(checkpoint);
    this.beginSegment();
    return checkpoint;
  }

  /** Moves all messages that there are behind a snapshot: what is before it is not needed. */
  compact(): void {
    const checkpoint = this.checkpoint();
    for (const segment of this.segments.slice(0, -1)) {
      for (const run of this.broker.findLive(segment, Infinity)) {
        const { stream: { number, backlog }, firstId, count, attempts } = run;
        for (let id = firstId; id < firstId + count;) {
          const batch = backlog.read(id, firstId + count - id, 2000);
          this.test.move({ type: "moved", number, firstId: id, batch });
          id += batch.count;
        }
        for (const one of attempts) this.test.commit({ type: "attempted", number, ...one });
      }
    }
    checkpoint.isComplete = true;
    checkpoint.completeAt = this.test.events.length;
  }

  /** Has no room for what is not written yet. */
  fail(): void {
    for (const checkpoint of this.checkpoints) {
      if (checkpoint.completeAt > this.test.durableCount) checkpoint.isComplete = false;
    }
    this.test.fail(new BrokerError("DISK_FULL", "full"));
  }

  /** Makes a broker again of the events from one on, and of a snapshot that stands among them. */
  restore(from: number, checkpoint?: Checkpoint): TestBroker {
    const test = new TestBroker(new Residency({ bytesMax: 0, pager: this.pager }));
    const segments = new Map(this.segments.map((one) => [one, this.pager.copy(one)]));
    test.broker.state.beginRestoration();
    for (let index = from; index <= this.test.events.length; index++) {
      if (index === checkpoint?.at) test.broker.state.restoreSnapshot(checkpoint.snapshot);
      const event = this.test.events[index];
      if (event !== undefined) test.broker.apply(relocate(event, segments));
    }
    test.broker.state.finishRestoration(this.test.now);
    checkLiveCounts(test.broker, segments.values());
    return test;
  }
}

/** The same event with its messages in another segment. */
function relocate(event: Event, segments: ReadonlyMap<Segment, Segment>): Event {
  if (!("place" in event) || event.place === undefined) return event;
  const { segment, offset } = event.place;
  return { ...event, place: { segment: segments.get(segment)!, offset } };
}

/** What is in segments must be what is in streams, or they would never be free. */
function checkLiveCounts(broker: Broker, segments: Iterable<Segment>): void {
  const live = [...segments].reduce((sum, { liveCount, liveBytes }) => [
    sum[0]! + liveCount,
    sum[1]! + liveBytes,
  ], [0, 0]);
  const streams = broker.getStreams();
  const count = streams.reduce((sum, { ready, pending }) => sum + ready + pending, 0);
  assertEquals(live, [count, broker.bytes], "live messages and bytes in all segments");
}

/** Everything that a broker knows and somebody can see. Nobody holds anything, before and behind. */
function describe(test: TestBroker) {
  const { nextStreamNumber, nextPublisherNumber, streams, publishers } = test.broker.state
    .takeSnapshot();
  const infos = test.broker.getStreams();
  const follower = test.follower(/./, { name: "observer", bytes: Infinity });
  test.dispatch();
  const messages = follower.sink.messages.map(({ stream, id, attempts, text }) =>
    `${stream}:${id}×${attempts} ${text}`
  );
  test.broker.closeFollower(follower.follower, 0);
  return {
    numbers: [nextStreamNumber, nextPublisherNumber],
    streams: streams.map(({ number, name, nextId }) => [number, name, nextId]).sort(),
    infos,
    messages: STREAMS.map((name) => messages.filter((one) => one.startsWith(`${name}:`))),
    bytes: test.broker.bytes,
    publishers: publishers.toSorted((one, other) => one.number - other.number),
  };
}

/** A range of tags that a follower holds, if it holds any. */
function rangeOf({ follower }: TestFollower, { pick, count }: Step): TagRange[] {
  const { runs } = follower.pending;
  if (runs.length === 0) return [];
  const run = runs[pick % runs.length]!;
  const head = pick % run.count;
  return [{ firstTag: run.firstTag + head, count: Math.min(1 + count, run.count - head) }];
}

/** Says something about deliveries. */
function tell(verb: "ack" | "release" | "begin") {
  return (run: Run, step: Step) => {
    const follower = run.followers[step.who % SLOT_COUNT];
    if (follower !== undefined) run.broker[verb](follower.follower, rangeOf(follower, step));
  };
}

const commands = {
  createStream({ test }: Run, { pick }: Step) {
    test.create(STREAMS[pick % STREAMS.length]!);
  },
  deleteStream({ broker }: Run, { pick }: Step) {
    const name = STREAMS[pick % STREAMS.length]!;
    if (broker.getStreams().some((one) => one.name === name)) broker.deleteStream(name, () => {});
  },
  publish(run: Run, { who, count }: Step) {
    const slot = run.open(who);
    const texts = run.makeTexts(1 + count);
    slot.sent.push({ sequence: slot.nextSequence, texts });
    slot.port!.publishAs(slot.nextSequence, ...texts);
    slot.nextSequence += texts.length;
  },
  publishAgain(run: Run, { who, pick }: Step) {
    const slot = run.open(who);
    const batch = slot.sent[pick % slot.sent.length];
    if (batch !== undefined) slot.port!.publishAs(batch.sequence, ...batch.texts);
  },
  losePublisher(run: Run, { who }: Step) {
    const slot = run.open(who);
    run.broker.losePublisher(slot.port!.publisher, run.test.now);
    slot.port = undefined;
  },
  endPublisher(run: Run, { who }: Step) {
    const slot = run.open(who);
    run.broker.closePublisher(slot.port!.publisher);
    Object.assign(slot, { port: undefined, nextSequence: 1, sent: [] });
  },
  passTime({ test, publishers }: Run, { pick }: Step) {
    test.now += (pick % 8) * 60_000;
    test.broker.tick(test.now);
    // What was forgotten is not repeated: it would be stored again.
    for (const slot of publishers) if (slot.port === undefined) slot.sent.length = 0;
  },
  openFollower(run: Run, { who, pick, count }: Step) {
    const bind = BINDS[pick % BINDS.length]!;
    run.followers[who % SLOT_COUNT]?.close();
    run.followers[who % SLOT_COUNT] = run.test.follower(bind, { messages: 1 + count });
  },
  loseFollower(run: Run, { who }: Step) {
    run.followers[who % SLOT_COUNT]?.close();
    run.followers[who % SLOT_COUNT] = undefined;
  },
  endFollower(run: Run, { who, pick }: Step) {
    const follower = run.followers[who % SLOT_COUNT];
    follower?.close(pick % (follower.sink.messages.length + 1));
    run.followers[who % SLOT_COUNT] = undefined;
  },
  setCredit(run: Run, { who, count }: Step) {
    run.followers[who % SLOT_COUNT]?.setCredit(count);
  },
  ack: tell("ack"),
  release: tell("release"),
  begin: tell("begin"),
  slow({ test }: Run) {
    test.isSlow = true;
  },
  sync({ test }: Run, { count }: Step) {
    test.sync(count);
  },
  settle({ test }: Run) {
    test.sync();
    test.isSlow = false;
  },
  fail(run: Run) {
    run.fail();
  },
  checkpoint(run: Run) {
    run.checkpoint();
  },
  compact(run: Run) {
    run.compact();
  },
} satisfies Record<string, (run: Run, step: Step) => void>;

/** How often each command comes up. */
const weights: Record<keyof typeof commands, number> = {
  createStream: 3,
  deleteStream: 1,
  publish: 10,
  publishAgain: 1,
  losePublisher: 1,
  endPublisher: 1,
  passTime: 1,
  openFollower: 4,
  loseFollower: 2,
  endFollower: 2,
  setCredit: 2,
  ack: 8,
  release: 4,
  begin: 4,
  slow: 2,
  sync: 2,
  settle: 1,
  fail: 1,
  checkpoint: 1,
  compact: 1,
};

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.oneof(
    ...Object.entries(weights).map(([name, weight]) => ({
      weight,
      arbitrary: fc.constant(name as keyof typeof commands),
    })),
  ),
  who: fc.nat(20),
  pick: fc.nat(1000),
  count: fc.nat(8),
}, { noNullPrototype: true });

Deno.test("a broker made again of its events is as one that lost its followers (random)", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
      const run = new Run();
      for (const step of steps) {
        commands[step.do](run, step);
        run.test.dispatch();
      }
      run.test.sync();
      const restored: [string, TestBroker][] = [["of all events", run.restore(0)]];
      for (const checkpoint of run.checkpoints) {
        const { at, isComplete } = checkpoint;
        restored.push([`with the snapshot at ${at}`, run.restore(0, checkpoint)]);
        if (isComplete) {
          restored.push([`from the snapshot at ${at} on`, run.restore(at, checkpoint)]);
        }
      }
      for (const follower of run.followers) follower?.close();
      const expected = describe(run.test);
      assert(expected.infos.every(({ pending, followers }) => pending + followers === 0));
      for (const [what, test] of restored) assertEquals(describe(test), expected, what);
      checkLiveCounts(run.broker, run.segments);
      for (const { name } of expected.infos) run.broker.deleteStream(name, () => {});
      checkLiveCounts(run.broker, run.segments);
    }),
    fuzz(150),
  );
});
