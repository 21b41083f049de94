/**
 * What every engine does with messages that are for later, and with those whose time is over.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { waitForCount } from "./deliveries/dead_letters.ts";
import { EngineTests } from "../engine_tests.ts";
import { single, upTo } from "../engine_use.ts";

/** What an engine does with messages that are for later. */
export const delayTests: EngineTests = new EngineTests();

delayTests.add("a delayed message is delivered when its time has come, not before", async (use) => {
  await use.create("orders");
  const publisher = use.publisher("orders");
  await publisher.storeWished(
    { text: "late", delayMs: 10_000 },
    { text: "now" },
    { text: "at", deliverAt: use.clock.now + 5000 },
    { text: "past", deliverAt: 1000 },
  );
  const follower = use.follower("orders");
  await follower.received(2);
  use.advance(4999);
  await use.fence();
  assertEquals(follower.sink.texts, ["now", "past"]);
  use.advance(1);
  await follower.received(3);
  use.advance(5000);
  await follower.received(4);
  assertEquals(follower.sink.texts, ["now", "past", "at", "late"]);
  assertEquals(follower.sink.ids, [2, 4, 3, 1]);
  assertEquals(follower.sink.messages.map(({ attempts }) => attempts), [1, 1, 1, 1]);
});

delayTests.add("a message can be for a time years ahead", async (use) => {
  await use.create("orders");
  const years = 50 * 365 * 24 * 60 * 60 * 1000;
  await use.publisher("orders").storeWished({ text: "later", delayMs: years });
  const follower = use.follower("orders");
  use.advance(years - 1);
  await use.fence();
  assertEquals(follower.sink.texts, []);
  use.advance(1);
  await follower.received(1);
});

delayTests.add("tick tells when the next message is due", async (use) => {
  await use.create("orders");
  const publisher = use.publisher("orders");
  await publisher.storeWished({ text: "a", delayMs: 10_000 }, { text: "b", delayMs: 5000 });
  const { now } = use.clock;
  assertEquals(use.engine.tick(now) <= now + 5000, true);
  assertEquals((await use.engine.getStream("orders")).delayed, 2);
});

delayTests.add(
  "messages that were held back come in the order of their ids, whatever came meanwhile",
  async (use) => {
    await use.create("orders");
    const publisher = use.publisher("orders");
    await publisher.storeWished(
      ...upTo(20).map((id) => ({ text: String(id), ...id % 3 === 0 && { delayMs: 1000 } })),
    );
    use.advance(1000);
    await publisher.store("21");
    const follower = use.follower("orders");
    await follower.received(21);
    assertEquals(follower.sink.ids, upTo(21));
  },
);

/** What an engine does with messages whose time is over. */
export const expiryTests: EngineTests = new EngineTests();

expiryTests.add("a message whose time is over is gone, and is never delivered", async (use) => {
  await use.create("orders");
  await use.publisher("orders").storeWished(
    { text: "short", ttlMs: 1000 },
    { text: "long", ttlMs: 5000 },
    { text: "for ever" },
  );
  use.clock.now += 1000;
  // Nobody has ticked: the follower must not get it all the same.
  const follower = use.follower("orders");
  await follower.received(2);
  assertEquals(follower.sink.texts, ["long", "for ever"]);
  assertEquals((await use.engine.getStream("orders")).pending, 2);
});

expiryTests.add("time to live begins when a message may be delivered", async (use) => {
  await use.create("orders");
  await use.publisher("orders").storeWished({ text: "a", delayMs: 10_000, ttlMs: 1000 });
  use.advance(10_999);
  assertEquals((await use.engine.getStream("orders")).ready, 1);
  use.advance(1);
  assertEquals(await use.look("orders"), []);
});

expiryTests.add(
  "a stream's time to live is that of messages that do not say so themselves",
  async (use) => {
    await use.createWith("orders", { ttlMs: 1000 });
    const publisher = use.publisher("orders");
    await publisher.store("plain", "plain, too");
    await publisher.storeWished(
      { text: "own", ttlMs: 5000 },
      { text: "none" },
      { text: "delayed", delayMs: 500 },
    );
    use.advance(1000);
    assertEquals(await use.look("orders"), ["3×0 ready own", "5×0 ready delayed"]);
    use.advance(500);
    assertEquals(await use.look("orders"), ["3×0 ready own"]);
    use.advance(3500);
    assertEquals(await use.look("orders"), []);
    assertEquals(await use.counts("orders"), [0, 0, 0]);
  },
);

expiryTests.add(
  "what a follower has only fetched is taken back when its time is over",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").storeWished(
      ...["a", "b", "c", "d"].map((text) => ({ text, ttlMs: 1000 })),
      { text: "e" },
    );
    const follower = use.follower("orders", { messages: 5 });
    await follower.received(5);
    follower.port.begin([single(3)]);
    use.advance(1000);
    // The oldest one and the one that has begun are being worked on.
    assertEquals(await use.pel("follower"), ["orders:1", "orders:3", "orders:5"]);
    assertEquals(follower.sink.revoked, [
      "2+1 its time to live is over",
      "4+1 its time to live is over",
    ]);
    await follower.ack(1, 3, 5);
    assertEquals(await use.counts("orders"), [0, 0, 1]);
  },
);

expiryTests.add(
  "nothing is taken back if only the oldest of what a follower has fetched is overdue",
  async (use) => {
    await use.create("orders");
    const wishes = [{ text: "a", ttlMs: 1000 }, { text: "b" }, { text: "c" }];
    await use.publisher("orders").storeWished(...wishes);
    const follower = use.follower("orders", { messages: 3 });
    await follower.received(3);
    use.advance(1000);
    assertEquals(await use.pel("follower"), ["orders:1", "orders:2", "orders:3"]);
    // An empty range would end the session of a client.
    assertEquals(follower.sink.revoked, []);
    await follower.ack(1, 2, 3);
    assertEquals(await use.look("orders"), []);
  },
);

expiryTests.add(
  "what a follower holds may be finished; if it comes back, its time is over",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").storeWished(
      { text: "a", ttlMs: 1000 },
      { text: "b", ttlMs: 1000 },
      { text: "c", ttlMs: 1000 },
      { text: "d", ttlMs: 1000 },
    );
    const follower = use.follower("orders", { messages: 4 });
    await follower.received(4);
    follower.port.begin([{ firstTag: 1, count: 4 }]);
    use.advance(2000);
    await follower.ack(1);
    await follower.nack([2], { delayMs: 0 });
    follower.port.release([single(3)]);
    follower.port.close();
    const next = use.follower("orders");
    await use.fence();
    assertEquals(next.sink.texts, []);
    assertEquals(await use.counts("orders"), [0, 0, 1]);
  },
);

expiryTests.add("what has expired goes to the dead letters if the stream says so", async (use) => {
  await use.createWith("orders", { deadLetterExpired: true, ttlMs: 1000 });
  await use.publisher("orders").store("a", "b");
  use.advance(1000);
  await waitForCount(use, "orders.dead", 2);
  const stories = await use.properties("orders.dead");
  assertEquals(stories.map(({ deadLetter }) => deadLetter?.cause), ["expired", "expired"]);
  assertEquals(stories.map(({ deadLetter }) => deadLetter?.id), [1, 2]);
  assertEquals(stories.map(({ deadLetter }) => deadLetter?.follower), [undefined, undefined]);
});

expiryTests.add("a message that is held back after a failure expires there", async (use) => {
  await use.create("orders");
  await use.publisher("orders").storeWished({ text: "a", ttlMs: 1000 });
  const follower = use.follower("orders");
  await follower.received(1);
  await follower.nack([1], { delayMs: 5000 });
  use.advance(1000);
  assertEquals(await use.look("orders"), []);
  use.advance(5000);
  await use.fence();
  assertEquals(follower.sink.ids, [1]);
});
