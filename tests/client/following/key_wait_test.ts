/**
 * Loops that wait while what was fetched waits for its key.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { connect, type Message } from "@simplemq/simplemq";
import { startBroker, until } from "../../support/broker/broker.ts";
import { Proxy } from "../../support/wire/proxy.ts";
import { PATIENCE_MS } from "../support.ts";

/** A message of a loop, in time. */
async function take(loop: AsyncIterator<Message<string>>): Promise<Message<string>> {
  const { value } = await deadline(loop.next(), PATIENCE_MS);
  return value;
}

Deno.test("a message that goes back holds up its key until the broker has it, and nothing else", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using elsewhere = await broker.connect();
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port, drainMs: 0 });
  await connection.cursor().createStream("orders", { backoffMs: [0] });
  const publisher = elsewhere.publisher<string>("orders");
  const key = (body: string) => body[0]!;
  await publisher.sendMessages(["a1", "a2", "b1", "a3", "b2"], { key });
  const follower = connection.follower<string>("orders", { prefetch: 10 });
  const loop = follower.getMessages();
  const first = await take(loop);
  await until("all are fetched", async () => {
    return (await elsewhere.cursor().getStream("orders")).pending === 5;
  });
  const seen = [first.body];
  const letGo = proxy.keepBack();
  await first.nack({ delayMs: 0 });
  for (const count of [2, 3]) {
    const message = await take(loop);
    seen.push(message.body);
    await message.ack();
    assertEquals(seen.length, count);
  }
  assertEquals(seen, ["a1", "b1", "b2"], "the other key goes on");
  const next = loop.next();
  await until("those behind it went back", async () => {
    const { pending, parked } = await elsewhere.cursor().getStream("orders");
    return pending + parked >= 3;
  });
  await letGo();
  const { value } = await deadline(next, PATIENCE_MS);
  seen.push(value!.body);
  await value!.ack();
  for (let count = 5; count <= 6; count++) {
    const message = await take(loop);
    seen.push(message.body);
    await message.ack();
  }
  assertEquals(seen, ["a1", "b1", "b2", "a1", "a2", "a3"]);
});

Deno.test("a loop does not wait for the key of another one, whatever was fetched", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("orders");
  const publisher = connection.publisher<string>("orders");
  await publisher.sendMessages(Array.from({ length: 2000 }, (_, n) => `a${n}`), { key: "a" });
  const follower = connection.follower<string>("orders");
  const one = follower.getMessages();
  const other = follower.getMessages();
  // Fast at first, so that much is fetched ahead.
  for (let count = 0; count < 1000; count++) await (await take(one)).ack();
  const slow = await take(one);
  const waiting = other.next();
  await until("what was fetched has gone back", async () => {
    return (await connection.cursor().getStream("orders")).pending === 1;
  });
  await publisher.sendMessage("b", { key: "b" });
  const { value } = await deadline(waiting, PATIENCE_MS);
  assertEquals([slow.body, value!.body], ["a1000", "b"]);
  await value!.ack();
  const next = other.next();
  await slow.ack();
  assertEquals((await deadline(next, PATIENCE_MS)).value!.body, "a1001");
});

Deno.test("a loop with autoAck gets messages of a key one after the other, at once", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("orders");
  const sent = Array.from({ length: 300 }, (_, n) => `a${n}`);
  await connection.publisher("orders").sendMessages(sent, { key: "a" });
  const seen: string[] = [];
  for await (
    const { body } of connection.follower<string>("orders").getMessages({ autoAck: true })
  ) {
    seen.push(body);
    if (seen.length === sent.length) break;
  }
  assertEquals(seen, sent);
});

Deno.test("of what waits for a key, the highest priority is next", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("orders");
  const publisher = connection.publisher<string>("orders");
  await publisher.sendMessages(["a1", "a2"], { key: "a" });
  const loop = connection.follower<string>("orders", { prefetch: 2 }).getMessages();
  const first = await take(loop);
  await publisher.sendMessage("a3", { key: "a" });
  await publisher.sendMessage("urgent", { key: "a", priority: 9 });
  const seen = [first.body];
  for (let message = first; seen.length < 4;) {
    await message.ack();
    message = await take(loop);
    seen.push(message.body);
  }
  // What was fetched goes first.
  assertEquals(seen, ["a1", "a2", "urgent", "a3"]);
});

Deno.test("a connection that is lost brings the messages of a key again, in order", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using elsewhere = await broker.connect();
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port, drainMs: 0 });
  await connection.cursor().createStream("orders");
  await elsewhere.publisher("orders").sendMessages(["a1", "a2", "a3", "a4"], { key: "a" });
  const loop = connection.follower<string>("orders", { prefetch: 10 }).getMessages();
  const first = await take(loop);
  await first.ack({ confirm: true });
  const second = await take(loop);
  await until("all are fetched", async () => {
    return (await elsewhere.cursor().getStream("orders")).pending === 3;
  });
  proxy.cut();
  const seen: string[] = [];
  while (seen.length < 3) {
    const message = await take(loop);
    seen.push(`${message.body}×${message.attempts}`);
    await message.ack();
  }
  assertEquals([second.body, seen.map((text) => text.slice(0, 2))], ["a2", ["a2", "a3", "a4"]]);
  assertEquals(seen.slice(1), ["a3×1", "a4×1"]);
});
