/**
 * What every engine does with batches, also with repeated ones.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { BrokerError, encodeBatch } from "../../../protocol.ts";
import { batchOf, embedBatch } from "../../support/wire/batches.ts";
import { EngineTests } from "../engine_tests.ts";
import { upTo } from "../engine_use.ts";

/** What an engine does with batches. */
export const publishTests: EngineTests = new EngineTests();

publishTests.add("messages of a stream get the ids 1, 2, 3 …, batch by batch", async (use) => {
  await use.create("orders");
  const [one, two] = [use.publisher("orders", "one"), use.publisher("orders", "two")];
  await one.store("a", "b");
  await two.store("c");
  await one.store("d");
  assertEquals(await one.outcomes(), ["orders:1", "orders:4"]);
  assertEquals(await two.outcomes(), ["orders:3"]);
  assertEquals((await use.engine.getStream("orders")).nextId, 5);
});

publishTests.add("batches that are not waited for are stored in their order", async (use) => {
  await use.create("orders");
  const publisher = use.publisher("orders");
  for (let number = 1; number <= 100; number++) publisher.send(`${number}`);
  assertEquals(await publisher.outcomes(), upTo(100).map((id) => `orders:${id}`));
  const follower = use.follower("orders");
  await follower.received(100);
  assertEquals(follower.sink.texts, upTo(100).map(String));
});

publishTests.add(
  "outcomes come in the order of the batches, refused ones among stored ones",
  async (use) => {
    await use.create("a", "later");
    const publisher = use.publisher(/^b/);
    publisher.send("nowhere");
    const creating = use.engine.createStream("b");
    publisher.send("perhaps");
    await creating;
    publisher.send("there");
    const batch = batchOf("wrong");
    const error = new BrokerError("MESSAGE_TOO_LARGE", "too large");
    publisher.port.refuse({ ...batch, sequence: 4, settled: 0, bytes: batch.end }, error);
    publisher.sendAs(5, "last");
    const outcomes = await publisher.sink.waitFor(5);
    assertEquals(outcomes.map(({ sequence }) => sequence), [1, 2, 3, 4, 5]);
    assertEquals(outcomes[0]?.code, "NO_MATCHING_STREAM");
    assertEquals(outcomes[3]?.code, "MESSAGE_TOO_LARGE");
    assertEquals(outcomes[4]?.code, undefined);
  },
);

publishTests.add("direct to no stream is STREAM_NOT_FOUND, and nothing is stored", async (use) => {
  const publisher = use.publisher("orders");
  publisher.send("a");
  assertEquals(await publisher.outcomes(), ["STREAM_NOT_FOUND"]);
  await use.create("orders");
  assertEquals((await use.engine.getStream("orders")).nextId, 1);
  publisher.send("b");
  assertEquals(await publisher.outcomes(), ["STREAM_NOT_FOUND", "orders:1"]);
});

publishTests.add("a pattern that matches no stream is NO_MATCHING_STREAM", async (use) => {
  await use.create("orders");
  const publisher = use.publisher(/^x/);
  publisher.send("a");
  assertEquals(await publisher.outcomes(), ["NO_MATCHING_STREAM"]);
});

publishTests.add(
  "a pattern stores a batch in every stream that matches, and in no other",
  async (use) => {
    await use.create("a1", "a2", "b");
    await use.publisher("a2", "other").store("before");
    const publisher = use.publisher(/^a/);
    await publisher.store("x", "y");
    const [outcome] = publisher.sink.outcomes;
    assertEquals([...outcome!.stored].sort(), ["a1:1", "a2:2"]);
    const counts = (await use.engine.getStreams()).map(({ name, ready }) => [name, ready]);
    assertEquals(counts, [["a1", 2], ["a2", 3], ["b", 0]]);
  },
);

publishTests.add(
  "what was sent comes as it was: bytes, headers, kinds, empty bodies",
  async (use) => {
    await use.create("orders");
    const messages = encodeBatch([
      { kind: 0, headers: {}, body: Uint8Array.from({ length: 256 }, (_, byte) => byte) },
      { kind: 1, headers: { trace: "ä", empty: "" }, body: new TextEncoder().encode("text") },
      { kind: 2, headers: {}, body: new TextEncoder().encode("null") },
      { kind: 0, headers: {}, body: new Uint8Array() },
    ]);
    const batch = embedBatch(messages, 5);
    const expected = batch.buffer.slice(batch.start, batch.end);
    const follower = use.follower("orders");
    const pieces: Uint8Array[] = [];
    const deliver = follower.sink.deliver.bind(follower.sink);
    follower.sink.deliver = (delivery) => {
      pieces.push(delivery.batch.buffer.slice(delivery.batch.start, delivery.batch.end));
      deliver(delivery);
    };
    const publisher = use.publisher("orders");
    publisher.port.publish({ ...batch, sequence: 1, settled: 0, bytes: batch.end - batch.start });
    batch.buffer.fill(0);
    await follower.received(4);
    assertEquals(pieces.flatMap((piece) => [...piece]), [...expected]);
  },
);

publishTests.add("the largest batch, and a message of a mebibyte, come whole", async (use) => {
  await use.create("orders");
  const publisher = use.publisher("orders");
  await publisher.store(...upTo(4096).map(String));
  await publisher.store(1024 * 1024);
  const follower = use.follower("orders", { messages: 5000 });
  const messages = await follower.sink.waitFor(4097);
  assertEquals(messages.map(({ id }) => id), upTo(4097));
  assertEquals(messages[4095]?.text, "4096");
  assertEquals(messages[4096]?.text.length, 1024 * 1024);
});

/** What an engine does with batches that it has seen before. */
export const repetitionTests: EngineTests = new EngineTests();

repetitionTests.add(
  "a repeated batch is confirmed as a duplicate, and stored once",
  async (use) => {
    await use.create("a1", "a2");
    const publisher = use.publisher(/^a/);
    publisher.sendAs(1, "x", "y");
    publisher.sendAs(1, "x", "y");
    publisher.sendAs(3, "z");
    publisher.sendAs(1, "x", "y");
    const outcomes = await publisher.outcomes();
    assertEquals(outcomes.map((outcome) => outcome.split(" ")[1]), [
      undefined,
      "again",
      undefined,
      "again",
    ]);
    assertEquals(outcomes[1], `${outcomes[0]} again`);
    assertEquals(await use.counts("a1"), [3, 0, 0]);
  },
);

repetitionTests.add(
  "a repeated batch is known when its publisher comes back over another connection",
  async (use) => {
    await use.create("orders");
    const first = use.publisher("orders", "me");
    await first.store("a", "b");
    first.port.lose();
    const second = use.publisher("orders", "me");
    second.send("a", "b");
    second.send("c");
    assertEquals(await second.outcomes(), ["orders:1 again", "orders:3"]);
  },
);

repetitionTests.add(
  "who was away for too long is told so, and nothing of it is stored twice",
  async (use) => {
    await use.create("orders");
    const first = use.publisher("orders", "me");
    await first.store("a", "b");
    first.port.lose();
    use.advance(10 * 60_000);
    await use.fence();
    const sent = { sentUntil: 3, sentMs: 10 * 60_000 + 5 };
    const second = use.publisher("orders", "me", sent);
    for (const text of ["a", "b", "c", "new"]) second.send(text);
    const forgotten = "PUBLISHER_FORGOTTEN";
    assertEquals(await second.outcomes(), [forgotten, forgotten, forgotten, "orders:3"]);
    // What was sent for the first time a short while ago was not forgotten: it never came.
    const other = use.publisher("orders", "other", { sentUntil: 3, sentMs: 1000 });
    other.send("d");
    assertEquals(await other.outcomes(), ["orders:4"]);
  },
);

repetitionTests.add(
  "a batch repeated over another connection before its outcome is known is stored once",
  async (use) => {
    await use.create("orders");
    const [first, second] = [use.publisher("orders", "me"), use.publisher("orders", "me")];
    first.send("a");
    second.send("a");
    first.port.lose();
    second.send("b");
    assertEquals(await second.outcomes(), ["orders:1 again", "orders:2"]);
    assertEquals(await use.counts("orders"), [2, 0, 0]);
  },
);

repetitionTests.add(
  "a repeated batch that was refused is refused again, also when it could be stored",
  async (use) => {
    const publisher = use.publisher("orders");
    publisher.sendAs(1, "a");
    await publisher.outcomes();
    await use.create("orders");
    publisher.sendAs(1, "a");
    assertEquals(await publisher.outcomes(), ["STREAM_NOT_FOUND", "STREAM_NOT_FOUND"]);
  },
);

repetitionTests.add(
  "who was only refused is judged anew after its connection is lost, in order and once",
  async (use) => {
    const first = use.publisher("orders", "me");
    first.send("a");
    first.send("b", "c");
    first.send("d");
    assertEquals(await first.outcomes(), new Array(3).fill("STREAM_NOT_FOUND"));
    first.port.lose();
    await use.create("orders");
    const second = use.publisher("orders", "me");
    // It has heard of the first batch only.
    second.settled = 2;
    second.sendAs(2, "b", "c");
    second.sendAs(4, "d");
    second.sendAs(2, "b", "c");
    assertEquals(await second.outcomes(), ["orders:1", "orders:3", "orders:1 again"]);
    assertEquals(await use.counts("orders"), [3, 0, 0]);
  },
);

repetitionTests.add(
  "publishers are told apart by identity, and one that has ended is forgotten",
  async (use) => {
    await use.create("orders");
    for (const identity of ["one", "two", "two"]) {
      const publisher = use.publisher("orders", identity);
      await publisher.store("a");
      assertEquals(publisher.sink.outcomes[0]?.isDuplicate, false);
      publisher.port.close();
    }
    assertEquals(await use.counts("orders"), [3, 0, 0]);
  },
);
