/**
 * What a broker of a cluster does when the log is not what it was: shorter, full, trimmed, another one.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { beginOrders, look, store } from "../../support/cluster/cluster_orders.ts";
import { LEASE_MS, TestCluster } from "../../support/cluster/test_cluster.ts";
import { DescriptorShortageError, type DiskFile } from "../../../src/engine/journal/disk/disk.ts";
import { SimulatedDisk } from "../../support/disk/simulated_disk.ts";

Deno.test("log: what it has lost is appended again by the active broker", async () => {
  const cluster = new TestCluster();
  const [active, standby] = await beginOrders(cluster);
  const { last } = cluster.server;
  cluster.server.shrink(4);
  await store(cluster, active, "3");
  assert(cluster.server.last > last);
  await cluster.pass(2000);
  active.kill();
  await cluster.until(standby.cluster.opening);
  assertEquals(await look(cluster, standby), ["1×0 ready 1", "2×0 ready 2", "3×0 ready 3"]);
  const fresh = cluster.start("c");
  await cluster.pass(3000);
  standby.kill();
  await cluster.until(fresh.cluster.opening);
  assertEquals((await look(cluster, fresh)).length, 3);
});

Deno.test("log: what it has lost is appended again by the one that takes over, also after a restart", async () => {
  const cluster = new TestCluster();
  const [active, standby] = await beginOrders(cluster);
  active.kill();
  standby.kill();
  cluster.server.shrink(4);
  const again = cluster.restart(standby);
  await cluster.until(again.cluster.opening);
  assertEquals(
    again.reports.includes("the log has lost records: this broker appends them again"),
    true,
  );
  assertEquals(await look(cluster, again), ["1×0 ready 1", "2×0 ready 2"]);
  const other = cluster.restart(active);
  await cluster.pass(3000);
  again.kill();
  await cluster.until(other.cluster.opening);
  assertEquals((await look(cluster, other)).length, 2);
});

Deno.test("log: an empty one is not begun anew by a broker without records, while another one has them", async () => {
  const cluster = new TestCluster();
  const [active, standby] = await beginOrders(cluster);
  active.kill();
  standby.kill();
  cluster.server.shrink(cluster.server.last);
  const again = cluster.restart(standby);
  await cluster.pass(10);
  // It announces itself, and cannot look at the log for a while.
  const bounds = again.log.bounds.bind(again.log);
  again.log.bounds = () => Promise.reject(new Error("there was no answer"));
  const fresh = cluster.start("c");
  await cluster.pass(3 * LEASE_MS);
  assertEquals([cluster.server.last, fresh.seat.role, fresh.reports], [0, "standby", [
    "the log is empty, and another broker has records of it: this one waits",
  ]]);
  again.log.bounds = bounds;
  await cluster.until(again.cluster.opening);
  assertEquals(await look(cluster, again), ["1×0 ready 1", "2×0 ready 2"]);
  await cluster.pass(1000);
  again.kill();
  await cluster.until(fresh.cluster.opening);
  assertEquals((await look(cluster, fresh)).length, 2);
});

Deno.test("log: void records, and their places after a repair, change nothing", async () => {
  const cluster = new TestCluster();
  const [active, standby] = await beginOrders(cluster);
  cluster.server.intrude(new TextEncoder().encode("somebody else's message"));
  await store(cluster, active, "3");
  cluster.server.intrude(new Uint8Array(0));
  await cluster.pass(1000);
  active.kill();
  standby.kill();
  cluster.server.shrink(cluster.server.last - 3);
  const again = cluster.restart(standby);
  await cluster.until(again.cluster.opening);
  assertEquals((await look(cluster, again)).length, 3);
  const other = cluster.restart(active);
  await cluster.pass(3000);
  again.kill();
  await cluster.until(other.cluster.opening);
  assertEquals([other.failure, (await look(cluster, other)).length], [undefined, 3]);
});

Deno.test("log: another record at a place that was read stops a broker, and nothing is touched", async () => {
  const cluster = new TestCluster();
  const [active, standby] = await beginOrders(cluster);
  active.kill();
  standby.kill();
  const { last, records } = cluster.server;
  cluster.server.replace(last, records[0]!);
  const names = standby.disk.list();
  const again = cluster.restart(standby);
  await cluster.pass(5000);
  assertEquals([again.failure?.name, again.seat.role], ["LogDamageError", "standby"]);
  assertEquals([again.disk.list(), cluster.server.last], [names, last]);
});

Deno.test("log: a record that was changed, and the log of another cluster, stop a standby", async () => {
  const cluster = new TestCluster();
  const [active, standby] = await beginOrders(cluster);
  const changed = cluster.server.records[2]!.slice();
  changed[changed.length - 1]! ^= 1;
  cluster.server.replace(3, changed);
  const fresh = cluster.start("c");
  await cluster.pass(1000);
  assertEquals([fresh.failure?.name, standby.failure, active.failure], [
    "LogDamageError",
    undefined,
    undefined,
  ]);
  const others = new TestCluster(2);
  await beginOrders(others);
  const lost = others.start("b", { disk: standby.disk });
  standby.kill();
  await others.pass(5000);
  assertEquals(lost.failure?.name, "LogDamageError");
});

Deno.test("log: a directory of another log is told from a log that has lost records", async () => {
  const cluster = new TestCluster();
  const [active, standby] = await beginOrders(cluster);
  await store(cluster, active, "3", "4");
  await cluster.pass(10_000);
  standby.kill();
  const names = standby.disk.list();
  // Made anew, and shorter than what the directory knows.
  const others = new TestCluster(2);
  await others.startActive("a");
  const { last } = others.server;
  const lost = others.start("b", { disk: standby.disk });
  await others.pass(1000);
  const { name, message = "" } = lost.failure ?? {};
  assertEquals(name, "LogDamageError");
  const rule = /of another log: it has records of the log \w+, and this is the log \w+\. .*verify/;
  assertMatch(message, rule);
  assertEquals(standby.disk.list(), names);
  assert(last < 20 && names.length > 0);
});

Deno.test("log: a directory is of one cluster, and not of a single broker", async () => {
  const cluster = new TestCluster();
  const [active] = await beginOrders(cluster);
  active.kill();
  const other = cluster.restart(active, { name: "other" });
  await cluster.pass(100);
  assertEquals(other.failure?.message.includes('it belongs to cluster "test"'), true);
  const disk = new SimulatedDisk({ seed: 1 });
  disk.replace("0000000000000000.journal", new Uint8Array(100));
  const single = cluster.start("c", { disk });
  await cluster.pass(100);
  assertEquals(single.failure?.message.includes("the journal of a single broker"), true);
});

Deno.test("log: a broker that was away too long begins anew from the log's first record", async () => {
  const small = { segmentBytes: 1500 };
  const cluster = new TestCluster();
  const active = await cluster.startActive("a", small);
  await cluster.until(active.use.create("orders"));
  const standby = cluster.start("b", small);
  await cluster.pass(1000);
  standby.kill();
  const stuck = cluster.start("c", small);
  await cluster.pass(1000);
  stuck.log.isCutOff = true;
  const follower = active.use.follower("orders");
  for (let number = 1; number <= 30; number++) {
    await store(cluster, active, `${number} ${"x".repeat(300)}`);
    await cluster.until(follower.received(number));
    await cluster.until(follower.ack(number));
  }
  await store(cluster, active, "last");
  await cluster.pass(2000);
  assert(cluster.server.first > 10);
  stuck.log.isCutOff = false;
  const again = cluster.restart(standby, small);
  await cluster.pass(3000);
  assertEquals([stuck.failure?.name, again.failure], ["LogTrimmedError", undefined]);
  active.kill();
  await cluster.until(again.cluster.opening);
  assertEquals((await look(cluster, again)).map((line) => line.slice(-4)), ["last"]);
  stuck.kill();
  const third = cluster.restart(stuck, small);
  await cluster.pass(3000);
  again.kill();
  await cluster.until(third.cluster.opening);
  assertEquals((await look(cluster, third)).length, 1);
});

Deno.test("log: while it is full messages are refused, and acknowledgements make room", async () => {
  const cluster = new TestCluster();
  const active = await cluster.startActive("a", { segmentBytes: 20_000 });
  await cluster.until(active.use.create("orders"));
  cluster.server.bytesMax = 400_000;
  await cluster.pass(2000);
  const publisher = active.use.publisher("orders", "full");
  const text = "x".repeat(10_000);
  let count = 0;
  for (; count < 100; count++) {
    publisher.send(text);
    if ((await cluster.until(publisher.outcomes())).at(-1) === "DISK_FULL") break;
    await cluster.pass(1000);
  }
  assert(count > 10 && count < 40, `${count} messages`);
  const follower = active.use.follower("orders");
  await cluster.until(follower.received(count));
  for (let tag = 1; tag <= count; tag++) await cluster.until(follower.ack(tag));
  await cluster.pass(5000);
  await store(cluster, active, "again");
  assertEquals(active.failure, undefined);
});

Deno.test("log: a standby without room waits for it, and goes on", async () => {
  const cluster = new TestCluster();
  const active = await cluster.startActive("a");
  await cluster.until(active.use.create("orders"));
  const disk = new SimulatedDisk({ seed: 3 });
  const standby = cluster.start("b", { disk });
  await cluster.pass(1000);
  disk.capacity = disk.list().reduce((sum, { size }) => sum + size, 0) + 5000;
  await store(cluster, active, "x".repeat(3000), "y".repeat(3000));
  await cluster.pass(5000);
  assertEquals(standby.reports.length, 1);
  disk.capacity = undefined;
  await cluster.pass(5000);
  active.kill();
  await cluster.until(standby.cluster.opening);
  assertEquals([standby.failure, (await look(cluster, standby)).length], [undefined, 2]);
});

Deno.test("log: one of two standbys takes over, and the other one follows it", async () => {
  const cluster = new TestCluster();
  const [active, second] = await beginOrders(cluster);
  const third = cluster.start("c");
  await cluster.pass(2000);
  active.kill();
  await cluster.pass(LEASE_MS + 1000);
  assertEquals([second.seat.role, third.seat.role, third.seat.active], [
    "active",
    "standby",
    "b:9090",
  ]);
  await store(cluster, second, "3");
  second.kill();
  await cluster.until(third.cluster.opening);
  assertEquals((await look(cluster, third)).length, 3);
});

Deno.test("log: own files without their oldest segment are read again from the log", async () => {
  const small = { segmentBytes: 1500 };
  const cluster = new TestCluster();
  const active = await cluster.startActive("a", small);
  await cluster.until(active.use.create("orders"));
  const standby = cluster.start("b", small);
  for (let number = 1; number <= 5; number++) {
    await store(cluster, active, `${number}`.padEnd(1000, "."));
  }
  await cluster.pass(1000);
  standby.kill();
  const [first] = standby.disk.list().map(({ name }) => name).filter((name) =>
    name.endsWith(".records")
  ).sort();
  standby.disk.remove(first!);
  const again = cluster.restart(standby, small);
  await cluster.pass(1000);
  active.kill();
  await cluster.until(again.cluster.opening);
  assertEquals((await look(cluster, again)).length, 5);
});

Deno.test("log: a broker can be closed at any time, whatever the log does", async () => {
  const cluster = new TestCluster();
  const [active, standby] = await beginOrders(cluster);
  // As a standby, while it takes over, and as the active one that cannot reach the log any more.
  await cluster.until(standby.engine.close(), 100);
  active.log.isCutOff = true;
  const publisher = active.use.publisher("orders", "late");
  publisher.send("late");
  await cluster.until(active.engine.close(), 2 * LEASE_MS);
  assertEquals(publisher.sink.outcomes.length, 0);
  for (let ms = 0; ms < 20; ms++) {
    const third = cluster.start("c", { disk: new SimulatedDisk({ seed: ms }) });
    cluster.server.faults = { ...cluster.server.faults, delayMs: [1, 1] };
    await cluster.pass(LEASE_MS - 10 + 10 * ms);
    third.log.isCutOff = ms % 2 === 0;
    await cluster.until(third.engine.close(), 2 * LEASE_MS);
  }
  const last = await cluster.startActive("d");
  assertEquals((await look(cluster, last)).length, 2);
});

Deno.test("log: a standby is backed up as the active broker is", async () => {
  const cluster = new TestCluster();
  const [, standby] = await beginOrders(cluster);
  const info = await cluster.until(standby.engine.openBackup());
  assertEquals([info.files.length, info.position > 0], [2, true]);
  const bytes = await cluster.until(standby.engine.readBackup(info.backup, info.segment, 0));
  assertEquals(bytes.length, info.offset);
  assertEquals(standby.engine.closeBackup(info.backup), true);
  const fresh = new TestCluster().start("a");
  const refusal = await fresh.engine.openBackup().catch((error) => error);
  assertEquals(refusal.code, "BAD_REQUEST");
});

/** A disk whose segments cannot be opened now and then. */
class ShortDisk extends SimulatedDisk {
  isShort = false;

  override open(name: string): DiskFile {
    if (this.isShort && name.endsWith(".journal")) {
      throw new DescriptorShortageError("none is free");
    }
    return super.open(name);
  }
}

function readFile(disk: SimulatedDisk, name: string): Uint8Array {
  const file = disk.open(name);
  const bytes = new Uint8Array(file.measure());
  file.read(bytes, 0);
  return bytes;
}

Deno.test("log: a standby that could not open a segment for a while has each record once", async () => {
  const small = { segmentBytes: 1500 };
  const cluster = new TestCluster();
  const active = await cluster.startActive("a", small);
  await cluster.until(active.use.create("orders"));
  const disk = new ShortDisk({ seed: 3 });
  const standby = cluster.start("b", { disk, ...small });
  await cluster.pass(1000);
  for (let number = 1; number <= 6; number++) {
    disk.isShort = true;
    await store(cluster, active, `${number}`.padEnd(1000, "."));
    await cluster.pass(1200);
    disk.isShort = false;
    await cluster.pass(1200);
  }
  const names = disk.list().map(({ name }) => name).filter((name) => name.endsWith(".records"));
  assertEquals(names.length > 1, true, `${names}`);
  for (const name of names) assertEquals(readFile(disk, name), readFile(active.disk, name), name);
  active.kill();
  await cluster.until(standby.cluster.opening);
  const follower = standby.use.follower("orders");
  await cluster.until(follower.received(6));
  for (let tag = 1; tag <= 6; tag++) await cluster.until(follower.ack(tag));
  await cluster.pass(3000);
  assertEquals(standby.failure, undefined);
});
