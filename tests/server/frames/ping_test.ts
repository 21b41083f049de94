/**
 * Pings by hand: who is answered, and what becomes of those that do more than ask.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { FrameType, MAGIC } from "../../../protocol.ts";
import { passTurns, startBroker, until, withPair } from "../../support/broker/broker.ts";
import { TlsBroker } from "../../support/certificates/tls_broker.ts";
import { bytesOf, RawClient } from "../../support/wire/raw_client.ts";
import { Sessions } from "../../support/wire/sessions.ts";

const USERS = "users:\n  app: { permissions: { admin: true } }\n";

/** Magic and a ping. */
const PING = bytesOf((writer) => {
  writer.bytes(MAGIC);
  writer.begin(FrameType.ping);
  writer.end();
});

Deno.test("a ping is answered without a credential, and its connection ends", async () => {
  await using sessions = new Sessions({ users: USERS });
  await using client = sessions.connect({ address: "10.0.0.1" });
  await client.send(PING);
  assertEquals(await client.expect("pong"), { version: "0.0.0", problems: [] });
  await client.expectEnd();
  await until("it is gone", () => sessions.table.count === 0);
  assertEquals(sessions.lines, []);
  assertEquals([sessions.loginGuard.addressCount, sessions.loginGuard.waitingCount], [0, 0]);
});

Deno.test("a ping tells why the broker is not ready", async () => {
  await using sessions = new Sessions();
  sessions.management.noteStopping();
  await using client = sessions.connect();
  await client.send(PING);
  assertEquals((await client.expect("pong")).problems, ["the broker is being stopped"]);
});

Deno.test("whatever follows a ping is not read: another one, a hello, garbage", async () => {
  await using sessions = new Sessions();
  const hello = bytesOf((writer) => {
    writer.begin(FrameType.hello);
    writer.json({ client: "x" });
    writer.end();
  });
  const garbage = new Uint8Array(8000).fill(0xff);
  for (const rest of [PING, PING.subarray(MAGIC.length), hello, garbage, new Uint8Array(100_000)]) {
    await using client = sessions.connect();
    await client.send(new Uint8Array([...PING, ...rest]));
    await client.expect("pong");
    await client.expectEnd();
  }
  await until("they are gone", () => sessions.table.count === 0);
  assertEquals(sessions.faults, []);
});

Deno.test("a ping with anything in it is no ping, and in a session there is none", async () => {
  await using sessions = new Sessions();
  await using odd = sessions.connect();
  await odd.send(MAGIC);
  await odd.sendFrame(FrameType.ping, (frame) => frame.u32(1));
  await odd.expectFatalError("BAD_FRAME");
  await using late = await sessions.open();
  await late.sendFrame(FrameType.ping);
  await late.expectFatalError("UNKNOWN_FRAME");
  await using broker = sessions.connect();
  await broker.send(MAGIC);
  await broker.sendFrame(FrameType.pong);
  await broker.expectFatalError("HANDSHAKE_EXPECTED");
});

Deno.test("a client that pings and does not read goes all the same", async () => {
  await using broker = await startBroker();
  await using client = await RawClient.connect(broker.port);
  await client.send(PING);
  await until("it is gone", () => broker.connectionCount === 0);
});

Deno.test("thousands of pings disturb nobody, and leave nothing", () =>
  withPair({ limits: { connections: 50 } }, async (broker) => {
    let answered = 0;
    for (let round = 0; round < 40; round++) {
      await Promise.all(Array.from({ length: 40 }, async (_, index) => {
        await using client = await RawClient.connect(broker.port);
        // Every fourth says half of it.
        await client.send(index % 4 === 0 ? PING.subarray(0, 1 + index % 8) : PING);
        if (index % 4 > 0) await client.expect("pong");
        answered += Number(index % 4 > 0);
      }));
    }
    assertEquals(answered, 1200);
    await until("only the pair is left", () => broker.connectionCount === 2);
  }));

Deno.test("over TLS a ping needs no certificate either, and is no failed login", async () => {
  await using broker = await TlsBroker.start("required");
  for (let count = 0; count < 3; count++) {
    await using client = await broker.raw();
    await client.send(PING);
    assertEquals((await client.expect("pong")).problems, []);
    await client.expectEnd();
  }
  await passTurns();
  assert(broker.server.connectionCount <= 1);
});

Deno.test("a health check over TLS is never held back, however often it pings", async () => {
  await using sessions = new Sessions({ users: USERS });
  const encryption = { hasBegun: true, certificateNames: [] };
  const caller = { address: "10.0.0.1", encryption };
  for (let count = 0; count < 300; count++) {
    await using client = sessions.connect(caller);
    await client.send(PING);
    await client.expect("pong");
    await client.expectEnd();
    await until("it is gone", () => sessions.table.count === 0);
    sessions.passTime(100);
  }
  assertEquals(sessions.loginGuard.addressCount, 0);
  await using silent = sessions.connect(caller);
  silent.close();
  await until("it is gone", () => sessions.table.count === 0);
  assertEquals(sessions.loginGuard.addressCount, 1, "who asks nothing is noted");
});
