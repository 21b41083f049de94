import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { connect, type Connection, type Follower, type Handling } from "@simplemq/simplemq";
import { passTurns, startBroker, until } from "../../support/broker/broker.ts";
import { Proxy } from "../../support/wire/proxy.ts";
import { aborted, PATIENCE_MS, takeAll } from "../support.ts";
import { HeldHandler, soon } from "./work.ts";

Deno.test("close() of a work refuses a drainMs that is not allowed, and goes on", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await using work = connection.follower("work").handle(() => {});
  await assertRejects(() => work.close({ drainMs: -1 }), RangeError, "drainMs is -1");
  await assertRejects(() => work.close({ drainMS: 1 } as object), TypeError, "is drainMs meant?");
  await connection.cursor().createStream("work");
  await connection.publisher("work").sendMessage(1);
  await until("it is done", async () => {
    const { ready, pending } = await connection.cursor().getStream("work");
    return ready + pending === 0;
  });
});

const CLOSERS: readonly [
  what: string,
  close: (scene: { work: Handling; follower: Follower; connection: Connection }) => Promise<void>,
][] = [
  ["the work", ({ work }) => work.close({ drainMs: PATIENCE_MS })],
  ["the work, by its own drainMs", ({ work }) => work.close()],
  ["the follower", ({ follower }) => follower.close({ drainMs: PATIENCE_MS })],
  ["the follower, by the work's drainMs", ({ follower }) => follower.close()],
  ["the connection, by the work's drainMs", ({ connection }) => connection.close()],
];

for (const [what, close] of CLOSERS) {
  Deno.test(`closing ${what} lets handlers finish, and gives back the rest unseen`, async () => {
    await using broker = await startBroker();
    await using elsewhere = await broker.connect();
    await elsewhere.cursor().createStream("work");
    await elsewhere.publisher("work").sendMessages([0, 1, 2, 3, 4, 5]);
    await using connection = await broker.connect();
    const follower = connection.follower("work", { name: "worker", prefetch: 3 });
    const held = new HeldHandler();
    const work = follower.handle(held.handle, { concurrency: 2, drainMs: PATIENCE_MS });
    const messages = await held.whenRunning(2);
    await until("two are fetched ahead", async () => {
      return (await elsewhere.cursor().getPel("worker")).length === 4;
    });
    const closing = close({ work, follower, connection });
    await until("what nobody has seen is back", async () => {
      return (await elsewhere.cursor().getPel("worker")).length === 2;
    });
    held.finish(1);
    await held.whenRunning(1);
    await passTurns();
    assertEquals([work.running, messages[1]?.signal.aborted], [1, false]);
    held.finish();
    await soon(Promise.all([closing, work.closed]));
    assertEquals(held.seen, [0, 1]);
    assertEquals(await takeAll(elsewhere, "work"), [[2, 1], [3, 1], [4, 1], [5, 1]]);
  });
}

const HURRIES: typeof CLOSERS = [
  ["a work, drainMs: 0", ({ work }) => work.close({ drainMs: 0 })],
  ["a work, a drainMs that is over", ({ work }) => work.close({ drainMs: 1 })],
  ["a work, an aborted signal", ({ work }) => work.close({ signal: AbortSignal.abort() })],
  ["a work, a second call in a hurry", ({ work }) => {
    const closing = work.close({ drainMs: PATIENCE_MS });
    return work.close({ drainMs: 0 }).then(() => closing);
  }],
  ["a follower, drainMs: 0", ({ follower }) => follower.close({ drainMs: 0 })],
  ["a follower, a drainMs that is over", ({ follower }) => follower.close({ drainMs: 1 })],
  ["a connection, drainMs: 0", ({ connection }) => connection.close({ drainMs: 0 })],
  ["a connection, a drainMs that is over", ({ connection }) => connection.close({ drainMs: 1 })],
];

for (const [what, close] of HURRIES) {
  Deno.test(`handlers without more time cost no attempt: ${what}`, async () => {
    await using broker = await startBroker();
    await using elsewhere = await broker.connect();
    await elsewhere.cursor().createStream("work");
    await elsewhere.publisher("work").sendMessages([0, 1, 2, 3]);
    await using connection = await broker.connect();
    const follower = connection.follower("work");
    const held = new HeldHandler();
    const told: unknown[] = [];
    const work = follower.handle(held.handle, {
      concurrency: 3,
      drainMs: PATIENCE_MS,
      onError: (error) => told.push(error),
    });
    const messages = await held.whenRunning(3);
    const aborts = messages.map(aborted);
    await soon(Promise.all([close({ work, follower, connection }), work.closed]));
    for (const { code, message } of await Promise.all(aborts)) {
      assertEquals(code, "STALE_DELIVERY");
      assertStringIncludes(message, "its handler is closed");
    }
    // Whatever they do now changes nothing.
    held.finish(2);
    held.fail(new Error("stopped"));
    await passTurns();
    await assertRejects(() => messages[0]!.ack(), Error, "it was given back before");
    assertEquals([work.running, told], [0, []]);
    const taken = await takeAll(elsewhere, "work");
    assertEquals(taken.toSorted(), [[0, 1], [1, 1], [2, 1], [3, 1]]);
  });
}

Deno.test("a work that is closed leaves its follower to others", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("work");
  const follower = connection.follower("work");
  const seen: unknown[] = [];
  const first = follower.handle(({ body }) => seen.push(["first", body]));
  await soon(first.close());
  await soon(first.close());
  await using _second = follower.handle(({ body }) => seen.push(["second", body]));
  await connection.publisher("work").sendMessage(1);
  await until("it is done", () => seen.length === 1);
  assertEquals(seen, [["second", 1]]);
});

Deno.test("a handler may close its own work, as long as it does not wait for that", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect({ drainMs: PATIENCE_MS });
  for (const isAsync of [false, true]) {
    const stream = isAsync ? "async" : "sync";
    await connection.cursor().createStream(stream);
    await connection.publisher(stream).sendMessages([1, 2]);
    const seen: unknown[] = [];
    const work = connection.follower(stream).handle(({ body }) => {
      seen.push(body);
      work.close();
      return isAsync ? passTurns() : undefined;
    });
    await soon(work.closed);
    assertEquals(seen, [1]);
    assertEquals(await takeAll(connection, stream), [[2, 1]]);
  }
});

Deno.test("a lost connection aborts what runs; slots stay taken, and nothing is done twice at once", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port, drainMs: 0 });
  await connection.cursor().createStream("work", { backoffMs: [0] });
  await connection.publisher("work").sendMessages([0, 1, 2]);
  const held = new HeldHandler();
  const told: unknown[] = [];
  await using follower = connection.follower("work");
  await using work = follower.handle(held.handle, {
    concurrency: 2,
    onError: (error) => told.push(error),
  });
  const messages = await held.whenRunning(2);
  // By now the broker knows that both are being worked on.
  await connection.cursor().getStreams();
  const aborts = messages.map(aborted);
  proxy.cut();
  for (const { message } of await Promise.all(aborts)) {
    assertStringIncludes(message, "it was lost with its connection");
  }
  await connection.cursor().getStreams();
  await passTurns();
  assertEquals([held.seen.length, work.running], [2, 2]);
  held.finish(1);
  held.fail(new Error("too late, and of no interest"));
  await until("the slots are used again", () => held.seen.length > 2);
  while (held.seen.length < 5) {
    await until("something runs", () => held.messages.length > 0);
    assert(held.messages.length <= 2);
    held.finish();
    await passTurns();
  }
  held.finish();
  await until("all is done", async () => {
    const { ready, delayed, pending } = await connection.cursor().getStream("work");
    return ready + delayed + pending === 0;
  });
  assertEquals(held.seen.toSorted(), [0, 0, 1, 1, 2]);
  assertEquals(told, []);
});

Deno.test("a process that is lost while handlers run costs each of their messages one attempt", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using elsewhere = await broker.connect();
  await elsewhere.cursor().createStream("work", { backoffMs: [0] });
  await elsewhere.publisher("work").sendMessages([0, 1, 2, 3, 4, 5, 6]);
  const connection = await connect({ hostname: "127.0.0.1", port: proxy.port, drainMs: 0 });
  const held = new HeldHandler();
  const follower = connection.follower("work", { prefetch: 3 });
  follower.handle(held.handle, { concurrency: 2 });
  await held.whenRunning(2);
  await connection.cursor().getStreams();
  proxy.onClientBytes = () => false;
  proxy.cut();
  await until("all is back", async () => {
    return (await elsewhere.cursor().getStream("work")).ready === 7;
  });
  const taken = await takeAll(elsewhere, "work");
  assertEquals(taken.toSorted(), [[0, 2], [1, 2], [2, 1], [3, 1], [4, 1], [5, 1], [6, 1]]);
  held.finish();
  await connection.close({ drainMs: 0 });
});

Deno.test("an onError that waits for the end of its own work costs that time, and the attempt", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("work", { maxDeliveries: 1 });
  await connection.publisher("work").sendMessage(1);
  const work: Handling = connection.follower("work").handle(() => {
    throw new Error("failed");
  }, { onError: () => work.close({ drainMs: 1 }) });
  await soon(work.closed);
  await until("it is dead", async () => {
    const streams = await connection.cursor().getStreams();
    return streams.find(({ name }) => name === "work.dead")?.ready === 1;
  });
  const [dead] = await connection.cursor().peek("work.dead");
  assertEquals(dead?.deadLetter?.reasons, ["failed"]);
});
