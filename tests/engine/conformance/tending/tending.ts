/**
 * What every engine does for those who look after streams.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { assertCodeLater } from "../../../support/wire/frames.ts";
import { bury } from "../deliveries/dead_letters.ts";
import { EngineTests } from "../../engine_tests.ts";
import { type EngineUse, upTo } from "../../engine_use.ts";

/** What an engine does for those who look after streams. */
export const tendingTests: EngineTests = new EngineTests();

tendingTests.add(
  "a stream that is there keeps its options when it is created again",
  async (use) => {
    await use.createWith("orders", { maxDeliveries: 3 });
    assertEquals(await use.engine.createStream("orders", { maxDeliveries: 7 }), false);
    assertEquals((await use.engine.getStream("orders")).options.maxDeliveries, 3);
  },
);

tendingTests.add("an update changes what it says and nothing else", async (use) => {
  await use.createWith("orders", { maxDeliveries: 3, ttlMs: 1000 });
  await use.engine.updateStream("orders", { ttlMs: null, backoffMs: [5] });
  const { options } = await use.engine.getStream("orders");
  assertEquals([options.maxDeliveries, options.ttlMs, options.backoffMs], [3, null, [5]]);
  assertEquals(options.ackTimeoutMs, 1_800_000);
  await assertCodeLater("STREAM_NOT_FOUND", () => use.engine.updateStream("nowhere", {}));
  await assertCodeLater("STREAM_NOT_FOUND", () => use.engine.pauseStream("nowhere", true));
});

tendingTests.add("purging removes what nobody holds", async (use) => {
  await use.create("orders");
  const publisher = use.publisher("orders");
  await publisher.store("a", "b", "c");
  const follower = use.follower("orders", { messages: 1 });
  await follower.received(1);
  await publisher.storeWished({ text: "d", delayMs: 1000 });
  assertEquals(await use.engine.purgeStream("orders"), 3);
  assertEquals(await use.look("orders"), ["1×1 pending a"]);
  await follower.ack(1);
  await publisher.store("e");
  await follower.received(2);
  assertEquals(follower.sink.texts, ["a", "e"]);
  use.advance(1000);
  await use.fence();
  assertEquals(follower.sink.texts, ["a", "e"]);
  await assertCodeLater("STREAM_NOT_FOUND", () => use.engine.purgeStream("nowhere"));
});

tendingTests.add("peeking shows messages in all states, and takes none", async (use) => {
  await use.create("orders");
  await use.publisher("orders").storeWished(
    { text: "a" },
    { text: "b", delayMs: 5000 },
    { text: "c" },
    { text: "d" },
  );
  const follower = use.follower("orders", { name: "worker", messages: 1 });
  await follower.received(1);
  const look = ["1×1 pending a", "2×0 delayed b", "3×0 ready c", "4×0 ready d"];
  assertEquals(await use.look("orders"), look);
  assertEquals(await use.look("orders"), look);
  const { infos } = await use.engine.peek("orders", 1, 2);
  const storedAt = use.clock.now;
  assertEquals(infos, [
    { id: 1, state: "pending", attempts: 1, storedAt, follower: "worker" },
    { id: 2, state: "delayed", attempts: 0, storedAt, dueAt: use.clock.now + 5000 },
  ]);
  assertEquals((await use.engine.peek("orders", 3, 1)).infos.map(({ id }) => id), [3]);
  assertEquals((await use.engine.peek("orders", 5, 10)).infos, []);
  assertEquals((await use.engine.peek("orders", 1, 0)).infos, []);
  await assertCodeLater("STREAM_NOT_FOUND", () => use.engine.peek("nowhere", 1, 1));
});

tendingTests.add("peeking finds what is left far behind what is gone", async (use) => {
  await use.create("orders");
  await use.publisher("orders").store(...upTo(3000).map(String));
  const follower = use.follower("orders");
  await follower.received(3000);
  await follower.port.ack([{ firstTag: 2, count: 2998 }], true);
  assertEquals((await use.engine.peek("orders", 1, 10)).infos.map(({ id }) => id), [1, 3000]);
  assertEquals((await use.engine.peek("orders", 2, 10)).infos.map(({ id }) => id), [3000]);
});

tendingTests.add(
  "what followers of one name hold can be taken back; they are told",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").store("a", "b");
    const stuck = use.follower("orders", { name: "stuck" });
    await stuck.received(2);
    stuck.port.setCredit(0, 0);
    assertEquals(await use.engine.releasePel("stuck"), 2);
    assertEquals(await use.look("orders"), ["1×1 ready a", "2×0 ready b"]);
    assertEquals(stuck.sink.revoked, ["1+2 it was taken back by a cursor"]);
    await assertCodeLater("STALE_DELIVERY", () => stuck.ack(1));
    await assertCodeLater("FOLLOWER_NOT_FOUND", () => use.engine.releasePel("nobody"));
  },
);

/** Registers how an engine explains that nothing moves. */
export const explanationTests: EngineTests = new EngineTests();

explanationTests.add(
  "it explains that there is nothing, or nobody, or that a stream is paused",
  async (use) => {
    await use.create("orders");
    assertMatch(await explain(use), /empty: no message has been stored yet.*no follower/s);
    await use.publisher("orders").store("a");
    assertMatch(await explain(use), /There is no follower: 1 message waits\./);
    await use.engine.pauseStream("orders", true);
    assertMatch(await explain(use), /paused/);
    await assertCodeLater("STREAM_NOT_FOUND", () => use.engine.explain("nowhere"));
  },
);

explanationTests.add(
  "it explains who gets nothing, since a message has run out there",
  async (use) => {
    await use.createWith("orders", { ackTimeoutMs: 1000, backoffMs: [0] });
    await use.publisher("orders").store("a", "b");
    await use.follower("orders", { name: "worker", messages: 1 }).received(1);
    use.advance(1000);
    const text = await explain(use);
    assert(text.includes(`Follower "worker" exceeded the acknowledgement timeout`), text);
  },
);

explanationTests.add("it explains who has all the credit, and since when", async (use) => {
  await use.create("orders");
  await use.publisher("orders").store("a", "b");
  const follower = use.follower("orders", { name: "worker", messages: 1 });
  await follower.received(1);
  const since = new Date(use.clock.now).toISOString();
  use.advance(5000);
  const text = await explain(use);
  assert(text.includes(`Follower "worker" holds 1 message of 1`), text);
  assert(text.includes(`message 1 of "orders" since ${since}`), text);
});

explanationTests.add(
  "it explains until when messages are delayed, and who holds the others",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").storeWished({ text: "a" }, { text: "b", delayMs: 5000 });
    const follower = use.follower("orders", { name: "worker" });
    await follower.received(1);
    const text = await explain(use);
    const due = new Date(use.clock.now + 5000).toISOString();
    assert(text.includes(`1 message is delayed; it is due at ${due}`), text);
    const since = new Date(use.clock.now).toISOString();
    assert(text.includes(`1 message is held by follower "worker" since ${since}.`), text);
  },
);

explanationTests.add("it explains the latest time that can be said", async (use) => {
  await use.create("orders");
  await use.publisher("orders").storeWished({ text: "a", deliverAt: 8.64e15, ttlMs: 1 });
  assertMatch(await explain(use), /it is due at \+275760-09-13T00:00:00\.000Z/);
});

explanationTests.add(
  "it explains that a follower asks for nothing, and that a stream is full",
  async (use) => {
    await use.createWith("orders", { maxMessages: 1 });
    await use.publisher("orders").store("a");
    use.follower("orders", { name: "idle", messages: 0 });
    const text = await explain(use);
    assert(text.includes(`Follower "idle" asks for nothing`), text);
    assert(text.includes("The stream is full"), text);
  },
);

explanationTests.add("it explains dead letters that wait", async (use) => {
  await bury(use, "a");
  assertMatch(
    (await use.engine.explain("orders.dead")).join(" "),
    /no follower: 1 message waits/,
  );
});

/** What an engine tells an operator of its own accord. */
export const noticeTests: EngineTests = new EngineTests();

noticeTests.add("it explains where dead letters went", async (use) => {
  await bury(use, "a", "b");
  const text = await explain(use);
  assert(text.includes("2 messages are in orders.dead: redrive sends them back."), text);
  assertMatch(text, /The stream is empty: 2 messages were stored so far/);
  await use.engine.purgeStream("orders.dead");
  assert(!(await explain(use)).includes("orders.dead"));
});

noticeTests.add("it explains that followers wait for a stream that is not there", async (use) => {
  const followers = ["a", "b", "c", "d"].map((name) => use.follower("ordrs", { name }));
  use.follower(/ordrs/, { name: "pattern" });
  assertEquals(await use.engine.explain("ordrs"), [
    'There is no stream "ordrs": 4 followers wait for it to be created, "a", "b", "c" and 1 more.',
  ]);
  for (const { port } of followers.slice(1)) port.close();
  assertEquals(await use.engine.explain("ordrs"), [
    'There is no stream "ordrs": 1 follower waits for it to be created, "a".',
  ]);
  await use.create("ordrs");
  assertMatch((await use.engine.explain("ordrs")).join(), /The stream is empty/);
});

noticeTests.add("it explains who holds messages, and what has no follower", async (use) => {
  await use.create("orders");
  const publisher = use.publisher("orders");
  await publisher.store("a", "b", "c");
  const followers = ["one", "two"].map((name) => use.follower("orders", { name, messages: 1 }));
  const third = use.follower("orders", { name: "three", messages: 1 });
  for (const follower of [...followers, third]) await follower.received(1);
  const at = new Date(use.clock.now).toISOString();
  assertEquals(
    await explain(use),
    `3 messages are held: 1 by follower "one" since ${at}, ` +
      `1 by follower "two" since ${at}, 1 by follower "three" since ${at}.`,
  );
  await followers[0]!.nack([1], { delayMs: 5000 });
  for (const follower of followers) follower.port.close();
  await third.ack(1);
  third.port.close();
  await use.engine.purgeStream("orders");
  await publisher.storeWished({ text: "d", delayMs: 5000 });
  assertMatch(await explain(use), /^There is no follower\. 1 message is delayed;/);
});

noticeTests.add(
  "the first dead letter of a stream is told, the others are counted",
  async (use) => {
    await use.createWith("orders", { maxDeliveries: 1 });
    const publisher = use.publisher("orders");
    const follower = use.follower("orders");
    const fail = async (tag: number) => {
      await publisher.store("a");
      await follower.received(tag);
      await follower.nack([tag], { reason: `failure ${tag}` });
      await use.fence();
    };
    await fail(1);
    const first = {
      message: "a message went to the dead letters",
      fields: {
        stream: "orders",
        id: 1,
        to: "orders.dead",
        cause: "maxDeliveries",
        attempts: 1,
        reason: "failure 1",
      },
    };
    assertEquals(use.reports, [first]);
    await fail(2);
    await fail(3);
    assertEquals(use.reports.length, 1);
    const more = (count: number) => ({
      message: "more messages went to the dead letters",
      fields: { stream: "orders", to: "orders.dead", count },
    });
    use.advance(10 * 60 * 1000);
    assertEquals(use.reports.slice(1), [more(2)], "the count is told, although no other one fails");
    await fail(4);
    assertEquals(use.reports.length, 2);
    use.advance(10 * 60 * 1000);
    assertEquals(use.reports.slice(2), [more(1)]);
    use.advance(10 * 60 * 1000);
    await fail(5);
    assertEquals(
      use.reports.at(-1)?.fields.id,
      5,
      "after a quiet interval it is told in full again",
    );
    await fail(6);
    assertEquals(use.reports.length, 4);
    await use.engine.deleteStream("orders");
    assertEquals(
      use.reports.slice(4),
      [more(1)],
      "what is left is told when the stream is deleted",
    );
  },
);

noticeTests.add(
  "a message that is given up without dead letters is told, one that expires is not",
  async (use) => {
    await use.createWith("orders", { deadLetter: false });
    await use.publisher("orders").storeWished({ text: "a", ttlMs: 1000 }, { text: "b" });
    use.advance(1000);
    const follower = use.follower("orders");
    await follower.received(1);
    assertEquals(use.reports, []);
    await follower.reject([1], "never");
    const [notice] = use.reports;
    assertEquals(notice?.message, "a message was given up");
    assertEquals([notice?.fields.id, notice?.fields.reason, notice?.fields.to], [
      2,
      "never",
      undefined,
    ]);
  },
);

noticeTests.add(
  "a follower that waits for a stream that is not there is told, once for all of them",
  async (use) => {
    const follower = use.follower("ordrs", { name: "worker" });
    assertEquals(follower.port.missing, "ordrs");
    use.follower("ordrs", { name: "another" });
    use.follower(/ordrs/);
    assertEquals(use.reports, [{
      message: "a follower waits for a stream that does not exist",
      fields: { stream: "ordrs", follower: "worker" },
    }]);
    await use.create("ordrs");
    assertEquals(use.follower("ordrs").port.missing, undefined);
    assertEquals(use.reports.length, 1);
  },
);

async function explain(use: EngineUse): Promise<string> {
  return (await use.engine.explain("orders")).join(" ");
}
