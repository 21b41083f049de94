import { assert, assertEquals, assertThrows } from "@std/assert";
import { checksum } from "../../../src/engine/journal/segments/format.ts";
import {
  isIntact,
  readRecordHead,
  RECORD_BODY_BYTES_MAX,
  RECORD_HEAD_BYTES,
  RECORD_TYPES,
  RECORD_VERSION,
  type RecordHead,
  writeRecord,
} from "../../../src/engine/replicated/record.ts";

const HIGH = Number.MAX_SAFE_INTEGER;

const FIELDS: Omit<RecordHead, "length" | "crc"> = {
  type: RECORD_TYPES.segment,
  epoch: 0xffff_ffff,
  owner: HIGH,
  number: HIGH - 1,
  position: HIGH - 2,
  journalId: HIGH - 3,
  previousCrc: 0xdead_beef,
};

function write(body: string, fields: Partial<RecordHead> = {}): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(RECORD_HEAD_BYTES + body.length);
  new TextEncoder().encodeInto(body, bytes.subarray(RECORD_HEAD_BYTES));
  writeRecord(bytes, { ...FIELDS, ...fields });
  return bytes;
}

Deno.test("a record is read as it was written, in the middle of other bytes as well", () => {
  const room = new Uint8Array(200).fill(9);
  const bytes = room.subarray(7, 7 + RECORD_HEAD_BYTES + 5);
  const head = writeRecord(bytes, FIELDS);
  assertEquals(head, { ...FIELDS, length: 5, crc: head.crc });
  assertEquals(readRecordHead(bytes), head);
  assert(isIntact(bytes, head));
  assertEquals([room[6], room[7 + bytes.length]], [9, 9]);
});

Deno.test("the layout is the one that is told", () => {
  const bytes = write("abc", { epoch: 3, owner: 4, number: 5, position: 6, journalId: 7 });
  const view = new DataView(bytes.buffer);
  assertEquals(new TextDecoder().decode(bytes.subarray(0, 4)), "SMQR");
  assertEquals([4, 8, 12].map((offset) => view.getUint32(offset)), [RECORD_VERSION, 7, 3]);
  assertEquals([16, 24, 32, 40].map((offset) => view.getFloat64(offset)), [4, 5, 6, 7]);
  assertEquals([48, 52, 56].map((offset) => view.getUint32(offset)), [0, 0xdead_beef, 3]);
  const bare = write("", { position: 6, journalId: 7 });
  const crc = new DataView(bare.buffer).getUint32(60);
  assertEquals(crc, checksum(bare.subarray(0, 60), 6, 7));
  assertEquals(bytes.length, RECORD_HEAD_BYTES + 3);
});

Deno.test("each bit of a record is checked", () => {
  const bytes = write("body", { owner: 2 ** 40, number: 17, position: 4096, journalId: 99 });
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const broken = bytes.slice();
    broken[bit >> 3]! ^= 1 << (bit & 7);
    const head = readRecordHead(broken);
    assert(typeof head === "string" || !isIntact(broken, head), `bit ${bit}`);
  }
});

Deno.test("bytes that are no record are told apart", () => {
  const bytes = write("body");
  const changed = (change: (view: DataView) => void) => {
    const copy = bytes.slice();
    change(new DataView(copy.buffer));
    return readRecordHead(copy);
  };
  assertEquals(readRecordHead(new Uint8Array()), "no record");
  assertEquals(readRecordHead(bytes.subarray(0, 7)), "no record");
  assertEquals(readRecordHead(bytes.subarray(1)), "no record");
  assertEquals(readRecordHead(new Uint8Array(100)), "no record");
  assertEquals(readRecordHead(bytes.subarray(0, 8)), "cut short");
  assertEquals(readRecordHead(bytes.subarray(0, 63)), "cut short");
  const misfit = "a record whose length does not fit";
  assertEquals(readRecordHead(bytes.subarray(0, -1)), misfit);
  assertEquals(changed((view) => view.setUint32(56, 5)), misfit);
  const damaged = "a damaged head";
  for (const value of [-1, 0.5, NaN, Infinity, 2 ** 53, -0]) {
    for (const offset of [16, 24, 32, 40]) {
      assertEquals(changed((view) => view.setFloat64(offset, value)), damaged);
    }
  }
  assertEquals(changed((view) => view.setUint32(48, 1)), damaged);
  assertEquals(changed((view) => view.setUint32(4, 0)), damaged);
});

Deno.test("of a later version only the first eight bytes are looked at", () => {
  const bytes = new Uint8Array(8);
  bytes.set(write("").subarray(0, 8));
  bytes[7] = RECORD_VERSION + 1;
  assertEquals(readRecordHead(bytes), "a record of a later version");
});

Deno.test("a record has at most so many bytes", () => {
  const bytes = new Uint8Array(RECORD_HEAD_BYTES + RECORD_BODY_BYTES_MAX + 1);
  const fits = bytes.subarray(1);
  const head = writeRecord(fits, FIELDS);
  assertEquals(readRecordHead(fits), head);
  const text = "Cannot write a record of 921601 bytes: its head has 64 bytes of their own; " +
    "0 to 921600 bytes behind it are allowed";
  assertThrows(() => writeRecord(bytes, FIELDS), RangeError, text);
  assertThrows(() => writeRecord(bytes.subarray(0, 63), FIELDS), RangeError, "of -1 bytes");
  new DataView(bytes.buffer).setUint32(0, 0x534d5152);
  new DataView(bytes.buffer).setUint32(4, 1);
  new DataView(bytes.buffer).setUint32(56, RECORD_BODY_BYTES_MAX + 1);
  assertEquals(readRecordHead(bytes), "a record whose length does not fit");
});

Deno.test("the same bytes in another place have another checksum", () => {
  const crcs = [{}, { position: 5 }, { journalId: 5 }, { owner: 5 }, { previousCrc: 5 }]
    .map((fields) => new DataView(write("body", fields).buffer).getUint32(60));
  assertEquals(new Set(crcs).size, crcs.length);
});
