/**
 * What must not keep a broker of a cluster from going on, nor from ending.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { LEASE_MS, TestCluster } from "../../support/cluster/test_cluster.ts";

Deno.test("standstill: a segment that begins while the lead is given away keeps nobody from ending", async () => {
  const cluster = new TestCluster();
  // Each heartbeat, and the record that lets go, has a segment begin.
  const first = await cluster.startActive("a", { idleRecords: 0 });
  await cluster.until(first.use.create("orders"));
  const second = cluster.start("b");
  await cluster.pass(1000);
  second.log.isCutOff = true;
  const handover = first.seat.handOver();
  await cluster.pass(200);
  second.log.isCutOff = false;
  await cluster.until(handover);
  assertEquals(first.failure?.name, "HandedOverError");
  await cluster.until(first.engine.close());
  await cluster.until(second.cluster.opening);
});

Deno.test("standstill: a broker that gives away what another one has taken ends", async () => {
  const cluster = new TestCluster();
  const first = await cluster.startActive("a");
  await cluster.until(first.use.create("orders"));
  const second = cluster.start("b");
  cluster.start("c");
  await cluster.pass(1000);
  first.host.pause();
  await cluster.until(second.cluster.opening);
  await cluster.pass(1000);
  first.host.wake();
  // Before it has appended anything: it hears of a standby, and not of who has taken over.
  const refusal = first.seat.handOver().catch((error) => error);
  assertEquals((await cluster.until(refusal)).name, "FencedError");
  assertEquals([first.failure?.name, first.seat.role], ["FencedError", "standby"]);
});

Deno.test("standstill: a broker that has given the lead away, and does not hear who took it, ends", async () => {
  const cluster = new TestCluster();
  const first = await cluster.startActive("a");
  await cluster.until(first.use.create("orders"));
  const second = cluster.start("b");
  await cluster.pass(1000);
  second.log.isCutOff = true;
  const refusal = first.seat.handOver().catch((error) => error);
  await cluster.pass(10);
  first.log.isCutOff = true;
  second.log.isCutOff = false;
  await cluster.until(second.cluster.opening);
  await cluster.pass(2 * LEASE_MS);
  assertEquals(first.seat.role, "active");
  first.log.isCutOff = false;
  assertEquals((await cluster.until(refusal)).name, "FencedError");
  assertEquals([first.failure?.name, first.seat.role], ["FencedError", "standby"]);
});

Deno.test("standstill: a broker that cannot give the lead away, since the log is full, goes on", async () => {
  const cluster = new TestCluster();
  const first = await cluster.startActive("a");
  await cluster.until(first.use.create("orders"));
  cluster.start("b");
  await cluster.pass(1000);
  cluster.server.bytesMax = 1;
  const refusal = await cluster.until(first.seat.handOver().catch((error) => error));
  assertEquals([refusal.code, first.seat.role], ["BAD_REQUEST", "active"]);
  assertEquals(refusal.message.includes("this broker goes on"), true, refusal.message);
  cluster.server.bytesMax = undefined;
  await cluster.pass(1000);
  assertEquals([first.seat.isServing, first.failure], [true, undefined]);
});

Deno.test("standstill: an old answer about the log's end is not asked for without a pause", async () => {
  const cluster = new TestCluster();
  const first = await cluster.startActive("a");
  await cluster.until(first.use.create("orders"));
  const second = cluster.start("b");
  await cluster.pass(1000);
  first.kill();
  cluster.server.faults = { ...cluster.server.faults, delayMs: [1, 1] };
  const bounds = second.log.bounds.bind(second.log);
  let looks = 0;
  second.log.bounds = async () => {
    looks++;
    return { ...await bounds(), last: 2 };
  };
  await cluster.pass(12_000);
  second.log.bounds = bounds;
  assertEquals([second.seat.role, second.reports.length], ["standby", 1]);
  assertEquals(looks < 300, true, `${looks} looks`);
  await cluster.until(second.cluster.opening);
});

for (const hasMajority of [true, false]) {
  const what = hasMajority ? "of others, clients are sent away" : "of nobody, clients stay";
  Deno.test(`standstill: where the node that leads the log hears ${what}`, async () => {
    const cluster = new TestCluster();
    const { log, seat, host } = await cluster.startActive("a");
    const bounds = await cluster.until(log.bounds());
    // It answers, and stores nothing.
    log.append = () => host.wait(500).then(() => Promise.reject(new Error("no answer")));
    log.bounds = () => Promise.resolve({ ...bounds, hasMajority });
    await cluster.pass(3 * LEASE_MS);
    assertEquals([seat.isServing, seat.sendsAway], [false, hasMajority]);
  });
}

Deno.test("standstill: a log that is almost full keeps the lease, is given to another broker, and goes on with more room", async () => {
  const cluster = new TestCluster();
  const first = await cluster.startActive("a");
  await cluster.until(first.use.create("orders"));
  const second = cluster.start("b");
  const text = "x".repeat(100_000);
  await cluster.until(first.use.publisher("orders").store(...Array(20).fill(text)));
  const follower = first.use.follower("orders");
  await cluster.until(follower.received(20));
  await cluster.pass(2000);
  const { server } = cluster;
  // A 64th of the most bytes is for heartbeats, and for what makes room.
  server.bytesMax = Math.ceil(server.bytes * 64 / 63.1);
  await cluster.pass(2000);
  const { bytes } = server;
  const ack = follower.ack(1);
  ack.catch(() => {});
  await cluster.pass(5000);
  assertEquals([first.seat.isServing, first.failure], [true, undefined]);
  assertEquals(server.bytes - bytes < 2000, true, `${server.bytes - bytes} bytes`);
  // What waits for room keeps nobody from ending.
  await cluster.until(first.engine.close(), 2 * LEASE_MS);
  await cluster.pass(2 * LEASE_MS);
  assertEquals([second.seat.role, second.seat.isServing], ["active", false]);
  server.bytesMax = undefined;
  await cluster.until(second.cluster.opening);
  const { ready } = await second.engine.getStream("orders");
  assertEquals(ready, 20);
});
