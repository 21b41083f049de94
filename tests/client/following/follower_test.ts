import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { deadline } from "@std/async/deadline";
import type { Message } from "@simplemq/simplemq";
import { BrokerError, ConnectionClosedError } from "@simplemq/simplemq";
import { startBroker } from "../../support/broker/broker.ts";
import { connectTo, PATIENCE_MS, takeOne } from "../support.ts";

Deno.test("a message that is taken is pending, and gone when it is acknowledged", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "hello_queue");
  const cursor = connection.cursor();
  await connection.publisher("hello_queue").sendMessage("hello world");
  const follower = connection.follower("hello_queue", { name: "worker-1" });
  const message = await takeOne(follower);
  assertEquals(message.body, "hello world");
  assertEquals([message.stream, message.id, message.attempts], ["hello_queue", 1, 1]);

  const before = await cursor.getStream("hello_queue");
  assertEquals([before.ready, before.pending, before.followers], [0, 1, 1]);
  const [entry] = await cursor.getPel("worker-1");
  assertEquals([entry?.stream, entry?.id, entry?.attempts], ["hello_queue", 1, 1]);
  assert(Math.abs(entry!.deliveredAt - Date.now()) < 60_000);
  assertEquals((await cursor.getPels()).map(({ follower }) => follower), ["worker-1"]);

  await follower.ackMessage(message, { confirm: true });
  const after = await cursor.getStream("hello_queue");
  assertEquals([after.ready, after.pending, after.bytes, after.nextId], [0, 0, 0, 2]);
  assertEquals(await cursor.getPel("worker-1"), []);
});

Deno.test("a follower may come before the message, and before the stream", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const direct = takeOne(connection.follower("later"));
  await connection.cursor().createStream("later");
  await connection.publisher("later").sendMessage("here");
  assertEquals((await direct).body, "here");

  const regex = takeOne(connection.follower(/.+_world/));
  await connection.cursor().createStream("new_world");
  await connection.publisher("new_world").sendMessage("there");
  assertEquals((await regex).stream, "new_world");
});

Deno.test("autoAck acknowledges before the loop sees the message", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "auto");
  await connection.publisher("auto").sendMessages(["one", "two"]);
  const follower = connection.follower("auto");
  const message = await takeOne(follower, { autoAck: true });
  assertEquals(message.body, "one");
  const { pending, ready } = await connection.cursor().getStream("auto");
  assertEquals(pending + ready, 1);
  // There is nothing left to do, or to decide.
  await message.ack();
  for (
    const decide of [
      () => message.ack({ confirm: true }),
      () => message.nack(),
      () => message.reject(),
      () => message.release(),
      () => message.extend(1000),
    ]
  ) {
    await assertRejects(decide, TypeError, "its loop has autoAck");
  }
  assert(!message.signal.aborted);
});

Deno.test("followers of one stream compete", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "shared");
  const count = 1000;
  const seen: unknown[] = [];
  const followers = Array.from({ length: 4 }, () => connection.follower("shared"));
  const { promise: isAll, resolve } = Promise.withResolvers<void>();
  const loops = followers.map(async (follower) => {
    for await (const message of follower.getMessages()) {
      await message.ack();
      if (seen.push(message.body) === count) resolve();
    }
  });
  const publisher = connection.publisher("shared");
  await publisher.sendMessages(Array.from({ length: count }, (_, index) => index));
  await deadline(isAll, PATIENCE_MS);
  for (const follower of followers) await follower.close();
  await Promise.all(loops);
  assertEquals(new Set(seen).size, count);
});

Deno.test("worker: a slow follower holds one message, a quick one gets all others", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "hello_queue");
  const slow = connection.follower("hello_queue", { name: "slow" });
  const quick = connection.follower("hello_queue", { name: "quick" });
  // The slow one is quick at first, and so it has fetched ahead when it becomes slow.
  const publisher = connection.publisher("hello_queue");
  const count = 5000;
  await publisher.sendMessages(Array.from({ length: count }, (_, index) => index));
  const { promise: release, resolve: finish } = Promise.withResolvers<void>();
  const { promise: isStuck, resolve: stuck } = Promise.withResolvers<unknown>();
  const slowSeen: unknown[] = [];
  const slowLoop = (async () => {
    for await (const message of slow.getMessages()) {
      if (slowSeen.push(message.body) === 500) {
        stuck(message.body);
        await release;
      }
      await message.ack();
    }
  })();
  const held = await deadline(isStuck, PATIENCE_MS);
  const quickSeen: unknown[] = [];
  for await (const message of quick.getMessages()) {
    await message.ack();
    quickSeen.push(message.body);
    assertEquals(message.attempts, 1, "what was only fetched ahead is no attempt");
    if (quickSeen.length + slowSeen.length === count) break;
  }
  const pel = await connection.cursor().getPel("slow");
  assertEquals(pel.map(({ id }) => id - 1), [held]);
  finish();
  await slow.close({ drainMs: PATIENCE_MS });
  await slowLoop;
  assertEquals(new Set([...slowSeen, ...quickSeen]).size, count);
});

Deno.test("a handler may hold as many messages as it asks for", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "many");
  await connection.publisher("many").sendMessages(Array.from({ length: 50 }, (_, index) => index));
  const iterator = connection.follower("many", { name: "pool" }).getMessages();
  const messages: Message[] = [];
  for (let index = 0; index < 50; index++) {
    const { value } = await deadline(iterator.next(), PATIENCE_MS);
    assert(value !== undefined);
    messages.push(value);
  }
  assertEquals((await connection.cursor().getPel("pool")).length, 50);
  for (const message of messages.reverse()) await message.ack();
  await connection.cursor().getStreams();
  assertEquals((await connection.cursor().getPel("pool")).length, 0);
});

Deno.test("a fixed prefetch is fetched, and no more", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "fixed");
  await connection.publisher("fixed").sendMessages(Array.from({ length: 50 }, (_, index) => index));
  const follower = connection.follower("fixed", { name: "ten", prefetch: 10 });
  await takeOne(follower);
  assertEquals((await connection.cursor().getPel("ten")).length, 10);
});

Deno.test("a message shows what it is, and a method without its message says so", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "shown");
  const publisher = connection.publisher("shown");
  await publisher.sendMessage({ sum: 7 }, { key: "ann", headers: { by: "me" } });
  await publisher.sendMessage(new Uint8Array([1, 2, 3]));
  const iterator = connection.follower("shown").getMessages();
  const { value: first } = await iterator.next();
  assertEquals(JSON.parse(JSON.stringify(first)), {
    stream: "shown",
    id: 1,
    attempts: 1,
    storedAt: first!.storedAt,
    key: "ann",
    priority: 4,
    headers: { by: "me" },
    body: { sum: 7 },
  });
  const { ack, reply, signal } = first!;
  assert(!signal.aborted);
  // deno-lint-ignore no-explicit-any
  assertThrows(() => (ack as any)(), TypeError, "write message.ack()");
  // deno-lint-ignore no-explicit-any
  assertThrows(() => (reply as any)("yes"), TypeError, "without its message");
  await first!.ack();
  const { value: second } = await iterator.next();
  const { body, priority } = JSON.parse(JSON.stringify(second));
  assertEquals([body, priority], [{ base64: "AQID" }, 4]);
});

Deno.test("a follower's messages come back when it is closed, in their old place", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "back");
  await connection.publisher("back").sendMessages([1, 2, 3, 4]);
  const first = connection.follower("back", { prefetch: 3 });
  const iterator = first.getMessages();
  await iterator.next();
  await iterator.next();
  await first.close();
  assertEquals(await iterator.next(), { done: true, value: undefined });
  const attempts: [unknown, number][] = [];
  for await (const message of connection.follower("back").getMessages()) {
    await message.ack();
    if (attempts.push([message.body, message.attempts]) === 4) break;
  }
  assertEquals(attempts, [[1, 2], [2, 2], [3, 1], [4, 1]]);
});

Deno.test("bad acknowledgements are told, and disturb nothing", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "acks");
  await connection.publisher("acks").sendMessages(["one", "two"]);
  const follower = connection.follower("acks");
  const other = connection.follower("acks", { name: "other" });
  const message = await takeOne(follower);
  await assertRejects(() => other.ackMessage(message), TypeError, 'follower "other" has not taken');
  await message.ack();
  const twice = await assertRejects(() => message.ack(), BrokerError);
  assertEquals(twice.code, "STALE_DELIVERY");
  const held = await takeOne(follower);
  await follower.close();
  const late = await assertRejects(() => held.ack({ confirm: true }), BrokerError);
  assertEquals(late.code, "STALE_DELIVERY");
  const again = await takeOne(other);
  assertEquals([again.body, again.attempts], ["two", 2]);
  await again.ack({ confirm: true });
});

Deno.test("acknowledging what a deleted stream held is stale", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "deleted");
  await connection.publisher("deleted").sendMessages(["one", "two"]);
  const follower = connection.follower("deleted", { name: "holder" });
  const message = await takeOne(follower);
  await connection.cursor().deleteStream("deleted");
  const error = await assertRejects(() => message.ack({ confirm: true }), BrokerError);
  assertEquals(error.code, "STALE_DELIVERY");
  assertEquals(await connection.cursor().getPel("holder"), []);
  await connection.cursor().createStream("deleted");
  const next = takeOne(follower);
  await connection.publisher("deleted").sendMessage("new");
  assertEquals((await next).id, 1);
});

Deno.test("a pattern that the broker cannot match ends the loop with an error", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const follower = connection.follower(/(?<=a)b/);
  const error = await assertRejects(() => follower.getMessages().next(), BrokerError);
  assertEquals(error.code, "BAD_PATTERN");
  await follower.close();
});

Deno.test("options of a follower are checked before anything is sent", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  for (const prefetch of [0, -1, 1.5, 4097, NaN]) {
    assertThrows(() => connection.follower("a", { prefetch }), RangeError, "1 to 4096");
  }
  // @ts-expect-error: what a program without types may do
  assertThrows(() => connection.follower("a", { prefetch: "many" }), TypeError, '"auto"');
  assertThrows(() => connection.follower("a", { name: "" }), RangeError, "1 to 128");
});

Deno.test("two followers of one name show their messages under that name", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "named");
  await using elsewhere = await broker.connect();
  await connection.publisher("named").sendMessages([1, 2]);
  const one = connection.follower("named", { name: "twin" });
  const two = elsewhere.follower("named", { name: "twin" });
  await takeOne(one);
  await takeOne(two);
  const entries = await connection.cursor().getPel("twin");
  assertEquals(entries.map(({ id }) => id).sort(), [1, 2]);
  const error = await assertRejects(() => connection.cursor().getPel("nobody"), BrokerError);
  assertEquals(error.code, "FOLLOWER_NOT_FOUND");
});

Deno.test("a regex follower is served by its streams in turn", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const names = ["a_world", "b_world", "c_world"];
  for (const name of names) {
    await connection.cursor().createStream(name);
    await connection.publisher(name).sendMessages(Array.from({ length: 1000 }, () => name));
  }
  const seen: string[] = [];
  for await (const message of connection.follower(/_world$/, { prefetch: 10 }).getMessages()) {
    await message.ack();
    if (seen.push(message.stream) === 300) break;
  }
  for (const name of names) {
    const share = seen.filter((stream) => stream === name).length;
    assert(share >= 50, `${name} had ${share} of 300`);
  }
});

Deno.test("closing the connection ends loops quietly and refuses what comes after", async () => {
  await using broker = await startBroker();
  const connection = await connectTo(broker, "end");
  const follower = connection.follower("end");
  const waiting = follower.getMessages().next();
  await connection.close();
  assertEquals(await waiting, { done: true, value: undefined });
  assertEquals((await connection.closed).error, undefined);
  assertThrows(() => connection.follower("end"), ConnectionClosedError);
  assertThrows(() => connection.publisher("end"), ConnectionClosedError);
  await assertRejects(() => connection.cursor().getStreams(), ConnectionClosedError);
  await connection.close();
});
