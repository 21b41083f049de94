import { assertEquals, assertRejects } from "@std/assert";
import { BrokerError, connect } from "@simplemq/simplemq";
import { startBroker } from "../../support/broker/broker.ts";
import { PlayedBroker } from "../../support/wire/played_broker.ts";
import { takeOne } from "../support.ts";

Deno.test("a postponed message comes again without having used up an attempt", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("work", { maxDeliveries: 1 });
  await connection.publisher("work").sendMessages([1, 2, 3], { key: "k" });
  const seen: [unknown, number][] = [];
  for await (const message of connection.follower<number>("work").getMessages()) {
    seen.push([message.body, message.attempts]);
    if (seen.length < 4) await message.postpone(seen.length - 1, { reason: "429" });
    else await message.ack();
    if (message.body === 3) break;
  }
  assertEquals(seen, [[1, 1], [1, 1], [1, 1], [1, 1], [2, 1], [3, 1]]);
  assertEquals((await cursor.getStream("work")).totals.returned.postponed, 3);
});

Deno.test("a postponed message is told of in lists and when it is looked at", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("work");
  await connection.publisher("work").sendMessages([1, 2]);
  const follower = connection.follower("work", { name: "me", prefetch: 1 });
  const message = await takeOne(follower);
  await follower.postponeMessage(message, 3_600_000, { reason: new Error("busy"), confirm: true });
  const error = await assertRejects(() => message.ack(), BrokerError, "given back before");
  assertEquals(error.code, "STALE_DELIVERY");
  const [one, two] = await cursor.peek("work");
  assertEquals([one?.state, one?.attempts, one?.postponed], ["delayed", 0, 1]);
  assertEquals(two?.postponed, undefined);
});

Deno.test("a failure may name a fault, and only one", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("work");
  await connection.publisher("work").sendMessage(1);
  const message = await takeOne(connection.follower("work"));
  // deno-lint-ignore no-explicit-any
  const nack = (fault: any) => () => message.nack({ fault });
  await assertRejects(nack("mine"), RangeError, 'fault is "downstream" or left out, found "mine"');
  await assertRejects(nack(true), TypeError, "found boolean");
  await message.nack({ fault: "downstream", delayMs: 0, confirm: true });
});

Deno.test("what is said of a postponement is checked before anything is sent", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("work");
  await connection.publisher("work").sendMessage(1);
  const message = await takeOne(connection.follower("work"));
  // deno-lint-ignore no-explicit-any
  const postpone = (...args: any[]) => () => (message.postpone as any)(...args);
  await assertRejects(postpone(-1), RangeError, "Cannot postpone a message: ms is -1");
  await assertRejects(postpone(0.5), RangeError, "ms is 0.5");
  await assertRejects(postpone(NaN), RangeError, "ms is NaN");
  await assertRejects(postpone(), TypeError, "ms must be a number, found undefined");
  await assertRejects(postpone("1"), TypeError, "ms must be a number, found string");
  await assertRejects(postpone(3_155_760_000_001), RangeError, "whole numbers from 0 to");
  await assertRejects(postpone(1, null), TypeError, "options must be an object, found null");
  await assertRejects(postpone(1, { lanes: 1 }), TypeError, "is lane meant?");
  await assertRejects(postpone(10, { lane: 9 }), RangeError, "lane is 9");
  await assertRejects(postpone(10, { lane: true }), TypeError, "lane must be a number");
  await message.postpone(0, { lane: 0, confirm: true });
});

Deno.test("a broker of an earlier version gives a postponed message back as late", async () => {
  await using broker = await startBroker();
  // This one says that it knows no capabilities.
  await using old = new PlayedBroker(broker.port);
  await using connection = await connect({ port: old.port, drainMs: 0 });
  await connection.cursor().createStream("work");
  await connection.publisher("work").sendMessage(1);
  const first = await takeOne(connection.follower("work"));
  await first.postpone(1, { reason: "429", confirm: true });
  const second = await takeOne(connection.follower("work"));
  assertEquals(second.attempts, 2);
  await second.nack({ delayMs: 1, fault: "downstream", confirm: true });
  assertEquals((await takeOne(connection.follower("work"))).attempts, 3);
  await connection.close({ drainMs: 0 });
});
