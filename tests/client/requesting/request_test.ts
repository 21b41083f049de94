/**
 * Requests and replies, from one client to another.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { deadline } from "@std/async/deadline";
import {
  BrokerError,
  connect,
  type Connection,
  ConnectionClosedError,
  type ErrorCode,
  type Follower,
  type Message,
  type MessageBody,
  type RequestOptions,
} from "@simplemq/simplemq";
import { VirtualClock } from "@simplemq/simplemq/server";
import { startBroker, turn, until } from "../../support/broker/broker.ts";
import { FrameDecoder } from "../../../protocol.ts";
import { describeFrameType } from "../../../src/protocol/frames/frame_type.ts";
import { assertCodeLater, push } from "../../support/wire/frames.ts";
import { Proxy } from "../../support/wire/proxy.ts";
import { DeadlineTimer } from "../../../src/client/member/deadline_timer.ts";
import { systemClock } from "../../../src/transport/clock.ts";
import { includesText, standStill } from "../support.ts";

/** Long enough for a slow machine; a test that waits so long has failed. */
const PATIENCE_MS = 20_000;

/** Does something with every message that a follower takes; resolves when it is closed. */
async function handle(
  follower: Follower,
  work: (message: Message) => Promise<void> | void,
): Promise<void> {
  for await (const message of follower.getMessages()) await work(message);
}

/** Replies to every message with what is made of its body, and acknowledges it. */
function answer(
  connection: Connection,
  stream: string | RegExp,
  make: (message: Message) => unknown = ({ body }) => body,
): { follower: Follower; ended: Promise<void> } {
  const follower = connection.follower(stream);
  const ended = handle(follower, async (message) => {
    message.reply(make(message) as MessageBody);
    await message.ack();
  });
  return { follower, ended };
}

/** Takes so many messages. */
async function take(connection: Connection, stream: string, count: number): Promise<Message[]> {
  const taken: Message[] = [];
  const messages = connection.follower(stream, { prefetch: count }).getMessages();
  while (taken.length < count) taken.push((await messages.next()).value!);
  return taken;
}

// What is wrong is refused before anything is sent.

Deno.test("request(): options and bodies that are not allowed are refused, and nothing is sent", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("work");
  const publisher = connection.publisher("work");
  for (const timeoutMs of [0, -1, 1.5, NaN, Infinity, 2 ** 31]) {
    await assertRejects(() => publisher.request("a", { timeoutMs }), RangeError, "1 to 2147483647");
  }
  for (const ttlMs of [0, -1, 0.5]) {
    await assertRejects(() => publisher.request("a", { ttlMs }), RangeError, "ttlMs is");
  }
  const wrong: readonly object[] = [
    { timeoutMs: "5" },
    { ttlMs: "5" },
    { delayMs: 5 },
    { deliverAt: 5 },
    { dedupId: "once" },
    { headers: new Map() },
    { headers: { number: 5 } },
  ];
  for (const options of wrong) {
    await assertRejects(() => publisher.request("a", options as RequestOptions), TypeError);
  }
  for (const body of [undefined, 5n, () => {}, new Map()]) {
    await assertRejects(() => publisher.request(body as unknown as MessageBody), TypeError);
  }
  await assertRejects(() => publisher.request(new Uint8Array(2 ** 20 + 1)), RangeError, "limit is");
  const signal = AbortSignal.abort(new Error("enough"));
  await assertRejects(() => publisher.request("a", { signal }), Error, "enough");
  assertEquals((await connection.cursor().getStream("work")).nextId, 1);
});

Deno.test("request(): on what is closed is refused", async () => {
  await using broker = await startBroker();
  const connection = await broker.connect();
  const publisher = connection.publisher("work");
  await publisher.close();
  await assertRejects(() => publisher.request("a"), ConnectionClosedError, "publisher is closed");
  const other = connection.publisher("work");
  await connection.close();
  await assertRejects(() => other.request("a"), ConnectionClosedError, "is closed");
});

Deno.test("reply(): what is wrong is refused, and what is no request has no reply", async () => {
  await using broker = await startBroker();
  const connection = await broker.connect();
  await connection.cursor().createStream("orders");
  const publisher = connection.publisher("orders");
  await publisher.sendMessage("no request");
  const asked = assertRejects(() => publisher.request("request"), ConnectionClosedError);
  const [plain, request] = await take(connection, "orders", 2) as [Message, Message];
  assertEquals([plain.isRequest, request.isRequest], [false, true]);
  const tells = `Cannot reply to message 1 of "orders": it is not a request`;
  await assertRejects(() => plain.reply("a"), TypeError, tells);
  for (const body of [undefined, 5n, new Map()]) {
    await assertRejects(() => request.reply(body as unknown as MessageBody), TypeError);
  }
  await assertRejects(() => request.reply(new Uint8Array(2 ** 20 + 1)), RangeError, "limit is");
  const headers = { long: "x".repeat(5000) };
  await assertRejects(() => request.reply("a", { headers }), RangeError, "headers are");
  const signal = AbortSignal.abort(new Error("enough"));
  await assertRejects(() => request.reply("a", { signal }), Error, "enough");
  await connection.close({ signal });
  await asked;
  await assertRejects(() => request.reply("a", { confirm: true }), ConnectionClosedError, "closed");
  // Nobody waits for that, so nobody is told.
  await request.reply("a");
});

const refusals: readonly (readonly [bind: string | RegExp, code: ErrorCode])[] = [
  ["nowhere", "STREAM_NOT_FOUND"],
  [/^nowhere$/, "NO_MATCHING_STREAM"],
  [/(?=a)/, "BAD_PATTERN"],
];

for (const [bind, code] of refusals) {
  Deno.test(`request(): ${code} rejects it, and flush() does not tell it again`, async () => {
    await using broker = await startBroker();
    await using connection = await broker.connect();
    const publisher = connection.publisher(bind);
    const asked = publisher.request("a");
    const failed = assertCodeLater(code, () => asked);
    if (code !== "BAD_PATTERN") await publisher.flush();
    await failed;
  });
}

Deno.test("request(): a full stream rejects it", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("small", { maxMessages: 1 });
  const publisher = connection.publisher("small");
  await publisher.sendMessage("first");
  await assertCodeLater("STREAM_FULL", () => publisher.request("second"));
});

// What is right comes back.

Deno.test("strings, bytes, JSON, headers, and a large body go there and come back", async () => {
  await using broker = await startBroker();
  await using requester = await connect({ port: broker.port });
  await using responder = await connect({ port: broker.port });
  await requester.cursor().createStream("echo");
  const follower = responder.follower("echo");
  const ended = handle(follower, async (message) => {
    const { headers } = message;
    await message.reply(message.body as MessageBody, { headers: { ...headers, by: "echo" } });
    await message.ack();
  });
  const publisher = requester.publisher("echo");
  const bodies = [
    "",
    "text \u{1f600}",
    0,
    null,
    false,
    { list: [1, "2", null] },
    new Uint8Array(),
    new Uint8Array([0, 1, 255]),
    new Uint8Array(2 ** 20).fill(7),
    "x".repeat(300_000),
  ];
  for (const body of bodies) {
    const reply = await publisher.request(body, { headers: { trace: "ä" }, priority: 9, key: "k" });
    assertEquals(reply.body, body);
    assertEquals(reply.headers, { trace: "ä", by: "echo" });
  }
  const replies = await Promise.all(bodies.map((body) => publisher.request(body)));
  assertEquals(replies.map(({ body }) => body), bodies);
  assertEquals(replies[1]?.bytes, new TextEncoder().encode("text \u{1f600}"));
  assertEquals(Deno.inspect(replies[4]), `Reply { headers: { by: "echo" }, body: false }`);
  assertEquals((await requester.cursor().getStreams()).map(({ name }) => name), ["echo"]);
  await follower.close();
  await ended;
});

Deno.test("bytes are copied before request() and reply() return", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("echo");
  const publisher = connection.publisher("echo", { maxUnconfirmed: 1 });
  const body = new Uint8Array([1, 2, 3]);
  const asked = [publisher.request(body), publisher.request(body)];
  body.fill(9);
  const { follower, ended } = answer(connection, "echo", (message) => {
    const bytes = new Uint8Array(message.bytes);
    queueMicrotask(() => bytes.fill(8));
    return bytes;
  });
  for (const reply of asked) assertEquals((await reply).body, new Uint8Array([1, 2, 3]));
  await follower.close();
  await ended;
});

for (const engine of ["memory", "journal"] as const) {
  Deno.test(`5,000 requests are under way on one connection, each gets its reply: ${engine}`, async () => {
    const directory = await Deno.makeTempDir();
    try {
      await using broker = await startBroker({ storage: { engine, directory } });
      await using requester = await connect({ port: broker.port });
      await using responder = await connect({ port: broker.port });
      await requester.cursor().createStream("work");
      const publisher = requester.publisher("work");
      const asked = Array.from({ length: 5000 }, (_, number) => publisher.request<number>(number));
      await publisher.flush();
      const { follower, ended } = answer(responder, "work", ({ body }) => (body as number) * 2);
      const replies = await deadline(Promise.all(asked), PATIENCE_MS);
      assertEquals(replies.map(({ body }) => body), asked.map((_, number) => number * 2));
      await follower.close();
      await ended;
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

Deno.test("several responders answer, out of order and in the midst of other messages", async () => {
  await using broker = await startBroker();
  await using requester = await connect({ port: broker.port });
  await requester.cursor().createStream("work");
  const count = 300;
  const responders = await Promise.all([1, 2, 3].map(() => connect({ port: broker.port })));
  const answering = responders.map((responder) => {
    const held: Message[] = [];
    const follower = responder.follower("work");
    const ended = handle(follower, async (message) => {
      if (!message.isRequest) return await message.ack();
      held.push(message);
      if (held.length < 7) return void turn().then(answerAll);
      await answerAll();
    });
    async function answerAll() {
      for (const message of held.splice(0).reverse()) {
        message.reply(`${message.body} done`);
        await message.ack();
      }
    }
    return { follower, ended };
  });
  const publisher = requester.publisher("work");
  const asked = Array.from({ length: count }, (_, number) => {
    publisher.sendMessage("no request");
    return publisher.request(number);
  });
  const replies = await deadline(Promise.all(asked), PATIENCE_MS);
  assertEquals(replies.map(({ body }) => body), asked.map((_, number) => `${number} done`));
  for (const { follower } of answering) await follower.close();
  for (const { ended } of answering) await ended;
  for (const responder of responders) await responder.close();
});

Deno.test("a request to a pattern goes to all streams that match, and the first reply counts", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  for (const name of ["a1", "a2", "b"]) await connection.cursor().createStream(name);
  const asked = connection.publisher(/^a/).request("who?");
  const [first] = await take(connection, "a1", 1);
  const [second] = await take(connection, "a2", 1);
  await second!.reply("second stream", { confirm: true });
  assertEquals((await asked).body, "second stream");
  // It is passed on, and not looked at.
  await first!.reply("first stream", { confirm: true });
  assertEquals((await connection.cursor().getStream("b")).nextId, 1);
});

Deno.test("a second reply, to the same request, is nobody's", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("work");
  const publisher = connection.publisher("work");
  const [one, other] = [publisher.request("one"), publisher.request("other")];
  const [first, second] = await take(connection, "work", 2);
  first!.reply("for one");
  first!.reply("for one again");
  second!.reply("for the other");
  assertEquals([(await one).body, (await other).body], ["for one", "for the other"]);
});

Deno.test("a reply does not acknowledge, and comes before the acknowledgement that follows", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("work");
  const asked = connection.publisher("work").request("a");
  const follower = connection.follower("work");
  for await (const message of follower.getMessages()) {
    message.reply("b");
    assertEquals((await asked).body, "b");
    assertEquals((await cursor.getStream("work")).pending, 1);
    await message.ack({ confirm: true });
    // Also what is acknowledged already has a reply.
    await message.reply("late", { confirm: true });
    break;
  }
  assertEquals((await cursor.getStream("work")).pending, 0);
});

Deno.test("replies of one turn are one frame, in front of all acknowledgements of that turn", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using requester = await connect({ port: broker.port });
  await using responder = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await requester.cursor().createStream("work");
  const publisher = requester.publisher("work");
  const asked = ["a", "b", "c"].map((body) => publisher.request(body));
  const taken = await take(responder, "work", 3);
  await responder.cursor().getStreams();
  const decoder = new FrameDecoder(2 ** 20);
  const seen: string[] = [];
  proxy.onClientBytes = (bytes) => {
    push(decoder, bytes);
    while (decoder.next()) seen.push(describeFrameType(decoder.type));
    return true;
  };
  taken[0]!.ack();
  for (const message of taken) message.reply(message.body as string);
  taken[1]!.ack();
  await taken[2]!.ack({ confirm: true });
  assertEquals((await Promise.all(asked)).map(({ body }) => body), ["a", "b", "c"]);
  assertEquals(seen.filter((name) => name === "reply" || name === "ack"), ["reply", "ack", "ack"]);
});

Deno.test("a request whose responder was lost is delivered again, and answered by another one", async () => {
  await using broker = await startBroker();
  await using requester = await connect({ port: broker.port });
  await requester.cursor().createStream("work");
  const asked = requester.publisher("work").request("a");
  const lost = await connect({ port: broker.port });
  await take(lost, "work", 1);
  await lost.close({ drainMs: 0 });
  await using responder = await connect({ port: broker.port, drainMs: 0 });
  const [again] = await take(responder, "work", 1);
  assertEquals([again!.attempts, again!.isRequest], [2, true]);
  again!.reply("at last");
  assertEquals((await asked).body, "at last");
});

// What takes too long, is given up, or goes nowhere.

Deno.test("REPLY_TIMEOUT comes when it is said, each request by its own time, and expires it", async () => {
  const clock = new VirtualClock({ start: 0 });
  await using broker = await startBroker({ clock });
  await using connection = await broker.connect();
  await connection.cursor().createStream("work");
  const publisher = connection.publisher("work");
  const told: string[] = [];
  const ask = (timeoutMs?: number) => {
    const options = timeoutMs === undefined ? {} : { timeoutMs };
    return publisher.request("a", options).catch((error) => {
      assertInstanceOf(error, BrokerError);
      assertEquals([error.code, error.fatal], ["REPLY_TIMEOUT", false]);
      told.push(error.message.replace("Cannot get a reply: none came within ", ""));
    });
  };
  const asked = [ask(5000), ask(1000), ask(), ask(1000), ask(2000)];
  await publisher.flush();
  await clock.advance(999);
  assertEquals(told, []);
  await clock.advance(1);
  assertEquals(told, ["1000 ms", "1000 ms"]);
  await clock.advance(1000);
  assertEquals(told.length, 3);
  await clock.advance(10_000);
  assertEquals(told, ["1000 ms", "1000 ms", "2000 ms", "5000 ms"]);
  // Nobody works on what nobody waits for.
  assertEquals((await connection.cursor().getStream("work")).ready, 1);
  await clock.advance(20_000);
  await Promise.all(asked);
  assertEquals(told.at(-1), "30000 ms");
  assertEquals((await connection.cursor().getStream("work")).ready, 0);
});

Deno.test("a reply in time keeps the timeout from coming, and one that is late is nobody's", async () => {
  const clock = new VirtualClock({ start: 0 });
  await using broker = await startBroker({ clock });
  await using connection = await broker.connect();
  await connection.cursor().createStream("work");
  const publisher = connection.publisher("work");
  const answered = publisher.request("a", { timeoutMs: 1000 });
  const late = assertCodeLater("REPLY_TIMEOUT", () => publisher.request("b", { timeoutMs: 2000 }));
  const [first, second] = await take(connection, "work", 2);
  await first!.reply("in time", { confirm: true });
  assertEquals((await answered).body, "in time");
  await clock.advance(5000);
  await late;
  await second!.reply("late", { confirm: true });
});

Deno.test("a reply that has come while the process stood still is no REPLY_TIMEOUT", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using requester = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await using responder = await broker.connect();
  await requester.cursor().createStream("work");
  const { ended, follower } = answer(responder, "work", () => "the answer");
  const stood = standStill(proxy, (bytes) => includesText(bytes, "the answer"), 500);
  const publisher = requester.publisher("work");
  const asked = publisher.request("a", { timeoutMs: 300 });
  assertEquals((await deadline(asked, PATIENCE_MS)).body, "the answer");
  await stood;
  await follower.close();
  await ended;
});

/** Writes a byte to a port of this machine, and then says so, beside the caller's event loop. */
const WRITER = `self.onmessage = async ({ data: { port, written } }) => {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new Uint8Array(1));
  Atomics.store(written, 0, 1);
};`;

Deno.test("what lies in a socket is read before a deadline is judged, however the loop stood", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const worker = new Worker(`data:application/javascript,${encodeURIComponent(WRITER)}`, {
    type: "module",
  });
  const written = new Int32Array(new SharedArrayBuffer(4));
  const heard: string[] = [];
  const judged = Promise.withResolvers<void>();
  const accepted = listener.accept().then((connection) => {
    heard.push("accepted");
    return connection;
  });
  await turn();
  new DeadlineTimer(systemClock, systemClock.now() + 1, () => {
    heard.push("judged");
    judged.resolve();
  });
  worker.postMessage({ port: listener.addr.port, written });
  // The loop stands until both have come, what is waited for and the deadline.
  const from = performance.now();
  while (Atomics.load(written, 0) === 0 || performance.now() - from < 10);
  await judged.promise;
  assertEquals(heard, ["accepted", "judged"]);
  (await accepted).close();
  worker.terminate();
});

Deno.test("a welcome that has come while the process stood still is in time", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  const stood = standStill(proxy, (bytes) => includesText(bytes, "heartbeatMs"), 500);
  await using _connection = await connect({
    hostname: "127.0.0.1",
    port: proxy.port,
    connectTimeoutMs: 300,
  });
  await stood;
});

Deno.test("a signal ends the waiting, and what stands in line is never sent", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("small", { maxMessages: 1 });
  const publisher = connection.publisher("small", { whenFull: "wait", maxUnconfirmed: 2 });
  await publisher.sendMessage("first");
  const controller = new AbortController();
  const { signal } = controller;
  const asked = ["a", "b", "in line"].map((body) =>
    assertRejects(() => publisher.request(body, { signal }), Error, "enough")
  );
  await connection.cursor().getStreams();
  const flushed = publisher.flush();
  controller.abort(new Error("enough"));
  await Promise.all(asked);
  await deadline(flushed, PATIENCE_MS);
  assertEquals((await connection.cursor().getStream("small")).nextId, 2);
});

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
  assert(tells.includes("whoever has made the request is gone"), tells);
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
  await connection.cursor().getStreams();
  proxy.cut();
  await deadline(asked, PATIENCE_MS);
  const next = publisher.sendMessage("next");
  await using other = await connect({ port: broker.port });
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
