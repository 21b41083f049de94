import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type Connection,
  type HandleOptions,
  type Message,
  Postpone,
  Reject,
} from "@simplemq/simplemq";
import { VirtualClock } from "@simplemq/simplemq/server";
import { passTurns, startBroker, until } from "../../support/broker/broker.ts";
import { takeAll, takeOne } from "../support.ts";
import { HeldHandler, soon } from "./work.ts";

/** Resolves when a stream has lost all its messages. */
async function untilEmpty(connection: Connection, stream: string): Promise<void> {
  await until(`"${stream}" is empty`, async () => {
    const { ready, delayed, pending } = await connection.cursor().getStream(stream);
    return ready + delayed + pending === 0;
  });
}

Deno.test("handle() refuses what it cannot do, before anything is fetched", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const follower = connection.follower("work");
  const nothing = () => {};
  for (
    const [handler, options, error, text] of [
      [undefined, {}, TypeError, "the handler must be a function, found undefined"],
      [null, {}, TypeError, "the handler must be a function, found null"],
      [{}, {}, TypeError, "the handler must be a function, found object"],
      [nothing, null, TypeError, "options must be an object, found null"],
      [nothing, 10, TypeError, "options must be an object, found number"],
      [nothing, { autoAck: true }, TypeError, "autoAck does not go with a handler"],
      [nothing, { concurency: 2 }, TypeError, 'no option "concurency"; is concurrency meant?'],
      [nothing, { prefetch: 2 }, TypeError, 'no option "prefetch"'],
      [nothing, { concurrency: "2" }, TypeError, "concurrency must be a number, found string"],
      [nothing, { concurrency: 0 }, RangeError, "allowed are whole numbers from 1 to 4096"],
      [nothing, { concurrency: 4097 }, RangeError, "concurrency is 4097"],
      [nothing, { concurrency: 1.5 }, RangeError, "concurrency is 1.5"],
      [nothing, { timeoutMs: 0 }, RangeError, "timeoutMs is 0"],
      [nothing, { timeoutMs: "1s" }, TypeError, "timeoutMs must be a number"],
      [nothing, { extendMs: 99 }, RangeError, "extendMs is 99, allowed are whole numbers from 100"],
      [nothing, { extendMs: NaN }, RangeError, "extendMs is NaN"],
      [nothing, { onError: "ack" }, TypeError, 'onError must be "nack", "reject" or a function'],
      [nothing, { drainMs: -1 }, RangeError, "drainMs is -1"],
      [nothing, { signal: {} }, TypeError, "signal must be an AbortSignal"],
    ] as const
  ) {
    const call = () => follower.handle(handler as never, options as HandleOptions);
    assertThrows(call, error, text);
  }
  await connection.cursor().createStream("work");
  await connection.publisher("work").sendMessage(1);
  await connection.cursor().getStreams();
  assertEquals((await connection.cursor().getStream("work")).pending, 0);
});

Deno.test("a handler that returns acknowledges, also if it is not async", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("work");
  const bodies = Array.from({ length: 2000 }, (_, index) => index);
  for (
    const [how, handler] of [
      ["sync", () => undefined],
      ["async", async () => {}],
      ["a thenable", () => ({ then: (resolve: () => void) => void resolve() })],
    ] as const
  ) {
    const seen: unknown[] = [];
    await connection.publisher("work").sendMessages(bodies);
    await using follower = connection.follower("work");
    await using _work = follower.handle(({ body }) => {
      seen.push(body);
      return handler();
    });
    await untilEmpty(connection, "work");
    assertEquals(seen, bodies, how);
  }
});

for (const isAsync of [true, false]) {
  Deno.test(`a ${isAsync ? "async" : "sync"} handler that throws gives back, and goes on`, async () => {
    await using broker = await startBroker();
    await using connection = await broker.connect();
    await connection.cursor().createStream("work", { maxDeliveries: 2, backoffMs: [0] });
    const thrown = [
      new Error("busy"),
      new TypeError("fetch failed"),
      "a text",
      undefined,
      Object.create(null),
      new Reject("never"),
      new Reject(new Error("a cause")),
    ];
    const count = 500;
    await connection.publisher("work").sendMessages(thrown.map((_, index) => index));
    await connection.publisher("work").sendMessages(new Array(count).fill(-1));
    await using follower = connection.follower<number>("work");
    const fail = (index: number) => {
      if (index >= 0) throw thrown[index];
      // More than a stack is deep.
      throw new Reject("many");
    };
    const work = follower.handle(({ body }) => {
      return isAsync ? Promise.resolve().then(() => fail(body)) : fail(body);
    });
    await untilEmpty(connection, "work");
    const dead = await connection.cursor().peek("work.dead", { limit: 1000 });
    assertEquals(dead.length, thrown.length + count);
    const stories = new Map(dead.map(({ body, deadLetter }) => [body, deadLetter]));
    const told = thrown.map((_, index) => stories.get(index)?.reasons.at(-1));
    assertEquals(told, [
      "busy",
      "TypeError: fetch failed",
      "a text",
      "the handler has thrown undefined",
      "a value of type object",
      "never",
      "a cause",
    ]);
    assertEquals(stories.get(0)?.cause, "maxDeliveries");
    assertEquals(stories.get(0)?.attempts, 2);
    assertEquals(stories.get(5)?.cause, "rejected");
    assertEquals(stories.get(5)?.attempts, 1);
    assertEquals(work.running, 0);
    await work.close();
  });
}

Deno.test("what a handler decides itself counts, also if it throws afterwards", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("work", { backoffMs: [0] });
  await connection.publisher("work").sendMessages(["ack", "nack", "reject", "release", "throw"]);
  const told: unknown[] = [];
  const seen: string[] = [];
  await using follower = connection.follower<string>("work");
  await using _work = follower.handle(async (message) => {
    seen.push(`${message.body} ${message.attempts}`);
    if (message.body === "nack" && message.attempts === 1) await message.nack({ delayMs: 0 });
    if (message.body === "reject") await message.reject("by hand");
    if (message.body === "release" && seen.indexOf("release 1") === seen.length - 1) {
      await message.release();
    }
    if (message.body === "ack") await message.ack({ confirm: true });
    if (message.body === "throw") {
      await message.ack();
      throw new Error("after the end");
    }
  }, { onError: (error, { body }) => told.push([body, (error as Error).message]) });
  await untilEmpty(connection, "work");
  assertEquals(seen.toSorted(), [
    "ack 1",
    "nack 1",
    "nack 2",
    "reject 1",
    "release 1",
    "release 1",
    "throw 1",
  ]);
  const dead = await connection.cursor().peek("work.dead");
  assertEquals(dead.map(({ deadLetter }) => deadLetter?.reasons), [["by hand"]]);
  assertEquals(told, [["throw", "after the end"]]);
});

Deno.test("onError hears of each error, may decide, and ends nothing when it fails itself", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("work", { maxDeliveries: 2, backoffMs: [0] });
  await connection.publisher("work").sendMessages(["decides", "is silent", "throws", "rejects"]);
  const told: string[] = [];
  await using follower = connection.follower<string>("work");
  await using work = follower.handle(({ body, attempts }) => {
    throw new Error(`${body} ${attempts}`);
  }, {
    async onError(error, message) {
      told.push((error as Error).message);
      await passTurns();
      if (message.body === "decides") await message.reject("decided");
      if (message.body === "throws") throw new Error("onError fails");
    },
  });
  await untilEmpty(connection, "work");
  const dead = await connection.cursor().peek("work.dead");
  assertEquals(
    dead.map(({ body, deadLetter }) => [body, ...deadLetter!.reasons]).toSorted(),
    [
      ["decides", "decided"],
      ["is silent", "is silent 1", "is silent 2"],
      ["rejects", "rejects 1", "rejects 2"],
      ["throws", "throws 1", "throws 2"],
    ],
  );
  assertEquals(told.length, 7);
  await work.close();

  await connection.publisher("work").sendMessage("once");
  await using _rejecting = follower.handle(() => {
    throw new Error("no");
  }, { onError: "reject" });
  await untilEmpty(connection, "work");
  const [last] = (await connection.cursor().peek("work.dead")).slice(-1);
  assertEquals([last?.deadLetter?.cause, last?.deadLetter?.reasons], ["rejected", ["no"]]);
});

Deno.test("so many handlers run at once as concurrency says, one by default", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("work");
  for (const concurrency of [undefined, 1, 7, 100]) {
    await connection.publisher("work").sendMessages(new Array(150).fill(0));
    const held = new HeldHandler();
    const options = concurrency === undefined ? {} : { concurrency };
    await using follower = connection.follower("work");
    await using work = follower.handle(held.handle, options);
    const most = concurrency ?? 1;
    while (held.seen.length < 150) {
      await held.whenRunning(Math.min(most, 150 - held.seen.length + work.running));
      assert(work.running <= most);
      held.finish();
      await passTurns();
    }
    held.finish();
    await untilEmpty(connection, "work");
    assertEquals(held.peak, most);
  }
});

Deno.test("messages of one key are never in two handlers, and keep their order", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("work", { backoffMs: [0] });
  const keys = ["a", "b", "c"];
  const bodies = Array.from({ length: 300 }, (_, index) => `${keys[index % 3]}${index}`);
  await connection.publisher("work").sendMessages(bodies, { key: (body) => String(body)[0]! });
  const running = new Set<string>();
  const done: string[] = [];
  let peak = 0;
  await using follower = connection.follower<string>("work", { prefetch: 50 });
  await using _work = follower.handle(async ({ body, key, attempts }) => {
    assert(!running.has(key!), `two of ${key} at once`);
    running.add(key!);
    peak = Math.max(peak, running.size);
    await new Promise((resolve) => setTimeout(resolve));
    running.delete(key!);
    if (attempts === 1 && body.endsWith("7")) throw new Error("once more");
    done.push(body);
  }, { concurrency: 10, onError: (error) => assertEquals((error as Error).message, "once more") });
  await untilEmpty(connection, "work");
  assertEquals(peak, 3);
  for (const key of keys) {
    const own = (list: readonly string[]) => list.filter((body) => body.startsWith(key));
    assertEquals(own(done), own(bodies));
  }
});

Deno.test("throwing in finally, and never returning, disturb nobody else", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("work", { backoffMs: [0] });
  await connection.publisher("work").sendMessages(["hangs", "throws", "fine", "fine"]);
  const seen: string[] = [];
  await using follower = connection.follower<string>("work");
  const work = follower.handle(async ({ body, attempts }) => {
    seen.push(`${body} ${attempts}`);
    try {
      if (body === "hangs") await new Promise(() => {});
      if (body === "throws" && attempts === 1) throw new Error("first");
    } finally {
      // deno-lint-ignore no-unsafe-finally -- that is what happens to people
      if (body === "throws" && attempts === 1) throw new Error("second");
    }
  }, { concurrency: 2, drainMs: 0 });
  await until("all others are done", async () => {
    return (await connection.cursor().getStream("work")).pending === 1 && seen.length === 5;
  });
  assertEquals(seen.toSorted(), ["fine 1", "fine 1", "hangs 1", "throws 1", "throws 2"]);
  await soon(work.close());
  assertEquals(await takeAll(connection, "work"), [["hangs", 1]]);
});

Deno.test("handlers and loops of one follower share its messages", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("work");
  await using follower = connection.follower("work");
  const held = new HeldHandler();
  await using first = follower.handle(held.handle, { concurrency: 2 });
  await using second = follower.handle(held.handle);
  await connection.publisher("work").sendMessages([1, 2, 3, 4]);
  await held.whenRunning(3);
  assertEquals([first.running, second.running], [2, 1]);
  const inLoop = await takeOne(follower);
  assertEquals(inLoop.body, 4);
  await inLoop.ack();
  held.finish();
  await untilEmpty(connection, "work");
});

Deno.test("a signal ends the work as close() does", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("work");
  await connection.publisher("work").sendMessages([1, 2]);
  const controller = new AbortController();
  const held = new HeldHandler();
  await using follower = connection.follower("work");
  const work = follower.handle(held.handle, { signal: controller.signal, drainMs: 10_000 });
  const [message] = await held.whenRunning(1);
  controller.abort(new Error("enough"));
  await passTurns();
  assert(!message!.signal.aborted);
  held.finish();
  await soon(work.closed);
  assertEquals(await takeAll(connection, "work"), [[2, 1]]);
  const late = follower.handle(held.handle, { signal: controller.signal });
  await soon(late.closed);
  assertEquals(held.seen, [1]);
});

Deno.test("what getMessages would throw ends the work, and nothing else does", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const work = connection.follower(/a(?=b)/).handle((_: Message) => {});
  await assertRejects(() => soon(work.closed), Error, "lookaround");
  await soon(work.close());

  const open = connection.follower("work").handle(() => {});
  await connection.close();
  await soon(open.closed);

  const elsewhere = await broker.connect();
  const lost = elsewhere.follower("work").handle(() => {});
  const ended = assertRejects(() => soon(lost.closed), Error, "the connection is closed");
  await broker.close();
  await ended;
  await elsewhere.close();
});

Deno.test("a thrown Postpone lets a message come again, at no cost and without onError", async () => {
  for (const ms of [-1, 0.5, Infinity, "1", undefined]) {
    assertThrows(() => new Postpone(ms as number), Error, "Cannot postpone: ms");
  }
  assertThrows(() => new Postpone(100, { lane: 99 }), RangeError, "Cannot postpone: lane is 99");
  const clock = new VirtualClock();
  await using broker = await startBroker({ clock });
  await using connection = await broker.connect();
  await connection.cursor().createStream("calls", { maxDeliveries: 1 });
  await connection.publisher("calls").sendMessage("a");
  const seen: unknown[] = [];
  await using follower = connection.follower("calls");
  await using _work = follower.handle(({ body, attempts }) => {
    seen.push([body, attempts]);
    if (seen.length < 3) throw new Postpone(1000, { reason: new Error("429") });
  }, { onError: () => seen.push("onError") });
  await clock.advance(999);
  assertEquals(seen, [["a", 1]]);
  await clock.advance(1);
  assertEquals(seen, [["a", 1], ["a", 1]]);
  await clock.advance(1000);
  assertEquals(seen, [["a", 1], ["a", 1], ["a", 1]]);
  assertEquals((await connection.cursor().getStreams()).map(({ name }) => name), ["calls"]);
});
