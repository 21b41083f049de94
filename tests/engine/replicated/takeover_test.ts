/**
 * Brokers of a cluster take over from each other: what was confirmed is there, and nothing else.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { RESERVE_NAME } from "../../../src/engine/journal/segments/directory.ts";
import { LEASE_MS, type TestBroker, TestCluster } from "../../support/cluster/test_cluster.ts";

/** Stores some messages, and waits until they are confirmed. */
async function store(cluster: TestCluster, broker: TestBroker, ...texts: string[]): Promise<void> {
  await cluster.until(broker.use.publisher("orders", `${texts}`).store(...texts));
}

async function look(cluster: TestCluster, broker: TestBroker): Promise<string[]> {
  return await cluster.until(broker.use.look("orders"));
}

Deno.test("takeover: a broker that dies is replaced after its lease, and nothing confirmed is lost", async () => {
  const cluster = new TestCluster();
  const first = await cluster.startActive("a");
  await cluster.until(first.use.create("orders"));
  const second = cluster.start("b");
  await store(cluster, first, "1", "2");
  await cluster.pass(1000);
  assertEquals([first.seat.role, first.seat.isServing, second.seat.role], [
    "active",
    true,
    "standby",
  ]);
  assertEquals([second.seat.active, second.seat.isServing, second.seat.sendsAway], [
    "a:9090",
    false,
    true,
  ]);
  first.kill();
  const from = cluster.time.now;
  await cluster.until(second.cluster.opening);
  const ms = cluster.time.now - from;
  assertEquals(ms > LEASE_MS * 0.75 && ms < LEASE_MS + 400, true, `after ${ms} ms`);
  assertEquals(await look(cluster, second), ["1×0 ready 1", "2×0 ready 2"]);
  assertEquals([second.seat.role, second.seat.isServing, second.seat.describe().epoch], [
    "active",
    true,
    2,
  ]);
  // It is there again, as a standby, and takes over in its turn.
  const third = cluster.restart(first);
  await store(cluster, second, "3");
  await cluster.pass(1000);
  assertEquals([third.seat.role, third.seat.active], ["standby", "b:9090"]);
  second.kill();
  await cluster.until(third.cluster.opening);
  assertEquals(await look(cluster, third), ["1×0 ready 1", "2×0 ready 2", "3×0 ready 3"]);
  assertEquals([first.failure, second.failure, third.failure], [undefined, undefined, undefined]);
});

Deno.test("takeover: a broker that stands still confirms nothing when it wakes up, and is fenced", async () => {
  const cluster = new TestCluster();
  const first = await cluster.startActive("a");
  await cluster.until(first.use.create("orders"));
  const follower = first.use.follower("orders", { messages: 1 });
  const second = cluster.start("b");
  await store(cluster, first, "1", "2");
  // The attempt is written when nobody waits for it.
  await cluster.pass(3000);
  first.host.pause();
  await cluster.until(second.cluster.opening);
  const publisher = first.use.publisher("orders", "late");
  first.host.wake();
  assertEquals([first.seat.isServing, first.seat.role], [false, "active"]);
  publisher.send("late");
  first.use.publisher("orders", "late 2").send("late");
  await cluster.pass(1000);
  assertEquals(first.failure?.name, "FencedError");
  assertEquals([first.seat.isServing, first.seat.sendsAway, first.seat.role], [
    false,
    true,
    "standby",
  ]);
  assertEquals([publisher.sink.outcomes.length, follower.sink.messages.length], [0, 1]);
  assertEquals(await look(cluster, second), ["1×1 ready 1", "2×0 ready 2"]);
});

Deno.test("takeover: a broker whose machine sleeps does not serve when it wakes up, whatever its clock says", async () => {
  const cluster = new TestCluster();
  const first = await cluster.startActive("a");
  await cluster.until(first.use.create("orders"));
  const second = cluster.start("b");
  await store(cluster, first, "1");
  await cluster.pass(1000);
  first.host.suspend();
  await cluster.until(second.cluster.opening);
  first.host.wake();
  assertEquals([first.seat.isServing, second.seat.isServing], [false, true]);
  await cluster.pass(1000);
  assertEquals(first.failure?.name, "FencedError");
  // A date that is set is taken for a sleep: it costs a heartbeat.
  second.host.setDate(3_600_000);
  assertEquals(second.seat.isServing, false);
  await cluster.pass(300);
  assertEquals([second.seat.isServing, second.seat.describe().epoch], [true, 2]);
});

Deno.test("takeover: an orderly end lets another broker take over at once", async () => {
  const cluster = new TestCluster();
  const first = await cluster.startActive("a");
  await cluster.until(first.use.create("orders"));
  const second = cluster.start("b");
  await store(cluster, first, "1");
  await cluster.pass(1000);
  const from = cluster.time.now;
  await cluster.until(first.engine.close());
  await cluster.until(second.cluster.opening);
  assertEquals(cluster.time.now - from < 100, true, `${cluster.time.now - from} ms`);
  assertEquals(await look(cluster, second), ["1×0 ready 1"]);
  await cluster.until(second.engine.close());
  assertEquals([first.failure, second.failure], [undefined, undefined]);
});

Deno.test("takeover: a standby has reserved room on its disk before anybody waits for it", async () => {
  const cluster = new TestCluster();
  const first = await cluster.startActive("a");
  const second = cluster.start("b");
  await cluster.pass(1000);
  const hasReserve = () => second.disk.list().some(({ name }) => name === RESERVE_NAME);
  assertEquals([second.seat.role, hasReserve()], ["standby", true]);
  first.kill();
  await cluster.until(second.cluster.opening);
  assertEquals(hasReserve(), true);
});

Deno.test("takeover: the lead is handed over, and taken back if nobody takes it", async () => {
  const cluster = new TestCluster();
  const first = await cluster.startActive("a");
  await cluster.until(first.use.create("orders"));
  const refusal = await cluster.until(first.seat.handOver().catch((error) => error));
  assertEquals(refusal.code, "BAD_REQUEST");
  const second = cluster.start("b");
  await store(cluster, first, "1");
  await cluster.pass(1000);
  // It announces itself, and takes nothing over.
  second.log.isCutOff = true;
  const inVain = first.seat.handOver().catch((error) => error);
  await cluster.pass(10);
  assertEquals([first.seat.isServing, first.seat.role], [false, "active"]);
  assertEquals((await cluster.until(inVain)).code, "BAD_REQUEST");
  assertEquals(first.seat.isServing, true);
  await store(cluster, first, "2");
  second.log.isCutOff = false;
  await cluster.pass(1000);
  const from = cluster.time.now;
  await cluster.until(first.seat.handOver());
  assertEquals(first.failure?.name, "HandedOverError");
  await cluster.until(second.cluster.opening);
  assertEquals(cluster.time.now - from < 100, true, `${cluster.time.now - from} ms`);
  assertEquals(await look(cluster, second), ["1×0 ready 1", "2×0 ready 2"]);
  await cluster.until(first.engine.close());
  assertEquals((await first.seat.handOver().catch((error) => error)).code, "NOT_ACTIVE");
});

Deno.test("takeover: while the log has no leader nothing is confirmed, nobody takes over, and clients stay", async () => {
  const cluster = new TestCluster();
  const first = await cluster.startActive("a");
  await cluster.until(first.use.create("orders"));
  const second = cluster.start("b");
  await cluster.pass(1000);
  cluster.server.loseLeader(8000);
  await cluster.pass(LEASE_MS);
  const publisher = first.use.publisher("orders", "waiting");
  publisher.send("1");
  await cluster.pass(4000);
  assertEquals([first.seat.isServing, first.seat.sendsAway, second.seat.role], [
    false,
    false,
    "standby",
  ]);
  assertEquals(publisher.sink.outcomes.length, 0);
  await cluster.until(publisher.outcomes());
  assertEquals([first.seat.isServing, first.seat.describe().epoch], [true, 1]);
  const follower = first.use.follower("orders");
  assertEquals(await cluster.until(follower.received(1)), ["orders:1×1 1"]);
  await cluster.pass(5000);
  assertEquals([first.seat.role, second.seat.role], ["active", "standby"]);
});

Deno.test("takeover: a broker that is cut off from the log sends its clients away, and another one takes over", async () => {
  const cluster = new TestCluster();
  const first = await cluster.startActive("a");
  await cluster.until(first.use.create("orders"));
  const second = cluster.start("b");
  await cluster.pass(1000);
  first.log.isCutOff = true;
  let changes = 0;
  first.seat.watch(() => changes++);
  await cluster.until(second.cluster.opening);
  assertEquals([first.seat.isServing, first.seat.sendsAway, changes > 0], [false, true, true]);
  first.log.isCutOff = false;
  await cluster.pass(3000);
  assertEquals(first.failure?.name, "FencedError");
});

Deno.test("takeover: time never goes back, whatever the other machine's clock says", async () => {
  const cluster = new TestCluster();
  const first = await cluster.startActive("a");
  await cluster.until(first.use.create("orders"));
  const second = cluster.start("b", { aheadMs: -3_600_000 });
  await cluster.pass(20_000);
  const before = first.engine.now;
  first.kill();
  await cluster.until(second.cluster.opening);
  assertEquals(second.engine.now >= before - LEASE_MS / 4 - 200, true);
  assertEquals(second.engine.now < before + 2 * LEASE_MS, true);
});

Deno.test("takeover: heartbeats of a broker without work go, and so do their records", async () => {
  const cluster = new TestCluster();
  const few = { idleRecords: 50 };
  const first = await cluster.startActive("a", few);
  await cluster.until(first.use.create("orders"));
  await store(cluster, first, "1");
  const follower = first.use.follower("orders");
  await cluster.until(follower.received(1));
  await cluster.until(follower.ack(1));
  const standby = cluster.start("b", few);
  await cluster.pass(60_000);
  const { first: oldest, last } = cluster.server;
  assertEquals([oldest > 50, last - oldest < 200], [true, true], `${oldest} to ${last}`);
  const indexes = standby.disk.list().filter(({ name }) => name.endsWith(".records"));
  assertEquals(indexes.length < 4, true);
});

Deno.test("takeover: thousands of messages with keys, priorities and delays are as they were", async () => {
  const cluster = new TestCluster();
  const first = await cluster.startActive("a");
  const streams = ["keyed", "prior", "delayed"] as const;
  await cluster.until(first.use.create(...streams));
  const second = cluster.start("b");
  for (const stream of streams) {
    const publisher = first.use.publisher(stream, stream);
    for (let batch = 0; batch < 5; batch++) {
      publisher.sendWished(...Array.from({ length: 1000 }, (_, index) => {
        const text = `${batch * 1000 + index}`;
        if (stream === "keyed") return { text, key: `key ${index}` };
        if (stream === "prior") return { text, priority: index % 10 };
        return { text, delayMs: 60_000 + index };
      }));
    }
    await cluster.until(publisher.outcomes());
  }
  const follower = first.use.follower("keyed", { messages: 10 });
  await cluster.until(follower.received(10));
  await cluster.until(first.engine.whenDurable() ?? Promise.resolve());
  await cluster.pass(1000);
  first.kill();
  await cluster.until(second.cluster.opening);
  const counts = [];
  for (const stream of streams) counts.push(await second.engine.getStream(stream));
  assertEquals(counts.map(({ ready, delayed }) => ready + delayed), [5000, 5000, 5000]);
  assertEquals(counts.map(({ delayed }) => delayed), [0, 0, 5000]);
  const [keyed, prior, delayed] = streams.map((stream) =>
    second.use.follower(stream, { name: stream })
  );
  // One of each key, those of the highest priority first, and nothing before its time.
  assertEquals((await cluster.until(keyed!.received(1000))).slice(0, 11).at(-1), "keyed:11×1 10");
  assertEquals((await cluster.until(prior!.received(501)))[500], "prior:9×1 8");
  assertEquals(delayed!.sink.messages.length, 0);
  await cluster.pass(59_000);
  assertEquals((await cluster.until(delayed!.received(1000))).length >= 1000, true);
  await cluster.pass(10);
});

const DOWN = { reason: "ECONNREFUSED", isFault: true };

async function breakerOf(cluster: TestCluster, broker: TestBroker) {
  const { breaker } = await cluster.until(broker.use.engine.getStream("calls"));
  return breaker;
}

/** Starts a broker with a standby, whose stream has an open breaker. */
async function startOpen(cluster: TestCluster) {
  const first = await cluster.startActive("a");
  const options = { breaker: { failures: 2, openMs: 60_000 }, maxDeliveries: 1, backoffMs: [1000] };
  await cluster.until(first.use.createWith("calls", options));
  const second = cluster.start("b");
  const publisher = first.use.publisher("calls");
  await cluster.until(publisher.store("1", "2", "3", "4", "5"));
  const follower = first.use.follower("calls", { messages: 3 });
  await cluster.until(follower.received(3));
  await cluster.until(follower.postpone([3], 600_000, "429"));
  await cluster.until(follower.nack([1, 2], DOWN));
  return { first, second };
}

Deno.test("takeover: an open breaker stays open, and the next probe goes when it would have gone", async () => {
  const cluster = new TestCluster();
  const { first, second } = await startOpen(cluster);
  const before = await breakerOf(cluster, first);
  first.kill();
  await cluster.until(second.cluster.opening);
  assertEquals(await breakerOf(cluster, second), before);
  // No failure was an attempt, and what was put off waits as long as before.
  assertEquals(
    (await cluster.until(second.use.look("calls"))).map((one) => one.replace("ready", "delayed")),
    ["1×0 delayed 1", "2×0 delayed 2", "3×0 delayed 3", "4×0 delayed 4", "5×0 delayed 5"],
  );
  const { infos } = await cluster.until(second.use.engine.peek("calls", 3, 1));
  assertEquals([infos[0]?.state, infos[0]?.postponed], ["delayed", 1]);
  const follower = second.use.follower("calls");
  await cluster.pass(30_000);
  assertEquals(follower.sink.messages.length, 0);
  await cluster.pass(30_000);
  assertEquals(follower.sink.messages.map(({ id, attempts }) => [id, attempts]), [[1, 1]]);
  // The broker dies with the probe: that is a failure, and no attempt.
  const third = cluster.restart(first);
  await cluster.pass(5000);
  second.kill();
  await cluster.until(third.cluster.opening);
  const after = await breakerOf(cluster, third);
  assertEquals([after?.since, after?.probes], [before?.since, 1]);
  const last = third.use.follower("calls");
  await cluster.pass(60_000);
  assertEquals(last.sink.messages.map(({ id, attempts }) => [id, attempts]), [[1, 1]]);
  await cluster.until(last.ack(1));
  assertEquals(await breakerOf(cluster, third), undefined);
  await cluster.until(last.received(4));
  assertEquals(last.sink.ids.slice(1).sort(), [2, 4, 5]);
});
