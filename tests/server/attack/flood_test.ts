/**
 * Floods of connections that never become sessions: others get in.
 *
 * @module
 */

import { assertEquals, assertLess } from "@std/assert";
import { connect } from "../../../client.ts";
import { passTurns, startBroker, until } from "../../support/broker/broker.ts";
import { openSocket } from "../../support/wire/duplex_client.ts";
import { helloBytes, type RawClient } from "../../support/wire/raw_client.ts";
import { Sessions } from "../../support/wire/sessions.ts";

Deno.test("the connection that has been without a session for longest gives way to the next one", async () => {
  await using sessions = new Sessions({ connectionsMax: 3 });
  await using member = await sessions.open("member");
  const strangers = [sessions.connect(), sessions.connect()];
  // A stranger may be about to say hello: he has half a second in any case.
  sessions.passTime(499);
  await using early = sessions.connect();
  await early.expectFatalError("TOO_MANY_CONNECTIONS");
  sessions.passTime(1);
  await using late = await sessions.open("late");
  await strangers[0]!.expectEnd();
  await using last = await sessions.open("last");
  await strangers[1]!.expectEnd();
  // Sessions never give way.
  sessions.passTime(2000);
  await using more = sessions.connect();
  await more.expectFatalError("TOO_MANY_CONNECTIONS");
  await Promise.all([member, late, last].map((client) => client.ask("getStreams")));
  assertEquals(sessions.table.count, 3);
  const lines = sessions.lines.filter((line) => line.includes("gave way"));
  assertEquals(lines.map((line) => /count=\d+/.exec(line)?.[0]), ["count=1", "count=1"]);
});

Deno.test("ten thousand connections that say nothing, or half of it, keep nobody out", async () => {
  await using sessions = new Sessions({ connectionsMax: 1000 });
  const strangers: RawClient[] = [];
  const hello = helloBytes();
  for (let index = 0; index < 10_000; index++) {
    const stranger = sessions.connect();
    strangers.push(stranger);
    if (index % 2 === 0) await stranger.send(hello.subarray(0, index % hello.length));
    if (index % 100 === 99) sessions.passTime(100);
    if (index % 1000 !== 999) continue;
    await using good = await sessions.open("good");
    await good.ask("getStreams");
  }
  await passTurns();
  assertLess(sessions.table.count, 1001);
  assertEquals(sessions.input.bytes, 0, "what has come fits into the first kilobyte");
  sessions.passTime(5001);
  await until("their time is over", () => sessions.table.count === 0);
  for (const stranger of strangers) stranger.close();
  assertEquals(sessions.faults, []);
  assertLess(sessions.lines.length, 300);
});

Deno.test("a client connects to a broker whose connections are all taken by strangers", async () => {
  await using broker = await startBroker({ limits: { connections: 20 } });
  const sockets = await Promise.all(
    Array.from({ length: 20 }, () => openSocket(broker.port)),
  );
  await until("they are connected", () => broker.connectionCount === 20);
  await until("the first one gives way", async () => {
    try {
      await using connection = await connect({ port: broker.port });
      return (await connection.cursor().getStreams()).length === 0;
    } catch {
      return false;
    }
  });
  for (const socket of sockets) socket.close();
});
