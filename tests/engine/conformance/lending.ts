/**
 * What every engine does with keys that are lent to followers, whatever happens.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { chooseLength } from "../../support/length.ts";
import { EngineTests } from "../engine_tests.ts";
import { upTo } from "../engine_use.ts";
import { KeyStory, STREAM } from "../model/key_story.ts";

/** What an engine promises about keys, over all followers. */
export const lendingTests: EngineTests = new EngineTests();

/** The same, with restarts. */
export const lendingRestartTests: EngineTests = new EngineTests();

/** How many stories are told in one test; `KEY_SEED` repeats one. */
const STORIES = Number(Deno.env.get("KEY_STORIES") ?? chooseLength({ short: 2, long: 300 }));

lendingTests.add(
  "a follower that orders keys gets several messages of a key at once",
  async (use) => {
    await use.create(STREAM);
    await use.publisher(STREAM).storeWished(
      ...["a1", "a2", "b1", "a3", "free"].map((text) => {
        return text === "free" ? { text } : { text, key: text[0]! };
      }),
    );
    const follower = use.follower(STREAM, { name: "worker", ordersKeys: true, reportsBegin: true });
    await follower.received(5);
    assertEquals(follower.sink.texts, ["a1", "a2", "b1", "a3", "free"]);
    const other = use.follower(STREAM, { name: "other", ordersKeys: true, reportsBegin: true });
    await use.publisher(STREAM, "later").storeWished({ text: "a4", key: "a" }, {
      text: "b2",
      key: "b",
    });
    await use.fence();
    assertEquals(other.sink.texts, [], "keys are lent to one follower");
    await follower.ack(1, 2, 3, 4);
    await use.fence();
    const others = [...follower.sink.texts.slice(5), ...other.sink.texts].toSorted();
    assertEquals(others, ["a4", "b2"]);
  },
);

lendingTests.add(
  "when a message comes back, those behind it come back first, without an attempt",
  async (use) => {
    await use.create(STREAM);
    const texts = ["a1", "b1", "a2", "a3", "b2"];
    await use.publisher(STREAM).storeWished(...texts.map((text) => ({ text, key: text[0]! })));
    const follower = use.follower(STREAM, { name: "worker", ordersKeys: true, reportsBegin: true });
    await follower.received(5);
    follower.port.begin([{ firstTag: 1, count: 1 }]);
    await follower.nack([1], { delayMs: 1000 });
    assertEquals(follower.sink.revoked, [
      "3+2 an earlier message of its key has come back",
    ]);
    await use.fence();
    assertEquals(follower.sink.texts, texts, "their key is held by the one that has failed");
    assertEquals(await use.look(STREAM), [
      "1×1 delayed a1",
      "2×1 pending b1",
      "3×0 ready a2",
      "4×0 ready a3",
      "5×1 pending b2",
    ]);
    use.advance(1000);
    assertEquals((await follower.received(8)).slice(5), [
      "orders:1×2 a1",
      "orders:3×1 a2",
      "orders:4×1 a3",
    ]);
  },
);

lendingTests.add("what is begun stays when an earlier one of its key comes back", async (use) => {
  await use.create(STREAM);
  await use.publisher(STREAM).storeWished(...upTo(4).map((n) => ({ text: `a${n}`, key: "a" })));
  const follower = use.follower(STREAM, { name: "worker", ordersKeys: true, reportsBegin: true });
  await follower.received(4);
  follower.port.beginBatch([{ firstTag: 1, count: 3 }]);
  await follower.nack([2], { delayMs: 0 });
  assertEquals(await use.pel("worker"), ["orders:1", "orders:3"]);
  await use.fence();
  assertEquals(follower.sink.texts.length, 4, "nobody gets more before the handler is done");
  await follower.ack(1);
  await use.fence();
  assertEquals(follower.sink.texts.length, 4);
  await follower.ack(3);
  assertEquals((await follower.received(6)).slice(4), ["orders:2×2 a2", "orders:4×1 a4"]);
});

lendingTests.add("a key whose messages wait goes on to others, a batch at a time", async (use) => {
  await use.create(STREAM);
  const first = use.follower(STREAM, { name: "first", ordersKeys: true, messages: 200 });
  const second = use.follower(STREAM, { name: "second", ordersKeys: true, messages: 200 });
  const many = upTo(1000).map((n) => ({ text: `a${n}`, key: "a" }));
  await use.publisher(STREAM).storeWished(...many);
  const seen: string[] = [];
  const takers = new Set<string>();
  for (let round = 0; seen.length < 1000; round++) {
    assert(round < 50, "several messages go in a round");
    await use.fence();
    for (const [name, { sink, port }] of Object.entries({ first, second })) {
      const messages = sink.messages.filter(({ text }) => !seen.includes(text));
      if (messages.length === 0) continue;
      takers.add(name);
      assertEquals(
        messages.map(({ text }) => text),
        upTo(messages.length).map((index) => {
          return `a${seen.length + index}`;
        }),
      );
      seen.push(...messages.map(({ text }) => text));
      await port.ack(messages.map(({ tag }) => ({ firstTag: tag, count: 1 })), true);
    }
  }
  assertEquals(takers.size, 2, "each has its turn");
});

lendingTests.add("what does not fit a follower waits for its key in order", async (use) => {
  await use.create(STREAM);
  const holder = use.follower(STREAM, { name: "holder", messages: 1 });
  await use.publisher(STREAM).storeWished(...upTo(40).map((n) => ({ text: `a${n}`, key: "a" })));
  await holder.received(1);
  const size = holder.sink.messages[0]!.bytes;
  const options = { name: "small", ordersKeys: true, reportsBegin: true, bytes: 2 * size };
  const follower = use.follower(STREAM, options);
  await use.fence();
  await holder.ack(1);
  holder.port.close();
  for (let count = 2; count < 40; count += 2) {
    await follower.received(count);
    assertEquals(follower.sink.texts, upTo(count).map((n) => `a${n + 1}`));
    await follower.port.ack([{ firstTag: count - 1, count: 2 }], true);
  }
});

lendingTests.add("a busy key leaves room for others beside it, for each slot", async (use) => {
  await use.create(STREAM);
  const publisher = use.publisher(STREAM);
  await publisher.storeWished(...upTo(100).map((n) => ({ text: `a${n}`, key: "a" })));
  await publisher.storeWished(...upTo(9).map((n) => ({ text: `b${n}`, key: `b${n}` })));
  const options = { name: "worker", ordersKeys: true, reportsBegin: true };
  const follower = use.follower(STREAM, { ...options, slots: 10, messages: 20 });
  await use.fence();
  const { texts } = follower.sink;
  assertEquals(texts.filter((text) => text.startsWith("a")), ["a1", "a2"]);
  assertEquals(texts.filter((text) => text.startsWith("b")).length, 9);
});

for (const [tests, canRestart] of [[lendingTests, false], [lendingRestartTests, true]] as const) {
  tests.add(
    `messages of a key are in one handler at a time, in order, whatever happens (random${
      canRestart ? ", with restarts" : ""
    })`,
    async (use) => {
      const first = Number(Deno.env.get("KEY_SEED") ?? Math.floor(Math.random() * 2 ** 32));
      for (let story = 0; story < STORIES; story++) {
        await new KeyStory(use, first + story, canRestart).tell();
        await use.engine.deleteStream(STREAM);
        await use.engine.deleteStream(`${STREAM}.dead`).catch(() => {});
      }
    },
  );
}
