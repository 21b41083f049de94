/**
 * The events of failed messages, read without reading them as JSON.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { FailedReader } from "../../../src/broker/events/failed_reader.ts";
import { RecordType } from "../../../src/broker/events/record.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

/** Bytes as a record, behind others in their buffer. */
function recordOf(bytes: Uint8Array) {
  const buffer = new Uint8Array(bytes.length + 7);
  buffer.set(bytes, 3);
  const meta = new DataView(buffer.buffer, 3, bytes.length);
  return { type: RecordType.event, meta, buffer, start: 0, end: 0 };
}

const encode = (text: string) => new TextEncoder().encode(text);

/** What JSON makes of bytes; undefined if they are none. */
function readPlain(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("", '"', "\\", '\\",', "\\u"));

/** Times and ids of any length that they have. */
const whole = fc.oneof(fc.nat(), fc.nat({ max: 999_999_999_999_999 }));

const events = fc.record({
  type: fc.constantFrom("failed", "postponed"),
  number: fc.nat(),
  firstId: whole,
  count: fc.nat(),
  attempts: fc.nat(),
  dueAt: whole,
  failure: fc.tuple(
    whole,
    whole,
    fc.array(text, { maxLength: 3 }),
    text,
    fc.record({ losses: fc.nat(), postponements: fc.nat() }, { requiredKeys: [] }),
  ).map(([firstAt, lastAt, reasons, follower, others]) => ({
    ...{ firstAt, lastAt, reasons, follower },
    ...others,
  })),
}).chain((event) => fc.nat(10).map((n) => n === 10 ? event : { ...event, newReasons: n }));

Deno.test("FailedReader reads what JSON reads, whatever reasons there were before (random)", () => {
  fc.assert(
    fc.property(fc.array(events, { maxLength: 20 }), (events) => {
      const reader = new FailedReader();
      for (const event of [...events, ...events.toReversed()]) {
        const bytes = encode(JSON.stringify(event));
        const found = reader.read(recordOf(bytes));
        // A brace in a text may be the end of the failure for all that is known without reading it.
        if (JSON.stringify(event.failure).indexOf("}") < JSON.stringify(event.failure).length - 1) {
          assertEquals(found, undefined);
        } else assertEquals(found as unknown, readPlain(bytes));
      }
    }),
    fuzz(100),
  );
});

Deno.test("FailedReader leaves to JSON what is not as it is written, and reads nothing else from it (random)", () => {
  fc.assert(
    fc.property(events, fc.nat(), fc.nat(255), fc.boolean(), (event, place, byte, isCut) => {
      const reader = new FailedReader();
      const bytes = encode(JSON.stringify(event));
      reader.read(recordOf(bytes));
      const changed = isCut ? bytes.slice(0, place % bytes.length) : bytes;
      if (!isCut) changed[place % bytes.length] = byte;
      const found = reader.read(recordOf(changed));
      if (found !== undefined) assertEquals(found as unknown, readPlain(changed));
    }),
    fuzz(1000),
  );
});

Deno.test("FailedReader leaves other events alone", () => {
  const failure = { firstAt: 1, lastAt: 2, reasons: ["no"], follower: "a" };
  const event = { type: "failed", number: 1, firstId: 2, count: 1, attempts: 1, dueAt: 0, failure };
  const others = [
    { ...event, type: "kept" },
    { ...event, dueAt: 1.5 },
    { ...event, dueAt: 1e21 },
    { ...event, firstId: -1 },
    { ...event, firstId: 2 ** 53 },
    { ...event, newReasons: 1, lane: "a" },
    { ...event, failure: { ...failure, reasons: ["}"] } },
    { ...event, failure: { firstAt: 1, lastAt: 2, reasons: [] } },
    { ...event, failure: { ...failure, more: {} } },
    { ...event, failure: { firstAt: 1, follower: "a", lastAt: 2, reasons: [] } },
  ].map((event) => JSON.stringify(event));
  const ends = [`${JSON.stringify(event)} `, JSON.stringify(event).slice(0, -1), "", "[]"];
  for (const text of [...others, ...ends, JSON.stringify(event).replace(":2,", ":02,")]) {
    assertEquals(new FailedReader().read(recordOf(encode(text))), undefined, text);
  }
});
