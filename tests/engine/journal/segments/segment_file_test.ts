/**
 * Zeros are written ahead of small groups, and are not worth it where large ones overwrite them.
 *
 * @module
 */

import { assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import { nameSegment, SegmentFile } from "../../../../src/engine/journal/segments/segment_file.ts";
import { AHEAD_BYTES, SimulatedDisk } from "../../../support/disk/simulated_disk.ts";

const SMALL = AHEAD_BYTES / 256;
const LARGE = AHEAD_BYTES;

function makeSegment(): SegmentFile {
  const disk = new SimulatedDisk({ seed: 1, aheadBytes: AHEAD_BYTES });
  return new SegmentFile(0, disk.create(nameSegment(0)), 0);
}

/** Writes groups; returns how many zeros there were ahead of them in all. */
function write(segment: SegmentFile, sizes: readonly number[]): number {
  let zeros = 0;
  for (const size of sizes) {
    zeros += segment.prepare(size);
    segment.append(new Uint8Array(size).fill(1));
  }
  return zeros;
}

Deno.test("SegmentFile: many small groups have zeros ahead once for hundreds of them", () => {
  const sizes = new Array(1000).fill(SMALL);
  const bytes = sizes.length * SMALL;
  const zeros = write(makeSegment(), sizes);
  assertLessOrEqual(Math.abs(zeros - bytes), AHEAD_BYTES);
});

Deno.test("SegmentFile: groups of a thirty-second of the zeros are small enough to have them", () => {
  const zeros = write(makeSegment(), new Array(100).fill(AHEAD_BYTES / 32));
  assertGreaterOrEqual(zeros, 2 * AHEAD_BYTES);
});

Deno.test("SegmentFile: there are no zeros behind the place where the next segment begins", () => {
  const segment = makeSegment();
  segment.bytesMax = AHEAD_BYTES + AHEAD_BYTES / 2;
  write(segment, new Array(4).fill(SMALL));
  const first = AHEAD_BYTES + 4 * SMALL;
  assertEquals(segment.file.measure(), first);
  write(segment, new Array((segment.bytesMax - segment.size) / SMALL).fill(SMALL));
  assertEquals(segment.file.measure(), segment.bytesMax);
});

Deno.test("SegmentFile: small groups among large ones have zeros once, not again and again", () => {
  const cycle = [...new Array(5).fill(SMALL), LARGE];
  const cycles = Array.from({ length: 40 }, () => cycle).flat();
  assertEquals(write(makeSegment(), cycles), AHEAD_BYTES);
});

Deno.test("SegmentFile: large groups alone have none", () => {
  assertEquals(write(makeSegment(), new Array(20).fill(LARGE)), 0);
});
