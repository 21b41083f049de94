/**
 * What a message says of its own delivery: what is written is read, spans become times, and what no
 * client may send is refused.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  type DeadLetter,
  encodeBatch,
  type MessageBatch,
  type PropertyWishes,
  SPAN_MS_MAX,
} from "../../../protocol.ts";
import {
  checkBatch,
  findEntries,
  findFlags,
  PRIORITY_FLAG,
} from "../../../src/protocol/messages/batch.ts";
import {
  ENTRY_HEAD_BYTES,
  PRIORITY_DEFAULT,
  PRIORITY_MAX,
  readEntryFlags,
  readEntryPriority,
  readEntrySize,
  writeEntryHead,
} from "../../../src/protocol/messages/entry.ts";
import {
  findEntryKey,
  PropertyFlag,
  readProperties,
  readPropertyBytes,
} from "../../../src/protocol/messages/properties.ts";
import {
  encodeProperties,
  findPropertyMistake,
} from "../../../src/protocol/messages/property_wishes.ts";
import { resolveSpans } from "../../../src/protocol/messages/spans.ts";
import { StoryCopies } from "../../../src/protocol/messages/story.ts";
import { label, number32, plain, text } from "../../support/wire/arbitraries.ts";
import { contentsOf, embedBatch } from "../../support/wire/batches.ts";
import { assertCode, u32, u64 } from "../../support/wire/frames.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

const BODY_MAX = 1000;
const NOW = 1_700_000_000_000;

/** A batch of messages that say these things. */
function batchWith(...wishes: readonly PropertyWishes[]): MessageBatch {
  const messages = wishes.map((wishes, index) => {
    return {
      kind: 1,
      headers: { index: `${index}` },
      body: new Uint8Array(index),
      wishes,
    } as const;
  });
  return embedBatch(encodeBatch(messages), 5);
}

/** A batch of one message with these flags and bytes of properties, and no body. */
function rawBatch(flags: number, properties: readonly number[]): MessageBatch {
  const end = ENTRY_HEAD_BYTES + properties.length;
  const buffer = new Uint8Array(end);
  writeEntryHead(buffer, 0, { size: end, kind: 0, headerBytes: properties.length, flags });
  buffer.set(properties, ENTRY_HEAD_BYTES);
  return { count: 1, buffer, start: 0, end };
}

const span = fc.integer({ min: 1, max: SPAN_MS_MAX });
const others = {
  ttlMs: span,
  // Some of them are as long as they may be in bytes, and not in letters.
  key: fc.oneof(label, fc.constant("ä".repeat(64))),
  priority: fc.nat(PRIORITY_MAX),
  request: fc.record({ stream: label, number: number32 }, plain),
  dedupId: label,
  lane: label,
  coalesce: fc.record({
    id: label,
    quietMs: span,
    atMostMs: span,
    take: fc.constantFrom("first" as const, "last" as const),
    whileWorked: fc.constantFrom("wait" as const, "drop" as const),
  }, plain),
};
const wishes: fc.Arbitrary<PropertyWishes> = fc.oneof(
  fc.record({ delayMs: span, ...others }, { ...plain, requiredKeys: [] }),
  fc.record({ deliverAt: fc.nat(2 * NOW), ...others }, { ...plain, requiredKeys: [] }),
);

const story: fc.Arbitrary<DeadLetter> = fc.record({
  stream: text,
  id: fc.maxSafeNat(),
  attempts: fc.nat(65_535),
  cause: fc.constantFrom("rejected" as const, "maxDeliveries" as const, "expired" as const),
  firstAt: fc.maxSafeNat(),
  lastAt: fc.maxSafeNat(),
  reasons: fc.array(text, { maxLength: 10 }),
  follower: text,
}, {
  ...plain,
  requiredKeys: ["stream", "id", "attempts", "cause", "firstAt", "lastAt", "reasons"],
});

/** What is stored of what was wished, if it came at a time. */
function expectedOf(wishes: PropertyWishes, now: number) {
  const { deliverAt, delayMs, ttlMs, key, request, dedupId, lane, coalesce } = wishes;
  const time = deliverAt ?? (delayMs === undefined ? undefined : now + delayMs);
  return {
    ...time !== undefined && { deliverAt: time },
    ...ttlMs !== undefined && { expiresAt: Math.max(now, time ?? 0) + ttlMs },
    ...key !== undefined && { key },
    ...request !== undefined && { request },
    ...dedupId !== undefined && { dedupId },
    ...lane !== undefined && { lane },
    ...coalesce !== undefined && { coalesce },
  };
}

/** The key of an entry, read on the short way. */
function readKeyOf(buffer: Uint8Array, offset: number): string | undefined {
  const at = findEntryKey(buffer, offset);
  if (at === 0) return undefined;
  return new TextDecoder().decode(buffer.subarray(at + 1, at + 1 + buffer[at]!));
}

Deno.test("properties: administrators tell stories of dead letters, and nobody else (random)", () => {
  fc.assert(
    fc.property(wishes, story, (one, deadLetter) => {
      const batch = batchWith({ ...one, deadLetter });
      assertCode("BAD_FRAME", () => checkBatch(batch, BODY_MAX));
      assertCode("FORBIDDEN", () => checkBatch(batch, BODY_MAX, false));
      checkBatch(batch, BODY_MAX, true);
      const [offset] = findEntries(batch);
      assertEquals(readProperties(batch.buffer, offset!).deadLetter, deadLetter);
    }),
  );
});

Deno.test("properties: a story that is none, or too long, is refused on both sides", () => {
  const right = {
    stream: "s",
    id: 1,
    attempts: 1,
    firstAt: 1,
    lastAt: 2,
    reasons: [],
    follower: "f",
  };
  const good = { ...right, cause: "expired" as const };
  checkBatch(batchWith({ deadLetter: good }), BODY_MAX, true);
  const wrong: readonly unknown[] = [
    null,
    [],
    {},
    { ...good, id: -1 },
    { ...good, cause: "bored" },
    { ...good, reasons: [1] },
    { ...good, follower: 1 },
    { ...good, reasons: ["x".repeat(20_000)] },
  ];
  for (const deadLetter of wrong as readonly DeadLetter[]) {
    assertThrows(() => batchWith({ deadLetter }), RangeError, "story", JSON.stringify(deadLetter));
    const text = new TextEncoder().encode(JSON.stringify(deadLetter));
    const bytes = [text.length >> 8, text.length & 0xff, ...text];
    assertCode("BAD_FRAME", () => checkBatch(rawBatch(0x20, bytes), BODY_MAX, true));
  }
  const half = new Uint8Array([0, 2, 0xff, 0xfe]);
  assertCode("BAD_FRAME", () => checkBatch(rawBatch(0x20, [...half]), BODY_MAX, true));
});

Deno.test("properties: what is wished is read, with times in the place of spans (random)", () => {
  fc.assert(
    fc.property(fc.array(wishes, { minLength: 1, maxLength: 6 }), (all) => {
      const batch = batchWith(...all);
      const before = contentsOf(batch);
      const flags = checkBatch(batch, BODY_MAX);
      assertEquals(findFlags(batch), flags);
      const hasPriority = all.some(({ priority }) => priority !== undefined);
      assertEquals((flags & PRIORITY_FLAG) !== 0, hasPriority);
      resolveSpans(batch, NOW);
      let offset = batch.start;
      for (const one of all) {
        assertEquals(readProperties(batch.buffer, offset), expectedOf(one, NOW));
        // They tell the times of the calendar from those of the broker.
        const { delayMs, deliverAt = 0, ttlMs } = one;
        const isTtl = ttlMs !== undefined && deliverAt <= NOW;
        const spans = (delayMs === undefined ? 0 : 0x02) | (isTtl ? 0x08 : 0);
        assertEquals(readEntryFlags(batch.buffer, offset) & 0x0a, spans);
        assertEquals(readEntryPriority(batch.buffer, offset), one.priority ?? PRIORITY_DEFAULT);
        assertEquals(readKeyOf(batch.buffer, offset), one.key);
        const { bytes } = encodeProperties(one) ?? { bytes: [] };
        assertEquals(readPropertyBytes(batch.buffer, offset), bytes.length);
        offset += readEntrySize(batch.buffer, offset);
      }
      assertEquals(contentsOf(batch), before, "headers and bodies are what they were");
    }),
    fuzz(200),
  );
});

Deno.test("resolveSpans() takes the next whole millisecond", () => {
  const batch = batchWith({ delayMs: 100, ttlMs: 50 });
  resolveSpans(batch, NOW + 0.25);
  const expected = { deliverAt: NOW + 101, expiresAt: NOW + 151 };
  assertEquals(readProperties(batch.buffer, batch.start), expected);
});

Deno.test("resolveSpans() goes by the calendar where a message does, and by the time where not", () => {
  const ahead = 3_600_000;
  const batch = batchWith(
    { deliverAt: NOW + 10, ttlMs: 50 },
    { deliverAt: NOW + ahead + 10, ttlMs: 50 },
    { delayMs: 10, ttlMs: 50 },
  );
  resolveSpans(batch, NOW, ahead);
  const found = findEntries(batch).map((offset) => {
    const flags = readEntryFlags(batch.buffer, offset) & 0x0a;
    return { ...readProperties(batch.buffer, offset), flags };
  });
  assertEquals(found, [
    { deliverAt: NOW + 10, expiresAt: NOW + 50, flags: 0x08 },
    { deliverAt: NOW + ahead + 10, expiresAt: NOW + ahead + 60, flags: 0 },
    { deliverAt: NOW + 10, expiresAt: NOW + 60, flags: 0x0a },
  ]);
});

Deno.test("a time to live counts from now on if the time of delivery is over", () => {
  const batch = batchWith({ deliverAt: 5, ttlMs: 50 });
  resolveSpans(batch, NOW);
  assertEquals(readProperties(batch.buffer, batch.start), { deliverAt: 5, expiresAt: NOW + 50 });
});

Deno.test("encodeProperties() of nothing is nothing", () => {
  assertEquals([encodeProperties({}), findFlags(batchWith({}, {}))], [undefined, 0]);
  // A priority is in an entry's head.
  assertEquals(encodeProperties({ priority: 9 }), undefined);
  assertEquals(findFlags(batchWith({}, { priority: 0 })), PRIORITY_FLAG);
  assertEquals(readProperties(batchWith({}).buffer, 5), {});
});

Deno.test("findPropertyMistake() lets pass what may be wished (random)", () => {
  fc.assert(
    fc.property(wishes, (one) => assertEquals(findPropertyMistake(one), undefined)),
    fuzz(100),
  );
});

Deno.test("findPropertyMistake() tells what is wrong, and what is allowed", () => {
  const mistakes: readonly (readonly [PropertyWishes, tells: string])[] = [
    [{ deliverAt: 1, delayMs: 1 }, "exclude each other"],
    [{ deliverAt: -1 }, "deliverAt must be a whole number from 0 to"],
    [{ deliverAt: NaN }, "deliverAt must be a whole number from 0 to"],
    [{ delayMs: 0.5 }, "delayMs must be a whole number from 0 to"],
    [{ delayMs: SPAN_MS_MAX + 1 }, "delayMs must be a whole number from 0 to"],
    [{ ttlMs: 0 }, "ttlMs must be a whole number from 1 to"],
    [{ ttlMs: Infinity }, "ttlMs must be a whole number from 1 to"],
    [{ dedupId: "" }, "dedupId must have 1 to 128 bytes"],
    [{ dedupId: "ä".repeat(65) }, "found 130"],
    [{ dedupId: 7 as unknown as string }, "dedupId must be a string"],
    [{ key: "" }, "key must have 1 to 128 bytes, found 0"],
    [{ key: "k".repeat(129) }, "key must have 1 to 128 bytes, found 129"],
    [{ key: "€".repeat(43) }, "found 129"],
    [{ key: 7 as unknown as string }, "key must be a string"],
    [{ key: null as unknown as string }, "key must be a string"],
    ...[-1, 10, 1.5, NaN, "5", null].map((priority) =>
      [{ priority: priority as number }, "priority must be a whole number from 0 to 9"] as const
    ),
  ];
  for (const [wishes, tells] of mistakes) {
    assertStringIncludes(findPropertyMistake(wishes) ?? "", tells);
  }
});

Deno.test("checkBatch() refuses flags that no client may send, and combinations without sense", () => {
  const { deliverAt, isDelay, expiresAt, isTtl, key, request, dedupId } = PropertyFlag;
  const allowed = new Set(
    [0, deliverAt, deliverAt | isDelay].flatMap((time) =>
      [0, expiresAt | isTtl].flatMap((ttl) =>
        [0, key].flatMap((key) =>
          [0, request].flatMap((request) =>
            [0, dedupId].map((dedupId) => time | ttl | key | request | dedupId)
          )
        )
      )
    ),
  );
  assertEquals(allowed.size, 48);
  // Two times, and texts of one letter; what is behind them is no header.
  for (let flags = 0; flags < 256; flags++) {
    const properties = [
      ...flags & deliverAt ? u64(5) : [],
      ...flags & expiresAt ? u64(5) : [],
      ...flags & key ? [1, 0x6b] : [],
      ...flags & request ? [1, 0x72, ...u32(7)] : [],
      ...flags & dedupId ? [1, 0x61] : [],
    ];
    const batch = rawBatch(flags, properties);
    if (allowed.has(flags)) assertEquals(checkBatch(batch, BODY_MAX), flags);
    else assertCode("BAD_FRAME", () => checkBatch(batch, BODY_MAX));
  }
});

Deno.test("checkBatch() refuses properties that are cut short, too large, or empty", () => {
  const time = u64(5);
  const tooLong = u64(SPAN_MS_MAX + 1);
  const letters = (count: number) => [count, ...new Array<number>(count).fill(0x61)];
  const wrong: readonly (readonly [flags: number, bytes: readonly number[]])[] = [
    [0x01, time.slice(1)],
    [0x10, []],
    [0x10, [0]],
    [0x10, [2, 0x61]],
    [0x10, letters(129)],
    [0x40, []],
    [0x40, [0]],
    [0x40, letters(5).slice(0, 5)],
    [0x40, letters(129)],
    [0x41, [...time, 0]],
    [0x41, [...time, ...letters(3).slice(0, 3)]],
    [0x50, [...letters(2), 0]],
    [0x80, []],
    [0x80, [0, ...u32(1)]],
    [0x80, letters(2)],
    [0x80, [...letters(2), ...u32(1).slice(1)]],
    [0x80, [...letters(129), ...u32(1)]],
    [0x90, [...letters(2), ...u32(1)]],
    [0xc0, [...letters(2), ...u32(1).slice(1)]],
    [0x11, time],
    [0x0c, [0x20, 0, 0, 0, 0, 0, 0, 0]],
    [0x01, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
    [0x03, tooLong],
    [0x0c, tooLong],
    [0x0d, [...time, ...tooLong]],
    // What is left of the header bytes must be headers.
    [0x01, [...time, 7]],
  ];
  for (const [flags, bytes] of wrong) {
    // Also where other messages lie behind it, of which nothing may be read.
    assertCode("BAD_FRAME", () => checkBatch(rawBatch(flags, bytes), BODY_MAX));
    const { count, buffer, end } = rawBatch(flags, bytes);
    const longer = new Uint8Array(end + 200).fill(1);
    longer.set(buffer);
    assertCode("BAD_FRAME", () => checkBatch({ count, buffer: longer, start: 0, end }, BODY_MAX));
  }
});

Deno.test("checkBatch() of any bytes throws BAD_FRAME or lets pass what can be read (random)", () => {
  const bytes = fc.array(fc.nat(255), { maxLength: 40 });
  fc.assert(
    fc.property(fc.nat(255), bytes, (flags, properties) => {
      const batch = rawBatch(flags, properties);
      let isRefused = false;
      try {
        checkBatch(batch, BODY_MAX);
      } catch (error) {
        isRefused = true;
        assertCode("BAD_FRAME", () => {
          throw error;
        });
      }
      if (isRefused) return;
      assert(readPropertyBytes(batch.buffer, 0) <= properties.length);
      readProperties(batch.buffer, 0);
      assertEquals(contentsOf(batch).length, 1);
    }),
    fuzz(1000),
  );
});

Deno.test("a copy with a story keeps key, lane, priority, message id, headers and body, leaves times and request out, and can be undone (random)", () => {
  fc.assert(
    fc.property(wishes, story, story, (one, first, second) => {
      const batch = batchWith({}, one);
      const offset = batch.start + readEntrySize(batch.buffer, batch.start);
      const { headers, body, kind } = contentsOf(batch)[1]!;
      const { key, dedupId, lane, priority = PRIORITY_DEFAULT } = one;
      const kept = expectedOf({ key, dedupId, lane }, NOW);
      let entry = batch.buffer.slice(offset, batch.end);
      for (const deadLetter of [first, second, undefined]) {
        const copies = new StoryCopies();
        copies.add(entry, 0, deadLetter);
        entry = copies.finish().buffer.slice();
        assertEquals(readEntrySize(entry, 0), entry.length);
        const expected = deadLetter === undefined ? kept : { ...kept, deadLetter };
        assertEquals(readProperties(entry, 0), expected);
        assertEquals([readEntryPriority(entry, 0), readKeyOf(entry, 0)], [priority, key]);
        const copy = { count: 1, buffer: entry, start: 0, end: entry.length };
        assertEquals(contentsOf(copy), [{ kind, headers, body }]);
      }
    }),
    fuzz(100),
  );
});
