import { assert, assertEquals, assertRejects, fail } from "@std/assert";
import { BrokerError } from "@simplemq/simplemq";
import { startBroker } from "../../support/broker/broker.ts";
import { takeOne } from "../support.ts";

Deno.test("a message that is given back comes again, and one that is rejected does not", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("work");
  await connection.publisher("work").sendMessages([1, 2, 3], { headers: { of: "work" } });
  const follower = connection.follower("work", { prefetch: 3 });
  const attempts: [unknown, number][] = [];
  for await (const message of follower.getMessages()) {
    attempts.push([message.body, message.attempts]);
    if (message.attempts === 1) await message.nack({ delayMs: 0, reason: "not now" });
    else if (message.body !== 3) await message.reject("never", { confirm: true });
    else break;
  }
  assertEquals(attempts.slice(3), [[1, 2], [2, 2], [3, 2]]);
  const dead = await cursor.peek("work.dead");
  assertEquals(dead.map(({ body, headers }) => [body, headers.of]), [[1, "work"], [2, "work"]]);
  assertEquals(dead[0]?.deadLetter?.reasons, ["not now", "never"]);
  const letter = await takeOne(connection.follower("work.dead"));
  assertEquals([letter.deadLetter?.id, letter.deadLetter?.cause], [1, "rejected"]);
  assertEquals([letter.dedupId, letter.headers], [undefined, { of: "work" }]);
});

Deno.test("only the first thing done to a message counts", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("work");
  await connection.publisher("work").sendMessages([1, 2]);
  const follower = connection.follower("work");
  const message = await takeOne(follower);
  const { signal } = message;
  await message.nack({ delayMs: 100_000, confirm: true });
  for (
    const again of [
      () => message.ack(),
      () => message.nack(),
      () => message.reject(),
      () => message.extend(1000),
    ]
  ) {
    const error = await assertRejects(again, BrokerError, "given back before");
    assertEquals(error.code, "STALE_DELIVERY");
  }
  await follower.close();
  assert(!signal.aborted, "what was done here is no loss");
});

Deno.test("what is said of a message is checked before anything is sent", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("work");
  await connection.publisher("work").sendMessage(1);
  const follower = connection.follower("work");
  const other = connection.follower("work", { name: "other" });
  const message = await takeOne(follower);
  await assertRejects(
    () => message.nack({ delayMs: -1 }),
    RangeError,
    "Cannot nack a message: delayMs is -1, allowed are whole numbers from 0 to",
  );
  await assertRejects(() => message.extend(0), RangeError, "whole numbers from 1 to");
  // @ts-expect-error: what a program without types may do
  await assertRejects(() => message.extend("long"), TypeError, "a number");
  await assertRejects(() => other.nackMessage(message), TypeError, '"other" has not taken');
  const signal = AbortSignal.abort(new Error("enough"));
  await assertRejects(() => message.ack({ confirm: true, signal }), Error, "enough");
  await message.ack({ confirm: true });
});

Deno.test("no reason makes a nack or a reject fail: it is cut at a character, and told", async () => {
  const thrower = {
    toString: () => fail("nobody can show this"),
    get message() {
      return this;
    },
  };
  const reasons: [reason: unknown, told: string][] = [
    ["x".repeat(256), "x".repeat(256)],
    ["x".repeat(421), "x".repeat(253) + "…"],
    ["ü".repeat(129), "ü".repeat(126) + "…"],
    ["x".repeat(252) + "🦕".repeat(100), "x".repeat(252) + "…"],
    ["🦕".repeat(100), "🦕".repeat(63) + "…"],
    ["half \ud83e", "half \ufffd"],
    ["x".repeat(256) + "\ud83e", "x".repeat(253) + "…"],
    ["nul \0 bell \x07 line \n", "nul \0 bell \x07 line \n"],
    [new Error("the server is gone"), "the server is gone"],
    [new TypeError(), "TypeError"],
    [7, "7"],
    [Symbol("odd"), "Symbol(odd)"],
    [thrower, "a value of type object"],
    [Object.create(null), "a value of type object"],
  ];
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("work");
  await connection.publisher("work").sendMessages(reasons.map((_, index) => index));
  let count = 0;
  for await (const message of connection.follower<number>("work").getMessages()) {
    const reason = reasons[message.body]![0] as string | Error;
    if (message.attempts === 1) await message.nack({ delayMs: 0, reason });
    else {
      await message.reject(reason, { confirm: true });
      if (++count === reasons.length) break;
    }
  }
  for (const { body, deadLetter } of await cursor.peek("work.dead")) {
    const [, told] = reasons[body as number]!;
    assertEquals(deadLetter?.reasons, [told, told]);
  }
  await connection.publisher("work").sendMessage("once more");
  const nothing = await takeOne(connection.follower("work"));
  await nothing.reject("", { confirm: true });
  const [last] = (await cursor.peek("work.dead")).slice(-1);
  assertEquals(last?.deadLetter?.reasons, []);
});
