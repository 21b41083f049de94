/**
 * What many followers hold comes back in turns with others.
 *
 * @module
 */

import { assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { TestBroker } from "../../support/broker/test_broker.ts";
import { countTurns, publishMany } from "./many_at_once.ts";

const FOLLOWERS = 40;
const HELD_EACH = 100;
const MANY = FOLLOWERS * HELD_EACH;

/** How long it takes to take back what one follower holds, in milliseconds, and of how many one turn does that. */
const PIECE_MS = 0.9;
const TURN_FOLLOWERS_MAX = 6;

function hold(test: TestBroker) {
  publishMany(test, MANY, (index) => ({ priority: index % 3 }));
  const followers = Array.from(
    { length: FOLLOWERS },
    () => test.follower("orders", { name: "holder", messages: HELD_EACH }),
  );
  test.dispatch();
  assertEquals(test.getStream("orders").pending, MANY);
  return followers;
}

Deno.test("what very many followers of a name hold is taken back in turns", async () => {
  const test = new TestBroker("orders");
  hold(test);
  test.readMs = PIECE_MS;
  let before = 0;
  const { turns, result } = await countTurns(test, test.broker.releasePel("holder"), () => {
    const { ready } = test.getStream("orders");
    assertLessOrEqual(ready - before, TURN_FOLLOWERS_MAX * HELD_EACH);
    before = ready;
  });
  assertGreater(turns, FOLLOWERS / TURN_FOLLOWERS_MAX - 1);
  assertEquals(result, MANY);
});

Deno.test("what followers get or give back while others' is taken back is not taken back again", async () => {
  const test = new TestBroker("orders");
  const followers = hold(test);
  const last = followers.at(-1)!;
  last.open.ack([{ firstTag: 1, count: 10 }], true);
  test.readMs = PIECE_MS;
  const { result } = await countTurns(test, test.broker.releasePel("holder"), (turn) => {
    // What the first ones held is ready, and there is room for ten of them.
    if (turn === 0) test.dispatch();
    if (turn === 1) followers.at(-2)!.close();
  });
  assertEquals(result, MANY - HELD_EACH - 10);
  assertGreater(last.follower.pending.count, 0);
});

Deno.test("a session that ends counts what its followers held, so that others are served in between", () => {
  const test = new TestBroker("orders");
  const [first, second] = hold(test);
  const before = test.broker.steps;
  first!.close();
  assertGreater(test.broker.steps - before, HELD_EACH);
  const between = test.broker.steps;
  second!.close(HELD_EACH);
  assertGreater(test.broker.steps - between, HELD_EACH);
});
