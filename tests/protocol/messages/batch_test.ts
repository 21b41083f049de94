/**
 * The layout of messages: what is encoded comes back, and every lie about it is found.
 *
 * @module
 */

import {
  assertArrayIncludes,
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import {
  BodyKind,
  BrokerError,
  encodeBatch,
  type MessageBatch,
  type PropertyWishes,
} from "../../../protocol.ts";
import { HEADER_BYTES_MAX } from "../../../src/protocol/limits.ts";
import { checkBatch, PRIORITY_FLAG } from "../../../src/protocol/messages/batch.ts";
import {
  PRIORITY_DEFAULT,
  PRIORITY_MAX,
  readEntryHeaderBytes,
  readEntryKind,
  readEntryPriority,
  readEntrySize,
  writeEntryHead,
} from "../../../src/protocol/messages/entry.ts";
import { decodeHeaders, encodeHeaders } from "../../../src/protocol/messages/headers.ts";
import { label, number32, plain } from "../../support/wire/arbitraries.ts";
import { batchOf, contentsOf, embedBatch } from "../../support/wire/batches.ts";
import { assertCode, u32, utf8 } from "../../support/wire/frames.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

const BODY_BYTES = 1024;

const messages = fc.array(
  fc.record({
    kind: fc.constantFrom<BodyKind>(0, 1, 2),
    headers: fc.dictionary(
      fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }),
      fc.string({ unit: "grapheme", maxLength: 60 }),
      { maxKeys: 5 },
    ),
    body: fc.uint8Array({ maxLength: BODY_BYTES }),
  }),
  { minLength: 1, maxLength: 20 },
);

/** What messages say of themselves, in turn. */
const wishes = fc.array(
  fc.record({
    key: label,
    priority: fc.nat(PRIORITY_MAX),
    request: fc.record({ stream: label, number: number32 }, plain),
  }, { ...plain, requiredKeys: [] }),
  { minLength: 1, maxLength: 5 },
);

/** A byte is changed by these bits. */
const change = fc.integer({ min: 1, max: 255 });

/** Lets messages say something of themselves. */
function addWishes<Message>(
  messages: readonly Message[],
  wishes: readonly PropertyWishes[],
): (Message & { wishes: PropertyWishes })[] {
  return messages.map((message, index) => {
    return { ...message, wishes: wishes[index % wishes.length]! };
  });
}

/** A batch of the given bytes. */
function rawBatch(count: number, ...bytes: number[]): MessageBatch {
  return { count, buffer: new Uint8Array(bytes), start: 0, end: bytes.length };
}

/** The eight bytes in front of an entry's headers. */
function head(size: number, kind = 1, headerBytes = 0, reserved = 0): number[] {
  return [...u32(size), kind, reserved, headerBytes >>> 8, headerBytes & 0xff];
}

Deno.test("a batch is laid out as the specification says", () => {
  assertEquals(BodyKind, { bytes: 0, text: 1, json: 2 });
  const batch = encodeBatch([
    { kind: BodyKind.json, headers: { ab: "cde" }, body: new Uint8Array([0x31]) },
    { kind: BodyKind.bytes, headers: {}, body: new Uint8Array() },
  ]);
  assertEquals([...batch.buffer], [
    ...[0, 0, 0, 17, 2, 0, 0, 8],
    ...[2, 0x61, 0x62, 0, 3, 0x63, 0x64, 0x65],
    0x31,
    ...[0, 0, 0, 8, 0, 0, 0, 0],
  ]);
});

Deno.test("a batch with priorities, keys and requests is laid out as the specification says", () => {
  const request = { stream: "r", number: 0x01020304 };
  const common = { headers: {}, body: new Uint8Array() };
  const batch = encodeBatch([
    { ...common, kind: BodyKind.json, wishes: { priority: 9 } },
    { ...common, kind: BodyKind.bytes, wishes: { priority: 0, key: "ab", request } },
    { ...common, kind: BodyKind.text, wishes: { priority: PRIORITY_DEFAULT } },
  ]);
  assertEquals([...batch.buffer], [
    ...[0, 0, 0, 8, 0xa2, 0, 0, 0],
    ...[0, 0, 0, 17, 0x10, 0xc0, 0, 9],
    ...[2, 0x61, 0x62, 1, 0x72, 1, 2, 3, 4],
    ...[0, 0, 0, 8, 0x51, 0, 0, 0],
  ]);
});

Deno.test("a batch: decode(encode(messages)) equals messages, wherever in a buffer it lies", () => {
  fc.assert(
    fc.property(messages, wishes, fc.nat(9), (messages, wishes, margin) => {
      const batch = embedBatch(encodeBatch(addWishes(messages, wishes)), margin);
      checkBatch(batch, BODY_BYTES);
      assertEquals(contentsOf(batch), messages);
    }),
    fuzz(150),
  );
});

Deno.test("a batch: one changed byte is found or gives other messages, and nothing worse", () => {
  fc.assert(
    fc.property(messages, wishes, fc.nat(), change, (messages, wishes, at, change) => {
      const batch = encodeBatch(addWishes(messages, wishes));
      batch.buffer[at % batch.end] = batch.buffer[at % batch.end]! ^ change;
      try {
        checkBatch(batch, BODY_BYTES);
      } catch (error) {
        assertInstanceOf(error, BrokerError);
        assertArrayIncludes(["BAD_FRAME", "MESSAGE_TOO_LARGE", "HEADERS_TOO_LARGE"], [error.code]);
        return;
      }
      assertEquals(contentsOf(batch).length, messages.length);
    }),
    fuzz(150),
  );
});

Deno.test("writeEntryHead() and the readers agree up to the largest numbers", () => {
  const buffer = new Uint8Array(12).fill(0xff);
  writeEntryHead(buffer, 2, { size: 0xfedc_ba98, kind: 2, headerBytes: 0xabcd });
  assertEquals(readEntrySize(buffer, 2), 0xfedc_ba98);
  assertEquals(readEntryKind(buffer, 2), 2);
  assertEquals(readEntryHeaderBytes(buffer, 2), 0xabcd);
  assertEquals([...buffer.subarray(7, 8)], [0]);
  assertEquals([...buffer.subarray(0, 2), ...buffer.subarray(10)], [0xff, 0xff, 0xff, 0xff]);
});

Deno.test("writeEntryHead() and the readers agree on all priorities and kinds", () => {
  const buffer = new Uint8Array(8);
  const batch = { count: 1, buffer, start: 0, end: 8 };
  for (const kind of Object.values(BodyKind)) {
    for (let priority = 0; priority <= PRIORITY_MAX; priority++) {
      writeEntryHead(buffer, 0, { size: 8, kind, headerBytes: 0, priority });
      assertEquals([readEntryKind(buffer, 0), readEntryPriority(buffer, 0)], [kind, priority]);
      assertEquals(checkBatch(batch, BODY_BYTES), PRIORITY_FLAG);
    }
    writeEntryHead(buffer, 0, { size: 8, kind, headerBytes: 0 });
    assertEquals(readEntryPriority(buffer, 0), PRIORITY_DEFAULT);
    assertEquals([buffer[4], checkBatch(batch, BODY_BYTES)], [kind, 0]);
  }
});

Deno.test("checkBatch() takes empty bodies and bodies of just the limit", () => {
  checkBatch(batchOf("", 0, BODY_BYTES), BODY_BYTES);
});

Deno.test("checkBatch() refuses a body over the limit with MESSAGE_TOO_LARGE", () => {
  const message = assertCode(
    "MESSAGE_TOO_LARGE",
    () => checkBatch(batchOf("small", BODY_BYTES + 1), BODY_BYTES),
  );
  assertStringIncludes(message, "body is 1025 bytes, limit is 1024");
});

Deno.test("checkBatch() does not count headers as body", () => {
  const headers = { big: "x".repeat(2000) };
  checkBatch(encodeBatch([{ kind: 0, headers, body: new Uint8Array(BODY_BYTES) }]), BODY_BYTES);
});

Deno.test("checkBatch() refuses headers over the limit with HEADERS_TOO_LARGE", () => {
  const oversized = (headerBytes: number) => {
    const valueBytes = headerBytes - 4;
    const header = [1, 0x6e, valueBytes >>> 8, valueBytes & 0xff, ...new Uint8Array(valueBytes)];
    return rawBatch(1, ...head(8 + headerBytes, 1, headerBytes), ...header);
  };
  checkBatch(oversized(HEADER_BYTES_MAX), BODY_BYTES);
  assertCode(
    "HEADERS_TOO_LARGE",
    () => checkBatch(oversized(HEADER_BYTES_MAX + 1), BODY_BYTES),
  );
});

const malformed: Record<string, MessageBatch> = {
  "no bytes at all": rawBatch(1),
  "an entry whose head is cut short": rawBatch(1, ...head(8).slice(0, 7)),
  "an entry smaller than its own head": rawBatch(1, ...head(7)),
  "an entry smaller than its headers": rawBatch(1, ...head(11, 1, 4), 1, 0x61, 0, 0),
  "an entry whose headers reach into the next": rawBatch(
    2,
    ...head(11, 1, 4),
    ...[1, 0x61, 0],
    ...head(8),
  ),
  "an entry larger than the batch": rawBatch(1, ...head(9)),
  "an entry of 4 GiB": rawBatch(1, ...head(0xffff_ffff), 1, 2, 3),
  "fewer entries than announced": rawBatch(2, ...head(8)),
  "more entries than announced": rawBatch(1, ...head(8), ...head(8)),
  "one byte left over": rawBatch(1, ...head(8), 0),
  "an unknown kind": rawBatch(1, ...head(8, 3)),
  "an unknown kind with a priority": rawBatch(1, ...head(8, 0x53)),
  "a priority above the highest": rawBatch(1, ...head(8, 0xb1)),
  "the highest number in the place of a priority": rawBatch(1, ...head(8, 0xf0)),
  "a second message of an unknown kind with a priority": rawBatch(2, ...head(8), ...head(8, 0x1f)),
  "a time without its bytes": rawBatch(1, ...head(8, 1, 0, 1)),
  "a key without its bytes": rawBatch(1, ...head(8, 1, 0, 0x40)),
  "a key of no bytes": rawBatch(1, ...head(9, 1, 1, 0x40), 0),
  "a key that reaches into the body": rawBatch(1, ...head(11, 1, 2, 0x40), 2, 0x61, 0x62),
  "a key that reaches into the next message": rawBatch(
    2,
    ...head(10, 1, 2, 0x40),
    ...[2, 0x61],
    ...head(8),
  ),
  "a request whose number is cut short": rawBatch(1, ...head(13, 1, 5, 0x80), 1, 0x61, 0, 0, 1),
  "a request that reaches into the body": rawBatch(1, ...head(14, 1, 5, 0x80), 1, 0x61, 0, 0, 0, 1),
  "a story, which only the broker writes": rawBatch(1, ...head(10, 1, 2, 0x20), 0, 0),
  "a header without a name": rawBatch(1, ...head(11, 1, 3), 0, 0, 0),
  "a header of one byte": rawBatch(1, ...head(9, 1, 1), 1),
  "a header cut short in its name": rawBatch(1, ...head(11, 1, 3), 5, ...utf8("ab")),
  "a header cut short in its value's length": rawBatch(1, ...head(11, 1, 3), 1, 0x61, 0),
  "a header cut short in its value": rawBatch(1, ...head(13, 1, 5), 1, 0x61, 0, 2, 0x62),
  "a second header cut short": rawBatch(1, ...head(13, 1, 5), 1, 0x61, 0, 0, 1),
};

for (const [what, batch] of Object.entries(malformed)) {
  Deno.test(`checkBatch() refuses ${what} with BAD_FRAME`, () => {
    assertCode("BAD_FRAME", () => checkBatch(batch, BODY_BYTES));
  });
}

Deno.test("checkBatch() does not look beyond the end of a batch in a larger buffer", () => {
  const buffer = new Uint8Array([...head(8), ...head(12), 1, 2, 3, 4]);
  checkBatch({ count: 1, buffer, start: 0, end: 8 }, BODY_BYTES);
  checkBatch({ count: 1, buffer, start: 8, end: 20 }, BODY_BYTES);
  assertCode("BAD_FRAME", () => checkBatch({ count: 1, buffer, start: 8, end: 19 }, BODY_BYTES));
});

Deno.test("encodeHeaders() refuses empty and long names, values that are no strings, too much", () => {
  assertThrows(() => encodeHeaders({ "": "x" }), RangeError, "1 to 255 bytes");
  assertThrows(() => encodeHeaders({ ["ä".repeat(128)]: "x" }), RangeError, "1 to 255 bytes");
  assertThrows(() => encodeHeaders({ a: "x".repeat(HEADER_BYTES_MAX - 3) }), RangeError, "4096");
  const wrong = { a: 1 } as unknown as Record<string, string>;
  assertThrows(() => encodeHeaders(wrong), TypeError, '"a"');
  assertEquals(encodeHeaders({ a: "x".repeat(HEADER_BYTES_MAX - 4) }).length, HEADER_BYTES_MAX);
  assertEquals(encodeHeaders({}).length, 0);
  for (const other of [null, undefined, "a", ["a"], new Map([["a", "b"]]), new Headers()]) {
    assertThrows(() => encodeHeaders(other as unknown as Record<string, string>), TypeError);
  }
  const longest = { ["n".repeat(255)]: "v" };
  assertEquals(decodeHeaders(encodeHeaders(longest)), longest);
});

Deno.test("decodeHeaders() gives back names that mean something to JavaScript", () => {
  const headers = Object.fromEntries([["__proto__", "a"], ["constructor", "b"], ["1", "c"]]);
  const decoded = decodeHeaders(encodeHeaders(headers));
  assertEquals(Object.entries(decoded).sort(), Object.entries(headers).sort());
  assertEquals(Object.getPrototypeOf(decoded), Object.prototype);
});

Deno.test("decodeHeaders() keeps a byte order mark at the beginning of a value", () => {
  const headers = { "\uFEFFname": "\uFEFFvalue" };
  assertEquals(decodeHeaders(encodeHeaders(headers)), headers);
});
