/**
 * What is remembered of a publisher, and in which order it is answered.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
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
