/**
 * Messages with coalescing ids: those that rest, and those that more is to be said of.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type CoalescedMessage, CoalesceIndex } from "../../../src/broker/store/coalesce_index.ts";

function messageOf(id: number, isStored = true): CoalescedMessage {
  return { id, bytes: 10, isStored, dueAt: 5, until: Infinity, expiresAt: undefined };
}

function markOf(text: string) {
  return { text, key: "k", lane: undefined };
}

Deno.test("a stored message rests until somebody asks for it, and is the same afterwards", () => {
  let booked = 0;
  const index = new CoalesceIndex(undefined, (bytes) => booked += bytes);
  index.add(markOf("a"), messageOf(1));
  index.add(markOf("b"), messageOf(2));
  const resting = booked;
  index.setTimes(1, { dueAt: 7, until: 9, expiresAt: 11 });
  assertEquals(index.timesOf(1), { dueAt: 7, until: 9, expiresAt: 11 });
  assertEquals([index.has(1), index.isOutdated(1), booked], [true, false, resting]);
  const note = index.find("a")!;
  assertEquals(note.messages, [{ ...messageOf(1), dueAt: 7, until: 9, expiresAt: 11 }]);
  assertEquals([note.key, index.noteOf(1) === note, index.size], ["k", true, 2]);
  assert(booked > resting, "it takes more memory now");
  index.setTimes(1, { dueAt: 8, until: 9, expiresAt: undefined });
  assertEquals(index.timesOf(1), note.messages[0]);
  const seen: number[] = [];
  index.visitTimes((id, dueAt) => void seen.push(id, dueAt));
  assertEquals(seen, [2, 5, 1, 8]);
  assertEquals(index.forget({ firstId: 1, count: 2 }).map(({ id }) => id), [1]);
  assertEquals([index.size, booked], [0, 0]);
});

Deno.test("a newer message wakes the one that rests: both are of one id", () => {
  let booked = 0;
  const index = new CoalesceIndex(undefined, (bytes) => booked += bytes);
  index.add(markOf("a"), messageOf(1));
  index.add(markOf("a"), messageOf(4));
  assertEquals(index.find("a")!.messages.map(({ id }) => id), [1, 4]);
  assertEquals([index.isOutdated(1), index.isOutdated(4)], [true, false]);
  assertEquals([...index.listDouble()].length, 2, "once for each message");
  index.add(markOf("b"), messageOf(5, false));
  index.add(markOf("b"), messageOf(5));
  assertEquals(index.find("b")!.messages, [messageOf(5)]);
  index.clear();
  assertEquals([index.has(1), index.has(5), booked], [false, false, 0]);
});
