/**
 * Errors of the broker lead to whoever made the call, in their stack.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { BrokerError, connect, type Connection } from "@simplemq/simplemq";
import { startBroker } from "../../support/broker/broker.ts";

/** Calls that fail, each awaited in a function that has the call's name. */
const calls: Record<string, (connection: Connection) => Promise<unknown>> = {
  async sendMessage(connection) {
    await connection.publisher("nowhere").sendMessage("x");
  },
  async sendMessages(connection) {
    await connection.publisher("nowhere").sendMessages(["x", "y"]);
  },
  async messageWithSignal(connection) {
    const { signal } = new AbortController();
    await connection.publisher("nowhere").sendMessage("x", { signal });
  },
  async severalMessages(connection) {
    const publisher = connection.publisher("nowhere");
    await Promise.all([publisher.sendMessage("x"), publisher.sendMessage("y")]);
  },
  async chained(connection) {
    await connection.publisher("nowhere").sendMessage("x").then(({ streams }) => streams);
  },
  async closedPublisher(connection) {
    const publisher = connection.publisher(/(?=a)/);
    await publisher.sendMessage("x").catch(() => {});
    await publisher.sendMessage("y");
  },
  async flush(connection) {
    const publisher = connection.publisher("nowhere");
    publisher.sendMessage("x");
    await publisher.flush();
  },
  async close(connection) {
    const publisher = connection.publisher("nowhere");
    publisher.sendMessage("x");
    await publisher.close();
  },
  async request(connection) {
    await connection.publisher("nowhere").request("x");
  },
  async follow(connection) {
    for await (const _ of connection.follower(/(?=a)/).getMessages());
  },
  async acknowledge(connection) {
    await connection.cursor().createStream("work");
    await connection.publisher("work").sendMessage("x");
    for await (const message of connection.follower("work").getMessages()) {
      await connection.cursor().deleteStream("work");
      await message.ack({ confirm: true });
    }
  },
  async getStream(connection) {
    await connection.cursor().getStream("nowhere");
  },
  async caughtCursor(connection) {
    let caught: unknown;
    // Nobody awaits the call itself.
    await connection.cursor().peek("nowhere").catch((error) => caught = error);
    throw caught;
  },
};

Deno.test("the stack of a broker's error names the function that made the call", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  for (const [name, call] of Object.entries(calls)) {
    const error = await call(connection).then(() => undefined, (error) => error);
    assert(error instanceof BrokerError, name);
    const [head, ...frames] = error.stack!.split("\n");
    assertEquals(head, `BrokerError: ${error.message}`);
    assertStringIncludes(frames.join("\n"), name);
    assertStringIncludes(frames.join("\n"), "caller_trace_test.ts");
  }
});

Deno.test("the stack of an error that keeps a client from connecting names who connects", async () => {
  await using broker = await startBroker({ limits: { connections: 1 } });
  await using _first = await broker.connect();
  async function connectOnceMore() {
    await connect({ port: broker.port });
  }
  const error = await connectOnceMore().then(() => undefined, (error) => error);
  assert(error instanceof BrokerError);
  assertEquals(error.code, "TOO_MANY_CONNECTIONS");
  assertStringIncludes(error.stack!, "connectOnceMore");
});

Deno.test("calls that fail together have an error each", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const publisher = connection.publisher("nowhere");
  const results = await Promise.allSettled(["x", "y"].map((body) => publisher.sendMessage(body)));
  const [first, second] = results.map((result) => (result as PromiseRejectedResult).reason);
  assert(first !== second && first instanceof BrokerError && second instanceof BrokerError);
  assertEquals([first.code, second.code], ["STREAM_NOT_FOUND", "STREAM_NOT_FOUND"]);
});
