/**
 * All sessions together: how many there may be, how they end, and that a fault in one of them, or in
 * the engine, stays where it is.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { BrokerError, FrameType, MAGIC, type StreamInfo } from "../../../protocol.ts";
import { MEMBERS_MAX } from "../../../src/protocol/limits.ts";
import type { Duplex } from "../../../src/transport/duplex.ts";
import { turn, until } from "../../support/broker/broker.ts";
import { engineWith, WithholdingEngine, withParts } from "../../support/broker/engines.ts";
import { bindOf, helloBytes, type RawClient } from "../../support/wire/raw_client.ts";
import { HEARTBEAT, Sessions } from "../../support/wire/sessions.ts";

// How many.

Deno.test("SessionTable.open() turns away who is too many, and takes the next when one has left", async () => {
  await using sessions = new Sessions({ connectionsMax: 2 });
  await using one = await sessions.open();
  await using two = await sessions.open();
  await using three = sessions.connect();
  assertEquals(sessions.table.count, 2);
  const { message } = await three.expectFatalError("TOO_MANY_CONNECTIONS");
  assertStringIncludes(message, "connection limit of 2");
  one.close();
  await until("the first one has left", () => sessions.table.count === 1);
  await using four = await sessions.open();
  await Promise.all([two, four].map((client) => client.ask("getStreams")));
});

Deno.test("SessionTable.open() turns away who does not even take the reason", async () => {
  await using sessions = new Sessions({ connectionsMax: 1 });
  await using _one = await sessions.open();
  const closed = Promise.withResolvers<void>();
  sessions.take({
    read: () => Promise.resolve(null),
    write: () => Promise.reject(new Deno.errors.ConnectionReset("gone")),
    close: closed.resolve,
  });
  await closed.promise;
  assertEquals(sessions.faults, []);
});

Deno.test("SessionTable.open() closes at once when many are being told that they are too many", async () => {
  await using sessions = new Sessions({ connectionsMax: 1 });
  await using _one = await sessions.open();
  const told = Promise.withResolvers<number>();
  const counts = { told: 0, closed: 0 };
  const storm = {
    read: () => Promise.resolve(null),
    write: () => {
      counts.told++;
      return told.promise;
    },
    close: () => void counts.closed++,
  };
  for (let count = 0; count < 1000; count++) sessions.take(storm);
  // As many descriptors as this are in use beside the connections that are allowed.
  assertEquals(counts, { told: 32, closed: 968 });
  told.resolve(1);
  await until("those that were told are closed, too", () => counts.closed === 1000);
  sessions.take(storm);
  assertEquals(counts.told, 33);
  const lines = sessions.lines.filter((line) => line.includes("turned away"));
  assertEquals(lines.length, 1, "a storm does not fill the log");
});

Deno.test("a session has ten thousand followers and publishers, and is told of more", async () => {
  await using sessions = new Sessions();
  await using client = await sessions.open();
  await client.ask("createStream", "a");
  for (let number = 1; number <= MEMBERS_MAX; number++) {
    await client.openFollower(number, "a");
    await client.openPublisher(number, "a");
  }
  await client.openFollower(MEMBERS_MAX + 1, "a");
  assertEquals((await client.expectError("TOO_MANY_MEMBERS")).follower, MEMBERS_MAX + 1);
  await client.openPublisher(MEMBERS_MAX + 1, "a");
  assertEquals((await client.expectError("TOO_MANY_MEMBERS")).publisher, MEMBERS_MAX + 1);
  await client.closeFollower(1, 0);
  await client.openFollower(MEMBERS_MAX + 1, "a");
  const { followers } = await client.ask("getStream", "a") as StreamInfo;
  assertEquals(followers, MEMBERS_MAX);
});

// How they end.

Deno.test("SessionTable.close() says goodbye and waits for clients that leave by themselves", async () => {
  const sessions = new Sessions({ shutdownTimeoutMs: 60_000 });
  await using client = await sessions.open();
  const closed = sessions[Symbol.asyncDispose]();
  assertEquals((await client.expect("goodbye")).code, "SHUTTING_DOWN");
  assertEquals(await client.ask("getStreams"), { items: [] });
  client.close();
  await closed;
  assertEquals(sessions.table.count, 0);
});

Deno.test("SessionTable.close() disconnects clients that do not leave", async () => {
  const sessions = new Sessions({ shutdownTimeoutMs: 1 });
  await using client = await sessions.open();
  const closed = sessions[Symbol.asyncDispose]();
  await client.expect("goodbye");
  await client.expectEnd();
  await closed;
});

for (
  const [what, says] of [
    ["has said nothing", new Uint8Array()],
    ["has said half a hello", helloBytes().subarray(0, 10)],
  ] as const
) {
  Deno.test(`SessionTable.close() does not wait for a client that ${what}, and tells it`, async () => {
    const sessions = new Sessions({ shutdownTimeoutMs: 60_000 });
    await using client = sessions.connect();
    await client.send(says);
    await turn();
    const closed = sessions[Symbol.asyncDispose]();
    await client.expectFatalError("SHUTTING_DOWN");
    await closed;
  });
}

Deno.test("SessionTable.close() does not wait for confirms that never come", async () => {
  const withholding = new WithholdingEngine();
  const sessions = new Sessions({ engine: withholding.engine, unconfirmedBytesMax: 1 });
  await using client = await sessions.open();
  await client.ask("createStream", "a");
  await client.openPublisher(1, "a");
  await client.publish(1, 1, ["held back"]);
  await until("nothing is read any more", () => sessions.budget.isSpent);
  await sessions[Symbol.asyncDispose]();
  assertEquals(sessions.table.count, 0);
  withholding.letGo();
  assertEquals([sessions.budget.bytes, sessions.faults], [0, []]);
});

Deno.test("SessionTable.close() lets confirms that are under way go out", async () => {
  const withholding = new WithholdingEngine();
  const options = { engine: withholding.engine, shutdownTimeoutMs: 60_000 };
  const sessions = new Sessions(options);
  await using client = await sessions.open();
  await client.ask("createStream", "a");
  await client.openPublisher(1, "a");
  await client.publish(1, 1, ["under way"]);
  await until("it is under way", () => withholding.count === 1);
  const closed = sessions[Symbol.asyncDispose]();
  await client.expect("goodbye");
  withholding.letGo();
  await client.expect("stream");
  assertEquals((await client.expect("confirm")).sequence, 1);
  client.close();
  await closed;
});

// The clock.

Deno.test("a handshake has until its deadline, not longer", async () => {
  await using sessions = new Sessions({ handshakeTimeoutMs: 1500 });
  await using late = sessions.connect();
  await late.send(MAGIC);
  await using inTime = sessions.connect();
  sessions.passTime(1499);
  await inTime.shakeHands();
  sessions.passTime(1);
  await late.expectFatalError("HANDSHAKE_TIMEOUT");
  sessions.passTime(1000);
  assertEquals(await inTime.ask("getStreams"), { items: [] });
});

Deno.test("a handshake that comes while its lateness is told changes nothing", async () => {
  await using sessions = new Sessions({ handshakeTimeoutMs: 1500 });
  await using client = sessions.connect();
  sessions.passTime(1500);
  await client.hello();
  await client.expectFatalError("HANDSHAKE_TIMEOUT");
  await until("it is over", () => sessions.table.count === 0);
});

/** A client that holds two messages, and says nothing more. */
async function fallSilent(sessions: Sessions): Promise<RawClient> {
  const silent = await sessions.open("silent");
  await silent.ask("createStream", "a");
  await silent.openPublisher(1, "a");
  await silent.publish(1, 1, ["held", "held, too"]);
  await silent.openFollower(1, "a");
  await until("it holds them", async () => (await sessions.engine.getStream("a")).pending === 2);
  sessions.passTime(1);
  return silent;
}

Deno.test("what a silent client holds is ready again, and the client is given up if it stays silent", async () => {
  await using sessions = new Sessions();
  await using _silent = await fallSilent(sessions);
  sessions.passTime(HEARTBEAT.heartbeatTimeoutMs - 1);
  assertEquals((await sessions.engine.getStream("a")).pending, 2);
  sessions.passTime(1);
  const { ready, pending } = await sessions.engine.getStream("a");
  assertEquals({ ready, pending }, { ready: 2, pending: 0 });
  for (let round = 2; round < 10; round++) sessions.passTime(HEARTBEAT.heartbeatTimeoutMs);
  await turn();
  assertEquals(sessions.table.count, 1);
  sessions.passTime(HEARTBEAT.heartbeatTimeoutMs);
  await until("it is given up", () => sessions.table.count === 0);
  assert(sessions.lines.some((line) => line.includes("code=HEARTBEAT_LOST")));
});

Deno.test("a silent client that holds nothing is given up at once", async () => {
  await using sessions = new Sessions();
  await using silent = await sessions.open("silent");
  await silent.ask("createStream", "a");
  await silent.openFollower(1, "a");
  await silent.ask("getStreams");
  sessions.passTime(1);
  sessions.passTime(HEARTBEAT.heartbeatTimeoutMs);
  await until("it is given up", () => sessions.table.count === 0);
});

Deno.test("a client that was silent and is done with its work says so in time for nobody else", async () => {
  await using sessions = new Sessions();
  await using silent = await fallSilent(sessions);
  for (let round = 0; round < 20; round++) {
    sessions.passTime(HEARTBEAT.heartbeatTimeoutMs);
    // It has a turn of its event loop now and then.
    if (round % 4 !== 3) continue;
    const { receivedBytes } = sessions.table;
    await silent.sendFrame(FrameType.heartbeat);
    await until("it is heard", () => sessions.table.receivedBytes > receivedBytes);
    sessions.passTime(1);
  }
  assertEquals(sessions.table.count, 1);
  await silent.sendTags("ack", 1, [[1, 2]], 7);
  for (;;) {
    const frame = await silent.next();
    if (frame?.name === "response" && frame.content.query === 7) break;
    assert(frame !== undefined && frame.name !== "error");
  }
  const { ready, pending, delayed } = await sessions.engine.getStream("a");
  assertEquals({ ready, pending, delayed }, { ready: 0, pending: 0, delayed: 0 });
});

// Faults.

Deno.test("a fault of the engine ends the session that met it, is logged, and no other", async () => {
  const engine = engineWith({
    listStreams: () => Promise.reject(new RangeError("no such index")),
    openFollower: () => {
      throw new RangeError("no such follower");
    },
  });
  await using sessions = new Sessions({ engine });
  await using other = await sessions.open();
  await using asking = await sessions.open();
  await asking.query(1, "getStreams");
  const { message } = await asking.expectFatalError("INTERNAL_ERROR");
  assertStringIncludes(message, "unexpected fault in the broker");
  assertEquals(sessions.faults.length, 1);
  assertStringIncludes(sessions.faults[0]!, "RangeError: no such index");

  await using following = await sessions.open();
  await following.openFollower(1, "a");
  await following.expectFatalError("INTERNAL_ERROR");
  assertStringIncludes(sessions.faults[1]!, "RangeError: no such follower");
  assertEquals(await other.ask("createStream", "a"), { created: true, differs: [] });
});

Deno.test("a fatal error that the engine tells later ends the session with its code", async () => {
  const stopping = () => Promise.reject(new BrokerError("SHUTTING_DOWN", "the engine stops"));
  const engine = engineWith({ listPels: stopping });
  await using sessions = new Sessions({ engine });
  await using client = await sessions.open();
  await client.query(1, "getPels");
  assertEquals((await client.expectFatalError("SHUTTING_DOWN")).message, "the engine stops");
  assertEquals(sessions.faults, []);
});

for (const code of ["SHUTTING_DOWN", "STALE_DELIVERY"] as const) {
  Deno.test(`an acknowledgement that fails later, with ${code}, is answered with it`, async () => {
    const engine = engineWith({
      openFollower: () => ({
        ack: () => Promise.reject(new BrokerError(code, "later")),
        nack: () => {},
        reject: () => {},
        extend: () => {},
        release: () => {},
        begin: () => {},
        beginBatch: () => {},
        attach: () => true,
        setFilter: () => {},
        forbid: () => {},
        setCredit: () => {},
        silence: () => 0,
        resume: () => {},
        close: () => {},
      }),
    });
    await using sessions = new Sessions({ engine });
    await using client = await sessions.open();
    await client.openFollower(1, "a");
    await client.sendTags("ack", 1, [[1, 1]], 5);
    const { follower, query } = await client.expectError(code);
    if (code === "SHUTTING_DOWN") return await client.expectEnd();
    assertEquals([follower, query], [1, 5]);
    await client.ask("getStreams");
  });
}

Deno.test("an acknowledgement is answered when it is durable, not before", async () => {
  const withholding = new WithholdingEngine();
  await using sessions = new Sessions({ engine: withholding.engine });
  await using client = await sessions.open();
  await client.ask("createStream", "a");
  await client.openPublisher(1, "a");
  await client.publish(1, 1, ["x"]);
  await client.openFollower(1, "a");
  await client.takeMessages(1);
  withholding.letGo();
  await client.expect("confirm");
  await client.sendTags("ack", 1, [[1, 1]], 9);
  await client.ask("getStreams");
  withholding.letGo();
  assertEquals(await client.expect("response"), { query: 9, result: null });
});

Deno.test("answers that come when the client has left go nowhere, and hurt nobody", async () => {
  const answer = Promise.withResolvers<never>();
  const withholding = new WithholdingEngine();
  const engine = withParts(withholding.engine, { listPels: () => answer.promise });
  await using sessions = new Sessions({ engine });
  const client = await sessions.open();
  await client.ask("createStream", "a");
  await client.openPublisher(1, "a");
  await client.publish(1, 1, ["x"]);
  await client.openFollower(1, "a");
  await client.takeMessages(1);
  await client.sendTags("ack", 1, [[1, 1]], 9);
  await client.query(2, "getPels");
  await until("all is under way", () => withholding.count === 2);
  await client[Symbol.asyncDispose]();
  await until("the client has left", () => sessions.table.count === 0);
  answer.reject(new BrokerError("FOLLOWER_NOT_FOUND", "too late"));
  withholding.letGo();
  await turn();
  assertEquals([sessions.faults, sessions.budget.bytes], [[], 0]);
});

for (
  const [what, fault] of [
    ["read", { read: () => Promise.reject(new Error("the wire has melted")) }],
    ["write", { write: () => Promise.reject(new Error("the wire has melted")) }],
  ] as const
) {
  Deno.test(`a connection whose ${what} fails in an unknown way ends alone, and is logged`, async () => {
    await using sessions = new Sessions();
    await using other = await sessions.open();
    const closed = Promise.withResolvers<void>();
    const hello = helloBytes();
    let isRead = false;
    const duplex: Duplex = {
      read: (buffer) => {
        if (isRead) return closed.promise.then(() => null);
        isRead = true;
        buffer.set(hello);
        return Promise.resolve(hello.length);
      },
      write: (bytes) => Promise.resolve(bytes.length),
      close: closed.resolve,
      ...fault,
    };
    sessions.take(duplex);
    await closed.promise;
    await until("it has ended", () => sessions.table.count === 1);
    assertEquals(sessions.faults.length, 1);
    assertStringIncludes(sessions.faults[0]!, "the wire has melted");
    await other.ask("getStreams");
  });
}

Deno.test("a client whose name is meant to forge the log does not", async () => {
  await using sessions = new Sessions();
  await using client = await sessions.open("x\n2026-01-01T00:00:00.000Z error forged");
  await client.sendControl("openPublisher", {
    publisher: 1,
    identity: "\u001b[2J",
    bind: bindOf("a\nb"),
  });
  await client.expectError("BAD_STREAM_NAME");
  await client.sendFrame(FrameType.welcome);
  await client.expectFatalError("UNKNOWN_FRAME");
  await until("it has ended", () => sessions.table.count === 0);
  assertEquals(sessions.faults, []);
  for (const line of sessions.lines) assertEquals(line.split("\n").length, 2);
});
