/**
 * A broker inside an application: it starts, tells what it is, serves with and without a socket, and
 * ends.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { assertNotEquals, assertStringIncludes } from "@std/assert";
import { connect, ConnectionClosedError } from "../../../client.ts";
import type { Connection } from "../../../client.ts";
import { type PartialSettings, serve, SettingsError, StartError } from "../../../server.ts";
import { startBroker, until } from "../../support/broker/broker.ts";
import { RawClient } from "../../support/wire/raw_client.ts";

/** Sends a message and follows it. */
async function exchange(connection: Connection, text: string) {
  await connection.cursor().createStream("a");
  await connection.publisher("a").sendMessage(text);
  for await (const message of connection.follower("a").getMessages()) {
    assertEquals(message.body, text);
    await message.ack({ confirm: true });
    break;
  }
}

Deno.test("serve() starts a broker that tells what it is", async () => {
  await using broker = await startBroker();
  assert(broker.port > 0);
  assert(["127.0.0.1", "::1"].includes(broker.hostname), broker.hostname);
  assertEquals([broker.engine, broker.durability], ["memory", "memory"]);
  assertEquals(broker.connectionCount, 0);
});

Deno.test("serve() starts two brokers in one process that do not disturb each other", async () => {
  await using one = await startBroker();
  await using other = await startBroker();
  assertNotEquals(one.port, other.port);
  await using first = await connect({ port: one.port });
  await using second = await connect({ port: other.port });
  await Promise.all([exchange(first, "to one"), exchange(second, "to the other")]);
  assertEquals((await first.cursor().getStream("a")).nextId, 2);
  await one.close();
  await exchange(second, "to the other again");
});

Deno.test("serve() listens at the port that it is told", async () => {
  const before = await startBroker();
  const { port } = before;
  await before.close();
  await using again = await startBroker({ port });
  assertEquals(again.port, port);
});

Deno.test("serve() works with the smallest limits", async () => {
  await using broker = await startBroker({
    storage: { memoryLimit: 1000 },
    limits: {
      messageBytes: 20,
      connections: 2,
      unacknowledgedMessages: 1,
      unacknowledgedBytes: 1,
      outboundBytes: 1,
      unconfirmedBytes: 1,
    },
  });
  await using one = await connect({ port: broker.port });
  await using other = await broker.connect();
  await one.cursor().createStream("a");
  const publisher = one.publisher("a");
  const sending = (async () => {
    for (let count = 0; count < 100; count++) await publisher.sendMessage(count);
  })();
  const bodies: unknown[] = [];
  for await (const message of other.follower("a").getMessages({ autoAck: true })) {
    if (bodies.push(message.body) === 100) break;
  }
  await sending;
  assertEquals(bodies, Array.from({ length: 100 }, (_, index) => index));
});

Deno.test("serve() works with the largest messages that can be allowed", async () => {
  const messageBytes = 64 * 1024 * 1024;
  await using broker = await startBroker({ limits: { messageBytes } });
  await using connection = await connect({ port: broker.port });
  await connection.cursor().createStream("a");
  const sent = new Uint8Array(messageBytes).fill(7);
  await connection.publisher("a").sendMessage(sent);
  for await (const message of connection.follower("a").getMessages({ autoAck: true })) {
    assertEquals(message.bytes.length, messageBytes);
    assertEquals([message.bytes[0], message.bytes.at(-1)], [7, 7]);
    break;
  }
});

/** What a broker with these settings fails with; it rejects, whatever is wrong. */
function failureOf(settings: unknown): Promise<unknown> {
  return serve(settings as PartialSettings).then((broker) => broker.close(), (error) => error);
}

for (
  const [what, settings, kind, tells] of [
    ["nothing", null, TypeError, "allowed an object of settings"],
    ["a port that is none", { port: 65536 }, RangeError, 'setting "port": found 65536'],
    ["a port that is a text", { port: "0" }, TypeError, 'setting "port": found "0"'],
    ["an unknown name", { prot: 0 }, TypeError, 'the nearest known one is "port"'],
    [
      "an engine of another version",
      { storage: { engine: "jetstream" } },
      RangeError,
      "storage.engine",
    ],
    ["a host that others reach", { host: "0.0.0.0", port: 0 }, RangeError, "insecure: true"],
    ["a number", 9090, TypeError, "allowed an object of settings"],
    ["a heartbeat that is too slow", { heartbeatMs: 50_000 }, RangeError, "heartbeatTimeoutMs"],
    [
      "several mistakes",
      { port: -1, limits: { connections: 0 } },
      RangeError,
      'setting "limits.connections": found 0',
    ],
  ] as const
) {
  Deno.test(`serve() refuses ${what}`, async () => {
    const error = await failureOf(settings);
    assertInstanceOf(error, kind);
    assertStringIncludes(error.message, tells);
    assertStringIncludes(error.message, "Cannot start");
    if (typeof settings === "object" && settings !== null) {
      assertInstanceOf(error.cause, SettingsError);
    }
  });
}

Deno.test("serve() tells that the port is taken, and leaves nothing open", async () => {
  await using broker = await startBroker();
  const error = await failureOf({ port: broker.port, storage: { engine: "memory" } });
  assertInstanceOf(error, StartError);
  assertStringIncludes(
    error.message,
    `Cannot listen at localhost:${broker.port}: the port is taken`,
  );
  assertInstanceOf(error.cause, Deno.errors.AddrInUse);
  await using connection = await connect({ port: broker.port });
  await exchange(connection, "still there");
});

Deno.test("serve() tells that an address is not to be had", async () => {
  const error = await failureOf({
    host: "203.0.113.1",
    port: 0,
    insecure: true,
    storage: { engine: "memory" },
  });
  assertInstanceOf(error, StartError);
  assertStringIncludes(error.message, "Cannot listen at 203.0.113.1:0: ");
});

Deno.test("connect() without a socket is a connection like any other", async () => {
  await using broker = await startBroker();
  await using inside = await broker.connect({ name: "inside" });
  await using outside = await connect({ port: broker.port });
  assertEquals(broker.connectionCount, 2);
  const { address, ...rest } = outside.broker;
  assertEquals([address, rest], [`localhost:${broker.port}`, inside.broker]);
  await exchange(inside, "from inside");
  await exchange(outside, "from outside");
  await inside.close();
  await outside.close();
  await until("both have left", () => broker.connectionCount === 0);
});

Deno.test("connect() without a socket takes large messages, too", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await exchange(connection, "x".repeat(1024 * 1024));
});

Deno.test("connect() without a socket counts as a connection", async () => {
  await using broker = await startBroker({ limits: { connections: 1 } });
  await using _first = await broker.connect();
  const error = await assertRejects(() => broker.connect());
  assertStringIncludes(String(error), "connection limit of 1 is reached");
});

Deno.test("connect() after close() rejects", async () => {
  const broker = await startBroker();
  const closed = broker.close();
  await assertRejects(() => broker.connect(), ConnectionClosedError, "is closed");
  await closed;
  await assertRejects(() => broker.connect(), ConnectionClosedError, "is closed");
});

Deno.test("close() ends connections without a socket for good", async () => {
  const broker = await startBroker();
  const connection = await broker.connect();
  await exchange(connection, "before");
  await broker.close();
  const { error } = await connection.closed;
  assertInstanceOf(error, ConnectionClosedError);
  await connection.close();
});

Deno.test("close() may be called twice, and waits both times", async () => {
  const broker = await startBroker();
  await using client = await RawClient.open(broker.port);
  let isClosed = false;
  const calls = [broker.close(), broker.close()];
  const closed = Promise.all(calls).then(() => isClosed = true);
  await client.expect("goodbye");
  assertEquals(isClosed, false);
  client.close();
  await closed;
  await broker.close();
});

Deno.test("close() lets nobody in any more", async () => {
  const broker = await startBroker();
  const { port } = broker;
  await broker.close();
  await assertRejects(() => connect({ port }), Error, `localhost:${port}`);
});

Deno.test("close() while clients are coming leaves no connection behind", async () => {
  for (let round = 0; round < 10; round++) {
    const broker = await startBroker({ shutdownTimeoutMs: 50 });
    const comings = Array.from({ length: 5 }, async () => {
      try {
        await using client = await RawClient.connect(broker.port);
        await client.hello();
        while (await client.next() !== undefined);
      } catch (error) {
        // A client that comes too late is refused, or reset while it waits to be accepted.
        const { ConnectionRefused, ConnectionReset } = Deno.errors;
        assert(error instanceof ConnectionRefused || error instanceof ConnectionReset);
      }
    });
    await broker.close();
    await Promise.all(comings);
    assertEquals(broker.connectionCount, 0);
  }
});
