/**
 * Batches on their way out: whose buffers are whose.
 *
 * @module
 */

import { assert, assertEquals, assertLessOrEqual, assertStrictEquals } from "@std/assert";
import { OutgoingBatch } from "../../src/client/outgoing_batch.ts";
import { SpareBuffers } from "../../src/client/spare_buffers.ts";

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
  for (let buffer = spare.take(); buffer.length > 1024; buffer = spare.take()) {
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
