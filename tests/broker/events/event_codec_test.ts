import { assertEquals, assertThrows } from "@std/assert";
import type { Event, Moved, Published, Stored } from "../../../src/broker/event.ts";
import { readEvents, trimEvent } from "../../../src/broker/events/event_codec.ts";
import { FACT_BYTES, FactList } from "../../../src/broker/events/fact_list.ts";
import {
  listMessages,
  measureMeta,
  typeOfMessages,
  writeMeta,
} from "../../../src/broker/events/message_record.ts";
import {
  decodeJson,
  type EncodedRecord,
  encodeJson,
  RecordType,
  UnreadableRecordError,
} from "../../../src/broker/events/record.ts";
import { batchOf } from "../../support/wire/batches.ts";

/** A record of messages; its meta lies behind some other bytes. */
function encode(event: Stored | Moved): EncodedRecord {
  const length = measureMeta(event);
  const view = new DataView(new ArrayBuffer(7 + length));
  writeMeta(view, 7, event);
  const { buffer, start, end } = event.batch;
  return {
    type: typeOfMessages(event),
    meta: new DataView(view.buffer, 7, length),
    buffer,
    start,
    end,
  };
}

function jsonRecord(type: number, text: Uint8Array): EncodedRecord {
  const meta = new DataView(text.buffer, text.byteOffset, text.byteLength);
  return { type, meta, buffer: new Uint8Array(0), start: 0, end: 0 };
}

function decode(record: EncodedRecord): Event[] {
  const events: Event[] = [];
  readEvents(record, (event) => void events.push(event));
  return events;
}

const batch = batchOf("a", "", "c");
const place = { segment: { liveCount: 0, liveBytes: 0 }, offset: 9 };
const messages: readonly (Stored | Moved)[] = [
  {
    type: "published",
    publisher: 3,
    sequence: 2 ** 40,
    settled: 5,
    storedIn: [
      { stream: "", number: 7, firstId: 2 ** 50, expiresAt: 1234 },
      { stream: "", number: 8, firstId: 1 },
    ],
    storedAt: 1000,
    batch,
  },
  { type: "published", publisher: 1, sequence: 1, storedIn: [], storedAt: 0, batch },
  {
    type: "published",
    publisher: 0,
    sequence: 0,
    settled: 4,
    storedIn: [
      { stream: "", number: 7, firstId: 2 ** 50, expiresAt: 1234 },
      { stream: "", number: 8, firstId: 1 },
    ],
    storedAt: 1000,
    notes: { replaces: [{ number: 7, id: 2 ** 49 }, { number: 9, id: 1 }] },
    batch,
  },
  {
    type: "published",
    publisher: 0,
    sequence: 0,
    storedIn: [{ stream: "", number: 7, firstId: 1 }],
    storedAt: 1000,
    notes: {},
    batch,
  },
  { type: "transferred", from: 1, fromId: 2, to: 3, firstId: 4, storedAt: 5, expiresAt: 6, batch },
  { type: "transferred", from: 1, fromId: 2, to: 3, firstId: 4, storedAt: 5, batch },
  { type: "moved", number: 8, firstId: 2 ** 40, batch },
  {
    type: "moved",
    number: 8,
    firstId: 2 ** 40,
    storedAt: [{ count: 2, at: 1000 }, { count: 1, at: 2 ** 41 }],
    batch,
  },
];

for (const event of messages) {
  Deno.test(`event codec: ${event.type} messages are what they were, where they lie`, () => {
    const record = encode(event);
    assertEquals(decode(record), [event]);
    const placed: Event[] = [];
    readEvents(record, (event) => void placed.push(event), place);
    assertEquals(placed, [{ ...event, place }]);
  });

  Deno.test(`event codec: which messages were in a void record is known (${event.type})`, () => {
    const record = encode(event);
    const listed = listMessages(record);
    assertEquals(listMessages({ ...record, type: record.type + RecordType.void }), listed);
    const ids = event.type === "published"
      ? event.storedIn.map(({ number, firstId }) => ({ number, firstId, count: 3 }))
      : [{ number: event.type === "moved" ? 8 : 3, firstId: event.firstId, count: 3 }];
    assertEquals(listed, ids);
  });
}

Deno.test("event codec: a batch without notes is written as before", () => {
  const [{ batch: _, ...event }] = messages as [Published];
  assertEquals(encode({ ...event, batch }).type, RecordType.published);
  assertEquals(encode({ ...event, notes: {}, batch }).type, RecordType.noted);
});

Deno.test("event codec: notes that are cut short or no JSON are unreadable, and say why", () => {
  const event = messages.find((event) => event.type === "published" && event.notes !== undefined)!;
  const record = encode(event);
  const noted = (change: (meta: DataView) => void) => {
    const bytes = new Uint8Array(record.meta.byteLength);
    bytes.set(new Uint8Array(record.meta.buffer, record.meta.byteOffset, record.meta.byteLength));
    const meta = new DataView(bytes.buffer);
    change(meta);
    return () => decode({ ...record, meta });
  };
  const tooMany = noted((meta) => meta.setUint32(32, 1000));
  assertThrows(tooMany, UnreadableRecordError, "its streams are cut short");
  assertThrows(noted((meta) => meta.setUint32(32, 1)), UnreadableRecordError, "JSON");
  assertThrows(
    noted((meta) => meta.setUint8(meta.byteLength - 1, 0x7b)),
    UnreadableRecordError,
    "JSON",
  );
});

Deno.test("event codec: facts are gathered, and come back kind by kind", () => {
  const facts = new FactList();
  facts.add({ type: "dropped", number: 1, firstId: 9, count: 1 });
  facts.add({ type: "attempted", number: 1, firstId: 4, count: 2, attempts: 3 });
  facts.add({ type: "acknowledged", number: 1, firstId: 1, count: 2 });
  facts.add({ type: "acknowledged", number: 1, firstId: 3, count: 1 });
  const meta = new DataView(new ArrayBuffer(facts.count * FACT_BYTES));
  facts.write(meta, 0);
  const record = { type: RecordType.facts, meta, buffer: new Uint8Array(0), start: 0, end: 0 };
  assertEquals(decode(record), [
    { type: "acknowledged", number: 1, firstId: 1, count: 3 },
    { type: "attempted", number: 1, firstId: 4, count: 2, attempts: 3 },
    { type: "dropped", number: 1, firstId: 9, count: 1 },
  ]);
  facts.clear();
  assertEquals(facts.count, 0);
});

Deno.test("event codec: of a failure only what is new is written, and no priority", () => {
  const failure = { firstAt: 1, lastAt: 2, reasons: ["a", "b"], follower: "w" };
  const failed = {
    type: "failed",
    number: 1,
    firstId: 1,
    count: 1,
    attempts: 2,
    dueAt: 0,
  } as const;
  const written = trimEvent({ ...failed, failure, newReasons: 1, priority: 7 });
  assertEquals(decode(jsonRecord(RecordType.event, encodeJson(written))), [
    { ...failed, failure: { ...failure, reasons: ["b"] }, newReasons: 1 },
  ]);
});

Deno.test("event codec: what is no JSON is unreadable, and says why", () => {
  const record = jsonRecord(RecordType.event, new TextEncoder().encode("{"));
  assertThrows(() => decodeJson(record), UnreadableRecordError, "JSON");
});
