import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { BrokerError, connect, type Connection } from "@simplemq/simplemq";
import { serve } from "@simplemq/simplemq/server";
import { startBroker, until } from "../../support/broker/broker.ts";
import { TestDirectory } from "../../support/disk/journals.ts";
import { Proxy } from "../../support/wire/proxy.ts";
import { withRandom } from "../support.ts";
import { PATIENCE_MS } from "../support.ts";

/** Two brokers, one after the other, on one journal: the second one has lower limits. */
async function startLowered() {
  const directory = await TestDirectory.create();
  const storage = { engine: "journal", directory: directory.path } as const;
  const start = (messageBytes: number) =>
    serve({ port: 0, logLevel: "error", storage, limits: { messageBytes } });
  let broker = await start(4 * 1024 * 1024);
  const proxy = new Proxy(broker.port);
  const connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await connection.cursor().createStream("work");
  return {
    proxy,
    connection,
    direct: () => connect({ port: broker.port }),
    /** Puts the second broker in the place of the first one. */
    async lower(messageBytes: number) {
      const stopping = broker.close();
      proxy.cut();
      await stopping;
      broker = await start(messageBytes);
      proxy.isStalled = false;
      proxy.onClientBytes = () => true;
      proxy.target = broker.port;
    },
    async [Symbol.asyncDispose]() {
      await connection.close();
      await proxy[Symbol.asyncDispose]();
      await broker.close();
      await directory[Symbol.asyncDispose]();
    },
  };
}

/** The lengths of the bodies in a stream, in their order. */
async function lengthsOf(connection: Connection, stream: string): Promise<number[]> {
  const peeked = await connection.cursor().peek(stream, { limit: 1000 });
  return peeked.map(({ bytes }) => bytes.length);
}

Deno.test("a message that the broker of now finds too large fails, and nothing else does", async () => {
  await using scene = await startLowered();
  const { connection, proxy } = scene;
  const publisher = connection.publisher("work");
  await publisher.sendMessage("first");
  const large = assertRejects(() => publisher.sendMessage("x".repeat(3_000_000)), BrokerError);
  const behind = publisher.sendMessage("behind it");
  await cutWhenSent(proxy);
  await withRandom(0, async () => {
    await scene.lower(1024 * 1024);
    const error = await deadline(large, PATIENCE_MS);
    assertEquals(error.code, "MESSAGE_TOO_LARGE");
    assertStringIncludes(error.message, "body is 3000000 bytes, limit is 1048576");
    assertEquals((await deadline(behind, PATIENCE_MS)).streams[0]?.id, 2);
  });
  assertEquals((await publisher.sendMessage("after")).streams[0]?.id, 3);
  assertEquals(await lengthsOf(connection, "work"), [5, 9, 5]);
});

Deno.test("a message that was stored before the limits were lowered is confirmed", async () => {
  await using scene = await startLowered();
  const { connection, proxy } = scene;
  const publisher = connection.publisher("work");
  await publisher.sendMessage("first");
  proxy.isStalled = true;
  const large = publisher.sendMessage("x".repeat(3_000_000));
  await using direct = await scene.direct();
  await until("it is stored", async () => (await direct.cursor().getStream("work")).nextId === 3);
  await direct.close();
  const behind = publisher.sendMessage("behind it");
  await withRandom(0, async () => {
    await scene.lower(1024 * 1024);
    assertEquals((await deadline(large, PATIENCE_MS)).streams, [{ stream: "work", id: 2 }]);
    assertEquals((await deadline(behind, PATIENCE_MS)).streams, [{ stream: "work", id: 3 }]);
  });
});

Deno.test("batches are cut for a broker with lower limits, and keep their order", async () => {
  await using scene = await startLowered();
  const { connection, proxy } = scene;
  const publisher = connection.publisher("work");
  await publisher.sendMessage("");
  // What is on its way may be stored, what comes after the loss has never been sent.
  const send = () => [
    ...Array.from({ length: 100 }, () => publisher.sendMessage("y".repeat(300))),
    publisher.sendMessage("x".repeat(50_000)),
    publisher.sendMessages(Array.from({ length: 100 }, () => "z".repeat(700))),
    publisher.sendMessages(["a", "x".repeat(1025), "b"]),
    publisher.sendMessage("after"),
  ];
  const onTheirWay = Promise.allSettled(send());
  await cutWhenSent(proxy);
  const later = Promise.allSettled(send());
  await withRandom(0, async () => {
    await scene.lower(1024);
    for (const results of [await onTheirWay, await later]) {
      const failed = results.flatMap(({ status }, index) => status === "rejected" ? [index] : []);
      assertEquals(failed, [100, 102]);
    }
  });
  const stored = await lengthsOf(connection, "work");
  const runs = stored.filter((length, index) => length !== stored[index - 1]);
  assertEquals(runs, [0, 300, 700, 5, 300, 700, 5]);
  assertEquals(stored.length, 1 + 2 * 201);
});

/** Resolves when a connection of a proxy was cut because of what was sent over it. */
async function cutWhenSent(proxy: Proxy): Promise<void> {
  let isCut = false;
  proxy.onClientBytes = () => {
    isCut = true;
    return false;
  };
  await until("something is sent", () => isCut);
}

Deno.test("a batch that is too large for a frame fails, and is not tried for ever", async () => {
  await using broker = await startBroker({ limits: { messageBytes: 5000 } });
  await using proxy = new Proxy(broker.port);
  // The broker's welcome says 70536: this client takes a larger frame for allowed.
  proxy.onBrokerBytes = (bytes) => {
    const at = new TextDecoder("latin1").decode(bytes).indexOf("70536");
    if (at >= 0) bytes.set(new TextEncoder().encode("99536"), at);
    return true;
  };
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await connection.cursor().createStream("work");
  const large = connection.publisher("work");
  const other = connection.publisher("work");
  const calls = Array.from({ length: 290 }, () => large.sendMessage("x".repeat(300)));
  const results = Promise.allSettled([...calls, large.sendMessages(["y".repeat(4000), "z"])]);
  const small = other.sendMessage("small");
  await withRandom(0, async () => {
    const outcomes = (await deadline(results, PATIENCE_MS)).map((result) =>
      result.status === "rejected" ? result.reason.code : "stored"
    );
    assertEquals(new Set(outcomes), new Set(["MESSAGE_TOO_LARGE"]));
    assertEquals((await deadline(small, PATIENCE_MS)).streams[0]?.id, 1);
    assertEquals((await deadline(large.sendMessage("next"), PATIENCE_MS)).streams[0]?.id, 2);
  });
});
