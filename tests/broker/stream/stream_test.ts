/**
 * The ids of a stream, and what memory it takes.
 *
 * @module
 */

import { assertEquals, assertLessOrEqual, assertStrictEquals } from "@std/assert";
import { BrokerError } from "../../../protocol.ts";
import { Calendar } from "../../../src/broker/collections/calendar.ts";
import { ReasonPool } from "../../../src/broker/failures/reason_pool.ts";
import { Stream } from "../../../src/broker/stream/stream.ts";
import { batchOf } from "../../support/wire/batches.ts";
import { MemoryPager } from "../../support/disk/memory_pager.ts";
import { streamOf, unlimited } from "../../support/broker/test_stream.ts";

/** Messages without properties. */
const DETAILS = { flags: 0, storedAt: 1000 };

/** The next id, and the one behind what is stored. */
function idsOf({ intake }: Stream): [number, number] {
  return [intake.nextId, intake.storedNextId];
}

/** Stores texts under the next ids. */
function store(stream: Stream, ...texts: readonly string[]): void {
  const batch = batchOf(...texts);
  stream.append(stream.intake.reserve(batch.count, batch.end), batch, DETAILS);
  stream.intake.conclude(batch.count, batch.end);
}

/** A stream of which so many messages are pending. */
function pendingStream(...texts: readonly string[]): Stream {
  const stream = streamOf("orders");
  store(stream, ...texts);
  stream.share.takeReady(texts.length);
  return stream;
}

Deno.test("Intake.reserve() gives ids out once, stored or not", () => {
  const stream = streamOf("orders");
  assertEquals([stream.intake.reserve(3, 30), stream.intake.reserve(2, 20), idsOf(stream)], [1, 4, [
    6,
    1,
  ]]);
  stream.append(1, batchOf("a", "b", "c"), DETAILS);
  assertEquals([idsOf(stream), stream.share.ready.count], [[6, 4], 3]);
});

Deno.test("Intake.returnIds() takes back the ids of what was not stored, and of all behind it", () => {
  const stream = streamOf("orders");
  store(stream, "a", "b");
  const [third, sixth] = [stream.intake.reserve(3, 30), stream.intake.reserve(1, 10)];
  stream.intake.returnIds(third);
  assertEquals(idsOf(stream), [3, 3]);
  stream.intake.returnIds(sixth);
  assertEquals(idsOf(stream), [3, 3]);
  assertEquals(stream.intake.reserve(1, 10), 3);
});

Deno.test("Intake.returnIds() leaves what was given out before, also if it is not stored yet", () => {
  const stream = streamOf("orders");
  const [first, third] = [stream.intake.reserve(2, 20), stream.intake.reserve(2, 20)];
  stream.intake.returnIds(third);
  assertEquals(idsOf(stream), [3, 1]);
  stream.append(first, batchOf("a", "b"), DETAILS);
  assertEquals([idsOf(stream), stream.intake.reserve(1, 10)], [[3, 3], 3]);
});

Deno.test("Intake.returnIds() never takes back an id that is stored", () => {
  const stream = streamOf("orders");
  store(stream, "a", "b", "c", "d");
  stream.intake.returnIds(2);
  assertEquals(idsOf(stream), [5, 5]);
});

Deno.test("Intake.skipIds() goes forward only", () => {
  const stream = streamOf("orders");
  stream.intake.skipIds(7);
  stream.intake.skipIds(3);
  assertEquals([idsOf(stream), stream.intake.reserve(1, 10)], [[7, 7], 7]);
});

Deno.test("Stream.move() replaces what is here; what was acknowledged meanwhile stays gone", () => {
  const pager = new MemoryPager();
  const segment = pager.begin();
  const stream = pendingStream("a", "b", "c", "d", "e");
  const batch = batchOf("a", "b", "c", "d", "e");
  const place = pager.store(segment, batch);
  for (const id of [1, 3, 5]) stream.forget(id, 1);
  const { bytes } = stream.backlog;
  stream.move(1, batch, place, []);
  assertEquals(stream.backlog.findRuns(), [{ firstId: 2, count: 1 }, { firstId: 4, count: 1 }]);
  assertEquals([stream.backlog.bytes, segment], [bytes, { liveCount: 2, liveBytes: bytes }]);
  stream.forget(2, 1);
  stream.forget(4, 1);
  stream.move(1, batch, place, []);
  assertEquals([stream.backlog.findRuns(), segment], [[], { liveCount: 0, liveBytes: 0 }]);
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
    void [stream.nextDueAt, stream.visits, stream.share.listReturned(), stream.share.ready.peek()];
    stream.describe("test", 0);
    stream.share.takeUnheld([{ firstId: 1, count: 9 }]);
  });
  assertEquals(looked, 0);
  const batch = batchOf("a");
  const stored = countCollections(() => streams[0]!.append(1, batch, DETAILS));
  assertLessOrEqual(stored, 6);
});
