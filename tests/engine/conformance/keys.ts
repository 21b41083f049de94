/**
 * What every engine does with messages that have the same key.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Random } from "../../support/random.ts";
import { EngineTests } from "../engine_tests.ts";
import { BYTES, type EngineUse, type Following, upTo } from "../engine_use.ts";

/** What an engine does about keys. */
export const keyTests: EngineTests = new EngineTests();

keyTests.add(
  "messages of one key are out one at a time, over all followers, in order",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").storeWished(
      { text: "a1", key: "a" },
      { text: "a2", key: "a" },
      { text: "b1", key: "b" },
      { text: "free" },
      { text: "a3", key: "a" },
      { text: "b2", key: "b" },
    );
    const one = holder(use);
    const other = holder(use);
    await use.fence();
    const received = () => [...one.sink.texts, ...other.sink.texts].sort();
    assertEquals(received(), ["a1", "b1", "free"]);
    assertEquals(await use.counts("orders"), [3, 3, 2]);
    await ackText("a1", one, other);
    await use.fence();
    assertEquals(received(), ["a1", "a2", "b1", "free"]);
    await ackText("a2", one, other);
    await ackText("b1", one, other);
    await use.fence();
    assertEquals(received(), ["a1", "a2", "a3", "b1", "b2", "free"]);
  },
);

keyTests.add("a key that is held holds up no other key, and nothing without one", async (use) => {
  await use.create("orders");
  const publisher = use.publisher("orders");
  const stuck = use.follower("orders", { name: "stuck", messages: 1 });
  await publisher.storeWished({ text: "first", key: "blocked" });
  await stuck.received(1);
  for (let round = 0; round < 10; round++) {
    await publisher.storeWished(
      ...upTo(300).map((number) => ({ text: `${number}`, key: "blocked" })),
      { text: `free ${round}` },
      { text: `other ${round}`, key: `other ${round % 3}` },
    );
  }
  const follower = use.follower("orders", { messages: 4 });
  for (let count = 1; count <= 20; count++) {
    await follower.received(count);
    await follower.ack(count);
  }
  const expected = upTo(10).flatMap((round) => [`free ${round - 1}`, `other ${round - 1}`]);
  assertEquals([...follower.sink.texts].sort(), expected.sort());
  assertEquals(await use.counts("orders"), [3000, 1, 2]);
  await stuck.ack(1);
  await use.fence();
  assertEquals(await use.counts("orders"), [2999, 1, 2]);
});

keyTests.add(
  "behind more messages of a key than are passed by at once, others come in time",
  async (use) => {
    await use.create("orders");
    const publisher = use.publisher("orders");
    const stuck = use.follower("orders", { messages: 1 });
    await publisher.storeWished({ text: "first", key: "k" });
    await stuck.received(1);
    const many = upTo(4096).map(() => ({ text: "x", key: "k" }));
    for (let round = 0; round < 20; round++) await publisher.storeWished(...many);
    await publisher.storeWished({ text: "behind" });
    const follower = use.follower("orders");
    for (let turn = 0; turn < 8; turn++) {
      await use.fence();
      use.advance(1);
    }
    assertEquals(await follower.received(1), [`orders:${20 * 4096 + 2}×1 behind`]);
  },
);

keyTests.add("a message that has failed keeps its key, until it is done", async (use) => {
  await use.create("orders");
  const publisher = use.publisher("orders");
  await publisher.storeWished(
    { text: "a1", key: "a" },
    { text: "a2", key: "a" },
    { text: "b1", key: "b" },
  );
  const follower = holder(use);
  await follower.received(2);
  await follower.nack([1], { delayMs: 1000 });
  await follower.ack(2);
  await publisher.storeWished({ text: "b2", key: "b" });
  assertEquals((await follower.received(3)).at(-1), "orders:4×1 b2");
  await use.fence();
  assertEquals(follower.sink.texts, ["a1", "b1", "b2"]);
  use.advance(1000);
  assertEquals((await follower.received(4)).at(-1), "orders:1×2 a1");
  await follower.ack(4);
  assertEquals((await follower.received(5)).at(-1), "orders:2×1 a2");
});

keyTests.add("a key is free when its message is rejected, expired or purged", async (use) => {
  await use.create("orders");
  const publisher = use.publisher("orders");
  await publisher.storeWished(
    { text: "a1", key: "a" },
    { text: "a2", key: "a", ttlMs: 500 },
    { text: "a3", key: "a" },
    { text: "a4", key: "a" },
  );
  const follower = holder(use);
  await follower.received(1);
  await follower.reject([1]);
  assertEquals((await follower.received(2)).at(-1), "orders:2×1 a2");
  await follower.nack([2], { delayMs: 10_000 });
  use.advance(500);
  assertEquals((await follower.received(3)).at(-1), "orders:3×1 a3");
  await follower.nack([3], { delayMs: 10_000 });
  assertEquals(await use.engine.purgeStream("orders"), 2);
  await publisher.storeWished({ text: "a5", key: "a" });
  assertEquals((await follower.received(4)).at(-1), "orders:5×1 a5");
  assertEquals(await use.counts("orders"), [0, 1, 1]);
});

keyTests.add("messages that wait for a key expire, and make room, like others", async (use) => {
  await use.createWith("orders", { maxMessages: 4, overflow: "drop-oldest" });
  const publisher = use.publisher("orders");
  await publisher.storeWished(
    { text: "a1", key: "a" },
    { text: "a2", key: "a", ttlMs: 100 },
    { text: "a3", key: "a" },
    { text: "a4", key: "a" },
  );
  const follower = holder(use);
  await follower.received(1);
  use.advance(100);
  await use.fence();
  assertEquals(await use.look("orders"), ["1×1 pending a1", "3×0 ready a3", "4×0 ready a4"]);
  await publisher.storeWished({ text: "a5", key: "a" }, { text: "b", key: "b" });
  await follower.received(2);
  assertEquals((await use.look("orders")).length, 4);
  await follower.ack(1);
  assertEquals((await follower.received(3)).at(-1), "orders:4×1 a4");
});

keyTests.add(
  "a key goes with its message when a follower gives it back, is late or is lost",
  async (use) => {
    await use.createWith("orders", { ackTimeoutMs: 1000, backoffMs: [0] });
    await use.publisher("orders").storeWished(
      { text: "a1", key: "a" },
      { text: "a2", key: "a" },
      { text: "b1", key: "b" },
    );
    const first = holder(use);
    await first.received(2);
    first.port.release([{ firstTag: 1, count: 1 }]);
    assertEquals((await first.received(3)).at(-1), "orders:1×1 a1");
    use.advance(1000);
    first.port.setCredit(4096, BYTES);
    const again = (await first.received(5)).slice(3).sort();
    assertEquals(again, ["orders:1×1 a1", "orders:3×2 b1"]);
    first.port.close();
    const second = holder(use);
    await second.received(2);
    await use.fence();
    assertEquals(second.sink.ids.toSorted(), [1, 3]);
    await ackText("a1", second);
    assertEquals((await second.received(3)).at(-1), "orders:2×1 a2");
  },
);

keyTests.add("a stream that is deleted takes its keys along", async (use) => {
  await use.create("orders");
  const follower = holder(use);
  const publisher = use.publisher("orders");
  await publisher.storeWished({ text: "a1", key: "a" }, { text: "a2", key: "a" });
  await follower.received(1);
  await use.engine.deleteStream("orders");
  await use.create("orders");
  await publisher.storeWished({ text: "new", key: "a" });
  assertEquals((await follower.received(2)).at(-1), "orders:1×1 new");
});

keyTests.add("the same key in two streams is two keys", async (use) => {
  await use.create("orders-1", "orders-2");
  await use.publisher(/^orders/).storeWished({ text: "x", key: "k" }, { text: "y", key: "k" });
  const follower = use.follower(/^orders/);
  await follower.received(2);
  assertEquals(follower.sink.messages.map(({ stream }) => stream).sort(), [
    "orders-1",
    "orders-2",
  ]);
});

keyTests.add("of different keys, the highest priority goes first; of one key, too", async (use) => {
  await use.create("orders");
  await use.publisher("orders").storeWished(
    { text: "a low", key: "a", priority: 1 },
    { text: "a high", key: "a", priority: 9 },
    { text: "b", key: "b", priority: 5 },
    { text: "a high 2", key: "a", priority: 9 },
  );
  const follower = use.follower("orders", { messages: 1 });
  for (const tag of upTo(4)) {
    await follower.received(tag);
    await follower.ack(tag);
  }
  assertEquals(follower.sink.texts, ["a high", "a high 2", "b", "a low"]);
});

keyTests.add("dead letters keep key and priority, and so does what is sent back", async (use) => {
  await use.create("orders");
  await use.publisher("orders").storeWished({ text: "a", key: "a", priority: 7 });
  const follower = holder(use);
  await follower.received(1);
  await follower.reject([1], "no");
  await use.fence();
  assertEquals((await use.properties("orders.dead"))[0]?.key, "a");
  await use.engine.redrive("orders.dead", [1]);
  await follower.received(2);
  await use.publisher("orders", "another").storeWished({ text: "a2", key: "a" });
  await use.fence();
  assertEquals(follower.sink.texts, ["a", "a"]);
  await follower.ack(2);
  await follower.received(3);
});

keyTests.add(
  "explaining tells which message holds a key, who has it and since when",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").storeWished(
      ...upTo(4).map((number) => ({ text: `${number}`, key: 'customer "7"' })),
    );
    const follower = holder(use);
    await follower.received(1);
    await use.fence();
    const since = new Date(use.clock.now).toISOString();
    assertEquals(await use.engine.explain("orders"), [
      `Key "customer \\"7\\"" is held by message 1 of follower "worker" since ${since}: ` +
      "3 other messages wait.",
      `The oldest ready message, 2, was stored at ${since}.`,
    ]);
    await follower.nack([1], { delayMs: 60_000 });
    const [, sentence] = await use.engine.explain("orders");
    assertMatch(
      (await use.engine.explain("orders")).join(" "),
      /held by message 1 that has failed/,
    );
    assert(sentence !== undefined);
  },
);

for (const round of upTo(2)) {
  keyTests.add(`keys hold what they promise, whatever happens (random, ${round})`, keepPromises);
}

/** Acknowledges a message by its text, whoever has it. */
async function ackText(text: string, ...followers: readonly Following[]): Promise<void> {
  for (const follower of followers) {
    const message = follower.sink.messages.findLast((message) => message.text === text);
    if (message !== undefined) return await follower.ack(message.tag);
  }
  throw new Error(`nobody has ${text}`);
}

/** A delivery that has not ended. */
interface Out {
  readonly follower: Following;
  readonly tag: number;
  readonly key: string;
  readonly number: number;
}

/**
 * Sends messages of some keys, and has followers acknowledge, nack, release and vanish at random. No
 * two messages of a key are ever out, each key's messages are done in order, and in the end all are.
 */
async function keepPromises(use: EngineUse): Promise<void> {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const about = `seed ${seed}`;
  const random = new Random(seed);
  const sentCount = 150;
  await use.createWith("orders", { maxDeliveries: 1000, ackTimeoutMs: 5000 });
  const publisher = use.publisher("orders");
  const done = new Map<string, number>();
  const seen = new Map<Following, number>();
  let out: Out[] = [];
  let idleCount = 0;
  const open = () => seen.set(use.follower("orders", { messages: 1 + random.below(8) }), 0);
  const note = (follower: Following) => {
    const { messages } = follower.sink;
    for (let at = seen.get(follower)!; at < messages.length; at++) {
      const [key, number] = messages[at]!.text.split(" ");
      const rival = out.find((one) => one.key === key);
      if (rival !== undefined && key !== "free") {
        throw new Error(`${about}: ${key} ${number} came while ${rival.number} was out`);
      }
      out.push({ follower, tag: messages[at]!.tag, key: key!, number: Number(number) });
    }
    seen.set(follower, messages.length);
  };
  open();
  let sent = 0;
  let doneCount = 0;
  while (doneCount < sentCount) {
    if (sent < sentCount && random.chance(0.3)) {
      const count = Math.min(sentCount - sent, 1 + random.below(20));
      await publisher.storeWished(
        ...upTo(count).map((index) => {
          const number = sent + index;
          const key = random.chance(0.2) ? undefined : `k${random.below(4)}`;
          return { text: `${key ?? "free"} ${number}`, key };
        }),
      );
      sent += count;
    }
    await use.fence();
    for (const follower of seen.keys()) note(follower);
    const one = out[random.below(Math.max(1, out.length))];
    idleCount = one === undefined ? idleCount + 1 : 0;
    assert(idleCount < 1000, `${about}: nothing comes any more`);
    if (one === undefined) {
      use.advance(500);
      if (seen.size === 0) open();
      continue;
    }
    const { follower, tag, key, number } = one;
    const what = random.below(20);
    if (what < 12) {
      await follower.ack(tag);
      doneCount++;
      if (key !== "free") {
        assert((done.get(key) ?? 0) < number, `${about}: ${key} ${number} is out of order`);
        done.set(key, number);
      }
    } else if (what < 15) await follower.nack([tag], { delayMs: random.below(3) * 400 });
    else if (what < 18) follower.port.release([{ firstTag: tag, count: 1 }]);
    else if (what < 19) {
      follower.port.close();
      seen.delete(follower);
      out = out.filter((other) => other.follower !== follower);
      open();
    } else if (seen.size < 4) open();
    if (what < 18) out = out.filter((other) => other !== one);
  }
  assertEquals(await use.counts("orders"), [0, 0, seen.size]);
}

/** A follower that takes one message at a time, whatever it holds. */
function holder(use: EngineUse, messages = 100): Following {
  return use.follower("orders", { name: "worker", messages });
}
