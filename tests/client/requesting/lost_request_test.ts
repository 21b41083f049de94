import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { connect, ConnectionClosedError } from "@simplemq/simplemq";
import { startBroker, until } from "../../support/broker/broker.ts";
import { assertCodeLater } from "../../support/wire/frames.ts";
import { Proxy } from "../../support/wire/proxy.ts";
import { PATIENCE_MS } from "../support.ts";
import { answer, take } from "./answering.ts";

Deno.test("with confirm, a reply to a requester that is gone is STREAM_NOT_FOUND", async () => {
  await using broker = await startBroker();
  await using responder = await connect({ port: broker.port });
  await responder.cursor().createStream("work");
  const requester = await connect({ port: broker.port });
  const asked = assertRejects(
    () => requester.publisher("work").request("a"),
    ConnectionClosedError,
  );
  const [message] = await take(responder, "work", 1);
  await requester.close({ signal: AbortSignal.abort() });
  await asked;
  await until("the requester is gone", () => broker.connectionCount === 1);
  const tells = await assertCodeLater(
    "STREAM_NOT_FOUND",
    () => message!.reply("too late", { confirm: true }),
  );
  assert(tells.includes("the requester is gone"), tells);
  // Without it nobody is told, and nobody is disturbed.
  await message!.reply("too late");
  await message!.ack({ confirm: true });
});

Deno.test("what waits for a reply fails with its connection, and what is not sent is sent later", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await connection.cursor().createStream("work");
  const publisher = connection.publisher("work");
  const asked = assertRejects(
    () => publisher.request("before"),
    ConnectionClosedError,
    "Cannot tell whether it was answered: the connection was lost",
  );
  await publisher.flush();
  const lost = (async () => {
    for await (const { type } of connection.status()) if (type === "lost") return;
  })();
  proxy.cut();
  await lost;
  await asked;
  const later = [publisher.request("while away"), publisher.request("as well")];
  await using responder = await connect({ port: broker.port });
  const { follower, ended } = answer(responder, "work", ({ body }) => `${body} answered`);
  const replies = await deadline(Promise.all(later), PATIENCE_MS);
  assertEquals(replies.map(({ body }) => body), ["while away answered", "as well answered"]);
  assertEquals((await publisher.request("after")).body, "after answered");
  await follower.close();
  await ended;
});

Deno.test("a request that waits for room is never sent once its connection was lost", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await connection.cursor().createStream("small", { maxMessages: 1 });
  const publisher = connection.publisher("small", { whenFull: "wait" });
  await publisher.sendMessage("first");
  const asked = assertRejects(() => publisher.request("never"), ConnectionClosedError, "was lost");
  // Its answer comes behind the refusal.
  const [{ id: before } = { id: 0 }] = await connection.cursor().getConnections();
  proxy.cut();
  await deadline(asked, PATIENCE_MS);
  const next = publisher.sendMessage("next");
  await using other = await connect({ port: broker.port });
  // What was on its way when the connection was lost has met a full stream.
  await until("the broker has noticed, too", async () => {
    return (await other.cursor().getConnections()).every(({ id }) => id !== before);
  });
  const bodies: unknown[] = [];
  for await (const message of other.follower("small").getMessages()) {
    await message.ack();
    if (bodies.push(message.body) === 2) break;
  }
  assertEquals(bodies, ["first", "next"]);
  await next;
});

Deno.test("however often the connection is cut, every request has one outcome", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using requester = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await using responder = await connect({ port: broker.port });
  await requester.cursor().createStream("work");
  const { follower, ended } = answer(responder, "work");
  let bytes = 0;
  let cuts = 0;
  const cutSometimes = (chunk: Uint8Array) => {
    bytes += chunk.length;
    if (cuts >= 5 || bytes < 30_000) return true;
    bytes = 0;
    cuts++;
    return false;
  };
  proxy.onClientBytes = cutSometimes;
  proxy.onBrokerBytes = cutSometimes;
  const publisher = requester.publisher("work", { maxUnconfirmed: 200 });
  let answered = 0;
  let lostCount = 0;
  const asked = Array.from({ length: 3000 }, async (_, number) => {
    try {
      assertEquals((await publisher.request(number)).body, number);
      answered++;
    } catch (error) {
      assertInstanceOf(error, ConnectionClosedError);
      lostCount++;
    }
  });
  await deadline(Promise.all(asked), PATIENCE_MS * 2);
  assertEquals(answered + lostCount, 3000);
  assert(cuts >= 3 && lostCount > 0, `${cuts} cuts, ${lostCount} lost`);
  assert(answered > 0, "none was answered");
  await follower.close();
  await ended;
});

Deno.test("a reply that was made while the connection was lost is sent when it is back", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using requester = await connect({ port: broker.port });
  await using responder = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await requester.cursor().createStream("work");
  const asked = requester.publisher("work").request("a");
  const [message] = await take(responder, "work", 1);
  const lost = (async () => {
    for await (const { type } of responder.status()) if (type === "lost") return;
  })();
  proxy.cut();
  await lost;
  await assertRejects(() => message!.reply("b", { confirm: true }), ConnectionClosedError, "lost");
  await message!.reply("c");
  assertEquals((await deadline(asked, PATIENCE_MS)).body, "c");
});

// Closing.

Deno.test("close() of publisher and connection wait for replies", async () => {
  await using broker = await startBroker();
  await using responder = await connect({ port: broker.port });
  await responder.cursor().createStream("work");
  const requester = await connect({ port: broker.port });
  const publisher = requester.publisher("work");
  const asked = publisher.request("a");
  const other = requester.publisher("work").request("b");
  const closing = publisher.close();
  const [first, second] = await take(responder, "work", 2);
  first!.reply("A");
  await deadline(closing, PATIENCE_MS);
  const ending = requester.close();
  second!.reply("B");
  await deadline(ending, PATIENCE_MS);
  assertEquals([(await asked).body, (await other).body], ["A", "B"]);
  await Promise.all([first!.ack(), second!.ack()]);
});

Deno.test("close() ends with its signal, whatever waits for a reply", async () => {
  await using broker = await startBroker();
  const connection = await broker.connect();
  await connection.cursor().createStream("work");
  const publisher = connection.publisher("work");
  const asked = assertRejects(() => publisher.request("a"), ConnectionClosedError);
  await publisher.flush();
  const controller = new AbortController();
  const closing = publisher.close({ signal: controller.signal });
  controller.abort(new Error("enough"));
  await assertRejects(() => closing, Error, "enough");
  await connection.close({ signal: controller.signal });
  await asked;
});

Deno.test("a broker that stops fails what waits for a reply", async () => {
  const broker = await startBroker();
  await using connection = await connect({ port: broker.port });
  await connection.cursor().createStream("work");
  const publisher = connection.publisher("work");
  const asked = assertRejects(() => publisher.request("a"), ConnectionClosedError, "was lost");
  await publisher.flush();
  await broker.close();
  await deadline(asked, PATIENCE_MS);
});
