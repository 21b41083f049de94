import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { BrokerError, connect, ConnectionClosedError, type Message } from "@simplemq/simplemq";
import { startBroker, until } from "../../support/broker/broker.ts";
import { Proxy } from "../../support/wire/proxy.ts";
import { withRandom } from "../support.ts";
import { PATIENCE_MS } from "../support.ts";

/** A port that was free a moment ago. */
function findFreePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Takes and acknowledges everything until `count` different messages have come. */
async function collect(
  messages: AsyncIterable<Message>,
  count: number,
): Promise<Map<unknown, number>> {
  const seen = new Map<unknown, number>();
  for await (const message of messages) {
    seen.set(message.body, (seen.get(message.body) ?? 0) + 1);
    await message.ack();
    if (seen.size === count) break;
  }
  return seen;
}

Deno.test("a batch whose confirm was lost is sent again and stored once", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await connection.cursor().createStream("once");
  const publisher = connection.publisher("once");
  await publisher.sendMessage("before");
  // The broker stores the message, and its answer does not get through.
  const { promise: isDropped, resolve: drop } = Promise.withResolvers<void>();
  proxy.onBrokerBytes = () => {
    proxy.onBrokerBytes = () => true;
    drop();
    return false;
  };
  const sending = publisher.sendMessage("the message");
  await isDropped;
  await using watcher = await broker.connect();
  const follower = watcher.follower("once");
  const seen: unknown[] = [];
  for await (const message of follower.getMessages()) {
    await message.ack();
    if (seen.push(message.body) === 2) break;
  }
  const receipt = await deadline(sending, PATIENCE_MS);
  assertEquals(receipt, { streams: [{ stream: "once", id: 2 }], duplicate: false });
  assertEquals((await publisher.sendMessage("after")).streams[0]?.id, 3);
  assertEquals(seen, ["before", "the message"]);
  assert(proxy.acceptedCount >= 2);
});

Deno.test("however often the connection is cut, every message is stored once and in order", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await connection.cursor().createStream("cuts");
  const count = 20_000;
  let bytes = 0;
  let cuts = 0;
  // Cut in the middle of frames, in both directions, at places that differ from run to run.
  const cutSometimes = (chunk: Uint8Array) => {
    bytes += chunk.length;
    if (cuts >= 12 || bytes < 20_000) return true;
    bytes = 0;
    cuts++;
    return false;
  };
  proxy.onClientBytes = cutSometimes;
  proxy.onBrokerBytes = cutSometimes;
  const publisher = connection.publisher("cuts");
  const confirmed: number[] = [];
  for (let number = 0; number < count; number++) {
    publisher.sendMessage(number).then(() => confirmed.push(number));
    if (number % 500 === 0) await publisher.flush();
  }
  await deadline(publisher.flush(), PATIENCE_MS * 3);
  assert(cuts >= 3, `only ${cuts} cuts`);
  assertEquals(confirmed, Array.from({ length: count }, (_, index) => index));

  await using direct = await broker.connect();
  const stored: unknown[] = [];
  for await (const message of direct.follower("cuts").getMessages({ autoAck: true })) {
    if (stored.push(message.body) === count) break;
  }
  assertEquals(stored, confirmed);
  assertEquals((await direct.cursor().getStream("cuts")).nextId, count + 1);
});

Deno.test("a loop goes on after a lost connection, and what was in hand comes again", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await connection.cursor().createStream("again");
  await connection.publisher("again").sendMessages([1, 2, 3]);
  const follower = connection.follower("again", { name: "survivor" });
  const attempts: [unknown, number][] = [];
  for await (const message of follower.getMessages()) {
    attempts.push([message.body, message.attempts]);
    if (attempts.length === 1) {
      proxy.cut();
      // The first request after the cut is answered over the new connection.
      await connection.cursor().getStreams();
      const error = await assertRejects(() => message.ack({ confirm: true }), BrokerError);
      assertEquals(error.code, "STALE_DELIVERY");
      continue;
    }
    await message.ack();
    if (message.body === 3) break;
  }
  assertEquals(attempts, [[1, 1], [1, 2], [2, 1], [3, 1]]);
});

Deno.test("a plain acknowledgement of what was lost is let go quietly", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await connection.cursor().createStream("quiet");
  await connection.publisher("quiet").sendMessages([1]);
  const follower = connection.follower("quiet");
  let isFirst = true;
  for await (const message of follower.getMessages()) {
    if (isFirst) {
      isFirst = false;
      proxy.cut();
      await connection.cursor().getStreams();
      await follower.ackMessage(message);
      continue;
    }
    assertEquals([message.body, message.attempts], [1, 2]);
    await message.ack({ confirm: true });
    break;
  }
  assertEquals((await connection.cursor().getStream("quiet")).pending, 0);
});

Deno.test("members come back to a broker that was started again", async () => {
  const port = findFreePort();
  const first = await startBroker({ port });
  await using connection = await connect({ port, name: "patient" });
  await connection.cursor().createStream("restart");
  const publisher = connection.publisher("restart");
  await publisher.sendMessage("to the first");
  const follower = connection.follower("restart");
  const seen = collect(follower.getMessages(), 2);
  await connection.cursor().getStreams();
  await first.close();
  await using second = await startBroker({ port });
  await connection.cursor().createStream("restart");
  await publisher.sendMessage("to the second");
  assertEquals([...(await deadline(seen, PATIENCE_MS)).keys()], ["to the first", "to the second"]);
  assertEquals(second.connectionCount, 1);
});

Deno.test("thousands of publishers whose confirms are lost at the same time are stored once each", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using direct = await connect({ port: broker.port });
  await direct.cursor().createStream("work");
  const address = { hostname: "127.0.0.1", port: proxy.port };
  await using one = await connect(address);
  await using other = await connect(address);
  proxy.isStalled = true;
  const publishers = [one, other].flatMap((connection) =>
    Array.from({ length: 6000 }, () => connection.publisher("work"))
  );
  const sent = publishers.map((publisher, index) => publisher.sendMessage(index));
  const isStored = async () =>
    (await direct.cursor().getStream("work")).nextId === publishers.length + 1;
  await until("all are stored", isStored);
  let isSaid = false;
  proxy.onClientBytes = (bytes) => {
    // The broker must be told that these are no new publishers, or it could not tell them apart.
    isSaid ||= /"sentUntil":1,"sentMs":\d+/.test(new TextDecoder().decode(bytes));
    return true;
  };
  await withRandom(0, async () => {
    proxy.cut();
    proxy.isStalled = false;
    const receipts = await deadline(Promise.all(sent), PATIENCE_MS);
    const ids = receipts.map(({ streams }) => streams[0]!.id);
    assertEquals(new Set(ids).size, publishers.length);
  });
  assert(await isStored());
  assert(isSaid);
});

Deno.test("a broker that falls silent is left, and found again", async () => {
  await using broker = await startBroker({ heartbeatMs: 40, heartbeatTimeoutMs: 150 });
  await using proxy = new Proxy(broker.port);
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  // The connection stays open, and nothing comes through any more.
  proxy.isStalled = true;
  const answer = connection.cursor().getStreams();
  await deadline(proxy.nextConnection(), PATIENCE_MS);
  proxy.isStalled = false;
  assertEquals(await deadline(answer, PATIENCE_MS), []);
});

Deno.test("an idle connection is kept alive by heartbeats", async () => {
  await using broker = await startBroker({ heartbeatMs: 20, heartbeatTimeoutMs: 200 });
  await using proxy = new Proxy(broker.port);
  let heartbeatCount = 0;
  const { promise: isBeating, resolve } = Promise.withResolvers<void>();
  proxy.onClientBytes = (bytes) => {
    if (bytes.length === 5 && bytes[4] === 3 && ++heartbeatCount === 15) resolve();
    return true;
  };
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await deadline(isBeating, PATIENCE_MS);
  assertEquals(proxy.acceptedCount, 1);
  assertEquals(await connection.cursor().getStreams(), []);
});

Deno.test("a handshake that does not come is given up at once by close() and by the signal", async () => {
  const broker = await startBroker();
  await using connection = await connect({ port: broker.port });
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const controller = new AbortController();
  const connecting = connect({
    hostname: "127.0.0.1",
    port: silent.addr.port,
    waitForBroker: true,
    signal: controller.signal,
  });
  using _accepted = await silent.accept();
  controller.abort(new Error("enough"));
  await assertRejects(() => connecting, Error, "enough");
  await broker.close();
  await deadline(connection.close(), PATIENCE_MS);
});

Deno.test("a broker that ends each session at once is left in peace for a while", async () => {
  await using real = await startBroker();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  // Passes the real broker's welcome on, and hangs up.
  const { promise: isThird, resolve } = Promise.withResolvers<void>();
  const hangingUp = (async () => {
    for (let count = 1; count <= 3; count++) {
      using client = await listener.accept();
      using broker = await Deno.connect({ hostname: "localhost", port: real.port });
      const buffer = new Uint8Array(4096);
      await broker.write(buffer.subarray(0, await client.read(buffer) ?? 0));
      await client.write(buffer.subarray(0, await broker.read(buffer) ?? 0));
      if (count === 3) resolve();
    }
  })();
  await withRandom(0.99, async () => {
    const start = performance.now();
    await using _connection = await connect({ hostname: "127.0.0.1", port: listener.addr.port });
    await deadline(isThird, PATIENCE_MS);
    assert(performance.now() - start >= 290, "pauses of nearly 0.1 s and 0.2 s");
  });
  await hangingUp;
});

Deno.test("a connection that was lost pauses before it comes back, however well it has served", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await withRandom(0.99, async () => {
    for (let round = 0; round < 3; round++) {
      await connection.cursor().getStreams();
      const start = performance.now();
      const isBack = proxy.nextConnection();
      proxy.cut();
      await deadline(isBack, PATIENCE_MS);
      assert(performance.now() - start >= 95, "a pause of nearly 0.1 s");
    }
  });
});

Deno.test("a confirmed acknowledgement whose answer is lost says that nobody knows", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await connection.cursor().createStream("unknown");
  await connection.publisher("unknown").sendMessage("x");
  const { value } = await connection.follower("unknown").getMessages().next();
  proxy.onBrokerBytes = () => false;
  const error = await assertRejects(() => value!.ack({ confirm: true }), ConnectionClosedError);
  assertStringIncludes(error.message, "connection was lost");
  proxy.onBrokerBytes = () => true;
});

Deno.test("closing while the broker is away ends at once, and tells what was not confirmed", async () => {
  const broker = await startBroker();
  const connection = await connect({ port: broker.port });
  await connection.cursor().createStream("away");
  const publisher = connection.publisher("away");
  await broker.close();
  const sending = assertRejects(() => publisher.sendMessage("lost"), ConnectionClosedError);
  await deadline(connection.close(), PATIENCE_MS);
  await sending;
  assertEquals((await connection.closed).error, undefined);
});

Deno.test("a connection inside the process ends for good with its broker", async () => {
  const broker = await startBroker();
  const connection = await broker.connect();
  const waiting = connection.follower("any").getMessages().next();
  await broker.close();
  const reason = await deadline(connection.closed, PATIENCE_MS);
  assert(reason.error instanceof ConnectionClosedError);
  await assertRejects(() => waiting, ConnectionClosedError);
  await assertRejects(() => broker.connect(), ConnectionClosedError);
});

Deno.test("a version of the protocol that the broker does not speak is not tried again", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { FrameWriter, writeControlFrame } = await import("@simplemq/simplemq/protocol");
  const answering = (async () => {
    const socket = await listener.accept();
    const writer = new FrameWriter();
    writeControlFrame(writer, "error", { code: "UNSUPPORTED_VERSION", message: "version is 1" });
    await socket.read(new Uint8Array(1024));
    await socket.write(writer.take());
    socket.close();
  })();
  const error = await assertRejects(
    () => connect({ hostname: "127.0.0.1", port: listener.addr.port, waitForBroker: true }),
    BrokerError,
  );
  assertEquals(error.code, "UNSUPPORTED_VERSION");
  await answering;
});

Deno.test("what was sent again is no duplicate, and what has the id of another one is, always", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await connection.cursor().createStream("once");
  const publisher = connection.publisher("once");
  /** Sends a message whose first answer does not get through. */
  const sendTwice = async (body: string) => {
    proxy.onBrokerBytes = () => {
      proxy.onBrokerBytes = () => true;
      return false;
    };
    const { streams, duplicate } = await publisher.sendMessage(body, { dedupId: "a" });
    return [streams[0]?.id, duplicate];
  };
  await withRandom(0, async () => {
    assertEquals(await deadline(sendTwice("first"), PATIENCE_MS), [1, false]);
    assertEquals(await deadline(sendTwice("second"), PATIENCE_MS), [1, true]);
  });
  assertEquals(proxy.acceptedCount, 3);
  assertEquals((await connection.cursor().getStream("once")).nextId, 2);
});
