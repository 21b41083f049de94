/**
 * What is remembered of a publisher, and in which order it is answered.
 *
 * @module
 */

import { assert, assertEquals, assertFalse } from "@std/assert";
import { BrokerError } from "../../../protocol.ts";
import {
  type Outcome,
  OutcomeBudget,
  type SentBatch,
} from "../../../src/broker/state/outcome_log.ts";
import { PublisherRecord } from "../../../src/broker/state/publisher_record.ts";

/** What became of a batch that was stored. */
function stored(firstId: number): Outcome {
  return { storedIn: [{ stream: "orders", firstId }] };
}

Deno.test("PublisherRecord.recall() finds a batch that is sent again, by its first message", () => {
  const record = new PublisherRecord("me");
  const first = record.note(1, 3);
  record.conclude(first, stored(7));
  assertEquals(record.recall(1), first);
  assertEquals([first.sequence, first.count, first.storedIn], [1, 3, stored(7).storedIn]);
  assertEquals(record.recall(2), undefined);
  assertEquals(record.lastSequence, 3);
});

Deno.test("PublisherRecord.forgetBelow() forgets outcomes, but not that the messages were seen", () => {
  const record = new PublisherRecord("me");
  for (const sequence of [1, 2, 3]) record.note(sequence, 1);
  record.forgetBelow(3);
  assertEquals([1, 2, 3].map((sequence) => record.recall(sequence)?.sequence), [
    undefined,
    undefined,
    3,
  ]);
  assertEquals(record.lastSequence, 3);
  record.forgetBelow(0);
  assert(record.recall(3));
});

Deno.test("PublisherRecord remembers a bounded number of outcomes, the newest", () => {
  const record = new PublisherRecord("me");
  for (let sequence = 1; sequence <= 16_385; sequence++) {
    record.conclude(record.note(sequence, 1), stored(sequence));
  }
  assertEquals(record.recall(1), undefined);
  assert(record.hasSeen(1));
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
  record.forgetBelow(5);
  assertEquals(record.stored.map(({ sequence }) => sequence), [5]);
});

Deno.test("PublisherRecord.restore() knows a batch again, and its outcome at once", () => {
  const record = new PublisherRecord("me");
  record.restore(1, 2, stored(7).storedIn);
  record.restore(3, 1, stored(9).storedIn);
  assertEquals([1, 2, 3, 4].map((sequence) => record.hasSeen(sequence)), [true, true, true, false]);
  assertEquals([record.lastSequence, record.lastStoredSequence], [3, 3]);
  const told: SentBatch[] = [];
  record.answer(record.recall(3)!, (batch) => told.push(batch));
  assertEquals(told.map(({ storedIn }) => storedIn), [stored(9).storedIn]);
});

Deno.test("PublisherRecord.restore(): what is between stored batches was not seen, until it comes", () => {
  const record = new PublisherRecord("me");
  record.restore(3, 1, stored(1).storedIn);
  record.restore(8, 2, stored(2).storedIn);
  const seen = () => [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].filter((sequence) => record.hasSeen(sequence));
  assertEquals(seen(), [3, 8, 9]);
  record.conclude(record.note(4, 1), stored(4));
  record.note(6, 2);
  assertEquals(seen(), [3, 4, 6, 7, 8, 9]);
  assertEquals([record.lastSequence, record.lastStoredSequence], [9, 9]);
  // What the publisher knows the outcome of does not come again.
  record.forgetBelow(5);
  assertEquals(seen(), [1, 2, 3, 4, 6, 7, 8, 9]);
  record.forgetBelow(6);
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

Deno.test("PublisherRecord remembers a bounded number of gaps, and that it has forgotten others", () => {
  const record = new PublisherRecord("me");
  for (let sequence = 2; sequence <= 2 * 16_385; sequence += 2) record.restore(sequence, 1, []);
  // Whether it was stored cannot be told: to confirm it could lose it, to store it could do so twice.
  assert(record.isDoubtful(1));
  assertFalse(record.isDoubtful(2), "its outcome is remembered, or was settled");
  assertFalse(record.isDoubtful(3));
  assertFalse(record.hasSeen(3));
  assertFalse(record.hasSeen(2 * 16_385 - 1));
});

Deno.test("PublisherRecord: what was refused is not taken for stored when its outcome is forgotten", () => {
  const record = new PublisherRecord("me", new OutcomeBudget(4));
  const error = new BrokerError("MEMORY_FULL", "full");
  record.conclude(record.note(1, 2), { storedIn: [], error });
  for (let sequence = 3; sequence < 10; sequence++) {
    record.conclude(record.note(sequence, 1), stored(sequence));
  }
  assertEquals([record.recall(1), record.recall(3)], [undefined, undefined]);
  assertEquals([1, 2, 3, 4].map((sequence) => record.hasSeen(sequence)), [
    false,
    false,
    true,
    true,
  ]);
  assertEquals(record.listGaps(), [{ from: 1, to: 3 }]);
});

Deno.test("PublisherRecord keeps the streams of many batches once, and forgets its oldest when it is too much", () => {
  const budget = new OutcomeBudget(100);
  const records = ["one", "other"].map((identity) => new PublisherRecord(identity, budget));
  let next = 1;
  const store = (record: PublisherRecord, skip = 0) => {
    const id = next++;
    const places = ["a", "b", "c"].map((stream, index) => ({ stream, firstId: id + index * skip }));
    const batch = record.note(record.lastSequence + 1, 1);
    record.conclude(batch, { storedIn: places });
    return { batch, places };
  };
  const sent = Array.from({ length: 60 }, (_, index) => store(records[index % 2]!));
  assertEquals(budget.used, 60 + 2 * 3);
  assertEquals(sent.map(({ batch }) => batch.storedIn), sent.map(({ places }) => places));
  // Ids that are not as far apart as before need a list of their own.
  const others = Array.from({ length: 30 }, (_, index) => store(records[0]!, index + 1));
  assert(budget.used <= 100 + 3, `${budget.used}`);
  assertEquals(others.at(-1)!.batch.storedIn, others.at(-1)!.places);
  assertEquals([sent[0]!.batch.storedIn, sent[0]!.batch.isKept], [sent[0]!.places, false]);
  assertEquals(records[1]!.stored.length, 30);
  // Who adds a little when others have too much gives up a little.
  budget.used += 1000;
  store(records[1]!);
  store(records[1]!);
  assert(records[1]!.stored.length >= 28, `${records[1]!.stored.length}`);
  budget.used -= 1000;
  for (const record of records) record.forget();
  assertEquals(budget.used, 0);
});

Deno.test("PublisherRecord does as much for a batch, however many are under way", () => {
  for (const count of [1000, 10_000]) {
    const record = new PublisherRecord("me");
    const batches = Array.from({ length: count }, (_, index) => record.note(index + 1, 1));
    let told = 0;
    for (const batch of batches) record.answer(batch, () => told++);
    for (let round = 0; round < 2; round++) {
      for (const batch of batches) record.conclude(batch, stored(batch.sequence));
    }
    for (let sequence = 1; sequence <= count; sequence++) record.forgetBelow(sequence);
    assertEquals(told, count);
    assert(record.moveCount <= 4 * count, `${record.moveCount} of ${count}`);
  }
});
