/**
 * What is remembered of a publisher, and in which order it is answered.
 *
 * @module
 */

import { assert, assertEquals, assertFalse } from "@std/assert";
import { BrokerError } from "../../protocol.ts";
import { type Outcome, PublisherRecord } from "../../src/broker/publisher_record.ts";

/** What became of a batch that was stored. */
function stored(firstId: number): Outcome {
  return { storedIn: [{ stream: "orders", firstId }] };
}

Deno.test("PublisherRecord.recall() finds a batch that is sent again, by its first message", () => {
  const record = new PublisherRecord("me");
  const first = record.note(1, 3);
  record.conclude(first, stored(7));
  assertEquals(record.recall(1), { sequence: 1, count: 3, outcome: stored(7) });
  assertEquals(record.recall(2), undefined);
  assertEquals(record.lastSequence, 3);
});

Deno.test("PublisherRecord.settle() forgets outcomes, but not that the messages were seen", () => {
  const record = new PublisherRecord("me");
  for (const sequence of [1, 2, 3]) record.note(sequence, 1);
  record.settle(3);
  assertEquals([1, 2, 3].map((sequence) => record.recall(sequence)?.sequence), [
    undefined,
    undefined,
    3,
  ]);
  assertEquals(record.lastSequence, 3);
  record.settle(0);
  assert(record.recall(3));
});

Deno.test("PublisherRecord remembers a bounded number of outcomes, the newest", () => {
  const record = new PublisherRecord("me");
  for (let sequence = 1; sequence <= 16_385; sequence++) record.note(sequence, 1);
  assertEquals(record.recall(1), undefined);
  assert(record.recall(2));
  assert(record.recall(16_385));
});

Deno.test("PublisherRecord answers in order, however late an outcome is known", () => {
  const record = new PublisherRecord("me");
  const told: string[] = [];
  const one = record.note(1, 1);
  record.answer(one, () => told.push("one"));
  const refused = record.note(2, 1);
  record.conclude(refused, { storedIn: [], error: new BrokerError("MEMORY_FULL", "full") });
  record.answer(refused, ({ error }) => told.push(`two: ${error?.code}`));
  const three = record.note(3, 1);
  record.answer(three, () => told.push("three"));
  // A repetition of a batch that is still being made durable.
  record.answer(record.recall(1)!, ({ storedIn }) => told.push(`one again: ${storedIn.length}`));
  assertEquals(told, []);
  record.conclude(one, stored(1));
  assertEquals(told, ["one", "two: MEMORY_FULL"]);
  record.conclude(three, stored(2));
  assertEquals(told, ["one", "two: MEMORY_FULL", "three", "one again: 1"]);
});

Deno.test("PublisherRecord.stored tells what was stored and may come again, not what was refused", () => {
  const record = new PublisherRecord("me");
  const batches = [[1, 3], [4, 1], [5, 2], [7, 1]].map(([sequence, count]) =>
    record.note(sequence!, count!)
  );
  record.conclude(batches[0]!, stored(1));
  record.conclude(batches[1]!, { storedIn: [], error: new BrokerError("MEMORY_FULL", "full") });
  assertEquals([record.lastStoredSequence, record.lastSequence], [3, 7]);
  record.conclude(batches[2]!, stored(4));
  assertEquals(record.stored.map(({ sequence }) => sequence), [1, 5]);
  assertEquals([record.lastStoredSequence, record.lastSequence], [6, 7]);
  record.settle(5);
  assertEquals(record.stored.map(({ sequence }) => sequence), [5]);
});

Deno.test("PublisherRecord.restore() knows a batch again, and its outcome at once", () => {
  const record = new PublisherRecord("me");
  record.restore(1, 2, stored(7).storedIn);
  record.restore(3, 1, stored(9).storedIn);
  assertEquals([1, 2, 3, 4].map((sequence) => record.hasSeen(sequence)), [true, true, true, false]);
  assertEquals([record.lastSequence, record.lastStoredSequence], [3, 3]);
  const told: Outcome[] = [];
  record.answer(record.recall(3)!, (outcome) => told.push(outcome));
  assertEquals(told, [stored(9)]);
});

Deno.test("PublisherRecord.restore(): what is between stored batches was not seen, until it comes", () => {
  const record = new PublisherRecord("me");
  record.restore(3, 1, stored(1).storedIn);
  record.restore(8, 2, stored(2).storedIn);
  const seen = () => [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].filter((sequence) => record.hasSeen(sequence));
  assertEquals(seen(), [3, 8, 9]);
  record.conclude(record.note(4, 1), stored(4));
  record.note(6, 2);
  assertEquals(seen(), [3, 4, 6, 8, 9]);
  assertEquals([record.lastSequence, record.lastStoredSequence], [9, 9]);
  // What the publisher knows the outcome of does not come again.
  record.settle(7);
  assertEquals(seen(), [1, 2, 3, 4, 6, 8, 9]);
  record.settle(8);
  assertEquals(seen(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

Deno.test("PublisherRecord.restoreSequence() has all seen up to there, whatever is remembered", () => {
  const record = new PublisherRecord("me");
  record.restoreSequence(5);
  assertEquals([record.hasSeen(1), record.hasSeen(5), record.hasSeen(6)], [true, true, false]);
  assertEquals([record.lastSequence, record.lastStoredSequence, record.stored], [5, 5, []]);
  record.restoreSequence(3);
  assertEquals([record.lastSequence, record.lastStoredSequence], [5, 5]);
});

Deno.test("PublisherRecord remembers a bounded number of gaps, the newest", () => {
  const record = new PublisherRecord("me");
  for (let sequence = 2; sequence <= 2 * 16_385; sequence += 2) record.restore(sequence, 1, []);
  assert(record.hasSeen(1), "so long ago that nobody waits for it");
  assertFalse(record.hasSeen(3));
  // Were it taken for a repetition, it would be confirmed and lost.
  assertFalse(record.hasSeen(2 * 16_385 - 1));
});
