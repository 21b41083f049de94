import { assertEquals, assertRejects } from "@std/assert";
import { deadline } from "@std/async/deadline";
import {
  connect,
  ConnectionClosedError,
  type ErrorCode,
  type Message,
  type MessageBody,
  type RequestOptions,
} from "@simplemq/simplemq";
import { startBroker, turn } from "../../support/broker/broker.ts";
import { FrameDecoder } from "../../../protocol.ts";
import { describeFrameType } from "../../../src/protocol/frames/frame_type.ts";
import { assertCodeLater, push } from "../../support/wire/frames.ts";
import { Proxy } from "../../support/wire/proxy.ts";
import { PATIENCE_MS } from "../support.ts";
import { answer, handle, take } from "./answering.ts";

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
    await assertRejects(() => publisher.request("a", { ttlMs }), RangeError, "ttlMs must be");
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
