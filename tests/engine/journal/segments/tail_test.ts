/**
 * Where a journal ends: what is proven to have been flushed, what counts beside that, and what is
 * damage and what is torn.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { SEGMENT_HEAD_BYTES } from "../../../../src/engine/journal/segments/format.ts";
import { findTail, type Tail } from "../../../../src/engine/journal/segments/tail.ts";
import { fileOf, HEAD, published, SegmentBytes } from "../../../support/disk/segment_bytes.ts";

/** A checkpoint and five groups; the fourth one proves the first two of them. */
function makeSegment(): SegmentBytes {
  const segment = new SegmentBytes().addCheckpoint();
  const checkpointEnd = segment.bytes.length;
  segment.add([published(1, 1, "text 1")], checkpointEnd);
  segment.add([published(1, 2, "text 2")], checkpointEnd);
  const proven = segment.bytes.length;
  segment.add([published(1, 3, "text 3")], checkpointEnd);
  return segment.add([published(1, 4, "proves")], proven).add([published(1, 5, "last")], proven);
}

const { bytes, offsets } = makeSegment();
const [checkpoint, one, two, three, four, five] = offsets as [
  number,
  number,
  number,
  number,
  number,
  number,
];

function tailOf(content: Uint8Array, closedAt?: number): Tail {
  const at = closedAt === undefined ? undefined : HEAD.base + closedAt;
  return findTail({ file: fileOf(content), head: HEAD, size: content.length, closedAt: at });
}

/** The tail without the words. */
function tell({ proven, end, faults }: Tail) {
  return { proven, end, faults: faults.map(({ offset }) => offset) };
}

/** The bytes with some of them changed. */
function changed(at: number, count = 1): Uint8Array {
  const copy = bytes.slice();
  for (let index = at; index < at + count; index++) copy[index]! ^= 0x55;
  return copy;
}

Deno.test("tail: a segment that is whole counts to its end, and is proven as far as its groups say", () => {
  assertEquals([checkpoint, bytes.length > five], [SEGMENT_HEAD_BYTES, true]);
  assertEquals(tell(tailOf(bytes)), { proven: three, end: bytes.length, faults: [] });
});

Deno.test("tail: a checkpoint alone is proven, since the segment came with it", () => {
  const { bytes } = new SegmentBytes().addCheckpoint();
  assertEquals(tell(tailOf(bytes)), { proven: bytes.length, end: bytes.length, faults: [] });
});

Deno.test("tail: a checkpoint that is not whole is damage", () => {
  for (let size = SEGMENT_HEAD_BYTES; size < one; size++) {
    const { faults } = tailOf(bytes.subarray(0, size));
    assertEquals(faults.length > 0, true, `cut to ${size}`);
  }
  for (let byte = checkpoint; byte < one; byte++) {
    const { faults } = tailOf(changed(byte).subarray(0, one));
    assertEquals(faults.map(({ offset }) => offset < one), [true], `byte ${byte}`);
  }
});

Deno.test("tail: what is cut behind the checkpoint is torn, with all of its group", () => {
  for (let size = one; size < bytes.length; size++) {
    const end = offsets.findLast((offset) => offset <= size)!;
    const { proven, end: found, faults } = tailOf(bytes.subarray(0, size));
    // Only from there on is the group whole that proves more.
    const expected = size >= five ? three : one;
    assertEquals([proven, found, faults], [expected, end, []], `cut to ${size}`);
  }
});

Deno.test("tail: what is changed behind the proven end is torn, whatever follows", () => {
  for (let byte = three; byte < bytes.length; byte++) {
    const at = offsets.findLast((offset) => offset <= byte)!;
    assertEquals(
      tell(tailOf(changed(byte))),
      { proven: three, end: at, faults: [] },
      `byte ${byte}`,
    );
  }
});

Deno.test("tail: what is changed before the proven end is damage, if it is not a message's body", () => {
  for (const [from, to] of [[one, two], [two, three]] as const) {
    const bodyAt = to - "text 0".length - 8;
    for (let byte = from; byte < to; byte++) {
      const { faults, end } = tailOf(changed(byte));
      assertEquals(faults.length, byte < bodyAt ? 1 : 0, `byte ${byte}`);
      // Whose a damaged body is, is told when it is read.
      assertEquals(end, bytes.length);
    }
  }
});

Deno.test("tail: a later group proves although one between is torn", () => {
  const copy = changed(three, four - three);
  assertEquals(tell(tailOf(copy)), { proven: three, end: three, faults: [] });
  // The last group says the same as the one before it.
  assertEquals(tell(tailOf(changed(four, five - four))), { proven: three, end: four, faults: [] });
});

Deno.test("tail: without any group that proves it, what is changed is torn", () => {
  const copy = changed(four, bytes.length - four);
  assertEquals(tell(tailOf(copy)), { proven: one, end: four, faults: [] });
});

Deno.test("tail: no group proves itself or what comes after it", () => {
  const segment = new SegmentBytes().addCheckpoint();
  const at = segment.bytes.length;
  segment.add([published(1, 1, "a")], 10_000);
  assertEquals(tell(tailOf(segment.bytes)).proven, at);
});

Deno.test("tail: a group that proves less than there is of this segment proves nothing here", () => {
  const segment = new SegmentBytes().addCheckpoint();
  const at = segment.bytes.length;
  segment.add([published(1, 1, "a")], -500);
  assertEquals(tell(tailOf(segment.bytes)).proven, at);
});

Deno.test("tail: zeros and garbage behind the end are torn", () => {
  for (const byte of [0, 0x53, 0xff]) {
    const longer = new Uint8Array(bytes.length + 600).fill(byte);
    longer.set(bytes);
    assertEquals(tell(tailOf(longer)), { proven: three, end: bytes.length, faults: [] });
  }
});

Deno.test("tail: zeros behind the end are not in use, whatever is torn before them", () => {
  const longer = new Uint8Array(bytes.length + 600_000);
  longer.set(bytes);
  assertEquals(tailOf(longer).used, bytes.length);
  for (const torn of [0, 1, 70_000, 599_999]) {
    const other = longer.slice();
    other[bytes.length + torn] = 1;
    const page = Math.ceil((bytes.length + torn + 1) / 4096) * 4096;
    assertEquals(tailOf(other).used, Math.min(page, other.length));
  }
  assertEquals(tailOf(bytes).used, bytes.length);
});

Deno.test("tail: a journal that was closed ends where it ended then, and not a byte before", () => {
  const { length } = bytes;
  assertEquals(tell(tailOf(bytes, length)), { proven: length, end: length, faults: [] });
  for (let size = SEGMENT_HEAD_BYTES; size < length; size++) {
    const { faults } = tailOf(bytes.subarray(0, size), length);
    assertEquals(faults.length > 0, true, `cut to ${size}`);
  }
  const { faults } = tailOf(changed(five), length);
  assertEquals(faults.map(({ offset }) => offset), [five]);
});

Deno.test("tail: what is behind the end of a journal that was closed is torn", () => {
  const longer = new Uint8Array(bytes.length + 100).fill(1);
  longer.set(bytes);
  const { length } = bytes;
  assertEquals(tell(tailOf(longer, length)), { proven: length, end: length, faults: [] });
});

Deno.test("tail: where an earlier segment was closed says nothing about this one", () => {
  assertEquals(tell(tailOf(bytes, -1000)), { proven: three, end: bytes.length, faults: [] });
});
