/**
 * Very many messages whose time has come together are looked after some thousand in a turn.
 *
 * @module
 */

import { assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { TestBroker } from "../../support/broker/test_broker.ts";
import { publishMany } from "./many_at_once.ts";

const MANY = 20_000;

/** How long a piece of the work takes, in milliseconds. */
const PIECE_MS = 0.9;

/** The most messages that one turn makes ready or drops, and that it carries to the dead letters. */
const TURN_COUNT_MAX = 4096;
const BURIED_MAX = 768;

/** More turns than anything here takes. */
const TURNS_MAX = 300;

/** Lets a long time pass, and then has turns until a number does not change any more; returns its steps. */
function listSteps(test: TestBroker, read: () => number): number[] {
  test.now += 10_000;
  test.readMs = PIECE_MS;
  const steps: number[] = [];
  let before = read();
  for (let turn = 0; turn < TURNS_MAX; turn++) {
    test.broker.tick(++test.now);
    test.dispatch();
    const left = read();
    if (left === before && turn > 0) break;
    steps.push(before - left);
    before = left;
  }
  return steps;
}

Deno.test("delays of very many messages that are over together end some thousand in a turn", () => {
  const test = new TestBroker("orders");
  publishMany(test, MANY, (index) => ({ delayMs: 5000, priority: index % 3 }));
  const steps = listSteps(test, () => test.getStream("orders").delayed);
  assertEquals(steps.reduce((sum, step) => sum + step), MANY);
  for (const step of steps) assertLessOrEqual(step, TURN_COUNT_MAX);
  const follower = test.follower("orders");
  test.dispatch();
  assertEquals(new Set(follower.sink.ids).size, MANY);
});

for (const wishes of [{}, { lane: "ann" }, { key: "one" }]) {
  const kind = Object.keys(wishes)[0] ?? "neither lane nor key";
  Deno.test(`very many messages that expire together are never delivered (${kind})`, () => {
    const test = new TestBroker("orders");
    publishMany(test, MANY, (index) => ({ ...wishes, ttlMs: 5000, priority: index % 3 }));
    publishMany(test, 1, () => ({ ...wishes, priority: 0 }), "other");
    const follower = test.follower("orders", { messages: 0 });
    test.now += 10_000;
    test.readMs = PIECE_MS;
    follower.setCredit(100);
    test.dispatch();
    const steps = listSteps(test, () => test.getStream("orders").ready);
    assertGreater(steps.length, MANY / TURN_COUNT_MAX - 2);
    for (const step of steps) assertLessOrEqual(step, 2 * TURN_COUNT_MAX);
    assertEquals(follower.sink.ids, [MANY + 1]);
    assertEquals(test.getStream("orders").totals.expired, MANY);
  });
}

Deno.test("very many messages that expire go to the dead letters some hundred in a turn", () => {
  const test = new TestBroker();
  test.create("orders", { deadLetterExpired: true });
  publishMany(test, MANY, (index) => ({ ttlMs: 5000, priority: index % 3 }));
  const steps = listSteps(test, () => test.getStream("orders").ready);
  for (const step of steps) assertLessOrEqual(step, BURIED_MAX);
  assertEquals(test.getStream("orders.dead").ready, MANY);
});

Deno.test("a time to live of the whole stream ends for some thousand messages in a turn", () => {
  const test = new TestBroker();
  test.create("orders", { ttlMs: 5000 });
  publishMany(test, MANY, () => ({}));
  const steps = listSteps(test, () => test.getStream("orders").ready);
  assertEquals(steps.reduce((sum, step) => sum + step), MANY);
  for (const step of steps) assertLessOrEqual(step, TURN_COUNT_MAX);
});

for (const isOwn of [false, true]) {
  const whose = isOwn ? "their own" : "the stream's";
  Deno.test(`messages that were acknowledged hold no others up when they expire (${whose} time to live)`, () => {
    const test = new TestBroker();
    test.create("orders", isOwn ? {} : { ttlMs: 20 });
    const follower = test.follower("orders", { messages: 2 * MANY });
    const perTurn = 5000;
    for (let turn = 1; turn <= 15; turn++) {
      publishMany(test, perTurn, () => isOwn ? { ttlMs: 20 } : {}, `publisher ${turn}`);
      test.dispatch();
      assertEquals(follower.sink.messages.length, turn * perTurn);
      follower.open.ack([{ firstTag: 1 + (turn - 1) * perTurn, count: perTurn }], true);
      test.now += 5;
      test.broker.tick(test.now);
    }
    const { ready, totals } = test.getStream("orders");
    assertEquals([ready, totals.expired], [0, 0]);
  });
}

Deno.test("what has expired does not come back, however many others have expired before", async () => {
  const test = new TestBroker("orders");
  publishMany(test, MANY, (index) => ({ ttlMs: 5000 + index, priority: index % 3 }));
  const last = MANY - 1;
  publishMany(test, 2, () => ({ ttlMs: 5000 + MANY, priority: 9 }), "other");
  const follower = test.follower("orders", { messages: 2 });
  test.dispatch();
  assertEquals(follower.sink.ids, [MANY + 1, MANY + 2]);
  test.now += 5000 + 2 * MANY;
  follower.begin(1);
  follower.setCredit(0);
  follower.open.nack([{ firstTag: 1, count: 1 }], { reason: "", delayMs: 0 }, false);
  follower.release(2);
  const { pending, delayed, ready } = test.getStream("orders");
  assertEquals([pending, delayed], [0, 0]);
  assertLessOrEqual(ready, MANY);
  const cancelled = await test.broker.cancelMessage("orders", last);
  assertEquals(cancelled.was, "gone");
});

Deno.test("very many dedup ids whose window is over are forgotten some thousand in a turn", async () => {
  const test = new TestBroker();
  test.create("orders", { dedupWindowMs: 5000 });
  const { dedupIds } = test.broker.state.router.requireStream("orders");
  const publisher = test.publisher("orders");
  for (let index = 0; index < MANY; index++) publisher.publishWith({ dedupId: `id ${index}` });
  assertEquals(dedupIds.size, MANY);
  test.now += 10_000;
  // An id that is still there, and not remembered any more.
  publisher.publishWith({ dedupId: `id ${MANY - 1}` });
  assertEquals(test.getStream("orders").ready, MANY + 1);
  assertGreater(dedupIds.size, MANY - 100);
  const steps = listSteps(test, () => dedupIds.size);
  for (const step of steps) assertLessOrEqual(step, TURN_COUNT_MAX);
  await test.broker.updateStream("orders", { dedupWindowMs: 1 });
  assertEquals([dedupIds.size, listSteps(test, () => dedupIds.size), dedupIds.size], [0, [0], 0]);
});

for (const wishes of [{ ttlMs: 5000 }, { delayMs: 5000 }]) {
  const [kind] = Object.keys(wishes);
  Deno.test(`messages of very many streams that are due together share the turns (${kind})`, () => {
    const names = Array.from({ length: 200 }, (_, index) => `stream-${index}`);
    const test = new TestBroker(...names);
    for (const name of names) publishMany(test, 100, () => wishes, `to ${name}`, name);
    const isLeft = (name: string) => {
      const { ready, delayed } = test.getStream(name);
      return kind === "ttlMs" ? ready > 0 : delayed > 0;
    };
    test.now += 10_000;
    test.readMs = 0.2;
    let turns = 0;
    for (let left = names; left.length > 0; turns++) {
      const begun = ++test.now;
      test.broker.tick(test.now);
      assertLessOrEqual(test.now - begun, 10);
      const rest = left.filter(isLeft);
      assertGreater(left.length, rest.length, "each turn gets on");
      left = rest;
    }
    assertGreater(turns, 10);
  });
}
