/**
 * Sessions of a broker in a cluster: at a standby, when another broker takes over, and while the lease is
 * over. The seat is one that the test sets, the rest is real.
 *
 * @module
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type ClusterStatus, MAGIC } from "../../../protocol.ts";
import type { Server } from "../../../src/server/process/broker_server.ts";
import { turn, until } from "../../support/broker/broker.ts";
import { serveSeated } from "../../support/cluster/seated_broker.ts";
import { ACTIVE, STANDBY, statusOf, TestSeat } from "../../support/cluster/test_seat.ts";
import { RawClient } from "../../support/wire/raw_client.ts";
import { cursorLine, LineClient } from "../../support/wire/line_client.ts";

const MEMORY = { storage: { engine: "memory" } } as const;

const FOLLOWING: Partial<ClusterStatus> = { id: "b", role: "standby", serving: false };

/** What is told of the active broker. */
const WHERE = `this broker is a standby of cluster "main"; broker a at ${ACTIVE.address} is active`;

/** Opens a session that a standby will do for. */
async function askAt({ port }: Server): Promise<RawClient> {
  const client = await RawClient.connect(port);
  await client.send(MAGIC);
  await client.sendControl("hello", { client: "operator", capabilities: [], standby: true });
  await client.expect("welcome");
  return client;
}

Deno.test("a standby sends clients to the active broker, whatever they speak", async () => {
  const seat = new TestSeat(statusOf(FOLLOWING));
  await using broker = await serveSeated(seat, MEMORY);
  await using client = await RawClient.connect(broker.port);
  await client.hello();
  const { message, details } = await client.expectFatalError("NOT_ACTIVE");
  assertEquals(message, `Cannot open a session: ${WHERE}`);
  assertEquals(details, { active: ACTIVE.address });

  await using lines = await LineClient.connect(broker.port);
  await lines.send(cursorLine("GET_STREAMS"));
  const { error } = await lines.next();
  assertEquals(error, {
    code: "NOT_ACTIVE",
    message: `Cannot open a session: ${WHERE}`,
    active: ACTIVE.address,
  });
  await lines.expectEnd();

  seat.set({ brokers: [STANDBY] });
  await using lost = await RawClient.connect(broker.port);
  await lost.hello();
  const report = await lost.expectFatalError("NOT_ACTIVE");
  assertMatch(report.message, /no broker is known to be active$/);
  assertEquals(report.details, undefined);
});

Deno.test("clients that want to know hear which brokers join and leave, and others do not", async () => {
  const seat = new TestSeat(statusOf({ brokers: [ACTIVE] }));
  await using broker = await serveSeated(seat, MEMORY);
  const open = async (capabilities: readonly string[]) => {
    const client = await RawClient.connect(broker.port);
    await client.send(MAGIC);
    await client.sendControl("hello", { client: "one", capabilities });
    assertEquals((await client.expect("welcome")).brokers, [ACTIVE.address]);
    return client;
  };
  await using client = await open(["brokers"]);
  await using other = await open([]);
  seat.set({ brokers: [ACTIVE, STANDBY] });
  assertEquals(await client.expect("brokers"), { brokers: [ACTIVE.address, STANDBY.address] });
  // In another order they are the same; while the lease is over nothing is said.
  seat.set({ brokers: [STANDBY, ACTIVE] });
  seat.set({ serving: false, brokers: [STANDBY] });
  seat.set({ serving: true });
  assertEquals(await client.expect("brokers"), { brokers: [STANDBY.address] });
  await other.query(1, "getStreams");
  await other.expect("response");
});

Deno.test("a standby answers what is asked about itself, and nothing about streams", async () => {
  await using broker = await serveSeated(new TestSeat(statusOf(FOLLOWING)), MEMORY);
  await using client = await askAt(broker);
  const info = await client.ask("getBroker") as Record<string, unknown>;
  assertEquals([info.role, info.active, info.problems], ["standby", ACTIVE.address, []]);
  const connections = await client.ask("getConnections") as { items: unknown[] };
  assertEquals(connections.items.length, 1);
  const events = await client.ask("getEvents") as { items: unknown[] };
  assertEquals(Array.isArray(events.items), true);
  await client.ask("setLogLevel", "", { level: "error" });
  assertEquals(await client.ask("getCluster"), statusOf(FOLLOWING));
  await client.query(1, "openBackup");
  assertEquals((await client.expect("error")).code, "BAD_REQUEST");
  await client.query(2, "getStreams");
  const { message } = await client.expectFatalError("NOT_ACTIVE");
  assertEquals(message, `Cannot answer: ${WHERE}`);

  for (const open of ["openPublisher", "openFollower"] as const) {
    await using other = await askAt(broker);
    await other[open](1, "a");
    await other.expectFatalError("NOT_ACTIVE");
  }
  await using replier = await askAt(broker);
  await replier.sendControl("openReplies", { stream: "$reply.0123456789abcdef" });
  await replier.expectFatalError("NOT_ACTIVE");
});

Deno.test("a standby serves when it has taken over, and sends its clients away when another has", async () => {
  const seat = new TestSeat(statusOf(FOLLOWING));
  await using broker = await serveSeated(seat, MEMORY);
  await using operator = await askAt(broker);
  seat.take();
  await using client = await RawClient.open(broker.port);
  await client.ask("createStream", "a");
  await client.openPublisher(1, "a");
  await client.publish(1, 1, ["one"]);
  await client.expect("stream");
  await client.expect("confirm");
  await using lines = await LineClient.connect(broker.port);
  await lines.ask(cursorLine("GET_STREAMS"));

  seat.lose("a");
  const { details } = await client.expectFatalError("NOT_ACTIVE");
  assertEquals(details, { active: ACTIVE.address });
  assertEquals((await lines.next()).error?.code, "NOT_ACTIVE");
  await lines.expectEnd();
  assertEquals((await operator.ask("getCluster") as ClusterStatus).role, "standby");
});

Deno.test("a broker that is cut off from the log sends its clients away, to no address", async () => {
  const seat = new TestSeat();
  await using broker = await serveSeated(seat, MEMORY);
  await using client = await RawClient.open(broker.port);
  seat.isCutOff = true;
  seat.set({ serving: false });
  const { message, details } = await client.expectFatalError("NOT_ACTIVE");
  assertStringIncludes(message, 'cut off from the log of cluster "main"; no broker is known');
  assertEquals(details, undefined);
});

Deno.test("many clients are sent away, and others are heard in between", async () => {
  const seat = new TestSeat();
  await using broker = await serveSeated(seat, MEMORY);
  await using operator = await askAt(broker);
  const clients = await Promise.all(
    Array.from({ length: 200 }, () => RawClient.open(broker.port)),
  );
  seat.lose("b");
  await operator.ask("getBroker");
  for (const client of clients) {
    await client.expectFatalError("NOT_ACTIVE");
    await client[Symbol.asyncDispose]();
  }
  await until("they have left", () => broker.connectionCount === 1);
});

Deno.test("while the lease is over, queries and handshakes wait, and go on with it", async () => {
  const seat = new TestSeat();
  await using broker = await serveSeated(seat, MEMORY);
  await using client = await RawClient.open(broker.port);
  await using lines = await LineClient.connect(broker.port);
  await lines.ask(cursorLine("GET_STREAMS"));
  seat.set({ serving: false });
  await client.query(1, "createStream", "a");
  await client.query(2, "getStreams");
  await lines.send(cursorLine("GET_STREAM", "a"));
  await using late = await RawClient.connect(broker.port);
  await late.hello();
  await using operator = await askAt(broker);
  const { problems } = await operator.ask("getBroker") as { problems: string[] };
  assertMatch(problems.join(), /^the log cannot be appended to/);
  for (let count = 0; count < 20; count++) await turn();
  assertEquals(await operator.ask("getConnections") !== undefined, true);

  seat.set({ serving: true });
  const answers = [await client.expect("response"), await client.expect("response")];
  assertEquals(answers.map(({ query }) => query).sort(), [1, 2]);
  await lines.next();
  await late.expect("welcome");
});

Deno.test("what waits in a buffer when the lease is over never leaves", async () => {
  const seat = new TestSeat();
  await using broker = await serveSeated(seat, MEMORY);
  await using follower = await RawClient.open(broker.port);
  await follower.ask("createStream", "a");
  await follower.openFollower(1, "a");
  await follower.ask("getStream", "a");
  await using publisher = await RawClient.open(broker.port);
  await publisher.openPublisher(1, "a");
  await publisher.ask("getStream", "a");
  seat.set({ serving: false });
  // It was on its way; the engine of this test delivers and confirms all the same.
  await publisher.publish(1, 1, ["one"]);
  assertEquals([await follower.next(), await publisher.next()], [undefined, undefined]);
});
