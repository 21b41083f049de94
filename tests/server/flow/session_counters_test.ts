/**
 * What sessions count: connections, bytes, confirms, refusals, and logins that have failed.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { turn, until } from "../../support/broker/broker.ts";
import { WithholdingEngine } from "../../support/broker/engines.ts";
import { LineClient } from "../../support/wire/line_client.ts";
import { createPipe } from "../../../src/transport/duplex.ts";
import { Sessions } from "../../support/wire/sessions.ts";

Deno.test("SessionCounters: connections are counted by protocol, and those that were", async () => {
  await using sessions = new Sessions();
  const { counters } = sessions;
  const silent = sessions.connect();
  await using frames = await sessions.open();
  const [here, there] = createPipe();
  sessions.take(there);
  await using lines = new LineClient(here);
  await lines.send('{"sender_type": "CURSOR", "request_type": "GET_ALL_STREAMS"');
  await until("a client of lines", () => counters.connections.lines === 1);
  assertEquals({ ...counters.connections }, { none: 1, frames: 1, lines: 1 });
  silent.close();
  lines.close();
  await until("two have left", () => sessions.table.count === 1);
  assertEquals({ ...counters.connections }, { none: 0, frames: 1, lines: 0 });
  frames.close();
  await until("all have left", () => sessions.table.count === 0);
  assertEquals({ ...counters.connections }, { none: 0, frames: 0, lines: 0 });
  assertEquals(counters.connectionsTotal, 3);
});

Deno.test("SessionCounters: bytes of connections that have ended stay in the sums", async () => {
  await using sessions = new Sessions();
  const { counters } = sessions;
  for (let round = 1; round <= 3; round++) {
    await using client = await sessions.open();
    await client.ask("getStreams");
    const { receivedBytes, sentBytes } = counters;
    assert(receivedBytes > 50 * round && sentBytes > 300 * round, `${receivedBytes} ${sentBytes}`);
    client.close();
    await until("it has left", () => sessions.table.count === 0);
    assertEquals([counters.receivedBytes, counters.sentBytes], [receivedBytes, sentBytes]);
  }
});

Deno.test("SessionCounters: a confirm takes from the arrival of its batch to its writing", async () => {
  const held = new WithholdingEngine();
  await using sessions = new Sessions({ engine: held.engine });
  await using client = await sessions.open();
  await client.ask("createStream", "a");
  await client.openPublisher(1, "a");
  await client.publish(1, 1, ["one", "two"]);
  await until("it has come", () => held.count === 1);
  const { counters } = sessions;
  assertEquals([counters.unconfirmedBytes > 0, counters.confirm.count], [true, 0]);
  sessions.passTime(200);
  held.letGo();
  await client.expect("stream");
  await client.expect("confirm");
  assertEquals([counters.confirm.count, counters.confirm.sum], [1, 0.2]);
  assertEquals(counters.unconfirmedBytes, 0);
});

Deno.test("SessionCounters: batches that never come to a publisher are counted as refused", async () => {
  await using sessions = new Sessions();
  await using client = await sessions.open();
  await client.openPublisher(1, "no such name!");
  await client.expectError("BAD_STREAM_NAME");
  await client.publish(1, 1, ["one"]);
  assertEquals((await client.expect("refuse")).code, "BAD_STREAM_NAME");
  await client.closePublisher(1);
  await client.publish(1, 2, ["two"]);
  assertEquals((await client.expect("refuse")).code, "PUBLISHER_CLOSED");
  assertEquals(sessions.engine.counters.refused, { BAD_STREAM_NAME: 1, PUBLISHER_CLOSED: 1 });
});

Deno.test("SessionCounters: failed logins are counted by what was wrong", async () => {
  await using sessions = new Sessions({ users: "users: {}" });
  for (const [token, count] of [[undefined, 1], ["x".repeat(43), 1], ["y", 2]] as const) {
    await using client = sessions.connect({ address: "192.0.2.1" });
    await client.send(new Uint8Array([0x53, 0x4d, 0x51, 2]));
    await client.sendControl("hello", {
      client: "stranger",
      capabilities: [],
      ...token !== undefined && { token },
    });
    await until("it was refused", () => sessions.loginGuard.waitingCount === 1);
    sessions.passTime(2000);
    await client.expectFatalError("UNAUTHORIZED");
    const { token: wrong, nothing_shown: nothing } = sessions.counters.authFailures;
    assertEquals(token === undefined ? nothing : wrong, count);
    await turn();
  }
});
