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

Deno.test("what comes after all that was held is no attempt when others' is taken back", async () => {
  const test = new TestBroker();
  test.create("orders", { maxDeliveries: 1 });
  test.create("other");
  const [, second] = ["other", "orders"].map((stream) => {
    const follower = test.follower(stream, { name: "holder" });
    test.publisher(stream, stream).publish("held");
    test.dispatch();
    return follower;
  });
  // The turn is over once the first one's is taken back.
  test.readMs = 10;
  const released = test.broker.releasePel("holder");
  test.readMs = 0;
  second!.ack(1);
  test.publisher("orders", "later").publish("came later");
  test.dispatch();
  assertEquals(second!.follower.pending.count, 1);
  const { result } = await countTurns(test, released);
  assertEquals(result, 1);
  assertEquals(second!.follower.pending.runs.map(({ isBegun }) => isBegun), [false]);
  // Its client has received the first one only.
  second!.close(1);
  assertEquals(test.getStream("orders").ready, 1);
  assertEquals(test.broker.hasStream("orders.dead"), false);
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

Deno.test("a follower of very many streams leaves them in turns, and gets nothing meanwhile", async () => {
  const test = new TestBroker("orders");
  const streamCount = 10_000;
  const turnMax = 4096;
  for (let index = 1; index < streamCount; index++) test.create(`stream-${index}`);
  const follower = test.follower(/./);
  const follows = () => follower.follower.attachments.size;
  assertEquals(follows(), streamCount);
  test.publisher("orders").publish("held");
  test.dispatch();
  assertEquals(follower.received, ["orders:1×1"]);
  follower.close();
  assertEquals(test.getStream("orders").pending, 0);
  const last = `stream-${streamCount - 1}`;
  assertEquals(test.getStream(last).followers, 0);
  assertEquals((await test.broker.explain(last)).at(-1), "There is no follower.");
  let before = streamCount;
  // So long a piece of it takes.
  test.readMs = 0.9;
  for (let turn = 0; follows() > 0; turn++) {
    // One more where a stream is deleted.
    assertLessOrEqual(before - follows(), turnMax + 1);
    before = follows();
    // The last streams are those that it leaves last.
    test.publisher(`stream-${streamCount - 1}`, `publisher ${turn}`).publish("new");
    test.create(`new-${turn}`);
    test.broker.deleteStream(`stream-${streamCount - 10 - turn}`);
    test.dispatch();
    await Promise.resolve();
    test.broker.tick(++test.now);
    for (let wait = 0; wait < 3; wait++) await Promise.resolve();
  }
  assertEquals(follower.received.length, 1);
  assertEquals(follower.sink.deleted, []);
  assertEquals(before < streamCount, true);
  assertEquals(test.getStream(`stream-${streamCount - 1}`).followers, 0);
  // There is room for another one.
  const other = test.follower(/./);
  test.dispatch();
  assertGreater(other.received.length, 2);
});
