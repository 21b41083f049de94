/**
 * The frames that carry replies.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import {
  encodeBatch,
  FrameType,
  LABEL_LENGTH_MAX,
  type MessageBatch,
  type PropertyWishes,
  readBatch,
  writeReply,
} from "../../../protocol.ts";
import { checkReplies, readReply, writeReplies } from "../../../src/protocol/frames/reply_frame.ts";
import { checkBatch } from "../../../src/protocol/messages/batch.ts";
import { number32, plain, text } from "../../support/wire/arbitraries.ts";
import { batchOf, textsOf } from "../../support/wire/batches.ts";
import { assertCode, decoderOn, frameOf, roundTrip, u32, utf8 } from "../../support/wire/frames.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

/** A batch of texts that say something of their own delivery. */
function wished(...wishes: readonly PropertyWishes[]): MessageBatch {
  return encodeBatch(wishes.map((wishes) => ({
    kind: 1,
    headers: {},
    body: new Uint8Array(utf8("text")),
    wishes,
  })));
}

const streamName = text.filter((name) => name.length > 0 && utf8(name).length <= LABEL_LENGTH_MAX);

Deno.test("reply: decode(encode(fields)) equals fields, and the batch follows", () => {
  const fields = fc.record({ stream: streamName, query: number32 }, plain);
  fc.assert(
    fc.property(fields, fc.array(text, { minLength: 1, maxLength: 5 }), (fields, texts) => {
      const decoder = roundTrip(FrameType.reply, (writer) => {
        writeReply(writer, fields, batchOf(...texts));
      });
      assertEquals(readReply(decoder), fields);
      assertEquals(textsOf(readBatch(decoder)), texts);
    }),
    fuzz(60),
  );
});

Deno.test("replies: the batch comes as it was", () => {
  const decoder = roundTrip(FrameType.replies, (writer) => {
    writeReplies(writer, batchOf("one", "two"));
  });
  assertEquals(textsOf(readBatch(decoder)), ["one", "two"]);
});

Deno.test("readReply() of a frame that is cut short is BAD_FRAME", () => {
  const whole = [...u32(7), 3, ...utf8("$re")];
  for (let length = 0; length < whole.length; length++) {
    const frame = frameOf(FrameType.reply, ...whole.slice(0, length));
    assertCode("BAD_FRAME", () => readReply(decoderOn(frame)));
  }
  const frame = frameOf(FrameType.reply, ...whole);
  assertEquals(readReply(decoderOn(frame)), { stream: "$re", query: 7 });
});

Deno.test("readReply() refuses names that are empty, too long, or no UTF-8", () => {
  const long = Array.from({ length: LABEL_LENGTH_MAX + 1 }, () => 0x61);
  for (const name of [[], long, [0xff]]) {
    const frame = frameOf(FrameType.reply, ...u32(0), name.length, ...name);
    assertCode("BAD_FRAME", () => readReply(decoderOn(frame)));
  }
});

Deno.test("checkReplies() lets nothing pass but replies to one stream", () => {
  const request = { stream: "$reply.a", number: 5 };
  const good = wished({ request }, { request: { ...request, number: 0 } });
  checkBatch(good, 100);
  checkReplies(good, "$reply.a");
  const nothingElse = "says which request it answers, and nothing else";
  const bad: [PropertyWishes, string][] = [
    [{}, nothingElse],
    [{ request, ttlMs: 5 }, nothingElse],
    [{ request, delayMs: 5 }, nothingElse],
    [{ request, key: "k" }, nothingElse],
    [{ request, dedupId: "m" }, nothingElse],
    [{ request: { stream: "$reply.b", number: 5 } }, "for another stream"],
  ];
  for (const [wishes, tells] of bad) {
    const batch = wished({ request }, wishes);
    const message = assertCode("BAD_FRAME", () => checkReplies(batch, "$reply.a"));
    assertStringIncludes(message, tells);
  }
});
