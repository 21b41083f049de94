/**
 * A segment that is read ahead, in chunks, is read as it is at once: whatever its groups are like, and
 * whatever is wrong with it.
 *
 * @module
 */

import { assertEquals, assertGreater, assertLessOrEqual, assertRejects } from "@std/assert";
import { crc32 } from "node:zlib";
import type { DiskFile } from "../../../../src/engine/journal/disk/disk.ts";
import { sumUp } from "../../../../src/engine/journal/segments/crc.ts";
import { SEGMENT_HEAD_BYTES } from "../../../../src/engine/journal/segments/format.ts";
import { CHUNK_BYTES, ReadAhead } from "../../../../src/engine/journal/segments/read_ahead.ts";
import {
  scanAhead,
  scanSegment,
  type ScanVisitor,
} from "../../../../src/engine/journal/segments/scan.ts";
import { Random } from "../../../support/random.ts";
import { fileOf, HEAD, published, SegmentBytes } from "../../../support/disk/segment_bytes.ts";

/** Writes down what a scan tells. */
function listen(): { readonly told: string[]; readonly visitor: ScanVisitor } {
  const told: string[] = [];
  return {
    told,
    visitor: {
      group: ({ offset, end, count }) => void told.push(`group ${offset} ${end} ${count}`),
      record: ({ offset, bodyOffset, type, buffer, start, end, isIntact }) => {
        const body = crc32(buffer.subarray(start, end));
        told.push(`record ${offset} ${bodyOffset} ${type} ${end - start} ${body} ${isIntact}`);
      },
      fault: ({ offset, end, what }) => void told.push(`fault ${offset} ${end} ${what}`),
    },
  };
}

async function compare(bytes: Uint8Array, end: number = bytes.length): Promise<string[]> {
  const once = listen();
  scanSegment({ file: fileOf(bytes), head: HEAD, end }, once.visitor);
  const ahead = listen();
  const pause = () => undefined;
  const options = { file: fileOf(bytes), head: HEAD, end, ahead: new ReadAhead(), pause };
  await scanAhead(options, ahead.visitor);
  assertEquals(ahead.told, once.told);
  return ahead.told;
}

/** A segment with groups of these sizes, about. */
function segmentOf(sizes: readonly number[]): SegmentBytes {
  const segment = new SegmentBytes();
  for (const [index, size] of sizes.entries()) {
    const body = "x".repeat(Math.floor(size / 2));
    segment.add([published(1, index * 2 + 1, body), published(1, index * 2 + 2, body)]);
  }
  return segment;
}

Deno.test("scan ahead: groups may be small, end with a chunk, or be larger than one", async () => {
  const MiB = 2 ** 20;
  for (
    const sizes of [
      [],
      [100, 200, 300],
      [CHUNK_BYTES - 500, 300, 300, 300, CHUNK_BYTES],
      [3 * MiB, 3 * MiB, 100, 3 * MiB],
      [2 * CHUNK_BYTES, 100, 3 * CHUNK_BYTES, 100],
      Array.from({ length: 20 }, () => MiB / 2),
    ]
  ) {
    const { bytes } = segmentOf(sizes);
    const told = await compare(bytes);
    assertEquals(told.length, sizes.length * 3);
    await compare(bytes, bytes.length - 50);
  }
});

Deno.test("scan ahead: faults are the same, wherever they are (random)", async () => {
  const seed = Number(Deno.env.get("FUZZ_SEED") ?? Math.floor(Math.random() * 1e9));
  // deno-lint-ignore no-console
  console.log(`seed ${seed}`);
  const random = new Random(seed);
  let faults = 0;
  for (let round = 0; round < 60; round++) {
    const sizes = Array.from(
      { length: 3 + random.below(12) },
      () => 10 ** (1 + random.next() * 5.7),
    );
    const { bytes } = segmentOf(sizes);
    for (let count = random.below(4); count > 0; count--) {
      const at = SEGMENT_HEAD_BYTES + random.below(bytes.length - SEGMENT_HEAD_BYTES);
      bytes.fill(random.below(256), at, at + 1 + random.below(100));
    }
    const told = await compare(
      bytes,
      random.below(5) === 0 ? random.below(bytes.length) : bytes.length,
    );
    faults += told.filter((line) => /^fault|false$/.test(line)).length;
  }
  assertGreater(faults, 10);
});

Deno.test("scan ahead: a file that ends before its time has the same fault", async () => {
  const { bytes } = segmentOf([5000, CHUNK_BYTES, 5000]);
  await compare(bytes.subarray(0, bytes.length - 300), bytes.length);
});

Deno.test("scan ahead: the next segment is begun meanwhile, with two buffers", async () => {
  const buffers = new Set<ArrayBufferLike>();
  const offsets: string[] = [];
  const watched = (name: string, bytes: Uint8Array): DiskFile => ({
    ...fileOf(bytes),
    readLater: (buffer, position) => {
      buffers.add(buffer.buffer);
      offsets.push(`${name} ${position}`);
      return fileOf(bytes).readLater(buffer, position);
    },
  });
  const { bytes } = segmentOf(Array.from({ length: 9 }, () => 1_000_000));
  const [one, other] = [watched("one", bytes), watched("other", bytes)];
  const ahead = new ReadAhead();
  const own = { head: HEAD, end: bytes.length, ahead, pause: () => undefined };
  const next = { file: other, start: SEGMENT_HEAD_BYTES, end: bytes.length };
  await scanAhead({ ...own, file: one, next }, listen().visitor);
  const second = listen();
  await scanAhead({ ...own, file: other }, second.visitor);
  assertEquals(second.told.length, 27);
  assertEquals(buffers.size, 2);
  const starts = [0, 1, 2].map((chunk) => SEGMENT_HEAD_BYTES + chunk * CHUNK_BYTES);
  assertEquals(offsets, ["one", "other"].flatMap((name) => starts.map((at) => `${name} ${at}`)));
});

Deno.test("scan ahead: many faults do not have the file read as many times", async () => {
  const { bytes } = segmentOf(Array.from({ length: 600 }, () => 16_000));
  const offsets: number[] = [];
  const own = { head: HEAD, end: bytes.length };
  scanSegment({ ...own, file: fileOf(bytes) }, {
    group: ({ offset }) => void offsets.push(offset),
    fault() {},
  });
  for (let index = 1; index < offsets.length; index += 3) bytes[offsets[index]! + 8]! ^= 1;
  const told = await compare(bytes);
  assertEquals(told.filter((line) => line.startsWith("fault")).length, 200);
  let read = 0;
  const file: DiskFile = {
    ...fileOf(bytes),
    read: (buffer, position) => {
      const count = fileOf(bytes).read(buffer, position);
      read += count;
      return count;
    },
    readLater: (buffer, position) => {
      read += buffer.length;
      return fileOf(bytes).readLater(buffer, position);
    },
  };
  const pause = () => undefined;
  await scanAhead({ ...own, file, ahead: new ReadAhead(), pause }, listen().visitor);
  assertLessOrEqual(read, 3 * bytes.length);
  read = 0;
  scanSegment({ ...own, file }, listen().visitor);
  assertLessOrEqual(read, 2 * bytes.length);
});

Deno.test("scan ahead: an error of the disk is an error of the scan", async () => {
  const { bytes } = segmentOf([3000, 3000]);
  const file: DiskFile = { ...fileOf(bytes), readLater: () => Promise.reject(new Error("EIO")) };
  const own = { head: HEAD, end: bytes.length, ahead: new ReadAhead(), pause: () => undefined };
  await assertRejects(() => scanAhead({ ...own, file }, listen().visitor), Error, "EIO");
});

Deno.test("sumUp: it is the CRC of the library, for every length and every place", () => {
  const bytes = crypto.getRandomValues(new Uint8Array(400));
  for (let length = 0; length < 200; length++) {
    const start = length % 7;
    const end = start + length;
    const before = (length * 0x9e3779b1) >>> 0;
    const expected = crc32(bytes.subarray(start, end), before);
    assertEquals(sumUp(bytes, start, end, before), expected, `${length} bytes`);
  }
});
