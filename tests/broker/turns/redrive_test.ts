/**
 * Dead letters go back some hundred in a turn.
 *
 * @module
 */

import { assertEquals, assertLessOrEqual, assertRejects } from "@std/assert";
import { BrokerError } from "../../../protocol.ts";
import { TestBroker } from "../../support/broker/test_broker.ts";
import { countTurns, publishMany } from "./many_at_once.ts";

const MANY = 1000;

/** The most that one turn sends back. */
const TURN_COUNT_MAX = 512;

/** A broker with dead letters. */
function bury(): TestBroker {
  const test = new TestBroker();
  test.create("orders", { deadLetterExpired: true });
  publishMany(test, MANY, (index) => ({ ttlMs: 5000, priority: index % 3 }));
  test.now += 10_000;
  for (let turn = 0; turn < 20; turn++) test.broker.tick(++test.now);
  assertEquals(test.getStream("orders.dead").ready, MANY);
  return test;
}

const IDS = Array.from({ length: MANY }, (_, index) => index + 1);

Deno.test("dead letters are sent back some hundred in a turn, and each once", async () => {
  const test = bury();
  let before = 0;
  const { result } = await countTurns(test, test.broker.redrive("orders.dead", IDS), () => {
    const { ready } = test.getStream("orders");
    assertLessOrEqual(ready - before, TURN_COUNT_MAX);
    before = ready;
  });
  assertEquals(result, { count: MANY, skipped: 0 });
  assertEquals([test.getStream("orders").ready, test.getStream("orders.dead").ready], [MANY, 0]);
});

Deno.test("a redrive ends when its stream is full, or deleted, meanwhile", async () => {
  const full = bury();
  await full.broker.updateStream("orders", { maxMessages: 600 });
  const first = await countTurns(full, full.broker.redrive("orders.dead", IDS));
  assertEquals(first.result, { count: 600, skipped: 400 });
  const again = () => countTurns(full, full.broker.redrive("orders.dead", IDS));
  await assertRejects(again, BrokerError);
  const test = bury();
  const { result } = await countTurns(test, test.broker.redrive("orders.dead", IDS), (turn) => {
    if (turn === 0) test.broker.deleteStream("orders.dead");
  });
  assertEquals(result, { count: TURN_COUNT_MAX, skipped: MANY - TURN_COUNT_MAX });
  assertEquals(test.getStream("orders").ready, TURN_COUNT_MAX);
});
