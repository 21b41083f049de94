/**
 * Messages side by side in a slab: which are gone, and how their bytes go and come back.
 *
 * @module
 */

import { assertEquals, assertFalse, assertStrictEquals } from "@std/assert";
import type { Segment } from "../../../src/broker/backlog/pager.ts";
import { Slab } from "../../../src/broker/backlog/slab.ts";
import { batchOf, textsOf } from "../../support/wire/batches.ts";
import { assertCode } from "../../support/wire/frames.ts";
import { MemoryPager } from "../../support/disk/memory_pager.ts";

/** The bytes in front of each body. */
const HEAD = 8;

/** A slab from id 10 on, with batches that have been written so far from each other. */
function slabOf(
  pager: MemoryPager,
  segment: Segment,
  batches: readonly (readonly (string | number)[])[],
  gap?: number,
): Slab {
  const encoded = batches.map((bodies) => batchOf(...bodies));
  const size = encoded.reduce((sum, { end }) => sum + end, 0);
  const slab = new Slab({ firstId: 10, bytes: new Uint8Array(size + 100), segment });
  for (const batch of encoded) slab.append(batch, pager.store(segment, batch, gap));
  return slab;
}

/** The texts of all messages, gone or not. */
function textsIn({ bytes, count, used }: Slab): string[] {
  return textsOf({ count, buffer: bytes, start: 0, end: used });
}

/** Lets the bytes go and reads them back into new ones. */
function pageOutAndIn(slab: Slab, pager: MemoryPager): void {
  const { used } = slab;
  slab.pageOut(pager);
  assertFalse(slab.isResident);
  slab.pageIn(pager, new Uint8Array(used));
}

Deno.test("Slab.hasRoom() takes what goes on in the same segment, as long as there is room", () => {
  const segment = { liveCount: 0, liveBytes: 0 };
  const slab = new Slab({ firstId: 10, bytes: new Uint8Array(50), segment });
  slab.append(batchOf("a", "b"), { segment, offset: 100 });
  assertEquals([slab.used, slab.count], [2 * HEAD + 2, 2]);
  assertEquals(slab.hasRoom(12, 32, segment), true);
  assertEquals(slab.hasRoom(12, 33, segment), false, "no room");
  assertEquals(slab.hasRoom(13, 32, segment), false, "another id");
  assertEquals(slab.hasRoom(12, 32, { liveCount: 0, liveBytes: 0 }), false, "another segment");
  assertEquals(slab.hasRoom(12, 32, undefined), false, "no segment");
  slab.seal();
  assertEquals(slab.hasRoom(12, 32, segment), false, "sealed");
});

Deno.test("Slab.append() makes room for as many offsets as there are, and seal() keeps no more", () => {
  const slab = new Slab({ firstId: 1, bytes: new Uint8Array(1000), segment: undefined });
  for (let count = 0; count < 40; count += 4) slab.append(batchOf("a", "", "b", ""), undefined);
  assertEquals([slab.count, slab.live, slab.used], [40, 40, 40 * HEAD + 20]);
  slab.seal();
  assertEquals(slab.offsets.length, 41);
  assertEquals([...slab.offsets.slice(0, 4)], [0, 9, 17, 26]);
});

Deno.test("Slab.forget() keeps messages apart that are gone, also when it grows afterwards", () => {
  const segment = { liveCount: 0, liveBytes: 0 };
  const slab = new Slab({ firstId: 1, bytes: new Uint8Array(1000), offsetCount: 4, segment });
  slab.append(batchOf("a", "bb", "ccc"), { segment, offset: 0 });
  assertEquals(slab.forget(1, 2), HEAD + 2);
  slab.append(batchOf("d", "e"), { segment, offset: 100 });
  assertEquals([0, 1, 2, 3].map((from) => slab.findLive(from)), [0, 2, 2, 3]);
  assertEquals([0, 1, 2, 3].map((from) => slab.findGone(from)), [1, 1, 5, 5]);
  slab.forget(4, 5);
  assertEquals([slab.findGone(2), slab.findLive(4)], [4, 5]);
  assertEquals([slab.live, slab.liveBytes], [3, 3 * HEAD + 5]);
  assertEquals(segment, { liveCount: 3, liveBytes: 3 * HEAD + 5 });
});

Deno.test("Slab.forgetAll() lets go of what is left, here and in the segment", () => {
  const pager = new MemoryPager();
  const segment = pager.begin();
  const slab = slabOf(pager, segment, [["a", "b", "c"]]);
  slab.forget(0, 1);
  assertEquals(slab.forgetAll(), 2 * HEAD + 2);
  assertEquals([slab.live, slab.findLive(0), slab.findGone(1)], [0, 3, 1]);
  assertEquals(segment, { liveCount: 0, liveBytes: 0 });
});

Deno.test("Slab.pageIn() brings back what pageOut() let go, each batch from its place", () => {
  const pager = new MemoryPager();
  const segment = pager.begin();
  const slab = slabOf(pager, segment, [["a", "bb"], ["ccc"], ["d"], ["e", "f"]]);
  slab.forget(1, 3);
  const texts = textsIn(slab);
  pageOutAndIn(slab, pager);
  assertEquals(textsIn(slab), texts);
  assertEquals([slab.live, slab.findLive(1)], [4, 3], "what is gone stays gone");
  assertEquals(segment.liveCount, 4);
});

Deno.test("Slab.pageIn() reads in one piece what lies close together", () => {
  for (const [gap, reads] of [[0, 1], [16 * 1024, 1], [16 * 1024 + 1, 3]] as const) {
    const pager = new MemoryPager();
    const slab = slabOf(pager, pager.begin(), [["a"], ["b", "c"], ["d"]], gap);
    pageOutAndIn(slab, pager);
    assertEquals([pager.reads.length, textsIn(slab)], [reads, ["a", "b", "c", "d"]], `${gap}`);
  }
});

Deno.test("Slab.pageIn() reads no more than a mebibyte in one piece, unless one batch is larger", () => {
  const pager = new MemoryPager();
  const batches = [[400_000, 1], [500_000], [600_000], [1_200_000], [1]];
  const slab = slabOf(pager, pager.begin(), batches, 0);
  const before = slab.bytes.slice(0, slab.used);
  pageOutAndIn(slab, pager);
  assertEquals(pager.reads.length, 4);
  assertEquals(pager.checksum(slab.bytes), pager.checksum(before));
});

Deno.test("Slab.pageIn() finds batches that were written in another order", () => {
  const pager = new MemoryPager();
  const segment = pager.begin();
  const [first, second] = [batchOf("a", "b"), batchOf("c")];
  const behind = pager.store(segment, second);
  const slab = new Slab({ firstId: 1, bytes: new Uint8Array(100), segment });
  slab.append(first, pager.store(segment, first));
  slab.append(second, behind);
  pageOutAndIn(slab, pager);
  assertEquals([textsIn(slab), pager.reads.length], [["a", "b", "c"], 2]);
});

Deno.test("Slab.pageIn() throws the pager's error if bytes came back wrong, and has none of them", () => {
  const pager = new MemoryPager();
  const segment = pager.begin();
  const batch = batchOf("abc");
  const place = pager.store(segment, batch);
  const slab = new Slab({ firstId: 1, bytes: new Uint8Array(100), segment });
  slab.append(batch, place);
  slab.pageOut(pager);
  pager.damage({ segment, offset: place.offset + HEAD });
  const message = assertCode("STREAM_DAMAGED", () => slab.pageIn(pager, new Uint8Array(11)));
  assertEquals(message, `Cannot read messages at offset ${place.offset}`);
  assertFalse(slab.isResident);
});

Deno.test("Slab.copy() takes a part with its places and with what is gone of it", () => {
  const pager = new MemoryPager();
  const segment = pager.begin();
  const slab = slabOf(pager, segment, [["a", "b", "c"], ["d"], ["e", "f", "g"], ["h"]]);
  slab.forget(2, 3);
  slab.forget(5, 6);
  const part = slab.copy(1, 7);
  assertEquals([part.firstId, part.count, part.live, part.used], [11, 6, 4, 6 * HEAD + 6]);
  assertEquals(part.liveBytes, 4 * HEAD + 4);
  assertEquals([part.findLive(1), part.findGone(2), part.findLive(4)], [2, 4, 5]);
  assertEquals(segment.liveCount, 6 + 4, "both are there");
  slab.forgetAll();
  assertEquals(segment, { liveCount: 4, liveBytes: part.liveBytes });
  assertStrictEquals(part.segment, segment);
  pageOutAndIn(part, pager);
  assertEquals(textsIn(part), ["b", "c", "d", "e", "f", "g"]);
});

Deno.test("Slab.copy() of a part that is all there, and of one that is all gone", () => {
  const pager = new MemoryPager();
  const slab = slabOf(pager, pager.begin(), [["a", "b"], ["c", "d"]]);
  slab.forget(2, 4);
  const [there, gone] = [slab.copy(0, 2), slab.copy(2, 4)];
  assertEquals([there.live, there.findGone(0)], [2, 2]);
  assertEquals([gone.live, gone.liveBytes, gone.findLive(0)], [0, 0, 2]);
});

Deno.test("Slab.isSparse says when its messages would take a quarter of the room", () => {
  const slab = new Slab({ firstId: 1, bytes: new Uint8Array(8000), segment: undefined });
  slab.append(batchOf(192, 192, 192, 192, 192), undefined);
  // Each takes 200 bytes, and 600 for a slab of its own.
  slab.forget(0, 2);
  assertFalse(slab.isSparse);
  slab.forget(2, 3);
  assertEquals(slab.isSparse, true);
});
