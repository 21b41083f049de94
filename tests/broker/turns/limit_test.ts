/**
 * A stream that holds far more than its limit comes down to it in turns with others.
 *
 * @module
 */

import { assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import type { StreamOptionsInput } from "../../../protocol.ts";
import type { PropertyWishes } from "../../../src/protocol/messages/property_wishes.ts";
import { TestBroker } from "../../support/broker/test_broker.ts";
import { countTurns, publishMany } from "./many_at_once.ts";

const MANY = 20_000;
const LEFT = 1000;

/** How long a piece of the work takes, in milliseconds: as long as it should. */
const PIECE_MS = 0.9;

/** The most messages that one turn removes then. */
const TURN_COUNT_MAX = 2048;

/** A stream with a limit is full at that many bytes: each message has as many. */
const BYTES_EACH = 10;

const KINDS: readonly (readonly [string, (index: number) => PropertyWishes])[] = [
  ["that wait", () => ({})],
  ["of changing priorities", (index) => ({ priority: index % 3 })],
  ["that are delayed", (index) => ({ deliverAt: 1e6 + index * 7919 % MANY })],
  ["of many lanes", (index) => ({ lane: `lane ${index}`, priority: index % 3 })],
  [
    "of changing kinds",
    (index) => [{}, { lane: "a" }, { deliverAt: 1e6 }, { key: "k" }][index % 4]!,
  ],
];

function countAll(test: TestBroker): number {
  const { ready, delayed, pending } = test.getStream("orders");
  return ready + delayed + pending;
}

/** The ids of all messages, in order. */
function listIds(test: TestBroker): number[] {
  const { backlog } = test.broker.state.router.requireStream("orders");
  return backlog.findRuns({ fromId: 0, toId: Infinity }).flatMap(({ firstId, count }) =>
    Array.from({ length: count }, (_, index) => firstId + index)
  );
}

for (const [kind, wishesAt] of KINDS) {
  Deno.test(`a limit that falls below messages ${kind} drops some thousand in a turn`, async () => {
    const test = new TestBroker("orders");
    publishMany(test, MANY, wishesAt);
    test.readMs = PIECE_MS;
    const update = test.broker.updateStream("orders", {
      maxMessages: LEFT,
      overflow: "drop-oldest",
    });
    let before = MANY;
    const { turns } = await countTurns(test, update, () => {
      const left = countAll(test);
      assertLessOrEqual(before - left, TURN_COUNT_MAX);
      before = left;
    });
    assertGreater(turns, (MANY - LEFT) / TURN_COUNT_MAX - 1);
    assertEquals(
      listIds(test),
      Array.from({ length: LEFT }, (_, index) => MANY - LEFT + 1 + index),
    );
    assertEquals(test.getStream("orders").totals.dropped, MANY - LEFT);
  });

  Deno.test(`a stream of messages ${kind} never grows while it comes down to its limit`, async () => {
    const test = new TestBroker("orders");
    publishMany(test, MANY, wishesAt);
    const publisher = test.publisher("orders", "meanwhile");
    test.readMs = PIECE_MS;
    const update = test.broker.updateStream("orders", {
      maxMessages: LEFT,
      overflow: "drop-oldest",
    });
    let published = 0;
    const { turns } = await countTurns(test, update, () => {
      const before = countAll(test);
      for (let batch = 0; batch < 3; batch++) {
        publisher.publish("one", "two");
        published += 2;
        // As many at once as have come, and no others.
        assertEquals(countAll(test), before);
      }
    });
    assertGreater(turns, 5);
    const ids = listIds(test);
    assertEquals([ids.length, ids.at(-1)], [LEFT, MANY + published]);
  });
}

Deno.test("a limit is kept in the end, also if more than it allows comes while it falls", async () => {
  const test = new TestBroker("orders");
  publishMany(test, MANY, () => ({}));
  test.readMs = PIECE_MS;
  const update = test.broker.updateStream("orders", { maxMessages: 10, overflow: "drop-oldest" });
  const { turns } = await countTurns(test, update, (turn) => {
    publishMany(test, 500, () => ({}), `other ${turn}`);
    assertLessOrEqual(countAll(test), MANY);
  });
  assertGreater(turns, 3);
  assertEquals(countAll(test), 10);
  assertEquals(listIds(test)[0], MANY + 500 * turns - 9);
});

Deno.test("a limit that falls again and again at once has turns as short as one", async () => {
  const test = new TestBroker("orders");
  publishMany(test, MANY, (index) => ({ priority: index % 3 }));
  test.readMs = PIECE_MS;
  const updates = Promise.all(
    Array.from(
      { length: 20 },
      (_, index) =>
        test.broker.updateStream("orders", { maxMessages: LEFT - index, overflow: "drop-oldest" }),
    ),
  );
  let before = MANY;
  const { turns } = await countTurns(test, updates, () => {
    assertLessOrEqual(before - countAll(test), TURN_COUNT_MAX);
    before = countAll(test);
  });
  assertGreater(turns, 3);
  assertEquals(countAll(test), LEFT - 19);
});

Deno.test("a large message takes the place of many small ones at once, and of no more than it needs", () => {
  for (const wishesAt of [() => ({}), (index: number) => ({ key: `key ${index}` })]) {
    const test = new TestBroker();
    const each = 100;
    test.create("orders", { maxBytes: LEFT * each, overflow: "drop-oldest" });
    publishMany(test, 10 * LEFT, wishesAt);
    const { bytes } = test.getStream("orders");
    const [before, events] = [countAll(test), test.events.length];
    const small = bytes / before;
    test.publisher("orders", "other").publish("x".repeat(each * LEFT / 2));
    // One event for the message, and one for all that went.
    assertLessOrEqual(test.events.length - events, 3);
    const left = test.getStream("orders").bytes;
    assertLessOrEqual(left, LEFT * each);
    assertGreater(left, LEFT * each - 2 * small);
    assertGreater(before - countAll(test), LEFT / 4);
  }
});

Deno.test("a limit of bytes that falls drops some thousand messages in a turn, and no more than needed", async () => {
  const test = new TestBroker("orders");
  publishMany(test, MANY, (index) => ({ priority: index % 3 }));
  const { bytes } = test.getStream("orders");
  const each = bytes / MANY;
  test.readMs = PIECE_MS;
  const update = test.broker.updateStream("orders", {
    maxBytes: LEFT * each + 1,
    overflow: "drop-oldest",
  });
  let before = MANY;
  await countTurns(test, update, () => {
    const left = countAll(test);
    assertLessOrEqual(before - left, TURN_COUNT_MAX);
    before = left;
  });
  assertEquals(test.getStream("orders").bytes, LEFT * each);
  assertEquals(listIds(test)[0], MANY - LEFT + 1);
});

Deno.test("messages that followers hold stay when a limit falls, and the others go", async () => {
  const test = new TestBroker("orders");
  publishMany(test, 10, () => ({}));
  const follower = test.follower("orders", { messages: 4 });
  test.dispatch();
  await test.broker.updateStream("orders", { maxMessages: 6, overflow: "drop-oldest" });
  assertEquals(listIds(test), [1, 2, 3, 4, 9, 10]);
  await test.broker.updateStream("orders", { maxMessages: 2 });
  assertEquals(listIds(test), [1, 2, 3, 4]);
  // What comes last stays.
  test.publisher("orders", "other").publish("new");
  assertEquals(listIds(test), [1, 2, 3, 4, 11]);
  assertEquals(follower.received.length, 4);
});

Deno.test("very many messages that come back to a stream beyond its limit go in turns", async () => {
  const test = new TestBroker();
  test.create("orders", { maxMessages: LEFT, overflow: "drop-oldest", maxPending: null });
  await test.broker.updateStream("orders", { maxMessages: null });
  publishMany(test, MANY, (index) => ({ priority: 5 - index % 3 }));
  const follower = test.follower("orders");
  test.dispatch();
  await test.broker.updateStream("orders", { maxMessages: LEFT });
  assertEquals(countAll(test), MANY);
  follower.close();
  test.readMs = PIECE_MS;
  test.publisher("orders", "other").publish("new");
  let before = countAll(test);
  assertGreater(before, MANY - 2 * TURN_COUNT_MAX);
  for (let turn = 0; turn < 30; turn++) {
    for (let wait = 0; wait < 5; wait++) await Promise.resolve();
    test.broker.tick(++test.now);
    const left = countAll(test);
    assertLessOrEqual(before - left, TURN_COUNT_MAX);
    before = left;
  }
  assertEquals(before, LEFT);
});

Deno.test("a limit that rises again, or a stream that is deleted, ends the work", async () => {
  const limits: (readonly [StreamOptionsInput | undefined, number])[] = [
    [{ maxMessages: MANY }, MANY - 4 * TURN_COUNT_MAX],
    [{ overflow: "reject" }, MANY - 4 * TURN_COUNT_MAX],
    [undefined, 0],
  ];
  for (const [options, least] of limits) {
    const test = new TestBroker("orders");
    publishMany(test, MANY, (index) => ({ priority: index % 3 }));
    test.readMs = PIECE_MS;
    const update = test.broker.updateStream("orders", {
      maxMessages: LEFT,
      overflow: "drop-oldest",
    });
    let events = 0;
    await countTurns(test, update, (turn) => {
      if (turn !== 2) return;
      if (options === undefined) test.broker.deleteStream("orders");
      else void test.broker.updateStream("orders", options);
      events = test.events.length;
    });
    assertEquals(test.events.length, events);
    if (options !== undefined) assertGreater(countAll(test), least);
    else assertEquals(test.broker.hasStream("orders"), false);
  }
});

Deno.test("a limit that is kept costs a look, and no event", async () => {
  const test = new TestBroker("orders");
  publishMany(test, MANY, () => ({}));
  await test.broker.updateStream("orders", { maxMessages: MANY, overflow: "drop-oldest" });
  const before = test.events.length;
  await test.broker.updateStream("orders", { maxBytes: MANY * 100 * BYTES_EACH });
  assertLess(test.events.length - before, 2);
  test.publisher("orders", "other").publish("new");
  assertEquals([countAll(test), listIds(test)[0]], [MANY, 2]);
});
