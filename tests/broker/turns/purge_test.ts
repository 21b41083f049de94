/**
 * A purge of many messages takes turns with others.
 *
 * @module
 */

import { assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import type { PropertyWishes } from "../../../src/protocol/messages/property_wishes.ts";
import { Residency } from "../../../src/broker/backlog/residency.ts";
import { TestBroker } from "../../support/broker/test_broker.ts";
import { MemoryPager } from "../../support/disk/memory_pager.ts";
import { countTurns, publishMany } from "./many_at_once.ts";

const MANY = 20_000;

/** Messages whose lists have as many runs as there are messages. */
const KINDS: readonly (readonly [string, (index: number) => PropertyWishes])[] = [
  ["of changing priorities", (index) => ({ priority: index % 3 })],
  ["that are delayed", (index) => ({ deliverAt: 1e6 + index * 7919 % MANY })],
  ["that expire", (index) => ({ ttlMs: 1e6 + index, priority: index % 3 })],
  ["of many lanes", (index) => ({ lane: `lane ${index}`, priority: index % 3 })],
  [
    "of changing kinds",
    (index) => [{}, { lane: "a" }, { deliverAt: 1e6 }, { key: "k" }][index % 4]!,
  ],
];

/** How long a piece of a purge takes, in milliseconds: as long as it should. */
const PIECE_MS = 0.9;

/** The most messages that one turn removes then. */
const TURN_COUNT_MAX = 2048;

for (const [kind, wishesAt] of KINDS) {
  Deno.test(`messages ${kind} are purged some thousand in a turn`, async () => {
    const test = new TestBroker("orders");
    publishMany(test, MANY, wishesAt);
    test.readMs = PIECE_MS;
    const purge = test.broker.purgeStream("orders");
    let before = MANY;
    const { turns, result } = await countTurns(test, purge, () => {
      const { ready, delayed } = test.getStream("orders");
      assertLessOrEqual(before - ready - delayed, TURN_COUNT_MAX);
      before = ready + delayed;
    });
    assertEquals(result, MANY);
    assertGreater(turns, MANY / TURN_COUNT_MAX - 1);
    assertLess(turns, 100);
    // Nothing has to be tidied up with the next message.
    assertEquals(test.broker.state.router.requireStream("orders").expiries.size, 0);
    const { ready, delayed, bytes, pending } = test.getStream("orders");
    assertEquals({ ready, delayed, bytes, pending }, {
      ready: 0,
      delayed: 0,
      bytes: 0,
      pending: 0,
    });
  });
}

for (const [kind, wishesAt] of KINDS) {
  Deno.test(`a purge of messages ${kind} has few turns where each piece takes no time`, async () => {
    const test = new TestBroker("orders");
    publishMany(test, MANY, wishesAt);
    const { turns, result } = await countTurns(test, test.broker.purgeStream("orders"));
    assertEquals(result, MANY);
    assertLess(turns, 3);
  });
}

Deno.test("purges of one stream and of many streams at the same time take no more of a turn than one", async () => {
  const names = Array.from({ length: 20 }, (_, index) => `stream-${index}`);
  const test = new TestBroker(...names);
  for (const name of names) publishMany(test, MANY / 20, () => ({}), `to ${name}`, name);
  test.create("orders");
  publishMany(test, MANY, (index) => ({ priority: index % 3 }));
  const countLeft = () =>
    ["orders", ...names].reduce((sum, name) => sum + test.getStream(name).ready, 0);
  test.readMs = PIECE_MS;
  let before = 2 * MANY;
  const purges = ["orders", "orders", "orders", ...names].map((name) =>
    test.broker.purgeStream(name)
  );
  const { turns, result } = await countTurns(test, Promise.all(purges), () => {
    const left = countLeft();
    assertLessOrEqual(before - left, TURN_COUNT_MAX);
    before = left;
  });
  assertEquals(result.reduce((sum, count) => sum + count), 2 * MANY);
  assertEquals(countLeft(), 0);
  assertGreater(turns, 2 * MANY / TURN_COUNT_MAX - 1);
});

Deno.test("messages that nothing divides are purged in pieces of some thousand", async () => {
  const test = new TestBroker("orders");
  publishMany(test, MANY, () => ({}));
  publishMany(test, 1, () => ({ lane: "one" }), "other");
  const { share } = test.broker.state.router.requireStream("orders");
  const [events, visits] = [test.events.length, share.visits];
  await countTurns(test, test.broker.purgeStream("orders"));
  assertLess(test.events.length - events, 20);
  // No look at each message, although one of them has a lane.
  assertLess(share.visits - visits, MANY / 10);
});

Deno.test("a purge leaves alone what is published, and what followers take, meanwhile", async () => {
  const test = new TestBroker("orders");
  publishMany(test, MANY, (index) => ({ priority: 5 + index % 3 }));
  test.readMs = PIECE_MS;
  const publisher = test.publisher("orders", "meanwhile");
  const purge = test.broker.purgeStream("orders");
  const follower = test.follower("orders", { messages: 0 });
  let published = 0;
  const { result } = await countTurns(test, purge, (turn) => {
    publisher.publish(`message ${turn}`);
    published++;
    if (turn !== 0) return;
    follower.setCredit(10);
    test.dispatch();
  });
  assertEquals(follower.received.length, 10);
  assertEquals(result, MANY - 10);
  const ids = follower.sink.ids;
  // The first ones were gone by then.
  assertGreater(Math.min(...ids), TURN_COUNT_MAX / 2);
  const { ready, pending } = test.getStream("orders");
  assertEquals([ready, pending], [published, 10]);
  // What was taken ends as ever.
  follower.ack(
    ...follower.follower.pending.runs.flatMap(({ firstTag, count }) =>
      Array.from({ length: count }, (_, index) => firstTag + index)
    ),
  );
  test.dispatch();
  assertLess(follower.sink.ids.length, 30);
});

for (const [kind, wishesAt] of KINDS) {
  for (const isCreatedAgain of [false, true]) {
    // Before messages are looked for, and in the midst of them.
    for (const deletedAt of [0, 3, 4, 8]) {
      const what = isCreatedAgain ? "deleted and created again" : "deleted";
      Deno.test(`a purge of messages ${kind} ends when its stream is ${what} in turn ${deletedAt}`, async () => {
        const test = new TestBroker("orders");
        publishMany(test, MANY, wishesAt);
        test.readMs = PIECE_MS;
        const purge = test.broker.purgeStream("orders");
        let left = MANY;
        let events = Infinity;
        const { result } = await countTurns(test, purge, (turn) => {
          if (turn !== deletedAt) return;
          const { ready, delayed } = test.getStream("orders");
          left = ready + delayed;
          test.broker.deleteStream("orders");
          if (isCreatedAgain) {
            test.create("orders");
            test.publisher("orders", "new").publish("one", "two");
          }
          events = test.events.length;
        });
        assertEquals(result, MANY - left);
        // Nothing is written of a stream that has gone.
        assertEquals(test.events.slice(events), []);
        if (isCreatedAgain) assertEquals(test.getStream("orders").ready, 2);
      });
    }
  }
}

Deno.test("messages of many lanes that are in memory are purged without a look at the lanes", async () => {
  const test = new TestBroker("orders");
  publishMany(test, MANY, (index) => ({ lane: `lane ${index % (MANY / 4)}` }));
  const { share } = test.broker.state.router.requireStream("orders");
  const before = share.visits;
  const { result } = await countTurns(test, test.broker.purgeStream("orders"));
  assertEquals([result, share.lanes!.count], [MANY, 0]);
  // Each message once, in its bytes.
  assertLess(share.visits - before, 2 * MANY);
});

// The room beyond the first mebibyte is for messages that were never read back.
for (const [what, bytesMax] of [["none", 0], ["some", 2 ** 20 + 500_000]] as const) {
  Deno.test(`messages of many lanes of which ${what} are in memory are purged, and hardly any is read`, async () => {
    const pager = new MemoryPager();
    const segment = pager.begin();
    const test = new TestBroker(new Residency({ bytesMax, pager }), "orders");
    test.write = (batch) => pager.store(segment, batch);
    publishMany(
      test,
      MANY,
      (index) => ({ lane: `lane ${index % (MANY / 4)}`, priority: index % 3 }),
    );
    const { backlog } = test.broker.state.router.requireStream("orders");
    assertEquals(backlog.isResident(1, 1000), bytesMax > 0);
    assertEquals(backlog.isResident(1, MANY), false);
    const reads = pager.reads.length;
    test.readMs = PIECE_MS;
    let before = MANY;
    const { result } = await countTurns(test, test.broker.purgeStream("orders"), () => {
      const { ready } = test.getStream("orders");
      assertLessOrEqual(before - ready, TURN_COUNT_MAX);
      before = ready;
    });
    assertEquals([result, test.getStream("orders").ready], [MANY, 0]);
    // The last few are looked up in their bytes.
    assertLessOrEqual(pager.reads.length - reads, 1);
  });
}

Deno.test("two purges at a time remove each message once", async () => {
  const test = new TestBroker("orders");
  publishMany(test, MANY, (index) => ({ priority: index % 3 }));
  test.readMs = PIECE_MS;
  const both = Promise.all([
    test.broker.purgeStream("orders"),
    test.broker.purgeStream("orders"),
  ]);
  const { result: [one, other] } = await countTurns(test, both);
  assertEquals(one + other, MANY);
  assertEquals(test.getStream("orders").ready, 0);
});

Deno.test("the events of a purge make the same state again, also the first of them", async () => {
  const test = new TestBroker("orders");
  publishMany(test, MANY, (index) => ({ priority: index % 3, deliverAt: index % 2 * 1e6 }));
  test.readMs = PIECE_MS;
  let atTurn: { readonly events: number; readonly ready: number; readonly delayed: number };
  const purge = test.broker.purgeStream("orders");
  await countTurns(test, purge, (turn) => {
    const { ready, delayed } = test.getStream("orders");
    if (turn === 2) atTurn = { events: test.events.length, ready, delayed };
  });
  for (const { events, ready, delayed } of [atTurn!, { events: Infinity, ready: 0, delayed: 0 }]) {
    const again = new TestBroker();
    again.broker.state.beginRestoration();
    for (const event of test.events.slice(0, events)) again.broker.apply(event);
    again.broker.state.finishRestoration(test.now);
    const info = again.getStream("orders");
    assertEquals([info.ready, info.delayed], [ready, delayed]);
  }
});
