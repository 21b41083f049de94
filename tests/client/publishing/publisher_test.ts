import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  Bind,
  BrokerError,
  connect,
  ConnectionClosedError,
  type Message,
} from "@simplemq/simplemq";
import { startBroker, until } from "../../support/broker/broker.ts";

/** Takes `count` messages of a stream and acknowledges them. */
async function take(follower: {
  getMessages(): AsyncIterableIterator<Message>;
}, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  for await (const message of follower.getMessages()) {
    await message.ack();
    if (messages.push(message) === count) break;
  }
  return messages;
}

Deno.test("Publisher.sendMessage() resolves to where the message was stored", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("hello_queue");
  const publisher = connection.publisher("hello_queue");
  assertEquals(await publisher.sendMessage("hello world"), {
    streams: [{ stream: "hello_queue", id: 1 }],
    duplicate: false,
  });
  assertEquals((await publisher.sendMessage("again")).streams[0]?.id, 2);
});

Deno.test("a body arrives as what it was", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("bodies");
  const publisher = connection.publisher("bodies");
  const bodies = [
    "",
    "text",
    "日本語 🦕 \u0000",
    new Uint8Array(0),
    new Uint8Array([0, 255, 128]),
    0,
    -1.5,
    true,
    false,
    null,
    [],
    [1, [2, "3"]],
    { a: { b: null } },
    "\uFEFFwith a byte order mark",
    "x".repeat(300_000),
    "ü".repeat(100_000),
    "half a pair: \ud83c",
    "\udf89, the other half",
    { "\ud83c": ["\ud83d", "🎉"] },
  ];
  for (const body of bodies) publisher.sendMessage(body);
  await publisher.flush();
  const messages = await take(connection.follower("bodies"), bodies.length);
  assertEquals(messages.map(({ body }) => body), bodies);
  assertEquals(messages[2]?.bytes, new TextEncoder().encode("日本語 🦕 \u0000"));
});

Deno.test("headers travel with a message", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("headers");
  const publisher = connection.publisher("headers");
  const headers = { trace: "4bf9", "имя": "значение", empty: "" };
  publisher.sendMessage("one", { headers });
  publisher.sendMessages(["two", "three"], { headers: { of: "all" } });
  publisher.sendMessage("four");
  const messages = await take(connection.follower("headers"), 4);
  assertEquals(messages.map((message) => message.headers), [
    headers,
    { of: "all" },
    { of: "all" },
    {},
  ]);
});

Deno.test("two texts that UTF-8 cannot tell apart never become one: all but bodies are refused", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("texts");
  const publisher = connection.publisher("texts");
  for (const half of ["a\ud83c", "a\ud83d", "\udf89a".repeat(2), "🎉\udf89"]) {
    const index = half.startsWith("\udf89") ? 0 : half.startsWith("🎉") ? 2 : 1;
    const mistake = `has half a surrogate pair at index ${index}`;
    const refused: [calls: () => unknown, what: string][] = [
      [() => publisher.sendMessage("x", { dedupId: half }), `dedupId ${mistake}`],
      [() => publisher.sendMessage("x", { key: half }), `key ${mistake}`],
      [() => publisher.sendMessage("x", { key: half, delayMs: 1 }), `key ${mistake}`],
      [() => publisher.sendMessages(["x"], { key: half }), `key ${mistake}`],
      [() => publisher.sendMessages(["x"], { key: () => half }), `key ${mistake}`],
      [() => publisher.request("x", { key: half }), `key ${mistake}`],
      [() => publisher.sendMessage("x", { headers: { [half]: "x" } }), `a header ${mistake}`],
      [() => publisher.sendMessage("x", { headers: { of: half } }), `header "of" ${mistake}`],
      [() => connection.cursor().getPel(half), `a name ${mistake}`],
      [() => connection.cursor().getStream(half), "a stream name must have"],
    ];
    for (const [call, what] of refused) {
      await assertRejects(async () => void await call(), RangeError, what);
    }
    assertThrows(() => connection.follower("texts", { name: half }), RangeError, mistake);
    assertThrows(() => connection.publisher(Bind.regex(half)), RangeError, mistake);
    await assertRejects(() => connect({ port: broker.port, name: half }), RangeError, mistake);
  }
  assertEquals((await connection.cursor().getStream("texts")).nextId, 1);
});

Deno.test("calls that are not awaited keep their order, and flush() waits for all", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("numbers");
  const publisher = connection.publisher("numbers");
  const ids: (number | undefined)[] = [];
  const count = 10_000;
  for (let number = 1; number <= count; number++) {
    publisher.sendMessage(number).then(({ streams }) => ids.push(streams[0]?.id));
  }
  await publisher.flush();
  assertEquals(ids.length, count);
  assertEquals(ids, Array.from({ length: count }, (_, index) => index + 1));
  const messages = await take(connection.follower("numbers"), count);
  assertEquals(messages.map(({ body }) => body), ids);
});

Deno.test("Publisher.sendMessages() cuts a long batch and tells all ranges", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("batches");
  const publisher = connection.publisher("batches");
  assertEquals(await publisher.sendMessages([]), { streams: [] });
  assertEquals((await publisher.sendMessages(["a", "b", "c"])).streams, [
    { stream: "batches", firstId: 1, lastId: 3 },
  ]);
  const receipt = await publisher.sendMessages(
    function* () {
      for (let number = 0; number < 10_000; number++) yield number;
    }(),
  );
  assert(receipt.streams.length > 1);
  let nextId = 4;
  for (const { firstId, lastId } of receipt.streams) {
    assertEquals(firstId, nextId);
    nextId = lastId + 1;
  }
  assertEquals(nextId, 10_004);
});

Deno.test("a regex publisher reaches every stream that matches, in one receipt", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  for (const name of ["new_world", "old_world", "elsewhere"]) await cursor.createStream(name);
  const publisher = connection.publisher(/.+_world/);
  const { streams } = await publisher.sendMessage("hello");
  assertEquals(streams, [{ stream: "new_world", id: 1 }, { stream: "old_world", id: 1 }]);
  await cursor.createStream("third_world");
  assertEquals((await publisher.sendMessage("again")).streams.length, 3);
  assertEquals((await cursor.getStream("elsewhere")).ready, 0);
  const shouting = connection.publisher(/NEW_/i);
  assertEquals((await shouting.sendMessage("loud")).streams, [{ stream: "new_world", id: 3 }]);
});

Deno.test("a message with nowhere to go is refused, and the next one is not", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const publisher = connection.publisher("later");
  const error = await assertRejects(() => publisher.sendMessage("lost?"), BrokerError);
  assertEquals(error.code, "STREAM_NOT_FOUND");
  assertEquals(error.fatal, false);
  await connection.cursor().createStream("later");
  assertEquals((await publisher.sendMessage("here")).streams[0]?.id, 1);
  const nowhere = await assertRejects(
    () => connection.publisher(/nothing/).sendMessage("lost?"),
    BrokerError,
  );
  assertEquals(nowhere.code, "NO_MATCHING_STREAM");
});

Deno.test("a pattern that the broker cannot match fails each call, and names the pattern", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  for (const pattern of [/(?=a)b/, /(a)\1/]) {
    const publisher = connection.publisher(pattern);
    for (let attempt = 0; attempt < 2; attempt++) {
      const error = await assertRejects(() => publisher.sendMessage("x"), BrokerError);
      assertEquals(error.code, "BAD_PATTERN");
      assert(error.message.includes(JSON.stringify(pattern.source)), error.message);
    }
  }
});

Deno.test("what failed and was not awaited is told by flush(), once", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const publisher = connection.publisher("nowhere");
  publisher.sendMessage("one");
  const error = await assertRejects(() => publisher.flush(), BrokerError);
  assertEquals(error.code, "STREAM_NOT_FOUND");
  await publisher.flush();
  publisher.sendMessages(["x".repeat(100_000), "y".repeat(100_000)]);
  publisher.sendMessage("two");
  const several = await assertRejects(() => publisher.flush(), AggregateError);
  assertEquals(several.errors.length, 2);
  await assertRejects(() => publisher.sendMessage("awaited"), BrokerError);
  await publisher.flush();
});

Deno.test("what failed and was not awaited is told by close(), if not before", async () => {
  await using broker = await startBroker({ limits: { messageBytes: 100 } });
  const connection = await broker.connect();
  connection.publisher("nowhere").sendMessage("lost");
  const error = await assertRejects(() => connection.close(), BrokerError);
  assertEquals(error.code, "STREAM_NOT_FOUND");
  await connection.closed;

  await using other = await broker.connect();
  const publisher = other.publisher(/(?=a)/);
  publisher.sendMessage("first");
  const unhandled: unknown[] = [];
  const handle = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    unhandled.push(event.reason);
  };
  addEventListener("unhandledrejection", handle);
  await until("it is told without being asked for", () => unhandled.length > 0);
  removeEventListener("unhandledrejection", handle);
  assertEquals(unhandled.map((reason) => (reason as BrokerError).code), ["BAD_PATTERN"]);
  publisher.sendMessage("after it was refused");
  publisher.sendMessage("x".repeat(101));
  const several = await assertRejects(() => publisher.close(), AggregateError);
  assertEquals(several.errors.length, 3);
});

Deno.test("a batch that fits is stored together, whatever waits in front of it", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("whole");
  const publisher = connection.publisher("whole");
  for (let number = 0; number < 10; number++) publisher.sendMessage(number);
  const { streams } = await publisher.sendMessages(Array.from({ length: 4090 }, () => "x"));
  assertEquals(streams, [{ stream: "whole", firstId: 11, lastId: 4100 }]);
});

Deno.test("the 10,001st publisher of a connection is refused, and no other is disturbed", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("many");
  const publishers = Array.from({ length: 10_000 }, () => connection.publisher("many"));
  const error = assertThrows(() => connection.publisher("many"), BrokerError);
  assertEquals(error.code, "TOO_MANY_MEMBERS");
  assertEquals((await publishers[9_999]!.sendMessage("x")).streams[0]?.id, 1);
  await publishers[0]!.close();
  assertEquals((await connection.publisher("many").sendMessage("y")).streams[0]?.id, 2);
});

Deno.test("a body over the limit is refused before anything is sent", async () => {
  await using broker = await startBroker({ limits: { messageBytes: 1024 } });
  await using connection = await broker.connect();
  await connection.cursor().createStream("small");
  const publisher = connection.publisher("small");
  for (
    const body of ["x".repeat(1025), "ü".repeat(513), new Uint8Array(1025), ["x".repeat(1021)]]
  ) {
    await assertRejects(() => publisher.sendMessage(body), RangeError, "limit is 1024");
  }
  await assertRejects(() => publisher.sendMessages(["fits", "x".repeat(2000)]), RangeError);
  await assertRejects(
    () => publisher.sendMessage("x", { headers: { long: "x".repeat(4096) } }),
    RangeError,
    "limit is 4096",
  );
  for (const body of ["x".repeat(1024), "ü".repeat(512), new Uint8Array(1024)]) {
    await publisher.sendMessage(body);
  }
  assertEquals((await connection.cursor().getStream("small")).ready, 3);
});

Deno.test("a body that JSON cannot express is a TypeError", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const publisher = connection.publisher("any");
  // @ts-expect-error: what a program without types may do
  await assertRejects(() => publisher.sendMessage(undefined), TypeError, "undefined");
  // @ts-expect-error: what a program without types may do
  await assertRejects(() => publisher.sendMessage(() => {}), TypeError, "function");
  for (
    const body of [
      new ArrayBuffer(8),
      new Map(),
      new Set(),
      Promise.resolve(1),
      new Float32Array(2),
    ]
  ) {
    // @ts-expect-error: what a program without types may do
    await assertRejects(() => publisher.sendMessage(body), TypeError, body.constructor.name);
  }
  for (const headers of ["text", new Map([["a", "b"]]), new Headers(), ["a"]]) {
    await assertRejects(
      // @ts-expect-error: what a program without types may do
      () => publisher.sendMessage("x", { headers }),
      TypeError,
      "plain object",
    );
  }
  const circle: unknown[] = [];
  circle.push(circle);
  await assertRejects(() => publisher.sendMessage(circle), TypeError);
  await assertRejects(
    // @ts-expect-error: what a program without types may do
    () => publisher.sendMessage("x", { headers: { number: 7 } }),
    TypeError,
    '"number"',
  );
});

Deno.test("bytes are copied before sendMessage() returns", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("bytes");
  const bytes = new Uint8Array(20_000).fill(1);
  const publisher = connection.publisher("bytes");
  publisher.sendMessage(bytes);
  bytes.fill(2);
  publisher.sendMessage(bytes);
  const [one, two] = await take(connection.follower("bytes"), 2);
  assertEquals(one?.bytes.at(-1), 1);
  assertEquals(two?.bytes[0], 2);
});

Deno.test("the memory limit refuses what does not fit and loses nothing", async () => {
  await using broker = await startBroker({ storage: { memoryLimit: 1024 * 1024 } });
  await using connection = await broker.connect();
  await connection.cursor().createStream("full");
  const publisher = connection.publisher("full");
  const body = new Uint8Array(100_000);
  let storedCount = 0;
  const error = await assertRejects(async () => {
    for (;; storedCount++) await publisher.sendMessage(body);
  }, BrokerError);
  assertEquals(error.code, "MEMORY_FULL");
  assertEquals((await connection.cursor().getStream("full")).ready, storedCount);
  await take(connection.follower("full"), 1);
  await publisher.sendMessage(body);
  assertEquals((await connection.cursor().getStream("full")).ready, storedCount);
});

Deno.test("Publisher.close() waits for confirms, ends the publisher, and may be called again", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("closing");
  const publisher = connection.publisher("closing");
  let isConfirmed = false;
  publisher.sendMessage("last").then(() => isConfirmed = true);
  await publisher.close();
  assert(isConfirmed);
  await publisher.close();
  await assertRejects(() => publisher.sendMessage("late"), ConnectionClosedError, "is closed");
  const other = connection.publisher("closing");
  assertEquals((await other.sendMessage("from another one")).streams[0]?.id, 2);
});

Deno.test("many publishers share one connection", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("shared");
  const publishers = Array.from({ length: 50 }, () => connection.publisher("shared"));
  const receipts = await Promise.all(publishers.map((publisher) => publisher.sendMessage("x")));
  const ids = receipts.map(({ streams }) => streams[0]?.id);
  assertEquals(new Set(ids).size, 50);
  assertStrictEquals(Math.max(...ids.map(Number)), 50);
});
