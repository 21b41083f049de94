/**
 * A standby that has read a void record which the log has lost, with one that counts in its place.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { beginOrders, look, store } from "../../../support/cluster/cluster_orders.ts";
import { LEASE_MS, type TestBroker, TestCluster } from "../../../support/cluster/test_cluster.ts";

/**
 * A standby has read records of strangers. The log has lost the last of them before the active broker has read any.
 */
async function fork(
  cluster: TestCluster,
  count = 1,
): Promise<[active: TestBroker, standby: TestBroker]> {
  const [active, standby] = await beginOrders(cluster);
  // Not at a heartbeat of the active one.
  await cluster.pass(100);
  const record = new TextEncoder().encode("somebody else's message");
  for (let index = 0; index < count; index++) cluster.server.intrude(record);
  await cluster.pass(10);
  const [read, appended] = [standby, active].map(({ id, seat }) =>
    seat.describe().brokers.find((one) => one.id === id)!.sequence
  );
  assertEquals([read, appended], [cluster.server.last, cluster.server.last - count]);
  cluster.server.shrink(1);
  return [active, standby];
}

Deno.test("who has read a void record in the place of one that counts takes nothing over", async () => {
  const cluster = new TestCluster();
  const [active, standby] = await fork(cluster);
  await store(cluster, active, "3");
  const other = cluster.start("c");
  await cluster.pass(3 * LEASE_MS);
  assertEquals([standby.failure?.name, standby.seat.role], ["LogDamageError", "standby"]);
  assertMatch(`${standby.failure}`, /it counts, and .* another one there, which did not/);
  assertEquals([active.failure, active.seat.isServing], [undefined, true]);
  active.kill();
  await cluster.until(other.cluster.opening);
  assertEquals((await look(cluster, other)).length, 3);
});

for (const count of [16, 17, 200]) {
  Deno.test(`of ${count} void records the last one was lost, and has one that counts in its place`, async () => {
    const cluster = new TestCluster();
    const [active, standby] = await fork(cluster, count);
    await store(cluster, active, "3");
    await cluster.pass(3 * LEASE_MS);
    assertEquals([standby.failure?.name, active.failure], ["LogDamageError", undefined]);
    assertEquals((await look(cluster, active)).length, 3);
  });
}

Deno.test("a void record that was lost, and has a record that counts in its place, is found after a restart", async () => {
  const cluster = new TestCluster();
  const [active, standby] = await fork(cluster);
  standby.kill();
  await store(cluster, active, "3");
  const again = cluster.restart(standby);
  await cluster.pass(3 * LEASE_MS);
  assertEquals([again.failure?.name, active.failure], ["LogDamageError", undefined]);
});

Deno.test("void records at the end are read once more before a takeover, until the log tells", async () => {
  const cluster = new TestCluster();
  const [active, standby] = await beginOrders(cluster);
  const { last } = cluster.server;
  for (let count = 0; count < 3; count++) cluster.server.intrude(new Uint8Array(count));
  active.kill();
  await cluster.pass(10);
  const reads: number[] = [];
  const read = standby.log.read.bind(standby.log);
  standby.log.read = (sequence) => {
    reads.push(sequence - last);
    if (reads.length === 2) return Promise.reject(new Error("there was no answer"));
    // By a node that lags behind.
    return reads.length === 3 ? Promise.resolve(undefined) : read(sequence);
  };
  await cluster.until(standby.cluster.opening);
  assertEquals(reads, [1, 2, 3, 2, 3]);
  assertEquals((await look(cluster, standby)).length, 2);
});

Deno.test("a node that lags behind does not hide a record that counts in the place of a void one", async () => {
  const cluster = new TestCluster();
  const [active, standby] = await fork(cluster);
  await store(cluster, active, "3");
  const read = standby.log.read.bind(standby.log);
  const until = cluster.time.now + 3 * LEASE_MS;
  standby.log.read = (sequence) => {
    return cluster.time.now < until ? Promise.resolve(undefined) : read(sequence);
  };
  await cluster.pass(3 * LEASE_MS);
  assertEquals([standby.failure, standby.seat.role, active.failure], [
    undefined,
    "standby",
    undefined,
  ]);
  const told = standby.reports.filter((report) => report.includes("does not tell its record"));
  assertEquals(told.length, 1, "once, however often it is asked");
  await cluster.pass(LEASE_MS);
  assertEquals([standby.failure?.name, active.failure], ["LogDamageError", undefined]);
});

Deno.test("void records that were trimmed, and nothing that counts says so, are no place to go on from", async () => {
  const cluster = new TestCluster();
  const [active, standby] = await beginOrders(cluster);
  cluster.server.intrude(new Uint8Array(1));
  active.kill();
  await cluster.pass(10);
  await cluster.until(standby.log.trim(cluster.server.last + 1));
  await cluster.pass(3 * LEASE_MS);
  assertMatch(
    `${standby.failure}`,
    /^LogDamageError: .* the log has dropped it, .* Keep the directory/,
  );
});
