/**
 * The bytes of the journal's format: what is written is read, and nothing else is believed.
 *
 * @module
 */

import { assertEquals, assertNotEquals } from "@std/assert";
import {
  checksum,
  decodeSegmentHead,
  encodeSegmentHead,
  FORMAT_VERSION,
  GROUP_HEAD_BYTES,
  headChecksum,
  readGroupHead,
  RECORD_HEAD_BYTES,
  sealRecord,
  SEGMENT_HEAD_BYTES,
  writeGroupHead,
} from "../../../../src/engine/journal/segments/format.ts";

const spot = { position: 2 ** 40 + 12_345, journalId: 0xabcd_ef01 };
const last = { position: Number.MAX_SAFE_INTEGER - 1000, journalId: 0xffff_ffff };

// The head of a segment.

Deno.test("format: a segment's head is read as it was written, up to the highest position", () => {
  for (const { position: base, journalId } of [{ position: 0, journalId: 0 }, spot, last]) {
    const bytes = encodeSegmentHead({ base, journalId });
    assertEquals(bytes.length, SEGMENT_HEAD_BYTES);
    assertEquals(decodeSegmentHead(bytes), { base, journalId });
  }
});

Deno.test("format: a segment's head that is cut short is not read", () => {
  const bytes = encodeSegmentHead({ base: 1, journalId: 2 });
  for (let size = 0; size < SEGMENT_HEAD_BYTES; size++) {
    assertEquals(decodeSegmentHead(bytes.subarray(0, size)), "cut short");
  }
});

Deno.test("format: no bit of a segment's head can change unnoticed", () => {
  const found = new Set<unknown>();
  for (let bit = 0; bit < SEGMENT_HEAD_BYTES * 8; bit++) {
    const bytes = encodeSegmentHead({ base: spot.position, journalId: spot.journalId });
    bytes[Math.floor(bit / 8)]! ^= 1 << bit % 8;
    found.add(decodeSegmentHead(bytes));
  }
  assertEquals(found, new Set(["no segment of a journal", "a later version", "damaged"]));
});

Deno.test("format: a later version is told from damage, however the rest of its head looks", () => {
  const bytes = encodeSegmentHead({ base: 1, journalId: 2 });
  new DataView(bytes.buffer).setUint32(8, FORMAT_VERSION + 1);
  bytes.fill(0x55, 12);
  assertEquals(decodeSegmentHead(bytes), "a later version");
  new DataView(bytes.buffer).setUint32(8, 0);
  assertEquals(decodeSegmentHead(bytes), "damaged");
});

Deno.test("format: a head is read out of the midst of a buffer", () => {
  const bytes = new Uint8Array(100).fill(0xee);
  bytes.set(encodeSegmentHead({ base: 7, journalId: 8 }), 13);
  assertEquals(decodeSegmentHead(bytes.subarray(13)), { base: 7, journalId: 8 });
});

// The head of a group.

const groupHead = { length: 0xffff_fff0, count: 65_537, durable: 2 ** 52 };

/** A group's head at an offset of a buffer. */
function encodeGroupHead(offset = 0): DataView {
  const bytes = new Uint8Array(offset + GROUP_HEAD_BYTES);
  writeGroupHead(new DataView(bytes.buffer, offset), groupHead, spot);
  return new DataView(bytes.buffer);
}

Deno.test("format: a group's head is read as it was written, and at its place only", () => {
  assertEquals(readGroupHead(encodeGroupHead(), 0, spot), groupHead);
  assertEquals(readGroupHead(encodeGroupHead(9), 9, spot), groupHead);
  const { position, journalId } = spot;
  for (const away of [1, -1, 32, 512, 4096, 2 ** 32, -(2 ** 32)]) {
    const elsewhere = { position: position + away, journalId };
    assertEquals(readGroupHead(encodeGroupHead(), 0, elsewhere), undefined, `${away} bytes away`);
  }
  assertEquals(readGroupHead(encodeGroupHead(), 0, { position, journalId: 1 }), undefined);
});

Deno.test("format: no bit of a group's head can change unnoticed", () => {
  for (let bit = 0; bit < GROUP_HEAD_BYTES * 8; bit++) {
    const view = encodeGroupHead();
    view.setUint8(Math.floor(bit / 8), view.getUint8(Math.floor(bit / 8)) ^ (1 << bit % 8));
    assertEquals(readGroupHead(view, 0, spot), undefined, `bit ${bit}`);
  }
});

Deno.test("format: where there is no room for a group's head, there is none", () => {
  const view = encodeGroupHead();
  for (let offset = 1; offset < GROUP_HEAD_BYTES; offset++) {
    assertEquals(readGroupHead(view, offset, spot), undefined);
  }
});

// Records.

/** A record with seven bytes of meta and eleven of body, at an offset of a buffer. */
function encodeRecord(offset: number) {
  const bytes = new Uint8Array(offset + RECORD_HEAD_BYTES + 7 + 11 + 5).fill(0x33);
  const view = new DataView(bytes.buffer);
  view.setUint32(offset, 3 << 24);
  view.setUint32(offset + 4, 7);
  view.setUint32(offset + 8, 11);
  const end = sealRecord(bytes, view, offset, spot);
  return { bytes, view, end };
}

Deno.test("format: a record is sealed up to its end, and nothing behind it counts", () => {
  const { bytes, view, end } = encodeRecord(3);
  assertEquals(end, 3 + RECORD_HEAD_BYTES + 18);
  const metaEnd = 3 + RECORD_HEAD_BYTES + 7;
  assertEquals(headChecksum(bytes, 3, metaEnd, spot), view.getUint32(3 + 16));
  const body = bytes.subarray(metaEnd, end);
  assertEquals(checksum(body, spot.position, spot.journalId), view.getUint32(3 + 12));
  bytes.fill(0, end);
  assertEquals(headChecksum(bytes, 3, metaEnd, spot), view.getUint32(3 + 16));
});

Deno.test("format: no bit of a record can change unnoticed, and of its body only the body's sum tells", () => {
  const metaEnd = RECORD_HEAD_BYTES + 7;
  const { bytes, view, end } = encodeRecord(0);
  const [bodySum, headSum] = [view.getUint32(12), view.getUint32(16)];
  for (let bit = 0; bit < end * 8; bit++) {
    const byte = Math.floor(bit / 8);
    bytes[byte]! ^= 1 << bit % 8;
    const isHeadRight = headChecksum(bytes, 0, metaEnd, spot) === view.getUint32(16);
    const body = bytes.subarray(metaEnd, end);
    const isBodyRight = checksum(body, spot.position, spot.journalId) === bodySum;
    assertEquals(isHeadRight, byte >= metaEnd, `head, bit ${bit}`);
    assertEquals(isBodyRight, byte < metaEnd, `body, bit ${bit}`);
    bytes[byte]! ^= 1 << bit % 8;
  }
  assertEquals(view.getUint32(16), headSum);
});

// Checksums.

Deno.test("format: the same bytes have other sums at other positions and in other journals", () => {
  const bytes = new TextEncoder().encode("the same");
  const sums = new Set<number>();
  for (let index = 0; index < 1000; index++) {
    sums.add(checksum(bytes, index, 1));
    sums.add(checksum(bytes, 2 ** 40 + index * 512, 1));
    sums.add(checksum(bytes, (index + 1) * 2 ** 32 + 7, 1));
    sums.add(checksum(bytes, 0, 1000 + index));
  }
  assertEquals(sums.size, 4000);
});

Deno.test("format: a run of zeros is no group and no record, wherever it stands", () => {
  const zeros = new Uint8Array(64);
  const view = new DataView(zeros.buffer);
  for (let index = 0; index < 10_000; index++) {
    const at = { position: index * 40, journalId: index };
    assertEquals(readGroupHead(view, 0, at), undefined);
    assertNotEquals(headChecksum(zeros, 0, RECORD_HEAD_BYTES, at), 0);
  }
});
