/**
 * Which messages of a stream are ready when it is made again, and how often they were worked on.
 *
 * @module
 */

import { encodeBatch } from "../../../protocol.ts";
import { findFlags } from "../../../src/protocol/messages/batch.ts";
import { assert, assertEquals } from "@std/assert";
import { countIds } from "../../../src/broker/collections/id_ranges.ts";
import type { Stream } from "../../../src/broker/stream/stream.ts";
import { StreamRestoration } from "../../../src/broker/stream/stream_restoration.ts";
import { batchOf } from "../../support/wire/batches.ts";
import { MemoryPager } from "../../support/disk/memory_pager.ts";
import { streamOf } from "../../support/broker/test_stream.ts";

/** The time. */
const NOW = 1000;

/** Messages without properties. */
const DETAILS = { flags: 0, storedAt: 1000 };

/** A stream that is being made again, of runs of messages. */
function restorationOf(...runs: readonly [firstId: number, count: number][]) {
  const stream = streamOf("orders");
  const restoration = new StreamRestoration(stream);
  for (const [firstId, count] of runs) {
    restoration.append(firstId, batchOf(...new Array<string>(count).fill("x")), DETAILS);
  }
  /** Ends it, when all ids below `nextId` were used; tells what is ready. */
  const finish = (nextId: number) => {
    stream.intake.skipIds(nextId);
    restoration.finish(NOW);
    return stream.share.ready;
  };
  return { stream, backlog: stream.backlog, restoration, finish };
}

/** Notes attempts. */
function note(
  restoration: StreamRestoration,
  ...notes: readonly [firstId: number, count: number, attempts: number][]
): void {
  for (const [firstId, count, attempts] of notes) restoration.note({ firstId, count, attempts });
}

/** Takes everything, run by run, as `firstId+count×attempts`, and behind it the next message's id. */
function drain(stream: Stream): string[] {
  const runs: string[] = [];
  const { ready } = stream.share;
  stream.append(stream.intake.reserve(1, 9), batchOf("x"), DETAILS);
  for (let run = ready.peek(); run !== undefined; run = ready.peek()) {
    const { firstId, count, attempts } = run;
    runs.push(`${firstId}+${count}×${attempts}`);
    ready.take(count);
  }
  return runs;
}

Deno.test("StreamRestoration: without a note, what goes up to the next id is fresh", () => {
  const { stream, finish } = restorationOf([1, 5]);
  const ready = finish(6);
  assertEquals([ready.count, ready.listReturned().length], [5, 0]);
  assertEquals(drain(stream), ["1+6×0"]);
});

Deno.test("StreamRestoration: of an empty stream nothing is ready, and the next id is the next", () => {
  const { stream, finish } = restorationOf();
  finish(1);
  assertEquals(drain(stream), ["1+1×0"]);
  const later = restorationOf();
  later.finish(17);
  assertEquals(drain(later.stream), ["17+1×0"]);
});

Deno.test("StreamRestoration: what is gone leaves holes, and what is behind the last one is fresh", () => {
  const { stream, restoration, finish } = restorationOf([1, 3], [6, 10]);
  restoration.forget(8, 2);
  const ready = finish(16);
  assertEquals(ready.count, 3 + 2 + 6);
  assertEquals(ready.listReturned(), []);
  assertEquals(drain(stream), ["1+3×0", "6+2×0", "10+7×0"]);
});

Deno.test("StreamRestoration: ids that were used after the last message are not used again", () => {
  const { stream, restoration, finish } = restorationOf([1, 3]);
  note(restoration, [2, 1, 1]);
  const ready = finish(9);
  assertEquals(ready.count, 3);
  assertEquals(drain(stream), ["1+1×0", "2+1×1", "3+1×0", "9+1×0"]);
});

Deno.test("StreamRestoration: what was worked on comes with its attempts, run by run", () => {
  const { stream, restoration, finish } = restorationOf([1, 9]);
  note(restoration, [2, 2, 1], [5, 1, 4]);
  const ready = finish(10);
  assertEquals(ready.count, 9);
  assertEquals(drain(stream), ["1+1×0", "2+2×1", "4+1×0", "5+1×4", "6+5×0"]);
});

Deno.test("StreamRestoration: nothing is fresh if the last message was worked on", () => {
  const { stream, restoration, finish } = restorationOf([1, 3]);
  note(restoration, [3, 1, 2]);
  finish(4);
  assertEquals(drain(stream), ["1+2×0", "3+1×2", "4+1×0"]);
});

Deno.test("StreamRestoration: the last note counts, and one of no attempt takes others back", () => {
  const { stream, restoration, finish } = restorationOf([1, 6]);
  note(restoration, [1, 4, 1], [2, 1, 2], [3, 2, 0], [2, 1, 3]);
  finish(7);
  assertEquals(drain(stream), ["1+1×1", "2+1×3", "3+5×0"]);
});

Deno.test("StreamRestoration: notes about what is gone, in whole or in part, do no harm", () => {
  const { stream, restoration, finish } = restorationOf([1, 6]);
  note(restoration, [1, 3, 1], [5, 2, 2], [50, 10, 7]);
  restoration.forget(2, 1);
  restoration.forget(6, 1);
  finish(7);
  assertEquals(drain(stream), ["1+1×1", "3+1×1", "4+1×0", "5+1×2", "7+1×0"]);
});

Deno.test("StreamRestoration keeps notes that count, however many do not", () => {
  const { stream, restoration, finish } = restorationOf([1, 3000]);
  note(restoration, [7, 2, 5]);
  for (let id = 10; id <= 3000; id++) {
    note(restoration, [id, 1, 1]);
    if (id % 2 === 0) restoration.forget(id, 1);
  }
  restoration.forget(8, 1);
  const ready = finish(3001);
  assertEquals(ready.count, 8 + 1495);
  assertEquals(drain(stream).slice(0, 4), ["1+6×0", "7+1×5", "9+1×0", "11+1×1"]);
});

Deno.test("StreamRestoration: what is held back by a note is not ready before its time", () => {
  const { stream, restoration, finish } = restorationOf([1, 4]);
  restoration.note({ firstId: 2, count: 2, attempts: 1, dueAt: NOW + 500 });
  restoration.note({ firstId: 4, count: 1, attempts: 1, dueAt: NOW });
  finish(5);
  assertEquals([stream.share.ready.count, stream.share.delayed.messageCount], [2, 2]);
  stream.share.releaseDue(NOW + 499, 10);
  assertEquals(stream.share.ready.count, 2);
  stream.share.releaseDue(NOW + 500, 10);
  assertEquals(stream.share.ready.count, 4);
  assertEquals(drain(stream), ["1+1×0", "2+3×1", "5+1×0"]);
});

Deno.test("StreamRestoration: what went wrong with a message stays known when it was worked on again", () => {
  const { stream, restoration, finish } = restorationOf([1, 2]);
  const failure = { firstAt: 1, lastAt: 2, reasons: ["no"], follower: "worker" };
  restoration.note({ firstId: 1, count: 1, attempts: 1, dueAt: 0, failure });
  note(restoration, [1, 1, 2], [2, 1, 1]);
  finish(3);
  assertEquals(JSON.parse(JSON.stringify([...stream.share.notes.failures])), [[1, failure]]);
  assertEquals(drain(stream), ["1+1×2", "2+1×1", "3+1×0"]);
});

Deno.test("StreamRestoration: when messages expire is known of those that are there", () => {
  const { stream, restoration, finish } = restorationOf([1, 4]);
  restoration.noteExpiry({ type: "expirySet", number: 1, firstId: 2, count: 3, at: 5000 });
  restoration.forget(3, 1);
  finish(5);
  const found = stream.expiries.listOfStream().sort((one, other) => one.firstId - other.firstId);
  assertEquals(found, [
    { at: 5000, firstId: 2, count: 1, attempts: 0 },
    { at: 5000, firstId: 4, count: 1, attempts: 0 },
  ]);
});

Deno.test("StreamRestoration gathers as much as there are messages, however many there were", () => {
  const { stream, restoration } = restorationOf();
  const wishes = { priority: 7, delayMs: 10 };
  const batch = encodeBatch([{ kind: 1, headers: {}, body: new Uint8Array(1), wishes }]);
  let most = 0;
  for (let id = 1; id <= 20_000; id++) {
    const details = {
      flags: findFlags(batch),
      storedAt: NOW + id,
      expiresAt: NOW + 1_000_000 + id,
    };
    restoration.append(id, batch, details);
    restoration.note({ firstId: id, count: 1, attempts: 2 });
    // Every hundredth one stays.
    if (id % 100 !== 0) restoration.forget(id, 1);
    most = Math.max(most, restoration.gatheredCount);
  }
  assert(most < 5000, `${most}`);
  stream.intake.skipIds(20_001);
  restoration.finish(NOW + 50_000);
  assertEquals(stream.share.readyCount + stream.share.delayed.messageCount, 200);
  assertEquals(countIds(stream.expiries.listOfStream()), 200);
});

Deno.test("StreamRestoration.move() brings what is not here yet", () => {
  const pager = new MemoryPager();
  const segment = pager.begin();
  const stream = streamOf("orders");
  const restoration = new StreamRestoration(stream);
  const batch = batchOf("a", "b");
  restoration.move(5, batch, pager.store(segment, batch), []);
  stream.intake.skipIds(9);
  restoration.finish(1000);
  assertEquals({ ...stream.share.ready.peek() }, { firstId: 5, count: 2, attempts: 0 });
  assertEquals([stream.intake.nextId, segment.liveCount], [9, 2]);
});

Deno.test("StreamRestoration.finish() has everything ready that is not acknowledged", () => {
  const stream = streamOf("orders");
  const restoration = new StreamRestoration(stream);
  restoration.append(1, batchOf("a", "b", "c"), DETAILS);
  assertEquals(stream.share.ready.count, 0, "nobody can be given anything yet");
  // What it is about may be gone, with the part of the store that it was in.
  assertEquals(restoration.forget(2, 40), 2 * 9);
  restoration.note({ firstId: 1, count: 1, attempts: 3 });
  restoration.append(7, batchOf("d"), DETAILS);
  restoration.finish(1000);
  assertEquals({ ...stream.share.ready.peek() }, { firstId: 1, count: 1, attempts: 3 });
  const { ready, pending, nextId } = stream.describe("test", 0);
  assertEquals([ready, pending, nextId], [2, 0, 8]);
  stream.append(stream.intake.reserve(1, 9), batchOf("e"), DETAILS);
  assertEquals(stream.share.ready.count, 3);
});
