/**
 * Segments come with their checkpoint or not at all, and go oldest first.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import type { SnapshotPiece } from "../../../../src/broker/state/snapshot.ts";
import { readDirectory } from "../../../../src/engine/journal/segments/directory.ts";
import { DiskFullError } from "../../../../src/engine/journal/disk/disk.ts";
import {
  nameSegment,
  readSegmentName,
  type SegmentFile,
} from "../../../../src/engine/journal/segments/segment_file.ts";
import { SegmentList } from "../../../../src/engine/journal/segments/segment_list.ts";
import { turn } from "../../../support/broker/broker.ts";
import {
  JOURNAL_ID,
  ListUse,
  makeStreams,
  readSegment,
  SEGMENT_BYTES,
  snapshotOf,
} from "../../../support/disk/segment_list_use.ts";
import { SimulatedDisk } from "../../../support/disk/simulated_disk.ts";

// Names.

Deno.test("segment names sort as their positions do, up to the highest one", () => {
  const positions = [0, 1, 15, 16, 4095, 2 ** 32, 2 ** 40 + 1, Number.MAX_SAFE_INTEGER];
  const names = positions.map(nameSegment);
  assertEquals(names.toSorted(), names);
  assertEquals(names.map(readSegmentName), positions);
  for (const name of ["0.journal", `${names[1]}.tmp`, names[1]!.toUpperCase(), "journal"]) {
    assertEquals(readSegmentName(name), undefined, name);
  }
});

// Beginning.

Deno.test("SegmentList: a segment begins with a head and a checkpoint, and is open", async () => {
  const { disk, list } = new ListUse();
  const { segment, proof } = await list.begin(12_345);
  assertStrictEquals(list.last, segment);
  assertStrictEquals(list.oldest, segment);
  assertEquals([segment.base, segment.headBytes], [12_345, segment.size]);
  assertEquals([proof.position, proof.isFlushed], [segment.end, true]);
  assertEquals(readSegment(disk, nameSegment(12_345)), 1);
  segment.append(new Uint8Array([1, 2, 3]));
  assertEquals(disk.readAll(segment.name).subarray(-3), new Uint8Array([1, 2, 3]));
});

Deno.test("SegmentList: what a segment must have from the beginning comes with it", async () => {
  const { disk, list } = new ListUse();
  const { segment, proof } = await list.begin(
    0,
    (segment) => void segment.append(new Uint8Array(9)),
  );
  assertEquals(segment.size, segment.headBytes + 9);
  assertEquals(proof.position, segment.end);
  assertEquals(disk.readAll(segment.name).length, segment.size);
});

Deno.test("SegmentList: once a segment has begun, no power cut takes it away", async () => {
  for (let seed = 0; seed < 60; seed++) {
    const { disk, list } = new ListUse({ seed });
    const { segment } = await list.begin(0);
    segment.append(new Uint8Array(50));
    disk.powerCut();
    const size = readDirectory(disk).segments[0]?.size ?? 0;
    assert(size >= segment.headBytes, `seed ${seed}`);
    disk.cut(segment.name, segment.headBytes);
    assertEquals(readSegment(disk, segment.name), 1);
  }
});

Deno.test("SegmentList: a power cut in the midst leaves a segment that is whole, or none", async () => {
  const found = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const { disk, list } = new ListUse({ seed });
    void list.begin(0).catch(() => {});
    for (let turn = seed % 20; turn > 0; turn--) await undefined;
    disk.powerCut();
    const { segments } = readDirectory(disk);
    found.add(segments.length === 0 ? "none" : "whole");
    for (const { name } of segments) assertEquals(readSegment(disk, name), 1, `seed ${seed}`);
  }
  assertEquals([...found].sort(), ["none", "whole"]);
});

Deno.test("SegmentList: whatever call fails, there is a whole segment or none, and nothing unfinished", async () => {
  for (const fault of ["EIO", "ENOSPC"] as const) {
    for (let call = 1;; call++) {
      const use = new ListUse();
      await use.list.begin(0);
      use.list.last.append(new Uint8Array(100));
      const before = use.list.last;
      const { calls } = use.disk;
      use.disk.failAt(call, fault);
      const error = await use.list.begin(before.end).then(() => undefined, (error) => error);
      use.disk.heal();
      if (error === undefined) {
        assertEquals(use.disk.calls - calls, call - 1);
        break;
      }
      assertStrictEquals(use.list.last, before, `${fault} of call ${call}`);
      const { segments, unfinished } = readDirectory(use.disk);
      for (const { name } of segments.slice(1)) assertEquals(readSegment(use.disk, name), 2);
      assertEquals(unfinished, [], `${fault} of call ${call}`);
    }
  }
});

Deno.test("SegmentList: without room there is no segment, and what was written of it goes", async () => {
  const use = new ListUse();
  await use.fill(1);
  const free = 60;
  use.disk.capacity = use.disk.list().reduce((sum, { size }) => sum + size, free);
  await assertRejects(() => use.list.begin(use.list.last.end), DiskFullError);
  assertEquals([use.names.length, use.disk.measureFree()], [1, free]);
  use.disk.capacity += 10_000;
  await use.list.begin(use.list.last.end);
  assertEquals(use.names.length, 2);
});

Deno.test("SegmentList: what an earlier broker has not finished is written over", async () => {
  const use = new ListUse();
  const { disk, list } = use;
  disk.replace(`${nameSegment(7)}.tmp`, new Uint8Array(5000).fill(7));
  await list.begin(7);
  assertEquals(readSegment(disk, nameSegment(7)), 1);
  assertEquals(use.names, [nameSegment(7)]);
});

Deno.test("SegmentList: at the position of one that is still empty a segment takes its place", async () => {
  const use = new ListUse();
  const { disk, list } = use;
  const { segment: first } = await list.begin(0);
  const { segment: second } = await list.begin(0);
  assertEquals(list.all.length, 1);
  assertStrictEquals(list.last, second);
  assertEquals(use.names, [nameSegment(0)]);
  assertEquals(readSegment(disk, nameSegment(0)), 2);
  assertThrows(() => first.file.measure(), Deno.errors.BadResource);
});

// The next one.

Deno.test("SegmentList: a new segment begins when there is no room in the last one", async () => {
  const { list } = new ListUse();
  const { segment } = await list.begin(0);
  segment.append(new Uint8Array(10));
  const room = SEGMENT_BYTES - 10;
  assertEquals(list.rotate(room), undefined);
  const next = await list.rotate(room + 1);
  assertEquals(next?.segment.base, segment.end);
  assertEquals(next?.proof.position, next?.segment.end);
  assertEquals(list.all.length, 2);
});

Deno.test("SegmentList: a large checkpoint has a large segment, or there would be nothing else", async () => {
  const disk = new SimulatedDisk({ seed: 1 });
  const takeSnapshot = () => makeStreams(100);
  const list = new SegmentList({
    disk,
    journalId: JOURNAL_ID,
    segmentBytes: SEGMENT_BYTES,
    takeSnapshot,
    fail: () => {},
  });
  const { segment } = await list.begin(0);
  segment.append(new Uint8Array(1));
  assert(segment.headBytes > SEGMENT_BYTES);
  assertEquals(list.rotate(2 * segment.headBytes), undefined);
  assertEquals((await list.rotate(5 * segment.headBytes))?.segment.base, segment.end);
});

/** A snapshot of megabytes. */
function* makeLarge(): Generator<SnapshotPiece> {
  yield* snapshotOf(1);
  const name = "a".repeat(100_000);
  for (let number = 1; number <= 200; number++) yield { piece: "stream", number, name, nextId: 1 };
}

/** A snapshot of many streams with the same dedup ids, which were all compared. */
function* makeAlike(): Generator<SnapshotPiece> {
  yield* snapshotOf(1);
  const messageIds = Array.from({ length: 50_000 }, (_, id) => [`${id}`, id, 0] as const);
  yield { piece: "messageIds", stream: 1, messageIds: messageIds.slice(0, 20_000) };
  yield { piece: "messageIds", stream: 1, messageIds: messageIds.slice(20_000) };
  for (let stream = 2; stream <= 20; stream++) {
    yield { piece: "sameIds", stream, like: 1, shift: 0 };
  }
}

for (
  const [what, takeSnapshot, sizeMin] of [
    ["large", makeLarge, 20_000_000],
    ["slow", makeAlike, 500_000],
  ] as const
) {
  Deno.test(`SegmentList: while a ${what} checkpoint is written others have their turn, and it is whole`, async () => {
    const disk = new SimulatedDisk({ seed: 1 });
    const list = new SegmentList({
      disk,
      journalId: JOURNAL_ID,
      segmentBytes: SEGMENT_BYTES,
      takeSnapshot,
      fail: (error) => {
        throw error;
      },
    });
    let turnCount = 0;
    let isDone = false;
    const beginning = list.begin(0).finally(() => isDone = true);
    while (!isDone) {
      await turn();
      turnCount++;
      // It has no name as long as some of it is missing.
      if (!isDone) assertEquals(list.all.length, 0);
    }
    const { segment } = await beginning;
    assert(turnCount >= 4, `${turnCount}`);
    assert(segment.headBytes > sizeMin);
    assertEquals(readSegment(disk, segment.name), 1);
  });
}

Deno.test("SegmentList: what is larger than a segment has one to itself", async () => {
  const { list } = new ListUse();
  const { segment } = await list.begin(0);
  assertEquals(list.rotate(50 * SEGMENT_BYTES), undefined);
  segment.append(new Uint8Array(50 * SEGMENT_BYTES));
  const next = await list.rotate(1);
  assertEquals(next?.segment.base, segment.end);
});

Deno.test("SegmentList: a new segment can be forced, unless the last one is empty", async () => {
  const { list } = new ListUse();
  const { segment } = await list.begin(0);
  assertEquals(list.rotate(0, true), undefined);
  segment.append(new Uint8Array(1));
  assertEquals((await list.rotate(0, true))?.segment.base, segment.end);
});

Deno.test("SegmentList: all before a new segment is flushed when that one is there", async () => {
  for (let seed = 0; seed < 30; seed++) {
    const { disk, list } = new ListUse({ seed });
    await list.begin(0);
    const bytes = new Uint8Array(5000).fill(9);
    const offset = list.last.append(bytes);
    await list.rotate(1);
    disk.powerCut();
    assertEquals(disk.readAll(nameSegment(0)).subarray(offset), bytes, `seed ${seed}`);
    assertEquals(readDirectory(disk).segments.length, 2);
  }
});

// What is free.

Deno.test("SegmentList: free are the oldest ones with nothing in them, never the last", async () => {
  const use = new ListUse();
  await use.fill(4);
  const [first, second, third, last] = use.list.all as SegmentFile[];
  assertEquals(use.list.countFree(), 3);
  second!.liveCount = 1;
  assertEquals(use.list.countFree(), 1);
  first!.underwayCount = 1;
  assertEquals(use.list.countFree(), 0);
  first!.underwayCount = 0;
  second!.liveCount = 0;
  third!.isDamaged = true;
  assertEquals(use.list.countFree(), 2);
  third!.isDamaged = false;
  last!.liveCount = 1;
  assertEquals(use.list.countFree(), 3);
});

Deno.test("SegmentList: they go oldest first, one after the other also on the disk", async () => {
  for (let seed = 0; seed < 60; seed++) {
    const use = new ListUse({ seed });
    await use.fill(5);
    const names = use.list.all.map(({ name }) => name);
    use.list.remove(4);
    for (let turn = seed % 15; turn > 0; turn--) await undefined;
    use.disk.powerCut();
    const left = use.names;
    assertEquals(left, names.slice(-left.length), `seed ${seed}: no gap`);
    assert(left.length >= 1);
  }
});

Deno.test("SegmentList: what was removed is gone for good, and its file is closed", async () => {
  const use = new ListUse();
  await use.fill(3);
  const [oldest] = use.list.all;
  const { bytes } = use.list.totals;
  const { size } = oldest!;
  use.list.remove(2);
  assertEquals(use.list.all.length, 1);
  assertEquals(use.list.totals.bytes, bytes - 2 * size);
  await use.list.finishRemoving();
  use.disk.powerCut();
  assertEquals(use.names, [use.list.last.name]);
});

Deno.test("SegmentList: what is given up later is removed later, and so are all of them", async () => {
  for (let seed = 0; seed < 20; seed++) {
    const use = new ListUse({ seed });
    await use.fill(6);
    const names = use.list.all.map(({ name }) => name);
    for (const count of [2, 1, 2]) {
      use.list.remove(count);
      for (let turn = seed % 7; turn > 0; turn--) await undefined;
      const left = use.names;
      assertEquals(left, names.slice(-left.length), `seed ${seed}: no gap`);
    }
    await use.list.finishRemoving();
    assertEquals([use.names, use.failures], [names.slice(-1), []]);
  }
});

Deno.test("SegmentList: a segment that cannot be removed is told, and none after it goes", async () => {
  for (const call of [1, 2]) {
    const use = new ListUse();
    await use.fill(4);
    use.disk.failAt(call, "EIO");
    use.list.remove(2);
    await use.list.finishRemoving();
    assertEquals([use.failures.length, use.names.length], [1, 5 - call]);
    use.list.remove(1);
    await use.list.finishRemoving();
    assertEquals([use.failures.length, use.names.length], [1, 5 - call]);
  }
});

Deno.test("SegmentList: what is wanted is not removed, whoever says so", async () => {
  const use = new ListUse();
  await use.fill(2);
  use.list.oldest.liveCount = 1;
  assertThrows(() => use.list.remove(1), Error, "nothing is wanted of them");
  assertEquals(use.names.length, 2);
});

Deno.test("SegmentList: it counts what the segments count", async () => {
  const use = new ListUse();
  await use.fill(3);
  for (const [index, segment] of use.list.all.entries()) {
    segment.liveBytes = 10 ** index;
    segment.liveCount = 2 * 10 ** index;
  }
  const { totals } = use.list;
  assertEquals([totals.liveBytes, totals.liveCount], [111, 222]);
  assertEquals(totals.bytes, use.disk.list().reduce((sum, { size }) => sum + size, 0));
  use.list.last.size -= 10;
  use.list.oldest.liveBytes = 0;
  use.list.oldest.liveCount = 0;
  use.list.remove(1);
  assertEquals([totals.liveBytes, totals.liveCount], [110, 220]);
  const [one, other] = use.list.all;
  assertEquals(totals.bytes, one!.size + other!.size);
  // One that is begun in the place of an empty one.
  await use.list.finishRemoving();
  const list = new ListUse().list;
  for (let round = 0; round < 2; round++) {
    const { segment } = await list.begin(0);
    segment.liveCount += 5;
    assertEquals({ ...list.totals }, { bytes: segment.size, liveCount: 5, liveBytes: 0 });
  }
});
