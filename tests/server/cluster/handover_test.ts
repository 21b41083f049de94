/**
 * The end of a lead: given away by an operator or by a broker that stops, or lost.
 *
 * @module
 */

import { assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import { MAGIC } from "../../../protocol.ts";
import { FencedError, LogDamageError } from "../../../src/engine/replicated/chain.ts";
import type { EngineSurroundings } from "../../../src/program/engine_surroundings.ts";
import { BrokerFailure } from "../../../src/server/process/broker_failure.ts";
import { StartError } from "../../../src/server/process/start_error.ts";
import { until } from "../../support/broker/broker.ts";
import { serveSeated } from "../../support/cluster/seated_broker.ts";
import { ACTIVE, STANDBY, statusOf, TestSeat } from "../../support/cluster/test_seat.ts";
import { runTyped } from "../../support/commands/typed.ts";
import { RawClient } from "../../support/wire/raw_client.ts";

const MEMORY = { storage: { engine: "memory" } } as const;

Deno.test("an operator gives the lead away: clients are told where to go, then the broker ends", async () => {
  const seat = new TestSeat();
  await using broker = await serveSeated(seat, MEMORY);
  await using client = await RawClient.open(broker.port);
  await using operator = await RawClient.open(broker.port);
  await operator.query(1, "handOver");
  assertEquals(await operator.expect("response"), {
    query: 1,
    result: { active: STANDBY.address },
  });
  const { details } = await client.expectFatalError("NOT_ACTIVE");
  assertEquals(details, { active: STANDBY.address });
  assertEquals((await operator.expect("goodbye")).code, "SHUTTING_DOWN");
  assertEquals(await broker.closed, undefined);
  assertEquals([broker.isHandedOver, seat.handovers], [true, 1]);
});

Deno.test("without a standby the lead stays, and whoever asked is told", async () => {
  const seat = new TestSeat(statusOf({ brokers: [ACTIVE] }));
  await using broker = await serveSeated(seat, MEMORY);
  await using client = await RawClient.open(broker.port);
  await client.query(1, "handOver");
  await client.expectError("BAD_REQUEST");
  await client.ask("getStreams");
  assertEquals(broker.isHandedOver, false);
});

Deno.test("a broker that stops gives the lead away before, and waits for no handler", async () => {
  const seat = new TestSeat();
  await using broker = await serveSeated(seat, { ...MEMORY, shutdownTimeoutMs: 60_000 });
  await using client = await RawClient.open(broker.port);
  await client.ask("createStream", "a");
  await client.openFollower(1, "a");
  await client.openPublisher(1, "a");
  await client.publish(1, 1, ["in hand"]);
  await client.takeMessages(1).catch(() => {});
  const closed = broker.close();
  for (;;) {
    const frame = await client.next();
    if (frame?.name !== "error") continue;
    assertEquals(frame.content.details, { active: STANDBY.address });
    break;
  }
  await client.expectEnd();
  await closed;
  assertEquals([await broker.closed, seat.handovers], [undefined, 1]);
});

Deno.test("a broker that stops alone, or as a standby, stops as one without a cluster", async () => {
  for (const status of [{ brokers: [ACTIVE] }, { role: "standby", serving: false } as const]) {
    const seat = new TestSeat(statusOf(status));
    await using broker = await serveSeated(seat, MEMORY);
    await using client = await RawClient.connect(broker.port);
    await client.send(MAGIC);
    await client.sendControl("hello", { client: "operator", capabilities: [], standby: true });
    await client.expect("welcome");
    const closed = broker.close();
    assertEquals((await client.expect("goodbye")).code, "SHUTTING_DOWN");
    await client[Symbol.asyncDispose]();
    await closed;
    assertEquals([broker.isHandedOver, seat.handovers], [false, 0]);
  }
});

Deno.test("a broker that is fenced sends its clients away and ends, with its own exit code", async () => {
  const seat = new TestSeat();
  let fail: EngineSurroundings["fail"] = () => {};
  await using broker = await serveSeated(seat, MEMORY, {
    noteFail: (found) => fail = found,
  });
  await using client = await RawClient.open(broker.port);
  seat.lose("b");
  fail(new FencedError(undefined));
  const { details } = await client.expectFatalError("NOT_ACTIVE");
  assertEquals(details, { active: STANDBY.address });
  const failure = await broker.closed;
  assertInstanceOf(failure, BrokerFailure);
  assertEquals(failure.exitCode, 3);
  assertMatch(
    failure.message,
    /^the broker ends, and follows when it is started again: .* has taken over/,
  );
});

Deno.test("a standby that cannot go on ends, with what the mistake asks for", async () => {
  const seat = new TestSeat(statusOf({ id: "b", role: "standby", serving: false }));
  const cases = [
    [new StartError("NATS is 2.9"), 2, /^NATS is 2.9$/],
    [new LogDamageError(7, "its crc does not fit"), 4, /nothing was touched/],
  ] as const;
  for (const [cause, exitCode, message] of cases) {
    const opening = Promise.withResolvers<void>();
    await using broker = await serveSeated(seat, MEMORY, { opening: opening.promise });
    opening.reject(cause);
    const failure = await broker.closed;
    assertInstanceOf(failure, BrokerFailure);
    assertEquals(failure.exitCode, exitCode);
    assertMatch(failure.message, message);
  }
});

Deno.test("cluster status: shows brokers and the log, and tells by its code what has to be looked at", async () => {
  const seat = new TestSeat();
  await using broker = await serveSeated(seat, MEMORY);
  const env = { SIMPLEMQ_SERVER: `localhost:${broker.port}` };
  const { code, stdout, lines } = await runTyped(["cluster", "status"], { env });
  assertEquals([code, lines], [0, []]);
  assertMatch(stdout, /^BROKER +ROLE +ADDRESS +VERSION +SEQUENCE +BEHIND +FOR +HEARD$/m);
  assertMatch(stdout, /^a +active +a.example:9090 +0.1.0 +4711 +- +- +120ms ago$/m);
  assertMatch(stdout, /^b +standby +b.example:9090 +0.1.0 +4711 +0 +0ms +120ms ago$/m);
  assertMatch(stdout, /^log +records 1200 to 4711$/m);
  assertMatch(stdout, /^log leader +n1$/m);

  seat.set({ role: "standby", serving: false, problems: ["The users of b differ."] });
  const standby = await runTyped(["cluster", "status", "--json"], { env });
  assertEquals(standby.code, 1);
  assertEquals(standby.lines, ["look at this: The users of b differ."]);
  assertEquals(JSON.parse(standby.stdout).role, "standby");
  assertMatch((await runTyped(["info"], { env })).stdout, /^role +standby$/m);

  seat.set({
    role: "active",
    serving: true,
    problems: [],
    brokers: [ACTIVE, { ...STANDBY, heardMs: 7000 }],
  });
  const alone = await runTyped(["cluster", "status"], { env });
  assertEquals(alone.code, 1);
  assertMatch(alone.lines.join(), /^look at this: no standby is there: .*; start another one$/);
});

Deno.test("cluster handover: the active broker is asked, whichever is named", async () => {
  const first = new TestSeat();
  await using active = await serveSeated(first, MEMORY);
  const brokers = [{ ...ACTIVE, address: `localhost:${active.port}` }, STANDBY];
  first.set({ brokers });
  const second = new TestSeat(statusOf({ id: "b", role: "standby", serving: false, brokers }));
  await using standby = await serveSeated(second, MEMORY);
  const env = { SIMPLEMQ_SERVER: `localhost:${standby.port}` };
  const { code, stdout, lines } = await runTyped(["cluster", "handover"], { env });
  assertEquals([code, lines], [0, []]);
  assertMatch(stdout, /^b.example:9090 is active, after \d/);
  assertEquals([first.handovers, second.handovers], [1, 0]);
  await active.closed;
  await until("nobody asks any more", () => standby.connectionCount === 0);

  second.set({ brokers: [STANDBY] });
  const refused = await runTyped(["cluster", "handover"], { env });
  assertEquals(refused.code, 1);
  assertMatch(refused.lines.join(), /no broker of the cluster is known to be active/);
});
