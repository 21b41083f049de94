/**
 * Records are collected, sealed and read again; and what has no room is taken out of them.
 *
 * @module
 */

import { assert, assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import type {
  Acknowledged,
  Attempted,
  Dropped,
  Event,
  Moved,
  Published,
} from "../../../../src/broker/event.ts";
import {
  GROUP_HEAD_BYTES,
  RECORD_HEAD_BYTES,
} from "../../../../src/engine/journal/segments/format.ts";
import {
  Group,
  GROUP_BYTES_FULL,
  type StoredRecord,
} from "../../../../src/engine/journal/segments/group.ts";
import { joinBytes } from "../../../../src/protocol/bytes.ts";
import { readEvents } from "../../../../src/broker/events/event_codec.ts";
import { scanSegment } from "../../../../src/engine/journal/segments/scan.ts";
import { batchOf, textsOf } from "../../../support/wire/batches.ts";
import { fileOf } from "../../../support/disk/segment_bytes.ts";

const head = { base: 1000, journalId: 7 };
const spot = { position: head.base, journalId: head.journalId };
const ignore = { stored() {}, failed() {} };

function publish(number: number, firstId: number, ...texts: string[]): Published {
  const storedIn = [{ stream: "a", number, firstId }];
  const batch = batchOf(...texts);
  return { type: "published", publisher: 3, sequence: firstId, storedIn, storedAt: 1000, batch };
}

function acknowledge(number: number, firstId: number, count = 1): Acknowledged {
  return { type: "acknowledged", number, firstId, count };
}

function attempt(number: number, firstId: number, attempts: number, count = 1): Attempted {
  return { type: "attempted", number, firstId, count, attempts };
}

function drop(number: number, firstId: number, count = 1): Dropped {
  return { type: "dropped", number, firstId, count };
}

/** Events as a scan finds them in the sealed bytes, with messages as texts. */
function readBack(group: Group, durable = 0): unknown[] {
  group.seal(spot, durable);
  const events: unknown[] = [];
  const bytes = joinBytes(group.pieces);
  scanSegment({ file: fileOf(bytes), head, start: 0, end: bytes.length }, {
    record(record) {
      assert(record.isIntact);
      readEvents(record, (event) => events.push(withTexts(event)));
    },
    fault: ({ what }) => assertEquals(what, ""),
  });
  return events;
}

/** An event without what is not written: names of streams, and the buffer. */
function withTexts(event: Event): unknown {
  if (!("batch" in event)) return event;
  const texts = textsOf(event.batch);
  assertEquals(texts.length, event.batch.count);
  if (event.type !== "published") return { ...event, batch: texts };
  const storedIn = event.storedIn.map(({ stream: _, ...at }) => at);
  return { ...event, storedIn, batch: texts };
}

// Sealing.

Deno.test("Group: every kind of event is read as it was added", () => {
  const moved: Moved = { type: "moved", number: 8, firstId: 2 ** 40, batch: batchOf("m", "") };
  const storedIn = [
    { stream: "a", number: 1, firstId: 5 },
    { stream: "b", number: 0xffff_fffe, firstId: 2 ** 52, expiresAt: 2 ** 51 },
  ];
  const batch = batchOf("one", "two", "");
  const failure = { firstAt: 1, lastAt: 2, reasons: ["no", "ähm"], follower: "me" };
  const places = { from: 8, fromId: 2 ** 40, to: 0xffff_fffd, firstId: 2 ** 41 };
  const events: Event[] = [
    { type: "streamCreated", number: 1, name: "ähm\u{1f600}" },
    { type: "streamCreated", number: 2, name: "x", options: { maxDeliveries: 3, ttlMs: null } },
    { type: "streamUpdated", number: 2, options: { overflow: "drop-oldest" }, isPaused: true },
    { type: "streamDeleted", number: 1 },
    { type: "publisherOpened", number: 2, identity: "some one" },
    { type: "publisherClosed", number: 2 },
    { type: "failed", number: 4, firstId: 2, count: 2, attempts: 7, dueAt: 2 ** 45, failure },
    { type: "expirySet", number: 4, firstId: 2, count: 2, at: 2 ** 45 },
    { type: "published", publisher: 3, sequence: 2 ** 50, storedIn, storedAt: 2 ** 41, batch },
    moved,
    { type: "transferred", ...places, storedAt: 2 ** 41, expiresAt: 2 ** 42, batch },
    { type: "transferred", ...places, storedAt: 0, batch },
    acknowledge(4, 9, 3),
    attempt(4, 12, 2, 5),
    drop(4, 17, 2),
  ];
  const group = new Group();
  for (const event of events) group.addEvent(event);
  const expected = events.map(withTexts);
  assertEquals(readBack(group), expected);
});

Deno.test("Group: the bytes of messages are copied at once, out of the midst of a buffer", () => {
  const group = new Group();
  const event = publish(1, 1, "kept");
  const buffer = new Uint8Array(100).fill(0xee);
  buffer.set(event.batch.buffer, 50);
  const batch = { ...event.batch, buffer, start: 50, end: 50 + event.batch.end };
  group.addMessages({ ...event, batch }, ignore);
  buffer.fill(0);
  assertEquals(readBack(group), [withTexts(event)]);
  const { offset } = group.stored[0]!;
  const { count, end } = event.batch;
  const stored = { count, buffer: joinBytes(group.pieces), start: offset, end: offset + end };
  assertEquals(textsOf(stored), ["kept"]);
});

Deno.test("Group: its size is known before it is sealed", () => {
  const group = new Group();
  assertEquals(group.size, GROUP_HEAD_BYTES);
  const steps: (() => void)[] = [
    () => group.addEvent(publish(1, 1, "some text")),
    () => group.addEvent(acknowledge(1, 1)),
    () => group.addEvent(acknowledge(1, 2)),
    () => group.addEvent(attempt(1, 3, 1)),
    () => group.addEvent({ type: "streamDeleted", number: 4 }),
  ];
  for (const step of steps) {
    const before = group.size;
    step();
    assertGreaterOrEqual(group.size, before);
  }
  const { size } = group;
  group.seal(spot, 0);
  assertEquals(joinBytes(group.pieces).length, size);
  assertEquals(group.size, size);
});

Deno.test("Group: it tells up to where everything was flushed", () => {
  const group = new Group();
  group.addEvent(acknowledge(1, 1));
  group.seal(spot, 987);
  const heads: unknown[] = [];
  scanSegment({
    file: fileOf(joinBytes(group.pieces)),
    head,
    start: 0,
    end: joinBytes(group.pieces).length,
  }, {
    group: ({ offset, end, length, count, durable }) =>
      void heads.push({ offset, end, length, count, durable }),
    fault() {},
  });
  const end = joinBytes(group.pieces).length;
  const expected = { offset: 0, end, length: end - GROUP_HEAD_BYTES, count: 1, durable: 987 };
  assertEquals(heads, [expected]);
});

// Facts.

Deno.test("Group: acknowledgements that follow each other become one", () => {
  const group = new Group();
  const added = [[1, 1], [1, 2], [1, 3, 10], [1, 13], [2, 14], [1, 14], [1, 16], [1, 15]];
  for (const [number, firstId, count] of added) {
    group.addEvent(acknowledge(number!, firstId!, count));
  }
  assertEquals(readBack(group), [
    acknowledge(1, 1, 13),
    acknowledge(2, 14),
    acknowledge(1, 14),
    acknowledge(1, 16),
    acknowledge(1, 15),
  ]);
});

Deno.test("Group: drops that follow each other become one, and stay apart from acknowledgements", () => {
  const group = new Group();
  for (const fact of [drop(1, 1), acknowledge(1, 2), drop(1, 2, 3), drop(1, 6), drop(2, 7)]) {
    group.addEvent(fact);
  }
  const { size } = group;
  assertEquals(readBack(group), [acknowledge(1, 2), drop(1, 1, 4), drop(1, 6), drop(2, 7)]);
  assertEquals(joinBytes(group.pieces).length, size);
});

Deno.test("Group: attempts stay apart, in the order in which they were added", () => {
  const group = new Group();
  group.addEvent(attempt(1, 1, 1));
  group.addEvent(attempt(1, 2, 1));
  group.addEvent(acknowledge(1, 5));
  group.addEvent(attempt(1, 1, 0, 2));
  assertEquals(readBack(group), [
    acknowledge(1, 5),
    attempt(1, 1, 1),
    attempt(1, 2, 1),
    attempt(1, 1, 0, 2),
  ]);
});

Deno.test("Group: more attempts than fit are the most that fit", () => {
  const group = new Group();
  group.addEvent(attempt(1, 1, 65_535));
  group.addEvent(attempt(1, 2, 65_536));
  group.addEvent(attempt(1, 3, 1_000_000));
  assertEquals(readBack(group), [1, 2, 3].map((id) => attempt(1, id, 65_535)));
});

Deno.test("Group: a million acknowledgements one by one are one range", () => {
  const group = new Group();
  for (let id = 1; id <= 1_000_000; id++) group.addEvent(acknowledge(1, id));
  assertLess(group.size, 200);
  assertEquals(readBack(group), [acknowledge(1, 1, 1_000_000)]);
});

// What it is.

Deno.test("Group: empty, awaited, a mark", () => {
  const tell = (group: Group) => [group.isEmpty, group.isAwaited, group.isMark];
  const group = new Group();
  assertEquals(tell(group), [true, false, false]);
  group.addEvent(acknowledge(1, 1));
  assertEquals(tell(group), [false, false, false]);
  group.addMark();
  assertEquals(tell(group), [false, false, false], "a mark proves all, and this does not itself");
  group.clear();
  assertEquals(tell(group), [true, false, false]);
  group.addMark();
  assertEquals(tell(group), [false, false, true]);
  group.seal(spot, 5);
  assertEquals(joinBytes(group.pieces).length, GROUP_HEAD_BYTES);
  group.awaiting.push(() => {});
  assertEquals(tell(group), [false, true, true]);
  group.clear();
  assertEquals(tell(group), [true, false, false]);
  group.addEvent(publish(1, 1, "a"));
  assertEquals(tell(group), [false, true, false]);
});

Deno.test("Group: it grows as far as it must, and is as new when it is cleared", () => {
  const group = new Group();
  const texts = Array.from({ length: 50 }, (_, index) => `${index}`.repeat(30_000));
  const events = texts.map((text, index) => publish(1, index + 1, text));
  for (const [index, event] of events.entries()) {
    assertEquals(group.isFull, group.size >= GROUP_BYTES_FULL, `before ${index}`);
    group.addEvent(event);
  }
  assert(group.isFull);
  assertEquals(readBack(group), events.map(withTexts));
  group.clear();
  assert(!group.isFull);
  assertEquals(group.size, GROUP_HEAD_BYTES);
  group.addEvent(events[1]!);
  assertEquals(readBack(group), [withTexts(events[1]!)]);
});

Deno.test("Group: one record may be as large as it likes", () => {
  const group = new Group();
  const event = publish(1, 1, "x".repeat(9 * 1024 * 1024));
  group.addEvent(publish(1, 0, "before"));
  group.addEvent(event);
  group.addEvent(acknowledge(1, 1));
  const [before, large, fact] = readBack(group);
  assertEquals(before, withTexts(publish(1, 0, "before")));
  assertEquals((large as { batch: string[] }).batch[0]!.length, 9 * 1024 * 1024);
  assertEquals(fact, acknowledge(1, 1));
});

Deno.test("Group: large messages lie apart, in bytes that nobody changes, and are written in their places", () => {
  const large = (id: number, letter: string) => publish(1, id, letter.repeat(70_000));
  const events = [large(1, "a"), publish(1, 2, "small"), large(3, "b"), large(4, "c")];
  const expected = [...events.map(withTexts), acknowledge(1, 1)];
  const group = new Group();
  for (const [index, event] of events.entries()) {
    const isOwn = index === 2;
    group.addMessages({ ...event, batch: { ...event.batch, isOwn } }, ignore);
    if (!isOwn) event.batch.buffer.fill(0xee);
  }
  group.addEvent(acknowledge(1, 1));
  const { size } = group;
  assertEquals(readBack(group), expected);
  assertEquals(joinBytes(group.pieces).length, size);
  // Head and record, then turns of messages that lie apart and what is in the buffer.
  assertEquals(group.pieces.length, 7);
  const own = events[2]!.batch;
  assert(group.pieces[3]!.buffer === own.buffer.buffer, "what was its own already is not copied");
});

Deno.test("Group: what is stored knows its place, and large messages come in bytes of their own", () => {
  const told: Published[] = [];
  const outcome = { ...ignore, stored: (event: Published) => told.push(event) };
  const group = new Group();
  const events = ["a", "b".repeat(70_000), "c", "d".repeat(80_000), "e"].map((text, index) =>
    publish(1, index + 1, text)
  );
  for (const event of events) group.addMessages(event, outcome as never);
  group.seal(spot, 0);
  const bytes = joinBytes(group.pieces);
  group.tellDurable({ liveCount: 0, liveBytes: 0 } as never, 1000);
  assertEquals(
    told.map(withTexts),
    events.map((event) => withTexts(event)).map((event, index) => ({
      ...event as Published,
      place: told[index]!.place,
    })),
  );
  for (const { batch, place } of told) {
    const size = batch.end - batch.start;
    assertEquals(batch.isOwn ?? false, size > 60_000);
    const at = place!.offset - 1000;
    const written = { ...batch, buffer: bytes, start: at, end: at + size };
    assertEquals(textsOf(written), textsOf(batch));
  }
});

// Taking messages out.

/** A group with messages between all else; and what is left without them. */
function mixed(): { group: Group; left: Event[]; stored: Event[] } {
  const left: Event[] = [];
  const stored: Event[] = [];
  const group = new Group();
  for (let index = 1; index <= 5; index++) {
    // Some lie apart.
    const message = publish(1, index, `text ${index}`.repeat(index % 2 === 0 ? 15_000 : 1));
    const { batch } = message;
    const moved: Moved = { type: "moved", number: 1, firstId: index, batch };
    const event: Event = { type: "streamDeleted", number: index };
    for (const one of [message, event, moved]) group.addEvent(one);
    stored.push(message, moved);
    left.push(event);
  }
  group.addEvent(acknowledge(9, 1));
  left.push(acknowledge(9, 1));
  return { group, left, stored };
}

Deno.test("Group: without its messages it has all else, in order", () => {
  const { group, left, stored } = mixed();
  const dropped = group.dropMessages();
  assertEquals(dropped.map(({ event }) => event.type), stored.map(({ type }) => type));
  assert(!group.isAwaited);
  assertEquals(readBack(group), left);
});

Deno.test("Group: without its messages it takes new ones", () => {
  const { group, left } = mixed();
  group.dropMessages();
  const late = publish(2, 1, "late");
  group.addEvent(late);
  const fact = left.pop();
  assertEquals(readBack(group), [...left, withTexts(late), fact]);
  assertEquals(group.stored.length, 1);
});

Deno.test("Group: messages alone leave nothing, or a mark that was asked for", () => {
  const group = new Group();
  for (let id = 1; id <= 3; id++) group.addEvent(publish(1, id, "a"));
  assertEquals(group.dropMessages().length, 3);
  assertEquals([group.isEmpty, group.size], [true, GROUP_HEAD_BYTES]);
  assertEquals(group.dropMessages(), []);
  group.addEvent(publish(1, 1, "a"));
  group.addMark();
  group.dropMessages();
  assertEquals([group.isEmpty, group.isMark], [false, true]);
});

Deno.test("Group: what is dropped after it was sealed, or written in vain, is gone all the same", () => {
  const { group, left } = mixed();
  group.seal(spot, 0);
  group.dropMessages();
  assertEquals(readBack(group), left);
});

Deno.test("Group: who waits for messages that are dropped is told by whoever drops them", () => {
  const group = new Group();
  const outcome = { ...ignore };
  const event = publish(1, 1, "a");
  group.addMessages(event, outcome);
  const [dropped] = group.dropMessages() as [StoredRecord];
  assert(dropped.outcome === outcome);
  assert(dropped.event === event);
  assertEquals(dropped.recordOffset, GROUP_HEAD_BYTES);
  assertEquals(dropped.offset, GROUP_HEAD_BYTES + RECORD_HEAD_BYTES + 56);
});
