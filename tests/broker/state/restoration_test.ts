/**
 * A broker that is made again of what another one has written down: nobody holds anything, and all
 * else is as if the other one had lost its followers.
 *
 * @module
 */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { encodeBatch, type TagRange } from "../../../protocol.ts";
import { findFlags } from "../../../src/protocol/messages/batch.ts";
import { PublisherRegistry } from "../../../src/broker/state/publisher_registry.ts";
import { PublisherRestoration } from "../../../src/broker/state/publisher_restoration.ts";
import { chooseLength } from "../../support/length.ts";
import { fuzz } from "../../support/wire/fuzz.ts";
import {
  describeStreams,
  type TestBroker,
  type TestFollower,
} from "../../support/broker/test_broker.ts";
import {
  BINDS,
  checkLiveCounts,
  describe,
  listFailures,
  OPTIONS,
  Run,
  SLOT_COUNT,
  STREAMS,
  workOff,
} from "./restoration_run.ts";

/** The publishers of an earlier broker, on their way into a registry. */
function restorePublishers() {
  const closed: number[] = [];
  const registry = new PublisherRegistry({ forgotten: ({ number }) => void closed.push(number) });
  const restoration = new PublisherRestoration(registry);
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
    note: (publisher: number, sequence: number, count = 1, settled = 0) => {
      const batch = { publisher, sequence, count, settled, storedIn: storedIn(sequence) };
      restoration.notePublished(batch);
    },
    restorePublisher: (number: number, identity: string, lastSequence: number, settled = 0) =>
      restoration.restorePiece({ piece: "publisher", number, identity, lastSequence, settled }),
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
  const places = (firstId: number) => storedIn(firstId).map(({ stream }) => ({ stream, firstId }));
  assertEquals(
    record.stored.map(({ sequence, count, storedIn }) => [
      sequence,
      count,
      storedIn.map(({ stream, firstId }) => ({ stream, firstId })),
    ]),
    [[1, 2, places(1)], [3, 1, places(3)]],
  );
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

Deno.test("Restoration remembers no more outcomes than the publisher asked for", () => {
  const { registry, open, note } = restorePublishers();
  open(1, "me");
  for (let sequence = 1; sequence <= 100; sequence++) note(1, sequence, 1, sequence - 2);
  const record = registry.open("me");
  assertEquals(record.stored.map(({ sequence }) => sequence), [98, 99, 100]);
  assert(record.hasSeen(1));
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
  const { registry, restoration, open, note, restorePublisher } = restorePublishers();
  open(1, "known");
  note(1, 1);
  note(1, 2);
  restorePublisher(1, "known", 1);
  restoration.restorePiece({ piece: "outcomes", publisher: 1, batches: [[1, 1, 0]] });
  restorePublisher(2, "new", 9, 3);
  restoration.restorePiece({ piece: "gaps", publisher: 2, gaps: [[4, 6]] });
  restoration.restorePiece({ piece: "places", publisher: 2, places: [["orders", 4]] });
  restoration.restorePiece({ piece: "places", publisher: 2, goesOn: true, places: [["b", 1]] });
  restoration.restorePiece({ piece: "outcomes", publisher: 2, batches: [[6, 2, 0], [8, 2, 5]] });
  restorePublisher(3, "settled", 6);
  const [known, added, settled] = ["known", "new", "settled"].map((name) => registry.open(name));
  assertEquals([known!.lastSequence, known!.stored.length], [2, 2]);
  assertEquals([added!.number, added!.lastSequence, added!.settledSequence], [2, 9, 3]);
  assertEquals(added!.stored.map(({ sequence, storedIn }) => [sequence, storedIn]), [
    [6, [{ stream: "orders", firstId: 4 }, { stream: "b", firstId: 1 }]],
    [8, [{ stream: "orders", firstId: 9 }, { stream: "b", firstId: 6 }]],
  ]);
  assertEquals([3, 4, 5, 6].map((sequence) => added!.hasSeen(sequence)), [
    true,
    false,
    false,
    true,
  ]);
  assertEquals([settled!.lastStoredSequence, settled!.hasSeen(6)], [6, true]);
  note(2, 10);
  assertEquals(added!.lastSequence, 10);
});

Deno.test("Restoration gathers the message ids of one snapshot, and of one stream in it", () => {
  const { restoration } = restorePublishers();
  const tell = (stream: number, ...ids: readonly string[]) =>
    restoration.restoreDedupIds({
      piece: "messageIds",
      stream,
      messageIds: ids.map((dedupId, index) => [dedupId, index, 1000]),
    }, stream !== 4);
  const same = (stream: number, like: number) =>
    restoration.restoreDedupIds({ piece: "sameIds", stream, like, shift: 10 }, true);
  const twice = [["a", 10, 1000], ["b", 11, 1000]];
  for (let round = 0; round < 3; round++) {
    restoration.beginSnapshot();
    assertEquals(same(2, 1), []);
    assertEquals(tell(1, "a", "b"), [["a", 0, 1000], ["b", 1, 1000]]);
    assertEquals([same(2, 1), same(3, 1)], [twice, twice]);
  }
  assertEquals(tell(4, "c"), [], "that stream is known already");
  assertEquals([same(5, 1), same(5, 4)], [[], [["c", 10, 1000]]]);
});

Deno.test("Restoration: who ended and began anew is the one that began, in whatever order it is told", () => {
  const { registry, open, close, note, restorePublisher } = restorePublishers();
  // The snapshot knows what was decided; that it was so is written behind it.
  restorePublisher(2, "me", 0);
  open(1, "me");
  note(1, 1);
  close(1);
  open(2, "me");
  note(2, 1);
  const record = registry.open("me");
  assertEquals([record.number, record.stored.length], [2, 1]);
  assertStrictEquals([...registry.records][0], record);
});

/** A step: what to do, and numbers that choose whom, where and how much. */
interface Step {
  readonly do: keyof typeof commands;
  readonly who: number;
  readonly pick: number;
  readonly count: number;
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
    if (follower === undefined) return;
    const ranges = rangeOf(follower, step);
    if (verb === "ack") follower.open.ack(ranges, false);
    else follower.open[verb](ranges);
  };
}

const commands = {
  nack(run: Run, step: Step) {
    const delayMs = [undefined, 0, 100_000][step.pick % 3];
    const details = { reason: `reason ${step.pick}`, delayMs, isPostponed: step.pick % 5 === 0 };
    const slot = run.followers[step.who % SLOT_COUNT];
    if (slot !== undefined) slot.open.nack(rangeOf(slot, step), details, false);
  },
  reject(run: Run, step: Step) {
    const slot = run.followers[step.who % SLOT_COUNT];
    if (slot === undefined) return;
    slot.open.reject(rangeOf(slot, step), "rejected", false);
  },
  purge({ broker }: Run, { pick }: Step) {
    const name = STREAMS[pick % STREAMS.length]!;
    if (describeStreams(broker).some((one) => one.name === name)) broker.purgeStream(name);
  },
  publishWished(run: Run, { who, pick, count }: Step) {
    const slot = run.open(who);
    const texts = run.makeTexts(count % 3 === 0 ? 1 : count);
    const sequence = slot.nextSequence;
    slot.nextSequence += texts.length;
    slot.sent.push({ sequence, texts });
    const batch = encodeBatch(texts.map((text, index) => {
      const wishes = {
        ...(pick + index) % 3 > 0 && { delayMs: (pick + index) % 7 * 50_000 },
        ...(pick + index) % 2 > 0 && { ttlMs: 1 + (pick + index) % 5 * 150_000 },
        ...(pick + count + index) % 2 > 0 && { priority: (pick + 3 * index) % 10 },
        ...run.hasKeys && (pick + index) % 4 > 0 && { key: `k${(pick >> 2) % 3}` },
        // Each once: how a repetition was answered is not written down.
        ...count % 3 === 0 && { dedupId: `m${parseInt(text)}` },
      };
      return { kind: 1, headers: {}, body: new TextEncoder().encode(text), wishes };
    }));
    const numbered = { ...batch, flags: findFlags(batch), sequence, settled: 0, bytes: batch.end };
    slot.port!.publisher.publish(numbered);
  },
  createStream({ test }: Run, { pick }: Step) {
    test.create(STREAMS[pick % STREAMS.length]!, OPTIONS);
  },
  deleteStream({ broker }: Run, { pick }: Step) {
    const name = STREAMS[pick % STREAMS.length]!;
    if (describeStreams(broker).some((one) => one.name === name)) broker.deleteStream(name);
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
    slot.port!.publisher.lose();
    slot.port = undefined;
  },
  endPublisher(run: Run, { who }: Step) {
    const slot = run.open(who);
    slot.port!.publisher.close();
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
  nack: 5,
  reject: 2,
  purge: 1,
  publishWished: 5,
  createStream: 3,
  deleteStream: 1,
  publish: 7,
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
    fc.property(fc.boolean(), fc.array(step, { maxLength: 200, size: "max" }), (hasKeys, steps) => {
      const run = new Run(hasKeys);
      for (const step of steps) {
        commands[step.do](run, step);
        run.test.dispatch();
      }
      run.test.sync();
      run.test.isSlow = false;
      // What there was no room for among the dead letters is brought there now.
      run.test.now += 5000;
      run.broker.tick(run.test.now);
      const failures = listFailures(run.test);
      const restored: [string, TestBroker][] = [["of all events", run.restore(0)]];
      for (const checkpoint of run.checkpoints) {
        const { at, isComplete } = checkpoint;
        restored.push([`with the snapshot at ${at}`, run.restore(0, checkpoint)]);
        if (isComplete) {
          restored.push([`from the snapshot at ${at} on`, run.restore(at, checkpoint)]);
        }
      }
      for (const follower of run.followers) follower?.close();
      // What has lost its follower again and again is held back, which a broker made again is not told.
      run.test.now += 30_000;
      run.broker.tick(run.test.now);
      const expected = describe(run.test, !hasKeys);
      for (const [what, test] of restored) {
        test.now = run.test.now;
        assertEquals(listFailures(test), failures, what);
        test.broker.tick(test.now);
        assertEquals(describe(test, !hasKeys), expected, what);
        workOff(test);
      }
      checkLiveCounts(run.broker, run.segments);
      for (const { name } of describeStreams(run.broker)) run.broker.deleteStream(name);
      checkLiveCounts(run.broker, run.segments);
    }),
    fuzz(chooseLength({ short: 20, long: 120 })),
  );
});
