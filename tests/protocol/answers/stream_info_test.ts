/**
 * Messages that are looked at, on their way to a cursor.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  FrameType,
  type MessageInfo,
  type PeekedMessages,
  readMessages,
} from "../../../protocol.ts";
import { writeMessages } from "../../../src/protocol/answers/peeked_messages.ts";
import { findEntries } from "../../../src/protocol/messages/batch.ts";
import { label, number32, plain, positive64 } from "../../support/wire/arbitraries.ts";
import { batchOf, sizesOf, textsOf } from "../../support/wire/batches.ts";
import { assertCode, decoderOn, frameOf, roundTrip, u32, utf8 } from "../../support/wire/frames.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

const info: fc.Arbitrary<MessageInfo> = fc.record({
  id: positive64,
  state: fc.constantFrom("ready" as const, "delayed" as const, "pending" as const),
  attempts: fc.nat(65_535),
  dueAt: positive64,
  follower: label,
}, { ...plain, requiredKeys: ["id", "state", "attempts"] });

const message = fc.record({ info, text: fc.string({ maxLength: 40 }) });

Deno.test("messages: decode(encode(fields)) equals fields", () => {
  fc.assert(
    fc.property(number32, fc.array(message, { maxLength: 8 }), (query, messages) => {
      const infos = messages.map(({ info }) => info);
      const { buffer } = batchOf(...messages.map(({ text }) => text));
      const peeked: PeekedMessages = { infos, entries: buffer };
      const decoder = roundTrip(FrameType.messages, (writer) => {
        writeMessages(writer, query, peeked);
      });
      assertEquals(readMessages(decoder), { query, messages: peeked });
    }),
    fuzz(100),
  );
});

Deno.test("messages: the entries stay when the decoder's buffer is used again", () => {
  const { buffer: entries } = batchOf("one", "two");
  const infos: MessageInfo[] = [1, 2].map((id) => ({ id, state: "ready", attempts: 0 }));
  const decoder = roundTrip(FrameType.messages, (writer) => {
    writeMessages(writer, 1, { infos, entries });
  });
  const { messages } = readMessages(decoder);
  decoder.buffer.fill(0xee);
  const { length: end } = messages.entries;
  assertEquals(textsOf({ count: 2, buffer: messages.entries, start: 0, end }), ["one", "two"]);
});

Deno.test("messages: what does not belong together is BAD_FRAME", () => {
  const entries = [...batchOf("x").buffer];
  const one = utf8('[{"id":1,"state":"ready","attempts":0}]');
  const wrong: readonly (readonly number[])[] = [
    [...u32(entries.length), ...entries, ...utf8("[]")],
    [...u32(0), ...one],
    [...u32(entries.length - 1), ...entries.slice(1), ...one],
    [...u32(entries.length + 1000), ...entries, ...one],
    [...u32(entries.length), ...entries, ...utf8("{}")],
    [...u32(entries.length), ...entries, ...utf8('"x"')],
    [...u32(entries.length), ...entries, ...utf8("null")],
    [...u32(entries.length), ...entries],
    // An entry of no size would have no end.
    [...u32(8), ...u32(0), ...u32(0), ...one],
    [...u32(8), ...u32(9), ...u32(0), ...one],
    [],
  ];
  for (const fields of wrong) {
    const frame = frameOf(FrameType.messages, ...u32(5), ...fields);
    assertCode("BAD_FRAME", () => readMessages(decoderOn(frame)));
  }
});

Deno.test("findEntries() finds where each entry begins", () => {
  const batch = batchOf("a", "", "ccc");
  const sizes = sizesOf(batch);
  assertEquals(findEntries(batch), [0, sizes[0], sizes[0]! + sizes[1]!]);
  const { count, buffer, end } = batch;
  assertEquals(findEntries({ count: count - 1, buffer, start: sizes[0]!, end }).length, 2);
  assertEquals(findEntries({ count: 0, buffer, start: end, end }), []);
});
