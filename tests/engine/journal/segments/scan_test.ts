/**
 * A segment is read: all that is intact is told, all that is not is a fault, and behind a fault it
 * goes on.
 *
 * @module
 */

import { assert, assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import type { Event } from "../../../../src/broker/event.ts";
import {
  GROUP_HEAD_BYTES,
  RECORD_HEAD_BYTES,
  SEGMENT_HEAD_BYTES,
} from "../../../../src/engine/journal/segments/format.ts";
import { scanSegment } from "../../../../src/engine/journal/segments/scan.ts";
import { fuzz } from "../../../support/wire/fuzz.ts";
import {
  fileOf,
  HEAD,
  published,
  scan,
  SegmentBytes,
} from "../../../support/disk/segment_bytes.ts";

/** More than is read from the file at a time. */
const CHUNK_BYTES = 4 * 1024 * 1024;

/** Three groups of three records each. */
function threeGroups(): SegmentBytes {
  const segment = new SegmentBytes();
  for (const group of [1, 2, 3]) {
    segment.add([1, 2, 3].map((record) => published(1, group * 10 + record, `${group}.${record}`)));
  }
  return segment;
}

/** Where a record begins: one of three equal ones of a group. */
function recordAt({ bytes, offsets }: SegmentBytes, group: number, record: number): number {
  const begin = offsets[group]! + GROUP_HEAD_BYTES;
  const end = offsets[group + 1] ?? bytes.length;
  return begin + record * (end - begin) / 3;
}

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const flipped = bytes.slice();
  flipped[at]! ^= 0x10;
  return flipped;
}

// In order.

Deno.test("scan: nothing behind the head is nothing wrong", () => {
  assertEquals(scan(new SegmentBytes().bytes), { groups: [], records: [], faults: [] });
});

Deno.test("scan: groups and their records come in order, with their places", () => {
  const segment = threeGroups();
  const { groups, records, faults } = scan(segment.bytes);
  assertEquals(faults, []);
  assertEquals(groups.map(({ offset }) => offset), segment.offsets);
  assertEquals(groups.map(({ end }) => end), [...segment.offsets.slice(1), segment.bytes.length]);
  assertEquals(groups.map(({ count }) => count), [3, 3, 3]);
  const names = [
    "10:1.1",
    "10:1.2",
    "10:1.3",
    "10:2.1",
    "10:2.2",
    "10:2.3",
    "10:3.1",
    "10:3.2",
    "10:3.3",
  ];
  assertEquals(records, names);
  const places: number[][] = [];
  scanSegment({ file: fileOf(segment.bytes), head: HEAD, end: segment.bytes.length }, {
    record: ({ offset, bodyOffset, meta }) =>
      void places.push([offset, bodyOffset - offset - meta.byteLength]),
    fault() {},
  });
  const expected = [0, 1, 2].flatMap((group) =>
    [0, 1, 2].map((record) => [recordAt(segment, group, record), RECORD_HEAD_BYTES])
  );
  assertEquals(places, expected);
});

Deno.test("scan: it begins and ends where it is told to", () => {
  const { bytes, offsets } = threeGroups();
  assertEquals(scan(bytes, { start: offsets[1]! }).records.length, 6);
  assertEquals(scan(bytes, { start: offsets[1]!, end: offsets[2]! }).records.length, 3);
  assertEquals(scan(bytes, { start: offsets[1]!, end: offsets[1]! }).records, []);
});

Deno.test("scan: a group that is not wanted is skipped", () => {
  const { bytes, offsets } = threeGroups();
  let records = 0;
  scanSegment({ file: fileOf(bytes), head: HEAD, end: bytes.length }, {
    group: ({ offset }) => offset !== offsets[1],
    record: () => void records++,
    fault: ({ what }) => assertEquals(what, ""),
  });
  assertEquals(records, 6);
});

Deno.test("scan: a group without records is a group", () => {
  const { bytes } = threeGroups().add([], 40);
  const { groups, records } = scan(bytes);
  assertEquals([groups.length, records.length], [4, 9]);
  assertEquals(groups[3]!.length, 0);
});

// Damage.

Deno.test("scan: behind a damaged head of a group it goes on with the next group", () => {
  const segment = threeGroups();
  const { offsets: [first, second, third], bytes } = segment;
  for (let byte = 0; byte < GROUP_HEAD_BYTES; byte++) {
    const { records, faults } = scan(flip(bytes, second! + byte));
    assertEquals(records, ["10:1.1", "10:1.2", "10:1.3", "10:3.1", "10:3.2", "10:3.3"]);
    assertEquals(faults, [{ offset: second!, end: third!, what: "no intact group begins here" }]);
  }
  const { faults } = scan(flip(bytes, first!));
  assertEquals(faults.map(({ offset, end }) => [offset, end]), [[first, second]]);
});

Deno.test("scan: the last group damaged is a fault up to the end", () => {
  const { bytes, offsets } = threeGroups();
  const { records, faults } = scan(flip(bytes, offsets[2]!));
  assertEquals(records.length, 6);
  assertEquals(faults.map(({ offset, end }) => [offset, end]), [[offsets[2], bytes.length]]);
});

Deno.test("scan: behind a damaged head of a record it goes on with the next record", () => {
  const segment = threeGroups();
  const from = recordAt(segment, 1, 1);
  const to = recordAt(segment, 1, 2);
  const bodyAt = to - "2.2".length - 8;
  for (let byte = from; byte < bodyAt; byte++) {
    const { records, faults } = scan(flip(segment.bytes, byte));
    assertEquals(records.filter((record) => record !== "10:2.2").length, 8, `byte ${byte}`);
    assertEquals(records.includes("10:2.2"), false);
    assertEquals(faults, [{ offset: from, end: to, what: "a record's head is damaged" }]);
  }
});

Deno.test("scan: of a damaged body is told whose it was", () => {
  const segment = threeGroups();
  const end = recordAt(segment, 1, 2);
  for (let byte = end - "2.2".length - 8; byte < end; byte++) {
    const { records, faults } = scan(flip(segment.bytes, byte));
    assertEquals(faults, []);
    assertEquals(records[4], "10!", `byte ${byte}`);
    assertEquals(records.filter((record) => record.startsWith("10:")).length, 8);
  }
});

Deno.test("scan: a group that is cut short is a fault, and its records are not told", () => {
  const { bytes, offsets } = threeGroups();
  for (let size = offsets[2]! + 1; size < bytes.length; size++) {
    const { records, faults } = scan(bytes.subarray(0, size));
    assertEquals(records.length, 6, `${size} bytes`);
    assertEquals(faults.map(({ offset, end }) => [offset, end]), [[offsets[2], size]]);
  }
});

Deno.test("scan: a group at another place is no group", () => {
  const { bytes, offsets: [first, second, third] } = threeGroups();
  const copied = bytes.slice();
  copied.copyWithin(second!, first!, second!);
  const { records, faults } = scan(copied);
  assertEquals(records, ["10:1.1", "10:1.2", "10:1.3", "10:3.1", "10:3.2", "10:3.3"]);
  assertEquals(faults.map(({ offset, end }) => [offset, end]), [[second, third]]);
});

Deno.test("scan: nothing is told of a segment of another journal, or at another position", () => {
  const { bytes } = threeGroups();
  for (const head of [{ ...HEAD, journalId: 1 }, { ...HEAD, base: HEAD.base + 1 }]) {
    const { groups, records, faults } = scan(bytes, { head });
    assertEquals([groups, records], [[], []]);
    const places = faults.map(({ offset, end }) => [offset, end]);
    assertEquals(places, [[SEGMENT_HEAD_BYTES, bytes.length]]);
  }
});

Deno.test("scan: messages that look like groups and records of the journal are messages", () => {
  const inner = threeGroups();
  const text = String.fromCharCode(...inner.bytes.map((byte) => byte & 0x7f));
  const segment = new SegmentBytes().add([published(1, 1, text, "after")]).add([
    published(1, 3, "next"),
  ]);
  assertEquals(scan(segment.bytes).records, [`10:${text.length},after`, "10:next"]);
  const { records, faults } = scan(flip(segment.bytes, segment.offsets[0]! + 4));
  assertEquals(records, ["10:next"]);
  assertEquals(faults.length, 1);
});

// Large segments.

Deno.test("scan: groups that lie across the pieces in which the file is read", () => {
  const segment = new SegmentBytes();
  const large = "x".repeat(700_000);
  const expected: string[] = [];
  for (let index = 1; segment.bytes.length < 2.5 * CHUNK_BYTES; index++) {
    segment.add([published(1, index, `small ${index}`), published(2, index, large)]);
    expected.push(`10:small ${index}`, "10:700000");
  }
  const { records, faults, groups } = scan(segment.bytes);
  assertEquals(faults, []);
  assertEquals(records, expected);
  assertEquals(groups.map(({ offset }) => offset), segment.offsets);
  // A fault up to a group that begins in another piece.
  const damaged = segment.bytes.slice();
  const [, from] = segment.offsets;
  damaged.fill(0, from, segment.offsets[10]);
  const found = scan(damaged);
  assertEquals(found.faults.map(({ offset, end }) => [offset, end]), [[from, segment.offsets[10]]]);
  assertEquals(found.records, [...expected.slice(0, 2), ...expected.slice(20)]);
});

Deno.test("scan: a group may be larger than what is read at a time", () => {
  const segment = new SegmentBytes()
    .add([published(1, 1, "before")])
    .add([
      published(1, 2, CHUNK_BYTES - 7),
      published(1, 3, 2 * CHUNK_BYTES),
      published(1, 4, "end"),
    ])
    .add([published(1, 5, "after")]);
  const { records, faults } = scan(segment.bytes);
  assertEquals(faults, []);
  const large = [`10:${CHUNK_BYTES - 7}`, `10:${2 * CHUNK_BYTES}`];
  assertEquals(records, ["10:before", ...large, "10:end", "10:after"]);
  const damaged = scan(flip(segment.bytes, segment.offsets[2]! - 1));
  assertEquals(damaged.records, ["10:before", ...large, "10!", "10:after"]);
});

Deno.test("scan: a large region of zeros or of begun groups is passed in a moment", () => {
  const segment = new SegmentBytes();
  const size = 3 * CHUNK_BYTES;
  const bytes = new Uint8Array(size);
  bytes.set(segment.bytes);
  const start = performance.now();
  for (const fill of [0, 0x53]) {
    bytes.fill(fill, SEGMENT_HEAD_BYTES);
    assertEquals(scan(bytes).faults.map(({ end }) => end), [size]);
  }
  for (let at = SEGMENT_HEAD_BYTES; at + 4 <= size; at += 4) {
    bytes.set([0x53, 0x4d, 0x51, 0x47], at);
  }
  assertEquals(scan(bytes).faults.map(({ end }) => end), [size]);
  assertLess(performance.now() - start, 20_000);
});

// Any damage.

Deno.test("scan: whatever bytes change, what is told is what was written", () => {
  const groups = fc.array(fc.array(fc.string({ maxLength: 40 }), { maxLength: 5 }), {
    minLength: 1,
    maxLength: 6,
  });
  const changes = fc.array(fc.record({ at: fc.nat(), byte: fc.nat(255), count: fc.nat(60) }), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(groups, changes, (texts, changes) => {
      const segment = new SegmentBytes();
      for (const [index, bodies] of texts.entries()) {
        segment.add(bodies.map((body): Event => published(1, index, `${index}.${body}`)));
      }
      const { bytes } = segment;
      const whole = scan(bytes);
      assertEquals(whole.faults, []);
      const changed = bytes.slice();
      for (const { at, byte, count } of changes) {
        const from = SEGMENT_HEAD_BYTES + at % (bytes.length - SEGMENT_HEAD_BYTES);
        changed.fill(byte, from, from + count);
      }
      const { records, faults } = scan(changed);
      const isChanged = changed.some((byte, index) => byte !== bytes[index]);
      assertEquals(faults.length > 0 || records.includes("10!"), isChanged);
      // What is told is some of what was written, in the same order.
      let index = 0;
      for (const record of records) {
        if (record === "10!") continue;
        index = whole.records.indexOf(record, index) + 1;
        assert(index > 0, `${record} was not written, or before`);
      }
    }),
    fuzz(300),
  );
});
