/**
 * Requests that are under way when a connection is closed, or lost again and again.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { deadline } from "@std/async/deadline";
import {
  BrokerError,
  connect,
  type Connection,
  ConnectionClosedError,
  type Follower,
  type Message,
} from "@simplemq/simplemq";
import { serve, VirtualClock } from "@simplemq/simplemq/server";
import { FrameType, type Welcome } from "../../../protocol.ts";
import { Session } from "../../../src/client/uplink/session.ts";
import { ClientConnection } from "../../../src/client/client_connection.ts";
import { createPipe } from "../../../src/transport/duplex.ts";
import { startBroker, until } from "../../support/broker/broker.ts";
import { TestDirectory } from "../../support/disk/journals.ts";
import { Proxy } from "../../support/wire/proxy.ts";
import { RawClient } from "../../support/wire/raw_client.ts";
import { withRandom } from "../support.ts";

/** Long enough for a slow machine; a test that waits so long has failed. */
const PATIENCE_MS = 20_000;

Deno.test("close() waits for the answers of what was asked for", async () => {
  await using directory = await TestDirectory.create();
  const storage = { engine: "journal", directory: directory.path } as const;
  await using broker = await serve({ port: 0, logLevel: "error", storage });
  const connection = await connect({ port: broker.port });
  await connection.cursor().createStream("work");
  await connection.publisher("work").sendMessages([0, 1, 2, 3]);
  const taken: Message[] = [];
  const messages = connection.follower("work", { prefetch: 10 }).getMessages();
  while (taken.length < 4) taken.push((await messages.next()).value!);
  const [first, second, third, fourth] = taken;
  const asked = [
    first!.ack({ confirm: true }),
    second!.nack({ confirm: true }),
    third!.reject("no", { confirm: true }),
    fourth!.extend(60_000),
    connection.cursor().createStream("other"),
    connection.cursor().purgeStream("other"),
  ];
  const results = Promise.allSettled(asked);
  await deadline(connection.close({ drainMs: 0 }), PATIENCE_MS);
  assertEquals((await results).map(({ status }) => status), asked.map(() => "fulfilled"));
});

/** Takes one message, and leaves it in hand. */
async function takeOne(follower: Follower): Promise<Message> {
  const { value } = await deadline(follower.getMessages().next(), PATIENCE_MS);
  return value!;
}

/** Resolves when a message's signal is aborted. */
function aborted({ signal }: Message): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  signal.addEventListener("abort", () => resolve(signal.reason), { once: true });
  return deadline(promise, PATIENCE_MS);
}

/** How often the messages of a stream have been delivered, with the next delivery. */
async function takeAll(connection: Connection, stream: string): Promise<[unknown, number][]> {
  const { ready } = await connection.cursor().getStream(stream);
  const taken: [unknown, number][] = [];
  const messages = connection.follower(stream).getMessages({ autoAck: true });
  while (taken.length < ready) {
    const { value } = await deadline(messages.next(), PATIENCE_MS);
    taken.push([value!.body, value!.attempts]);
  }
  return taken;
}

Deno.test("close() of a follower lets its handler finish, and gives back the rest unseen", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect({ drainMs: PATIENCE_MS });
  await connection.cursor().createStream("work");
  await connection.publisher("work").sendMessages([0, 1, 2, 3, 4]);
  const follower = connection.follower("work", { name: "worker", prefetch: 5 });
  const { promise: isWorking, resolve: work } = Promise.withResolvers<void>();
  const { promise: mayFinish, resolve: finish } = Promise.withResolvers<void>();
  const seen: unknown[] = [];
  const loop = (async () => {
    for await (const message of follower.getMessages()) {
      seen.push(message.body);
      if (message.body === 1) {
        work();
        await mayFinish;
        assertEquals(message.signal.aborted, false);
      }
      await message.ack();
    }
  })();
  await deadline(isWorking, PATIENCE_MS);
  const other = follower.getMessages();
  const closing = follower.close();
  assertEquals(await other.next(), { done: true, value: undefined });
  // What was fetched ahead does not wait for the handler.
  const [held, ...others] = await connection.cursor().getPel("worker");
  assertEquals([held?.id, others], [2, []]);
  finish();
  await deadline(Promise.all([closing, loop]), PATIENCE_MS);
  assertEquals(seen, [0, 1]);
  assertEquals(await takeAll(connection, "work"), [[2, 1], [3, 1], [4, 1]]);
});

for (
  const [how, begin] of [
    ["drainMs: 0", (follower: Follower) => follower.close({ drainMs: 0 })],
    ["a drainMs that is over", (follower: Follower) => follower.close({ drainMs: 1 })],
    [
      "a signal that is aborted",
      (follower: Follower) => follower.close({ signal: AbortSignal.abort() }),
    ],
    ["a second call that is in a hurry", (follower: Follower) => {
      const closing = follower.close({ drainMs: 2 ** 31 - 1 });
      return follower.close({ drainMs: 0 }).then(() => closing);
    }],
    ["a connection that is lost", async (follower: Follower, proxy: Proxy) => {
      const closing = follower.close();
      proxy.cut();
      await closing;
    }],
  ] as const
) {
  Deno.test(`close() with ${how}: signals abort, and what is said then is refused`, async () => {
    await using broker = await startBroker();
    await using proxy = new Proxy(broker.port);
    await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
    await connection.cursor().createStream("work");
    await connection.publisher("work").sendMessages([0, 1, 2]);
    const follower = connection.follower("work", { name: "worker", prefetch: 3 });
    const messages = [await takeOne(follower), await takeOne(follower)];
    // By now the broker knows that both are being worked on.
    await connection.cursor().getStreams();
    const aborts = messages.map(aborted);
    await deadline(begin(follower, proxy), PATIENCE_MS);
    for (const reason of await Promise.all(aborts)) assertInstanceOf(reason, BrokerError);
    const [first, second] = messages;
    for (
      const say of [
        () => first!.ack(),
        () => second!.nack({ reason: "too late" }),
      ]
    ) {
      const error = await assertRejects(say, BrokerError);
      assertEquals(error.code, "STALE_DELIVERY");
      // It was not done: whoever tries again hears the same.
      const { message } = await assertRejects(say, BrokerError);
      assertEquals(message, error.message);
    }
    await using elsewhere = await broker.connect();
    await until("all is ready again", async () => {
      return (await elsewhere.cursor().getStream("work")).ready === 3;
    });
    assertEquals(await takeAll(elsewhere, "work"), [[0, 2], [1, 2], [2, 1]]);
  });
}

Deno.test("a follower that is over does not come back, whatever becomes of its loops", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("work");
  await connection.publisher("work").sendMessages([1, 2]);
  const follower = connection.follower("work", { name: "closed" });
  for await (const _ of follower.getMessages()) {
    await follower.close({ drainMs: 0 });
    break;
  }
  const refused = connection.follower(/a(?=b)/, { name: "refused" });
  const loop = refused.getMessages();
  await assertRejects(() => deadline(loop.next(), PATIENCE_MS), BrokerError, "lookaround");
  await loop.return?.();
  assertEquals(await cursor.getPels(), []);
  assertEquals((await cursor.getStream("work")).followers, 0);
});

Deno.test("a follower that the broker has refused is not opened again", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  const said: string[] = [];
  proxy.onClientBytes = (bytes) => {
    said.push(...new TextDecoder().decode(bytes).match(/"name":"\w+"/g) ?? []);
    return true;
  };
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  const refused = connection.follower(/a(?=b)/, { name: "refused" });
  await assertRejects(() => deadline(refused.getMessages().next(), PATIENCE_MS), BrokerError);
  await withRandom(0, async () => {
    proxy.cut();
    await deadline(connection.cursor().getStreams(), PATIENCE_MS);
  });
  assertEquals(said.filter((name) => name.includes("refused")).length, 1);
});

Deno.test("close() that is told an undefined drain time takes that of its connection", async () => {
  await using broker = await startBroker();
  const connection = await broker.connect({ drainMs: 0 });
  await connection.cursor().createStream("work");
  await connection.publisher("work").sendMessages([1, 2]);
  const unsaid: object = { drainMs: undefined };
  for (const close of ["follower", "connection"]) {
    const follower = connection.follower("work", { prefetch: 1 });
    const { signal } = await takeOne(follower);
    const closing = close === "follower" ? follower.close(unsaid) : connection.close(unsaid);
    // Without any time to drain, that is done during the call.
    assert(signal.aborted);
    await closing;
  }
});

Deno.test("close() of a connection lets handlers finish, and what they publish and ask for", async () => {
  await using broker = await startBroker();
  await using elsewhere = await broker.connect();
  const seen: unknown[] = [];
  const { promise: isWorking, resolve: work } = Promise.withResolvers<void>();
  const { promise: mayFinish, resolve: finish } = Promise.withResolvers<void>();
  let loop: Promise<void>;
  {
    await using connection = await broker.connect({ drainMs: PATIENCE_MS });
    await connection.cursor().createStream("work");
    await connection.cursor().createStream("done");
    await connection.publisher("work").sendMessages([0, 1]);
    const follower = connection.follower("work");
    loop = (async () => {
      for await (const message of follower.getMessages()) {
        work();
        await mayFinish;
        seen.push((await connection.cursor().getStream("work")).pending);
        await connection.publisher("done").sendMessage(message.body as number);
        message.ack();
      }
    })();
    await deadline(isWorking, PATIENCE_MS);
    setTimeout(finish);
  }
  await deadline(loop, PATIENCE_MS);
  assertEquals(seen, [1]);
  assertEquals(await takeAll(elsewhere, "work"), [[1, 1]]);
  assertEquals(await takeAll(elsewhere, "done"), [[0, 1]]);
});

Deno.test("close() of a connection refuses new followers while handlers finish, and hurries", async () => {
  await using broker = await startBroker();
  const connection = await broker.connect();
  await connection.cursor().createStream("work");
  await connection.publisher("work").sendMessage(0);
  const message = await takeOne(connection.follower("work"));
  const controller = new AbortController();
  const closing = connection.close({ drainMs: 2 ** 31 - 1, signal: controller.signal });
  assertThrows(() => connection.follower("work"), ConnectionClosedError, "is being closed");
  const again = connection.close();
  controller.abort(new Error("enough"));
  await deadline(Promise.all([closing, again]), PATIENCE_MS);
  assert(message.signal.aborted);
  await assertRejects(() => message.ack(), BrokerError, "its follower was closed");
  for (const drainMs of [-1, 0.5, NaN, 2 ** 31]) {
    await assertRejects(() => connection.close({ drainMs }), RangeError, "Cannot close: drainMs");
  }
});

Deno.test("close() ends by itself where time stands still", async () => {
  await using broker = await startBroker({ clock: new VirtualClock() });
  const connection = await broker.connect();
  await connection.cursor().createStream("small", { maxMessages: 1 });
  const publisher = connection.publisher("small", { whenFull: "wait" });
  await publisher.sendMessage(1);
  const message = await takeOne(connection.follower("small"));
  const waiting = assertRejects(() => publisher.sendMessage(2), ConnectionClosedError);
  await deadline(connection.close({ drainMs: 5 }), PATIENCE_MS);
  await waiting;
  assert(message.signal.aborted);
});

Deno.test("close() leaves requests alone when its signal is aborted", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  const connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  proxy.isStalled = true;
  const asked = assertRejects(() => connection.cursor().getStreams(), ConnectionClosedError);
  const controller = new AbortController();
  const closing = connection.close({ signal: controller.signal });
  await broker.connect().then((other) => other.close());
  controller.abort();
  await deadline(closing, PATIENCE_MS);
  await asked;
});

/** What a broker says that is played by a test. */
const welcome: Welcome = {
  session: 1,
  version: "0",
  engine: "memory",
  durability: "memory",
  heartbeatMs: 10,
  heartbeatTimeoutMs: 50,
  limits: {
    bodyBytes: 1,
    headerBytes: 1,
    frameBytes: 1,
    batchCount: 1,
    unacknowledgedMessages: 1,
    unacknowledgedBytes: 1,
  },
  capabilities: [],
  progressMs: 10,
  beginMs: 10,
};

Deno.test("close() gives a broker up that says only that it is there", async () => {
  const [here, there] = createPipe();
  const broker = new RawClient(there);
  const opening = ClientConnection.open(() => Promise.resolve(here), {});
  await broker.sendControl("welcome", welcome);
  const connection = await opening;
  const asked = assertRejects(() => connection.cursor().getStreams(), ConnectionClosedError);
  const beat = setInterval(() => broker.sendFrame(FrameType.heartbeat), 5);
  await deadline(connection.close({ drainMs: 0 }), PATIENCE_MS);
  await asked;
  clearInterval(beat);
  broker.close();
});

Deno.test("a broker that takes an upload slowly and can be heard is not given up", async () => {
  const [here, there] = createPipe();
  const broker = new RawClient(there);
  const opening = Session.open(here, "me", new AbortController().signal);
  await broker.sendControl("welcome", welcome);
  const session = await opening;
  const events = { handleFrame: () => {}, handleReady: () => {}, handleGoodbye: () => {} };
  let end: unknown = "open";
  const ended = session.serve(events).then((error) => end = error);
  // More than a pipe holds: nothing of it is taken while the broker says forty times that it is there.
  session.link.writer.bytes(new Uint8Array(1024 * 1024));
  session.link.flush();
  const { promise: hasBeaten, resolve } = Promise.withResolvers<void>();
  let count = 0;
  const beat = setInterval(() => {
    broker.sendFrame(FrameType.heartbeat);
    if (++count === 40) resolve();
  }, 5);
  await hasBeaten;
  assertEquals(end, "open");
  clearInterval(beat);
  // A broker that says nothing is silent, whatever waits for it.
  await deadline(ended, PATIENCE_MS);
  assertInstanceOf(end, BrokerError);
  assertEquals(end.code, "HEARTBEAT_LOST");
  broker.close();
});

Deno.test("close() gives a broker up of which nothing is heard", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  const connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  const follower = connection.follower("any");
  await connection.cursor().getStreams();
  proxy.isStalled = true;
  const asked = assertRejects(() => connection.cursor().getStreams(), ConnectionClosedError);
  await deadline(follower.close(), PATIENCE_MS);
  await deadline(connection.close({ drainMs: 0 }), PATIENCE_MS);
  await asked;
});

Deno.test("close() ends a connection that comes back at that very moment", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await withRandom(0, async () => {
    // The broker's welcome is read; so many steps later the connection is closed.
    for (let steps = 0; steps < 40; steps++) {
      const isWelcomed = Promise.withResolvers<void>();
      let isFirst = true;
      const connection = await ClientConnection.open(async () => {
        const socket = await Deno.connect({ hostname: "127.0.0.1", port: proxy.port });
        if (isFirst) return socket;
        return {
          read: async (buffer) => {
            const count = await socket.read(buffer);
            isWelcomed.resolve();
            return count;
          },
          write: (bytes) => socket.write(bytes),
          close: () => socket.close(),
        };
      }, {});
      isFirst = false;
      proxy.cut();
      await isWelcomed.promise;
      for (let step = 0; step < steps; step++) await undefined;
      await deadline(connection.close(), PATIENCE_MS);
    }
  });
});

Deno.test("close() does not wait for answers when the connection is lost", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  const connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  proxy.isStalled = true;
  const asked = assertRejects(() => connection.cursor().getStreams(), ConnectionClosedError);
  const closing = connection.close();
  proxy.cut();
  await deadline(closing, PATIENCE_MS);
  await asked;
});

Deno.test("a request with which every connection ends is given up after five repetitions", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  const decoder = new TextDecoder();
  let sentCount = 0;
  // The request that names this stream ends the session.
  proxy.onClientBytes = (bytes) => {
    const isPoison = decoder.decode(bytes).includes("poison");
    if (isPoison) sentCount++;
    return !isPoison;
  };
  await withRandom(0, async () => {
    const asked = connection.cursor().getStream("poison");
    const error = await deadline(assertRejects(() => asked, ConnectionClosedError), PATIENCE_MS);
    assertStringIncludes(error.message, "the connection was lost each time");
  });
  assertEquals(sentCount, 6);
  assertEquals(await deadline(connection.cursor().getStreams(), PATIENCE_MS), []);
});

/** A publisher whose stream is full, and what else is on its connection. */
async function startFull() {
  const broker = await startBroker();
  const connection = await broker.connect();
  await connection.cursor().createStream("small", { maxMessages: 1 });
  await connection.cursor().createStream("other");
  const publisher = connection.publisher("small", { whenFull: "wait" });
  await publisher.sendMessage("first");
  return {
    connection,
    publisher,
    /** Proves that the connection and its other members work, and that nothing came behind. */
    async check() {
      const { streams } = await connection.publisher("other").sendMessage("x");
      assertEquals(streams.map(({ stream }) => stream), ["other"]);
      await connection.cursor().purgeStream("small");
      const { ready, nextId } = await connection.cursor().getStream("small");
      assertEquals({ ready, nextId }, { ready: 0, nextId: 2 });
      assertEquals((await connection.status().next()).value?.type, "connected");
    },
    async [Symbol.asyncDispose]() {
      await connection.close();
      await broker.close();
    },
  };
}

Deno.test("a publisher's close() that is given up fails its messages, and nothing else", async () => {
  await using scene = await startFull();
  const { publisher, connection } = scene;
  const waiting = assertRejects(() => publisher.sendMessage("waits"), ConnectionClosedError);
  // Its refusal has come before this answer.
  await connection.cursor().getStreams();
  const controller = new AbortController();
  const closing = publisher.close({ signal: controller.signal });
  controller.abort(new Error("enough"));
  await assertRejects(() => closing, Error, "enough");
  assertStringIncludes((await waiting).message, "without waiting for confirms");
  await scene.check();
});

Deno.test("a publisher's close() ends when a full stream has no room for the drain time", async () => {
  await using scene = await startFull();
  const { publisher, connection } = scene;
  const waiting = assertRejects(() => publisher.sendMessage("waits"), ConnectionClosedError);
  await deadline(publisher.close({ drainMs: 20 }), PATIENCE_MS);
  const { message, cause } = await waiting;
  assertStringIncludes(message, "for 20 ms nothing was confirmed");
  assertStringIncludes(message, 'Cannot publish to "small": it has 1 messages');
  assertEquals((cause as BrokerError).code, "STREAM_FULL");
  await scene.check();
  // Nobody waits for the message: close() tells why it was not stored.
  await connection.publisher("small").sendMessage("again");
  const another = connection.publisher("small", { whenFull: "wait" });
  another.sendMessage("waits");
  await assertRejects(() => another.close({ drainMs: 0 }), ConnectionClosedError, "for 0 ms");
  await assertRejects(() => another.close({ drainMs: -1 }), RangeError, "0 to 2147483647");
});

Deno.test("every message of a publisher settles whatever its signal does, and all is stored once", async () => {
  for (const count of [1, 5000]) {
    for (const when of ["before", "at once", "soon"]) {
      await using broker = await startBroker();
      await using connection = await broker.connect();
      await connection.cursor().createStream("work");
      const publisher = connection.publisher("work", { maxUnconfirmed: 1000 });
      const calls = Array.from({ length: count }, (_, index) => publisher.sendMessage(index));
      const results = Promise.allSettled(calls);
      const controller = new AbortController();
      if (when === "before") controller.abort(new Error("enough"));
      const closing = publisher.close({ signal: controller.signal }).catch((error) => error);
      if (when === "soon") await connection.cursor().getStreams();
      controller.abort(new Error("enough"));
      await deadline(closing, PATIENCE_MS);
      const settled = await deadline(results, PATIENCE_MS);
      const ids = settled.flatMap((result) =>
        result.status === "fulfilled" ? [result.value.streams[0]?.id] : []
      );
      assertEquals(new Set(ids).size, ids.length);
      const { nextId } = await connection.cursor().getStream("work");
      assert(ids.length < nextId && nextId <= count + 1);
    }
  }
});

Deno.test("the drain time of a connection is that of its publishers, too", async () => {
  await using broker = await startBroker();
  const connection = await connect({ port: broker.port, drainMs: 20 });
  await connection.cursor().createStream("small", { maxMessages: 1 });
  const publisher = connection.publisher("small", { whenFull: "wait" });
  await publisher.sendMessage("first");
  const other = connection.publisher("small", { whenFull: "wait" });
  const [own, others] = [publisher, other].map((one) =>
    assertRejects(() => one.sendMessage("waits"), ConnectionClosedError, "for 20 ms")
  );
  await deadline(publisher.close(), PATIENCE_MS);
  await own;
  await deadline(connection.close(), PATIENCE_MS);
  await others;
});

Deno.test("requests of a publisher that is closed in a hurry fail with it", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("questions");
  const publisher = connection.publisher("questions");
  const asked = assertRejects(() => publisher.request("anybody?"), ConnectionClosedError);
  await connection.cursor().getStreams();
  await publisher.close({ drainMs: 10 });
  await asked;
});

Deno.test("closing a connection waits for a publisher that is being closed already", async () => {
  await using broker = await startBroker();
  await using direct = await broker.connect();
  await direct.cursor().createStream("work");
  const connection = await broker.connect();
  const publisher = connection.publisher("work");
  for (let number = 0; number < 5000; number++) publisher.sendMessage(number);
  const closings = [publisher.close(), publisher.close(), connection.close()];
  await deadline(Promise.all(closings), PATIENCE_MS);
  assertEquals((await direct.cursor().getStream("work")).ready, 5000);
});
