/**
 * Dead letters go back some hundred in a turn.
 *
 * @module
 */

import { assertEquals, assertGreater, assertLessOrEqual, assertRejects } from "@std/assert";
import { BrokerError } from "../../../protocol.ts";
import { TestBroker } from "../../support/broker/test_broker.ts";
import { countTurns, publishMany } from "./many_at_once.ts";

const MANY = 1000;

/** How long it takes to send some back, in milliseconds, and the most that one turn sends back then. */
const PIECE_MS = 2;
const TURN_COUNT_MAX = 384;

/** The most that are sent back at a time before they are stored. */
const MOVED_MAX = 512;

/** A broker with dead letters. */
function bury(count: number = MANY): TestBroker {
  const test = new TestBroker();
  test.create("orders", { deadLetterExpired: true });
  publishMany(test, count, (index) => ({ ttlMs: 5000, priority: index % 3 }));
  test.now += 10_000;
  for (let turn = 0; turn < 20; turn++) test.broker.tick(++test.now);
  assertEquals(test.getStream("orders.dead").ready, count);
  return test;
}

const IDS = Array.from({ length: MANY }, (_, index) => index + 1);

Deno.test("dead letters are sent back some hundred in a turn, and each once", async () => {
  const test = bury();
  test.readMs = PIECE_MS;
  let before = 0;
  let most = 0;
  const { result } = await countTurns(test, test.broker.redrive("orders.dead", IDS), () => {
    const { ready } = test.getStream("orders");
    most = Math.max(most, ready - before);
    before = ready;
  });
  assertLessOrEqual(most, TURN_COUNT_MAX);
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
  test.readMs = PIECE_MS;
  let sent = 0;
  const { result } = await countTurns(test, test.broker.redrive("orders.dead", IDS), (turn) => {
    if (turn > 0) return;
    sent = test.getStream("orders").ready;
    test.broker.deleteStream("orders.dead");
  });
  assertGreater(sent, 0);
  assertEquals(result, { count: sent, skipped: MANY - sent });
  assertEquals(test.getStream("orders").ready, sent);
});

Deno.test("dead letters that go back to one stream, one after the other, make few events", async () => {
  const test = bury();
  const before = test.events.length;
  await countTurns(test, test.broker.redrive("orders.dead", IDS));
  const events = test.events.slice(before);
  assertEquals([...new Set(events.map(({ type }) => type))], ["transferred"]);
  assertLessOrEqual(events.length, 10);
});

Deno.test("no more messages are on their way than one flush may store", async () => {
  const test = bury(4 * MOVED_MAX);
  test.isSlow = true;
  const ids = Array.from({ length: 4 * MOVED_MAX }, (_, index) => index + 1);
  let before = test.getStream("orders").ready;
  let flushes = 0;
  const { result } = await countTurns(test, test.broker.redrive("orders.dead", ids), (turn) => {
    // A flush takes some turns.
    if (turn % 5 !== 4) return;
    test.sync();
    const { ready } = test.getStream("orders");
    assertLessOrEqual(ready - before, MOVED_MAX);
    if (ready > before) flushes++;
    before = ready;
  });
  assertEquals(result, { count: 4 * MOVED_MAX, skipped: 0 });
  assertLessOrEqual(flushes, 6);
});

Deno.test("messages that expire are carried to the dead letters as fast as they are stored", () => {
  const test = new TestBroker();
  test.create("orders", { deadLetterExpired: true });
  publishMany(test, 4 * MOVED_MAX, (index) => ({ ttlMs: 5000, priority: index % 3 }));
  test.now += 10_000;
  test.isSlow = true;
  let before = 0;
  for (let turn = 0; turn < 30; turn++) {
    test.broker.tick(++test.now);
    if (turn % 5 !== 4) continue;
    test.sync();
    const { ready } = test.getStream("orders.dead");
    assertLessOrEqual(ready - before, MOVED_MAX);
    before = ready;
  }
  assertEquals(before, 4 * MOVED_MAX);
});

Deno.test("a few letters go back while very many messages expire, which go on meanwhile", async () => {
  const test = bury(10);
  publishMany(test, 20_000, () => ({ ttlMs: 5000 }), "more");
  test.now += 10_000;
  test.isSlow = true;
  test.broker.tick(++test.now);
  const redrive = test.broker.redrive("orders.dead", IDS.slice(0, 10));
  const flushTurns = 3;
  const { turns, result } = await countTurns(test, redrive, (turn) => {
    if (turn % flushTurns === flushTurns - 1) test.sync();
    assertLessOrEqual(turn, 4 * flushTurns);
  });
  assertEquals(result, { count: 10, skipped: 0 });
  const dead = test.getStream("orders.dead").ready;
  assertGreater(dead, MOVED_MAX);
  // Nothing is kept for letters while none wait: those that expire have all of the room again.
  for (let turn = turns; turn < turns + 2 * flushTurns; turn++) {
    if (turn % flushTurns === flushTurns - 1) test.sync();
    test.broker.tick(++test.now);
  }
  assertGreater(test.getStream("orders.dead").ready - dead, MOVED_MAX);
});
