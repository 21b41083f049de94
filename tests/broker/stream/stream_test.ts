/**
 * The ids of a stream, and what is ready of it when it is made again.
 *
 * @module
 */

import { assertEquals, assertLessOrEqual, assertStrictEquals } from "@std/assert";
import { BrokerError } from "../../../protocol.ts";
import { Calendar } from "../../../src/broker/collections/calendar.ts";
import { ReasonPool } from "../../../src/broker/share/reason_pool.ts";
import { Stream } from "../../../src/broker/stream/stream.ts";
import { batchOf } from "../../support/wire/batches.ts";
import { MemoryPager } from "../../support/disk/memory_pager.ts";
import { streamOf, unlimited } from "../../support/broker/test_stream.ts";

/** Messages without properties. */
const DETAILS = { flags: 0, storedAt: 1000 };

/** The next id, and the one behind what is stored. */
function idsOf({ nextId, storedNextId }: Stream): [number, number] {
  return [nextId, storedNextId];
}

/** Stores texts under the next ids. */
function store(stream: Stream, ...texts: readonly string[]): void {
  const batch = batchOf(...texts);
  stream.append(stream.reserveIds(batch.count, batch.end), batch, DETAILS);
  stream.endReservation(batch.count, batch.end);
}

/** A stream of which so many messages are pending. */
function pendingStream(...texts: readonly string[]): Stream {
  const stream = streamOf("orders");
  store(stream, ...texts);
  stream.takeReady(texts.length);
  return stream;
}

Deno.test("Stream.reserveIds() gives ids out once, stored or not", () => {
  const stream = streamOf("orders");
  assertEquals([stream.reserveIds(3, 30), stream.reserveIds(2, 20), idsOf(stream)], [1, 4, [6, 1]]);
  stream.append(1, batchOf("a", "b", "c"), DETAILS);
  assertEquals([idsOf(stream), stream.ready.count], [[6, 4], 3]);
});

Deno.test("Stream.returnIds() takes back the ids of what was not stored, and of all behind it", () => {
  const stream = streamOf("orders");
  store(stream, "a", "b");
  const [third, sixth] = [stream.reserveIds(3, 30), stream.reserveIds(1, 10)];
  stream.returnIds(third);
  assertEquals(idsOf(stream), [3, 3]);
  stream.returnIds(sixth);
  assertEquals(idsOf(stream), [3, 3]);
  assertEquals(stream.reserveIds(1, 10), 3);
});

Deno.test("Stream.returnIds() leaves what was given out before, also if it is not stored yet", () => {
  const stream = streamOf("orders");
  const [first, third] = [stream.reserveIds(2, 20), stream.reserveIds(2, 20)];
  stream.returnIds(third);
  assertEquals(idsOf(stream), [3, 1]);
  stream.append(first, batchOf("a", "b"), DETAILS);
  assertEquals([idsOf(stream), stream.reserveIds(1, 10)], [[3, 3], 3]);
});

Deno.test("Stream.returnIds() never takes back an id that is stored", () => {
  const stream = streamOf("orders");
  store(stream, "a", "b", "c", "d");
  stream.returnIds(2);
  assertEquals(idsOf(stream), [5, 5]);
});

Deno.test("Stream.skipIds() goes forward only", () => {
  const stream = streamOf("orders");
  stream.skipIds(7);
  stream.skipIds(3);
  assertEquals([idsOf(stream), stream.reserveIds(1, 10)], [[7, 7], 7]);
});

Deno.test("Stream.move() replaces what is here; what was acknowledged meanwhile stays gone", () => {
  const pager = new MemoryPager();
  const segment = pager.begin();
  const stream = pendingStream("a", "b", "c", "d", "e");
  const batch = batchOf("a", "b", "c", "d", "e");
  const place = pager.store(segment, batch);
  for (const id of [1, 3, 5]) stream.forgetPending(id, 1);
  const { bytes } = stream.backlog;
  stream.move(1, batch, place);
  assertEquals(stream.backlog.findRuns(), [{ firstId: 2, count: 1 }, { firstId: 4, count: 1 }]);
  assertEquals([stream.backlog.bytes, segment], [bytes, { liveCount: 2, liveBytes: bytes }]);
  stream.forgetPending(2, 1);
  stream.forgetPending(4, 1);
  stream.move(1, batch, place);
  assertEquals([stream.backlog.findRuns(), segment], [[], { liveCount: 0, liveBytes: 0 }]);
});

Deno.test("Stream.move() of a stream that is made again brings what is not here yet", () => {
  const pager = new MemoryPager();
  const segment = pager.begin();
  const stream = streamOf("orders");
  stream.beginRestoration();
  const batch = batchOf("a", "b");
  stream.move(5, batch, pager.store(segment, batch));
  stream.skipIds(9);
  stream.finishRestoration(1000);
  assertEquals({ ...stream.ready.peek() }, { firstId: 5, count: 2, attempts: 0 });
  assertEquals([stream.nextId, segment.liveCount], [9, 2]);
});

Deno.test("Stream.finishRestoration() has everything ready that is not acknowledged", () => {
  const stream = streamOf("orders");
  stream.beginRestoration();
  stream.append(1, batchOf("a", "b", "c"), DETAILS);
  assertEquals(stream.ready.count, 0, "nobody can be given anything yet");
  // What it is about may be gone, with the part of the store that it was in.
  assertEquals(stream.forgetPending(2, 40), 2 * 9);
  stream.restoration?.note({ firstId: 1, count: 1, attempts: 3 });
  stream.append(7, batchOf("d"), DETAILS);
  stream.finishRestoration(1000);
  assertEquals({ ...stream.ready.peek() }, { firstId: 1, count: 1, attempts: 3 });
  const { ready, pending, nextId } = stream.describe("test");
  assertEquals([ready, pending, nextId], [2, 0, 8]);
  store(stream, "e");
  assertEquals(stream.ready.count, 3);
  stream.finishRestoration(1000);
  assertEquals(stream.ready.count, 3, "a second time changes nothing");
});

Deno.test("Stream.noteDamage() keeps the first reason", () => {
  const stream = streamOf("orders");
  assertEquals(stream.damage, undefined);
  const [first, second] = ["first", "second"].map((why) => new BrokerError("STREAM_DAMAGED", why));
  stream.noteDamage(first!);
  stream.noteDamage(second!);
  assertStrictEquals(stream.damage, first);
});

/** How many maps, sets and typed arrays are made by some work. */
function countCollections(work: () => void): number {
  const names = ["Map", "Set", "Float64Array", "Uint32Array", "Uint16Array", "Uint8Array"] as const;
  const world = globalThis as unknown as Record<string, new (...args: never[]) => object>;
  const before = names.map((name) => world[name]!);
  let count = 0;
  for (const name of names) {
    world[name] = new Proxy(world[name]!, {
      construct(target, args, newTarget) {
        count++;
        return Reflect.construct(target, args, newTarget);
      },
    });
  }
  try {
    work();
  } finally {
    for (const [index, name] of names.entries()) world[name] = before[index]!;
  }
  return count;
}

Deno.test("an empty stream has no map, no set and no typed array, and making a stream makes none", () => {
  const residency = unlimited();
  const reasons = new ReasonPool(residency);
  const calendar = new Calendar();
  const streams: Stream[] = [];
  const make = (number: number) =>
    streams.push(new Stream({ number, name: `s${number}`, residency, reasons, calendar }));
  const count = countCollections(() => {
    for (let number = 1; number <= 100; number++) make(number);
  });
  assertEquals([streams.length, count], [100, 0]);
  // Whoever looks makes nothing, either.
  const looked = countCollections(() => {
    const stream = streams[0]!;
    void [stream.nextDueAt, stream.visits, stream.listReturned(), stream.ready.peek()];
    stream.describe("test");
    stream.takeUnheld([{ firstId: 1, count: 9 }]);
  });
  assertEquals(looked, 0);
  const batch = batchOf("a");
  const stored = countCollections(() => streams[0]!.append(1, batch, DETAILS));
  assertLessOrEqual(stored, 6);
});
