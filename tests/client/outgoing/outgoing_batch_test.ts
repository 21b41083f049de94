/**
 * Batches on their way out: whose buffers are whose.
 *
 * @module
 */

import { assert, assertEquals, assertLessOrEqual, assertStrictEquals } from "@std/assert";
import {
  FrameDecoder,
  FrameWriter,
  type MessageBatch,
  readBatch,
  type SessionLimits,
} from "../../../protocol.ts";
import { readReply } from "../../../src/protocol/frames/reply_frame.ts";
import { Confirmation } from "../../../src/client/publishing/confirmation.ts";
import { Outbox } from "../../../src/client/outgoing/outbox.ts";
import { OutgoingBatch } from "../../../src/client/outgoing/outgoing_batch.ts";
import { OutgoingReplies } from "../../../src/client/requesting/outgoing_replies.ts";
import { BatchCollector, type BatchReceipt } from "../../../src/client/publishing/receipt.ts";
import { SpareBuffers } from "../../../src/client/outgoing/spare_buffers.ts";
import type { Uplink } from "../../../src/client/uplink/uplink.ts";
import type { Clock } from "../../../src/transport/clock.ts";
import type { Link } from "../../../src/transport/link.ts";
import { textsOf } from "../../support/wire/batches.ts";

const MEBIBYTE = 1024 * 1024;

Deno.test("SpareBuffers gives back what it was given, however many ask", () => {
  const spare = new SpareBuffers();
  const buffer = new Uint8Array(4096);
  spare.give(buffer);
  assertStrictEquals(spare.take(), buffer);
  const fresh = spare.take();
  assert(fresh !== buffer && fresh.length > 0);
});

Deno.test("SpareBuffers keeps 4 MiB at most, however much it is given", () => {
  const spare = new SpareBuffers();
  const given = Array.from({ length: 100 }, () => new Uint8Array(128 * 1024));
  for (const buffer of given) spare.give(buffer);
  spare.give(new Uint8Array(64 * MEBIBYTE));
  let kept = 0;
  for (let buffer = spare.take(); buffer.length > 2048; buffer = spare.take()) {
    kept += buffer.length;
  }
  assertLessOrEqual(kept, 4 * MEBIBYTE);
  assert(kept > 0);
});

Deno.test("OutgoingBatch: its bytes stay its own until its outcome is known", () => {
  const spare = new SpareBuffers();
  const first = new OutgoingBatch(1, spare);
  first.add(0, new Uint8Array([1, 2, 3]), undefined);
  const second = new OutgoingBatch(2, spare);
  second.add(0, new Uint8Array([4, 5, 6]), undefined);
  const { buffer } = first.messages;
  assert(buffer !== second.messages.buffer);
  first.confirm({ storedIn: [], isDuplicate: false });
  const third = new OutgoingBatch(3, spare);
  assertStrictEquals(third.messages.buffer, buffer);
  assertEquals(third.bytes, 0);
  second.refuse(new Error("no"));
  assertStrictEquals(new OutgoingBatch(4, spare).messages.buffer, second.messages.buffer);
});

Deno.test("OutgoingBatch: a buffer that is lent is given back when it has left, and changed by nobody", () => {
  const spare = new SpareBuffers();
  const frame = ({ buffer, start, end }: MessageBatch) => buffer.subarray(start, end);
  const lendTo = (writer: FrameWriter, batch: OutgoingBatch) => batch.lend(writer, frame);
  const fill = (batch: OutgoingBatch) => {
    batch.addWaiter({ isAbandoned: true, confirm() {}, refuse() {} });
    batch.add(0, new Uint8Array(50).fill(1), undefined);
    batch.addWaiter({ isAbandoned: false, confirm() {}, refuse() {} });
    batch.add(0, new Uint8Array(50).fill(2), undefined);
    return batch.messages.buffer;
  };
  const writer = new FrameWriter();
  const batch = new OutgoingBatch(1, spare);
  const buffer = fill(batch);
  lendTo(writer, batch);
  batch.refuse(new Error("the publisher is closed"));
  assert(new OutgoingBatch(2, spare).messages.buffer !== buffer);
  writer.recycle(writer.take());
  assertStrictEquals(new OutgoingBatch(3, spare).messages.buffer, buffer);
  const cut = new OutgoingBatch(4, spare);
  fill(cut);
  lendTo(writer, cut);
  const lent = writer.take();
  const before = lent.slice();
  cut.dropAbandoned();
  assertEquals([cut.count, lent], [1, before]);
  const { messages } = cut;
  assertEquals(messages.buffer[messages.end - 1], 2);
});

Deno.test("OutgoingReplies: what is too large for the broker of now is let go, and nothing else", () => {
  const limits = { bodyBytes: 100_000, frameBytes: 200_000 };
  const uplink = { limits, isClosed: false, schedule() {} } as unknown as Uplink;
  const replies = new OutgoingReplies(uplink, new SpareBuffers());
  const address = { stream: "$reply.a", number: 1 };
  const bodies = ["a".repeat(30_000), "b".repeat(1001), "c".repeat(1000), "d"];
  for (const body of [...bodies, "e".repeat(90_000)]) replies.send(address, body);
  Object.assign(limits, { bodyBytes: 1000, frameBytes: 67_000 });
  const writer = new FrameWriter();
  replies.write({ writer, flush() {} } as unknown as Link);
  const decoder = new FrameDecoder(67_000);
  const bytes = writer.take();
  decoder.space(bytes.length).set(bytes);
  decoder.received(bytes.length);
  const texts: string[] = [];
  while (decoder.next()) {
    assertEquals(readReply(decoder), { stream: "$reply.a", query: 0 });
    texts.push(...textsOf(readBatch(decoder)));
  }
  assertEquals(texts, ["c".repeat(1000), "d"]);
});

Deno.test("OutgoingBatch: a call is divided where it does not fit, and hears of all its messages", () => {
  const batch = new OutgoingBatch(1, new SpareBuffers());
  const confirmation = new Confirmation<BatchReceipt>({ note: (call) => call.silence() });
  const collector = new BatchCollector(confirmation);
  const told: string[] = [];
  const waitFor = (name: string) =>
    batch.addWaiter({
      isAbandoned: false,
      confirm: (_, first) => told.push(`${name} ${first}`),
      refuse: (error) => told.push(`${name} ${error.message}`),
    });
  waitFor("before");
  batch.add(1, "x", undefined);
  for (let index = 0; index < 4; index++) {
    collector.countIn(batch);
    batch.add(1, "y".repeat(10), undefined);
  }
  collector.end();
  waitFor("behind");
  batch.add(1, "z", undefined);
  assertEquals(batch.findCutByBytes(9 + 18 * 2), 1);
  const rest = batch.cut(1);
  assertEquals(rest.findCutByBytes(18 * 2), 2);
  const last = rest.cut(2);
  assertEquals([batch, rest, last].map(({ count, ordinal }) => [count, ordinal]), [
    [1, 1],
    [2, 2],
    [3, 4],
  ]);
  const outcome = (firstId: number) => ({
    storedIn: [{ stream: "s", firstId }],
    isDuplicate: false,
  });
  [batch, rest, last].forEach((one, index) => one.confirm(outcome(10 * index + 1)));
  assertEquals(told, ["before 0", "behind 2"]);
  return confirmation.then(({ streams }) =>
    assertEquals(streams, [
      { stream: "s", firstId: 11, lastId: 12 },
      { stream: "s", firstId: 21, lastId: 22 },
    ])
  );
});

Deno.test("Outbox says how long ago the first batch without an answer was sent, also if the machine slept", () => {
  const time = { now: 5000, date: 1_000_000 };
  const clock: Clock = {
    now: () => time.now,
    dateNow: () => time.date,
    setTimer: () => ({ cancel() {} }),
  };
  const outbox = new Outbox({ number: 1, whenFull: "error", clock, schedule() {}, dropSoon() {} });
  const link = { writer: new FrameWriter(), outboundBytes: 0, flush() {} } as unknown as Link;
  const limits = { bodyBytes: MEBIBYTE, frameBytes: MEBIBYTE } as SessionLimits;
  const add = (ordinal: number) => {
    const batch = new OutgoingBatch(ordinal, new SpareBuffers());
    batch.add(1, "x", undefined);
    outbox.add(batch);
  };
  add(0);
  assertEquals(outbox.sentBefore, undefined);
  outbox.send(link, limits);
  time.now += 10;
  time.date += 10;
  add(1);
  outbox.send(link, limits);
  assertEquals(outbox.sentBefore, { sentUntil: 2, sentMs: 10 });
  // It sleeps for an hour.
  time.now += 1;
  time.date += 3_600_000;
  assertEquals(outbox.sentBefore, { sentUntil: 2, sentMs: 3_600_010 });
  // Somebody sets its clock back.
  time.date = 0;
  assertEquals(outbox.sentBefore, { sentUntil: 2, sentMs: 11 });
  outbox.confirm(1, { storedIn: [], isDuplicate: false });
  assertEquals(outbox.sentBefore, { sentUntil: 2, sentMs: 1 });
  outbox.confirm(2, { storedIn: [], isDuplicate: false });
  assertEquals(outbox.sentBefore, undefined);
});
