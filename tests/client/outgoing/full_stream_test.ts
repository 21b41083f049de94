/**
 * Publishers whose stream is full, or who have too much under way.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { deadline } from "@std/async/deadline";
import { BrokerError, connect, type Connection, ConnectionClosedError } from "@simplemq/simplemq";
import { decideWhenFull } from "../../../src/client/outgoing/full_stream.ts";
import { OutgoingBatch } from "../../../src/client/outgoing/outgoing_batch.ts";
import { SpareBuffers } from "../../../src/client/outgoing/spare_buffers.ts";
import { startBroker } from "../../support/broker/broker.ts";
import { Proxy } from "../../support/wire/proxy.ts";
import { PATIENCE_MS } from "../support.ts";

/** Takes and acknowledges messages until there were so many. */
async function take(connection: Connection, stream: string, count: number): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const message of connection.follower(stream).getMessages()) {
    await message.ack();
    if (seen.push(message.body) === count) break;
  }
  return seen;
}

/** How many bytes a stream has, by what it says when it is full. */
async function measure(connection: Connection, stream: string): Promise<number> {
  const sending = connection.publisher(stream).sendMessage(new Uint8Array(900));
  return (await assertRejects(() => sending, BrokerError)).details.depth ?? 0;
}

/** The numbers from 0 on. */
function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

Deno.test("a full stream takes what there is room for, and refuses the rest", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("small", { maxMessages: 5 });
  const publisher = connection.publisher("small");
  const calls = numbers(10).map((number) => publisher.sendMessage(number));
  const results = await Promise.allSettled(calls);
  assertEquals(results.map(({ status }) => status === "fulfilled"), [
    ...Array(5).fill(true),
    ...Array(5).fill(false),
  ]);
  const [, , , , , refused] = results;
  assert(refused?.status === "rejected" && refused.reason instanceof BrokerError);
  assertEquals(refused.reason.code, "STREAM_FULL");
  assertEquals(refused.reason.details.limit, 5);
  assertEquals(await take(connection, "small", 5), numbers(5));
  assertEquals((await publisher.sendMessage("next")).streams[0]?.id, 6);
});

Deno.test("a call that is stored together is not cut by a full stream", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("small", { maxMessages: 5 });
  const publisher = connection.publisher("small");
  const one = publisher.sendMessage("one");
  const refused = [publisher.sendMessages(numbers(5)), publisher.sendMessage("last")]
    .map((call) => assertRejects(() => call, BrokerError));
  await one;
  for (const call of refused) assertEquals((await call).code, "STREAM_FULL");
  assertEquals((await connection.cursor().getStream("small")).ready, 1);
});

Deno.test("what a full stream refuses is told how full it is after what was stored", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("small", { maxMessages: 5 });
  const publisher = connection.publisher("small");
  const calls = numbers(10).map((number) => publisher.sendMessage(number));
  const last = publisher.sendMessages(numbers(6));
  const [stored] = await Promise.all([calls[4]!, Promise.allSettled([...calls, last])]);
  assertEquals(stored.streams[0]?.id, 5);
  const error = await assertRejects(() => calls[5]!, BrokerError);
  const { retryAfterMs, ...figures } = error.details;
  assertEquals(figures, { stream: "small", what: "messages", depth: 5, limit: 5, room: 0 });
  assertEquals(retryAfterMs, 100);
  assertStringIncludes(error.message, "it has 5 messages");
  assertStringIncludes(error.message, "limit is 5");
  // It was in the same batch, and can never fit.
  assertEquals((await assertRejects(() => last, BrokerError)).details.depth, 5);
});

Deno.test("what a full stream refuses by its bytes is told how many there are", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("small", { maxBytes: 1000 });
  const publisher = connection.publisher("small");
  const calls = numbers(4).map(() => publisher.sendMessage(new Uint8Array(400)));
  await Promise.allSettled(calls);
  const { details, message } = await assertRejects(() => calls[3]!, BrokerError);
  const depth = await measure(connection, "small");
  assertEquals(details, {
    stream: "small",
    what: "bytes",
    depth,
    limit: 1000,
    room: 0,
    retryAfterMs: 100,
  });
  assertStringIncludes(message, `it has ${depth} bytes`);
});

Deno.test("what can never fit is not told to try again", () => {
  const batch = new OutgoingBatch(1, new SpareBuffers());
  for (const count of [1, 6]) {
    batch.addWaiter({ isAbandoned: false, confirm: () => {}, refuse: () => {} });
    for (let left = count; left > 0; left--) batch.add(0, "x", undefined);
  }
  const details = { stream: "s", what: "messages", depth: 2, limit: 5, room: 3 } as const;
  const error = new BrokerError("STREAM_FULL", "full", { details });
  const { again, lost } = decideWhenFull([{ batch, error }], "error");
  assertEquals(again.map(({ count }) => count), [1]);
  assertEquals(lost.map(({ error }) => error.details), [{ ...details, depth: 3, room: 0 }]);
});

Deno.test("however late there may be room, it is looked for once a second", () => {
  const batch = new OutgoingBatch(1, new SpareBuffers());
  batch.addWaiter({ isAbandoned: false, confirm: () => {}, refuse: () => {} });
  batch.add(0, "x", undefined);
  for (const [retryAfterMs, waitMs] of [[60_000, 1000], [500, 500], [0, 10]] as const) {
    const error = new BrokerError("STREAM_FULL", "full", { details: { room: 0, retryAfterMs } });
    assertEquals(decideWhenFull([{ batch, error }], "wait").waitMs, waitMs);
  }
});

Deno.test("whenFull: wait stores everything in order, and refuses what can never fit", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("small", { maxMessages: 20 });
  const publisher = connection.publisher("small", { whenFull: "wait", maxUnconfirmed: 20 });
  const count = 100;
  for (const number of numbers(count / 2)) publisher.sendMessage(number);
  const tooMany = assertRejects(() => publisher.sendMessages(numbers(21)), BrokerError);
  for (const number of numbers(count / 2)) publisher.sendMessage(count / 2 + number);
  const flushed = publisher.flush();
  assertEquals(await deadline(take(connection, "small", count), PATIENCE_MS), numbers(count));
  assertEquals((await tooMany).code, "STREAM_FULL");
  await flushed;
});

Deno.test("whenFull: wait survives lost connections: all is stored once and in order", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await using direct = await broker.connect();
  await direct.cursor().createStream("small", { maxMessages: 40 });
  const publisher = connection.publisher("small", { whenFull: "wait", maxUnconfirmed: 100 });
  const count = 2000;
  let cuts = 0;
  let chunks = 0;
  const cutSometimes = () => ++chunks % 7 !== 0 || ++cuts > 10;
  proxy.onClientBytes = cutSometimes;
  proxy.onBrokerBytes = cutSometimes;
  const confirmed: number[] = [];
  for (const number of numbers(count)) {
    publisher.sendMessage(number).then(() => confirmed.push(number));
  }
  assertEquals(await deadline(take(direct, "small", count), PATIENCE_MS), numbers(count));
  await publisher.flush();
  assertEquals(confirmed, numbers(count));
  assert(cuts >= 3, `only ${cuts} cuts`);
  assertEquals((await direct.cursor().getStream("small")).nextId, count + 1);
});

Deno.test("beyond maxUnconfirmed calls wait in line, and can be taken out of it", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("line");
  const publisher = connection.publisher("line", { maxUnconfirmed: 2 });
  const controller = new AbortController();
  const { signal } = controller;
  const bytes = new Uint8Array([7]);
  const sent = [publisher.sendMessage(0), publisher.sendMessages([1, 2, 3])];
  const waiting = publisher.sendMessage("given up", { signal });
  const behind = [publisher.sendMessage(bytes), publisher.sendMessages([4, 5])];
  bytes[0] = 8;
  controller.abort(new Error("enough"));
  await assertRejects(() => waiting, Error, "enough");
  await assertRejects(() => publisher.sendMessage("late", { signal }), Error, "enough");
  await publisher.flush();
  await Promise.all([...sent, ...behind]);
  assertEquals(await take(connection, "line", 7), [0, 1, 2, 3, new Uint8Array([7]), 4, 5]);
  await publisher.sendMessages([]);
});

Deno.test("flush() can be given up, and what failed is told by the next one", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const publisher = connection.publisher("nowhere");
  publisher.sendMessage("lost");
  const controller = new AbortController();
  const flushing = publisher.flush({ signal: controller.signal });
  controller.abort(new Error("enough"));
  await assertRejects(() => flushing, Error, "enough");
  await assertRejects(() => publisher.flush(), BrokerError);
});

Deno.test("close() waits for room in a stream, until its signal is aborted", async () => {
  await using broker = await startBroker();
  const connection = await broker.connect();
  await connection.cursor().createStream("small", { maxMessages: 1 });
  const publisher = connection.publisher("small", { whenFull: "wait", maxUnconfirmed: 1 });
  const first = publisher.sendMessage("first");
  const calls = ["second", "in line"].map((body) =>
    assertRejects(() => publisher.sendMessage(body), ConnectionClosedError)
  );
  await first;
  const controller = new AbortController();
  const closing = connection.close({ signal: controller.signal });
  await broker.connect().then((other) => other.close());
  controller.abort();
  await deadline(closing, PATIENCE_MS);
  await Promise.all(calls);
});

Deno.test("a dedupId is stored once, whoever sends it, and no neighbour is taken for it", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("once");
  const publisher = connection.publisher("once");
  const receipts = await Promise.all([
    publisher.sendMessage("a"),
    publisher.sendMessage("b", { dedupId: "b", headers: { of: "b" } }),
    publisher.sendMessage("c"),
    connection.publisher("once").sendMessage("b again", { dedupId: "b" }),
  ]);
  assertEquals(receipts.map(({ streams, duplicate }) => [streams[0]?.id, duplicate]), [
    [1, false],
    [2, false],
    [3, false],
    [2, true],
  ]);
  const message = await connection.cursor().getMessage("once", 2);
  assertEquals([message.dedupId, message.headers], ["b", { of: "b" }]);
});

Deno.test("options of publishers and of messages are checked before anything is sent", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("any");
  for (const maxUnconfirmed of [0, 1.5, NaN, 1_000_001]) {
    assertThrows(() => connection.publisher("any", { maxUnconfirmed }), RangeError, "1 to 1000000");
  }
  // @ts-expect-error: what a program without types may do
  assertThrows(() => connection.publisher("any", { whenFull: "drop" }), TypeError, '"wait"');
  const publisher = connection.publisher("any");
  for (
    const options of [
      { delayMs: -1 },
      { delayMs: 1.5 },
      { ttlMs: 0 },
      { deliverAt: new Date(NaN) },
      { dedupId: "" },
      { delayMs: 1, deliverAt: 1 },
    ]
  ) {
    await assertRejects(
      () => publisher.sendMessage("x", options),
      RangeError,
      'Cannot publish to "any": ',
    );
  }
  const unknown: [call: () => unknown, hint: string][] = [
    // @ts-expect-error: what a program without types may do
    [() => publisher.sendMessage("x", { delayMS: 1 }), '"delayMS"; is delayMs meant?'],
    // @ts-expect-error: what a program without types may do
    [() => publisher.sendMessages(["x"], { header: {} }), '"header"; is headers meant?'],
    // @ts-expect-error: what a program without types may do
    [() => publisher.request("x", { timeout: 1 }), '"timeout"; is timeoutMs meant?'],
    // @ts-expect-error: what a program without types may do
    [() => publisher.sendMessage("x", { colour: 1 }), "known are timeoutMs, headers, "],
    // @ts-expect-error: what a program without types may do
    [() => publisher.sendMessage("x", 7), "options must be an object, found number"],
  ];
  for (const [call, hint] of unknown) {
    await assertRejects(async () => void await call(), TypeError, hint);
  }
  // @ts-expect-error: what a program without types may do
  await assertRejects(() => publisher.sendMessage("x", { dedupId: 7 }), TypeError);
  // @ts-expect-error: what a program without types may do
  await assertRejects(() => publisher.sendMessage("x", { ttlMs: "1" }), TypeError);
  await assertRejects(
    // @ts-expect-error: what a program without types may do
    () => publisher.sendMessages(["x"], { dedupId: "x" }),
    TypeError,
    "several messages",
  );
  assertEquals((await connection.cursor().getStream("any")).ready, 0);
});
