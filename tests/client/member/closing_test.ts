import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { deadline } from "@std/async/deadline";
import { BrokerError, connect, ConnectionClosedError, type Message } from "@simplemq/simplemq";
import { serve, VirtualClock } from "@simplemq/simplemq/server";
import { FrameType, type Welcome } from "../../../protocol.ts";
import { ClientSession } from "../../../src/client/uplink/client_session.ts";
import { createPipe } from "../../../src/transport/duplex.ts";
import { startBroker } from "../../support/broker/broker.ts";
import { connectOver } from "../../support/broker/connect_over.ts";
import { TestDirectory } from "../../support/disk/journals.ts";
import { Proxy } from "../../support/wire/proxy.ts";
import { RawClient } from "../../support/wire/raw_client.ts";
import { PATIENCE_MS, takeAll, takeOne, withRandom } from "../support.ts";

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
  user: "local",
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
  brokers: [],
};

Deno.test("close() gives a broker up that says only that it is there", async () => {
  const [here, there] = createPipe();
  const broker = new RawClient(there);
  const opening = connectOver(() => Promise.resolve(here));
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
  const opening = ClientSession.open(
    here,
    { client: "me", action: "Cannot connect" },
    new AbortController().signal,
  );
  await broker.sendControl("welcome", welcome);
  const session = await opening;
  const events = {
    handleFrame: () => {},
    handleReady: () => {},
    handleGoodbye: () => {},
    handleBrokers: () => {},
  };
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
      const connection = await connectOver(async () => {
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
      });
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
