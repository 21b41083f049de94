/**
 * A cursor that operates a broker: what it refuses before it asks, and how a closed client comes back.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type LogLevel } from "@simplemq/simplemq";
import { startBroker } from "../../support/broker/broker.ts";
import { withRandom } from "../support.ts";

Deno.test("a cursor refuses wrong arguments of an operator before it asks", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  for (const id of [0, -1, 1.5, NaN, "1"]) {
    await assertRejects(() => cursor.closeConnection(id as number), Error, "id");
    await assertRejects(() => cursor.dropMessages("orders", [1, id as number]), Error, "id");
  }
  const long = { reason: "ä".repeat(129) };
  await assertRejects(() => cursor.closeConnection(7, long), RangeError, "256 bytes");
  const odd = { cause: "x" } as Record<string, unknown>;
  await assertRejects(() => cursor.closeConnection(7, odd), TypeError, "cause");
  const wrong = "trace" as LogLevel;
  await assertRejects(() => cursor.setLogLevel(wrong), RangeError, "debug, info, warning, error");
  await assertRejects(() => cursor.getEvents({ after: -1 }), RangeError, "after");
  await assertRejects(() => cursor.dropMessages("a b", [1]), RangeError, "stream name");
});

Deno.test("a client whose connection was closed by an operator comes back, but not at once", async () => {
  await using broker = await startBroker();
  await using operator = await broker.connect();
  await withRandom(0, async () => {
    await using worker = await connect({ port: broker.port, name: "worker" });
    await worker.cursor().createStream("orders");
    const cursor = operator.cursor();
    const [, { id } = { id: 0 }] = await cursor.getConnections();
    const sent = worker.publisher("orders");
    await sent.sendMessage("before");
    assert(await cursor.closeConnection(id));
    const closedAt = performance.now();
    // What is published meanwhile waits, as after any loss.
    await sent.sendMessage("after");
    const ms = performance.now() - closedAt;
    assert(ms > 990 && ms < 5000, `it took ${ms} ms`);
    assertEquals((await cursor.getStream("orders")).ready, 2);
  });
});
