import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { deadline } from "@std/async/deadline";
import type { Message } from "@simplemq/simplemq";
import { BrokerError, connect, type Follower } from "@simplemq/simplemq";
import { startBroker, until } from "../../support/broker/broker.ts";
import { Proxy } from "../../support/wire/proxy.ts";
import { connectTo, PATIENCE_MS, takeOne } from "../support.ts";

Deno.test("leaving a loop gives the message in hand back, and its attempt counts", async (t) => {
  const leave: [how: string, left: [unknown, number], loop: (follower: Follower) => unknown][] = [
    ["break", [0, 2], async (follower) => {
      for await (const _message of follower.getMessages()) break;
    }],
    ["throw", [0, 2], (follower) =>
      assertRejects(
        async () => {
          for await (const _message of follower.getMessages()) throw new Error("poison");
        },
        Error,
        "poison",
      )],
    ["return() of the iterator", [0, 2], async (follower) => {
      const iterator = follower.getMessages();
      await iterator.next();
      await iterator.return!();
    }],
    ["break after release()", [0, 1], async (follower) => {
      for await (const message of follower.getMessages()) {
        await message.release();
        break;
      }
    }],
    ["break after ack()", [1, 1], async (follower) => {
      for await (const message of follower.getMessages()) {
        await message.ack();
        break;
      }
    }],
    ["break with autoAck", [1, 1], async (follower) => {
      for await (const _message of follower.getMessages({ autoAck: true })) break;
    }],
  ];
  for (const [how, left, loop] of leave) {
    await t.step(how, async () => {
      await using broker = await startBroker();
      await using connection = await connectTo(broker, "left");
      await connection.publisher("left").sendMessages([0, 1, 2, 3]);
      const leaver = connection.follower("left", { name: "leaver", prefetch: 3 });
      await loop(leaver);
      const rest: [unknown, number][] = [];
      // The follower is open: what it has left goes to others all the same.
      for await (const message of connection.follower("left").getMessages()) {
        await message.ack({ confirm: true });
        rest.push([message.body, message.attempts]);
        if (message.body === 3) break;
      }
      assertEquals(rest[0], left);
      assertEquals(rest.slice(1).every(([, attempts]) => attempts === 1), true);
      assertEquals((await connection.cursor().getPel("leaver")).length, 0);
    });
  }
});

Deno.test("return() ends an iterator for good, whatever it waits for", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "over");
  const iterator = connection.follower("over").getMessages();
  const waiting = [iterator.next(), iterator.next()];
  const over = { done: true as const, value: undefined };
  assertEquals(await iterator.return!(), over);
  assertEquals(await Promise.all(waiting), [over, over]);
  await connection.publisher("over").sendMessage(1);
  assertEquals(await iterator.next(), over);
  assertEquals(await iterator.return!(), over);
  assertEquals((await connection.cursor().getStream("over")).ready, 1);
});

Deno.test("what a loop has passed on before stays, whether it is left or ended by a signal", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "passed");
  await connection.publisher("passed").sendMessages([1, 2]);
  const follower = connection.follower("passed", { name: "passer" });
  const taken: Message[] = [];
  for await (const message of follower.getMessages()) if (taken.push(message) === 2) break;
  const [first, last] = taken;
  assertEquals([first!.signal.aborted, last!.signal.aborted], [false, true]);
  assertStringIncludes(last!.signal.reason.message, "its loop was left");
  await assertRejects(() => last!.ack(), BrokerError, "it was given back before");
  await first!.ack({ confirm: true });

  const controller = new AbortController();
  await assertRejects(
    async () => {
      for await (const message of follower.getMessages({ signal: controller.signal })) {
        taken.push(message);
        controller.abort(new Error("enough"));
      }
    },
    Error,
    "enough",
  );
  assertEquals([taken[2]!.body, taken[2]!.attempts, taken[2]!.signal.aborted], [2, 2, false]);
  await taken[2]!.ack({ confirm: true });
  assertEquals((await connection.cursor().getStream("passed")).pending, 0);
});

Deno.test("a signal ends the loop, and takes no message with it", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "signal");
  const follower = connection.follower("signal");
  const controller = new AbortController();
  const waiting = follower.getMessages({ signal: controller.signal }).next();
  controller.abort(new Error("enough"));
  await assertRejects(() => waiting, Error, "enough");
  await assertRejects(
    () => follower.getMessages({ signal: controller.signal }).next(),
    Error,
    "enough",
  );
  await connection.publisher("signal").sendMessage("for the next");
  const message = await takeOne(follower);
  assertEquals([message.body, message.attempts], ["for the next", 1]);
});

Deno.test("a signal that is aborted while a message is handled gives back what was fetched", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "aborted");
  await connection.publisher("aborted").sendMessages(
    Array.from({ length: 10 }, (_, index) => index),
  );
  const follower = connection.follower("aborted", { name: "aborter", prefetch: 10 });
  const controller = new AbortController();
  const iterator = follower.getMessages({ signal: controller.signal });
  await iterator.next();
  controller.abort(new Error("enough"));
  await assertRejects(() => iterator.next(), Error, "enough");
  assertEquals((await connection.cursor().getPel("aborter")).length, 1);
});

Deno.test("a loop that ends does not stop another one of the same follower", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "two");
  const follower = connection.follower("two");
  const one = follower.getMessages();
  const other = follower.getMessages();
  const first = one.next();
  const second = other.next();
  const publisher = connection.publisher("two");
  await publisher.sendMessage(1);
  await (await deadline(first, PATIENCE_MS)).value!.ack();
  await one.return!();
  await publisher.sendMessage(2);
  assertEquals((await deadline(second, PATIENCE_MS)).value?.body, 2);
});

Deno.test("what is on its way when fetched messages are given back does not overtake them", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using direct = await connect({ port: broker.port });
  const cursor = direct.cursor();
  await cursor.createStream("steps");
  await direct.publisher("steps").sendMessages(Array.from({ length: 30 }, (_, index) => index + 1));
  const untilReady = (count: number) =>
    until(`${count} are ready`, async () => (await cursor.getStream("steps")).ready === count);

  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await using follower = connection.follower<number>("steps", { prefetch: 10 });
  const messages = follower.getMessages();
  const seen: number[] = [];
  const take = async (loop: typeof messages) => {
    const { value } = await deadline(loop.next(), PATIENCE_MS);
    seen.push(value!.body);
    await value!.ack();
  };
  await take(messages);
  await untilReady(19);
  const letGo = proxy.keepBack();
  for (let count = 0; count < 3; count++) await take(messages);
  // Three more are on their way, when those that are here go back.
  await untilReady(16);
  await messages.return!();
  await untilReady(23);
  const others = follower.getMessages();
  const next = take(others);
  await letGo();
  await next;
  for (let count = 0; count < 10; count++) await take(others);
  assertEquals(seen, Array.from({ length: 15 }, (_, index) => index + 1));
});
