/**
 * What a snapshot tells, and what a broker is that is made of one.
 *
 * @module
 */

import { encodeBatch } from "../../../protocol.ts";
import { assert, assertEquals, assertLess } from "@std/assert";
import { findFlags } from "../../../src/protocol/messages/batch.ts";
import type { Event } from "../../../src/broker/event.ts";
import type { SnapshotPiece } from "../../../src/broker/state/snapshot.ts";
import { batchOf } from "../../support/wire/batches.ts";
import {
  bindOf,
  describeStreams,
  TestBroker,
  TestPublisher,
} from "../../support/broker/test_broker.ts";

/** A snapshot as it is read again. */
function snapshotOf({ broker, now }: TestBroker): SnapshotPiece[] {
  return JSON.parse(JSON.stringify([...broker.state.takeSnapshot(now)]));
}

/** The pieces of one kind. */
function piecesOf<K extends SnapshotPiece["piece"]>(
  pieces: readonly SnapshotPiece[],
  kind: K,
): Extract<SnapshotPiece, { piece: K }>[] {
  return pieces.filter((piece): piece is Extract<SnapshotPiece, { piece: K }> =>
    piece.piece === kind
  );
}

/** The number of the stream or of the publisher that an event is about. */
function numberOf(event: Event): number {
  if (event.type === "transferred") return event.to;
  if (event.type === "published") return event.publisher;
  return "number" in event ? event.number : 0;
}

/** A broker made of a snapshot. */
function restore(pieces: readonly SnapshotPiece[]): TestBroker {
  const test = new TestBroker();
  test.broker.state.beginRestoration();
  for (const piece of pieces) test.broker.state.restorePiece(piece);
  test.broker.state.finishRestoration(test.now);
  return test;
}

Deno.test("BrokerState.takeSnapshot() of nothing is the beginning", () => {
  assertEquals(snapshotOf(new TestBroker()), [
    {
      piece: "counters",
      clock: { at: 1000, aheadMs: 0 },
      nextStreamNumber: 1,
      nextPublisherNumber: 1,
    },
  ]);
});

Deno.test("a message takes the place of others with the same event, whose streams may be gone", () => {
  const test = new TestBroker("a", "b");
  test.publisher("a", "me").publish("one", "two", "three");
  const { state } = test.broker;
  const replacement: Event = {
    type: "published",
    publisher: 0,
    sequence: 0,
    storedIn: [{ stream: "b", number: 2, firstId: 1 }],
    storedAt: 1000,
    notes: { replaces: [{ number: 1, id: 2 }, { number: 7, id: 1 }] },
    batch: batchOf("new"),
  };
  state.apply(replacement);
  assertEquals([...state.router.streams].map(({ depthCount }) => depthCount), [2, 1]);
});

Deno.test("BrokerState.takeSnapshot() tells of streams and publishers, and of no messages", () => {
  const test = new TestBroker("a", "b");
  test.publisher(/./, "me").publish("x", "y");
  test.publisher("nowhere", "refused").publish("z");
  test.broker.deleteStream("b");
  assertEquals(snapshotOf(test), [
    {
      piece: "counters",
      clock: { at: 1000, aheadMs: 0 },
      nextStreamNumber: 3,
      nextPublisherNumber: 2,
    },
    { piece: "stream", number: 1, name: "a", nextId: 3 },
    { piece: "publisher", number: 1, identity: "me", lastSequence: 2, settled: 0 },
    { piece: "places", publisher: 1, places: [["a", 1], ["b", 1]] },
    { piece: "outcomes", publisher: 1, batches: [[1, 2, 0]] },
  ]);
});

Deno.test("BrokerState.takeSnapshot() tells what is stored, not what is to be stored", () => {
  const test = new TestBroker("a");
  const publisher = test.publisher("a");
  test.isSlow = true;
  publisher.publish("x");
  publisher.publish("y");
  test.sync(1);
  const pieces = snapshotOf(test);
  assertEquals(piecesOf(pieces, "stream").map(({ nextId }) => nextId), [2]);
  assertEquals(piecesOf(pieces, "publisher").map(({ lastSequence }) => lastSequence), [1]);
  assertEquals(piecesOf(pieces, "outcomes").map(({ batches }) => batches), [[[1, 1, 0]]]);
});

Deno.test("BrokerState.takeSnapshot() tells of streams as they are written, not as decided", () => {
  const test = new TestBroker("a");
  test.isSlow = true;
  test.broker.deleteStream("a");
  test.create("a");
  const numbers = () => piecesOf(snapshotOf(test), "stream").map(({ number }) => number);
  assertEquals(numbers(), [1]);
  test.sync(1);
  assertEquals(numbers(), []);
  test.sync();
  assertEquals(numbers(), [2]);
  assertEquals(describeStreams(test.broker).length, 1);
});

Deno.test("message ids are gone from snapshots and from memory when their window is over, in silence", () => {
  const test = new TestBroker("busy");
  test.create("silent", { dedupWindowMs: 5000 });
  const { publisher } = test.publisher("silent");
  for (let sequence = 1; sequence <= 20; sequence++) {
    const wishes = { dedupId: `m${sequence}` };
    const batch = encodeBatch([{ kind: 0, headers: {}, body: new Uint8Array(1), wishes }]);
    const numbered = { ...batch, sequence, settled: 0, bytes: batch.end };
    publisher.publish({ ...numbered, flags: findFlags(batch) });
    test.now += 10;
  }
  const { dedupIds } = test.broker.state.router.getStream("silent")!;
  const idsOf = () => piecesOf(snapshotOf(test), "messageIds")[0]?.messageIds.length;
  assertEquals([dedupIds.size, idsOf()], [20, 20]);
  test.now = 6100;
  assertEquals(idsOf(), 9, "who takes a snapshot looks at the time");
  const busy = test.publisher("busy", "other");
  for (let nextAt = 0; nextAt < Infinity; test.now = Math.max(test.now, nextAt)) {
    busy.publish("x");
    nextAt = test.broker.tick(test.now);
    if (nextAt === Infinity) break;
  }
  assertEquals([dedupIds.size, idsOf()], [0, undefined]);
  assertLess(test.now, 7001);
});

Deno.test("message ids are forgotten earlier when their stream's window becomes shorter", () => {
  const test = new TestBroker("a");
  test.broker.state.router.getStream("a")!.dedupIds.add(
    "m",
    { id: 1, at: test.now, isStored: true },
    120_000,
  );
  test.broker.updateStream("a", { dedupWindowMs: 1000 });
  assertEquals(test.broker.tick(test.now), 2000);
  test.broker.tick(2000);
  assertEquals(test.broker.state.router.getStream("a")!.dedupIds.size, 0);
});

Deno.test("BrokerState.restoreSnapshot() goes on with ids and numbers behind those that were used", () => {
  const before = new TestBroker("a", "b");
  before.publisher("a", "me").publish("x", "y");
  before.broker.deleteStream("b");
  const test = restore(snapshotOf(before));
  assertEquals(describeStreams(test.broker).map(({ name, nextId }) => [name, nextId]), [["a", 3]]);
  test.create("b");
  test.publisher("a", "you").publish("z");
  assertEquals(test.events.map((event) => numberOf(event)), [
    3,
    2,
    2,
  ]);
  const follower = test.follower(/./);
  test.dispatch();
  assertEquals(follower.received, ["a:3×1"]);
});

Deno.test("BrokerState.restoreSnapshot() knows batches that come again, and takes new ones", () => {
  const before = new TestBroker("a");
  const publisher = before.publisher("a", "me");
  publisher.publish("x");
  publisher.publish("y", "z");
  const test = restore(snapshotOf(before));
  const again = test.publisher("a", "me");
  again.publish("x");
  again.publish("y", "z");
  again.publish("new");
  assertEquals(again.sink.outcomes.map(({ stored, isDuplicate }) => [...stored, isDuplicate]), [
    ["a:1", true],
    ["a:2", true],
    ["a:4", false],
  ]);
  // It is the publisher that it was.
  assertEquals(test.events.map(({ type }) => type), ["published"]);
});

Deno.test("BrokerState.restoreSnapshot() keeps what has been told by events", () => {
  const before = new TestBroker("a");
  before.publisher("a", "me").publish("x");
  const early = snapshotOf(before);
  before.publisher("a", "you").publish("y");
  const test = new TestBroker();
  const { state } = test.broker;
  state.beginRestoration();
  for (const event of before.events) state.apply(event);
  for (const piece of early) state.restorePiece(piece);
  state.finishRestoration(test.now);
  assertEquals(snapshotOf(test), snapshotOf(before));
  assertEquals(test.getStream("a").ready, 2);
});

Deno.test("BrokerState: publishers that were restored are forgotten ten minutes after the start", () => {
  const before = new TestBroker("a");
  for (const identity of ["back", "late"]) before.publisher("a", identity).publish("x");
  const test = restore(snapshotOf(before));
  test.publisher("a", "back");
  test.broker.tick(test.now + 10 * 60_000);
  assertEquals(test.events, [{ type: "publisherClosed", number: 2, lostAt: 1000 }]);
  const publishers = piecesOf(snapshotOf(test), "publisher");
  assertEquals(publishers.map(({ identity }) => identity), ["back"]);
});

Deno.test("BrokerState: whose publishers were forgotten is known after a restart, from events or a snapshot", () => {
  const before = new TestBroker("a");
  for (const owner of ["evil", "good"]) {
    const init = { identity: `of ${owner}`, bind: bindOf("a"), owner };
    const { publisher } = new TestPublisher(before.broker, init);
    publisher.publish({ ...batchOf("x"), bytes: 10, sequence: 1, settled: 0 });
    if (owner === "evil") publisher.lose();
  }
  before.broker.tick(before.now + 10 * 60_000);
  const replayed = new TestBroker();
  replayed.broker.state.beginRestoration();
  for (const event of before.events) replayed.broker.state.apply(event);
  replayed.broker.state.finishRestoration(replayed.now);
  const [counters, ...others] = snapshotOf(before);
  assert(counters?.piece === "counters");
  assertEquals([counters.forgottenUntil, counters.forgottenBy], [1000, [["evil", 1000]]]);
  const { forgottenBy: _, ...older } = counters;
  const doubtsOf = ({ broker: { state } }: TestBroker) =>
    ["evil", "good"].map((owner) =>
      state.publishers.open(`new of ${owner}`, { until: 7, since: 0 }, owner).doubtfulUntil
    );
  assertEquals(doubtsOf(replayed), [7, 0]);
  assertEquals(doubtsOf(restore([counters, ...others])), [7, 0]);
  assertEquals(doubtsOf(restore([older, ...others])), [7, 7], "of an earlier version");
});

Deno.test("BrokerState.skipIds() leaves ids out that were used for what cannot be read", () => {
  const test = restore([
    {
      piece: "counters",
      clock: { at: 1000, aheadMs: 0 },
      nextStreamNumber: 2,
      nextPublisherNumber: 1,
    },
    { piece: "stream", number: 1, name: "a", nextId: 5 },
  ]);
  test.broker.state.skipIds(1, 9);
  test.broker.state.skipIds(7, 9);
  assertEquals(test.getStream("a").nextId, 9);
});

Deno.test("BrokerState.apply() ignores events about streams that are gone", () => {
  const test = new TestBroker("a");
  const { state } = test.broker;
  const place = { segment: { liveCount: 0, liveBytes: 0 }, offset: 0 };
  const batch = batchOf("x");
  const of = { number: 7, firstId: 1 };
  state.apply({ type: "streamDeleted", number: 7 });
  state.apply({ type: "acknowledged", ...of, count: 1 });
  state.apply({ type: "attempted", ...of, count: 1, attempts: 1 });
  state.apply({ type: "moved", ...of, batch, place });
  const storedIn = [{ stream: "gone", ...of }];
  const published = { publisher: 1, sequence: 1, storedIn, storedAt: test.now };
  state.apply({ type: "published", ...published, batch, place });
  state.apply({ type: "dropped", ...of, count: 1 });
  state.apply({ type: "expirySet", ...of, count: 1, at: 2000 });
  const failure = { firstAt: 1000, lastAt: 1000, reasons: [], follower: "" };
  state.apply({ type: "failed", ...of, count: 1, attempts: 1, dueAt: 0, failure });
  state.apply({ type: "streamUpdated", number: 7, options: {}, isPaused: true });
  const transferred = { from: 7, fromId: 1, to: 8, firstId: 1, storedAt: test.now };
  state.apply({ type: "transferred", ...transferred, batch, place });
  // Without a place there is nothing to be done: the messages are where they are.
  state.apply({ type: "moved", number: 1, firstId: 1, batch });
  assertEquals([test.broker.bytes, place.segment.liveCount], [0, 0]);
  assertEquals(test.getStream("a").nextId, 1);
});

Deno.test("BrokerState.apply() takes a message that an earlier version has moved for one of that time", () => {
  const test = new TestBroker("a");
  const { state } = test.broker;
  const place = { segment: { liveCount: 0, liveBytes: 0 }, offset: 0 };
  const storedIn = [{ stream: "a", number: 1, firstId: 1 }];
  const published = { publisher: 1, sequence: 1, storedIn, storedAt: 1000 };
  state.apply({ type: "published", ...published, batch: batchOf("x"), place });
  state.apply({ type: "clockRead", at: 5000, aheadMs: 0 });
  const { backlog } = state.router.requireStream("a");
  const moved = { type: "moved", number: 1, firstId: 1, batch: batchOf("x"), place } as const;
  state.apply({ ...moved, storedAt: [{ count: 1, at: 1000 }] });
  assertEquals(backlog.storedAt(1), 1000);
  state.apply(moved);
  assertEquals(backlog.storedAt(1), 5000);
});
