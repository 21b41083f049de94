import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { type BrokerError, connect, ConnectionClosedError } from "@simplemq/simplemq";
import { startBroker } from "../../support/broker/broker.ts";
import { PATIENCE_MS } from "../support.ts";

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
  assertStringIncludes(message, 'Cannot publish to "small": it has 1 message,');
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
