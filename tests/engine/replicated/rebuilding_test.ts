/**
 * What a broker's directory is worth without its broker: it is compared with the log, and a log that is lost
 * is made of it again.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { compareLog } from "../../../src/engine/replicated/transfer/compare_log.ts";
import { importJournal } from "../../../src/engine/replicated/transfer/import_journal.ts";
import { readOwnRecords } from "../../../src/engine/replicated/transfer/own_records.ts";
import { LEASE_MS, type TestBroker, TestCluster } from "../../support/cluster/test_cluster.ts";
import { SimulatedHost } from "../../support/log/simulated_host.ts";
import { SimulatedLog } from "../../support/log/simulated_log.ts";

/** Segments and records that are small enough for several of each. */
const SMALL = { segmentBytes: 1500, recordBytes: 300 };

async function work(cluster: TestCluster, broker: TestBroker, count: number): Promise<void> {
  await cluster.until(broker.use.create("orders"));
  const publisher = broker.use.publisher("orders");
  for (let number = 1; number <= count; number++) {
    await cluster.until(publisher.store(`${number}`.padEnd(200, ".")));
  }
}

/** A cluster with two brokers that have the same records; both are dead by now. */
async function makeDirectories(): Promise<{ cluster: TestCluster; a: TestBroker; b: TestBroker }> {
  const cluster = new TestCluster();
  const a = await cluster.startActive("a", SMALL);
  const b = cluster.start("b", SMALL);
  await work(cluster, a, 12);
  await cluster.pass(LEASE_MS / 2);
  for (const broker of [a, b]) broker.kill();
  return { cluster, a, b };
}

function compare(cluster: TestCluster, { disk }: TestBroker) {
  const log = new SimulatedLog(cluster.server, new SimulatedHost(cluster.time));
  return cluster.until(compareLog(log, readOwnRecords(disk)));
}

Deno.test("a directory has the records of its log, the active broker's and a standby's", async () => {
  const { cluster, a, b } = await makeDirectories();
  for (const { disk } of [a, b]) {
    const own = readOwnRecords(disk);
    assertEquals([own.cluster, own.epoch, own.fault], ["test", 1, undefined]);
    assertEquals(own.entries.at(-1)!.sequence, cluster.server.last);
  }
  assertEquals((await compare(cluster, a)).relation, "same");
  assertEquals((await compare(cluster, b)).relation, "same");
});

Deno.test("a log that ends before the directory is shorter", async () => {
  const { cluster, a } = await makeDirectories();
  cluster.server.shrink(3);
  assertEquals((await compare(cluster, a)).relation, "shorter");
});

for (const lost of [1, 2, 3, 4, 5, 6, 7]) {
  Deno.test(`a log that has lost ${lost}, and was written anew, differs from there`, async () => {
    const { cluster, a } = await makeDirectories();
    const { last } = cluster.server;
    cluster.server.shrink(lost);
    // A broker that has only what is left takes over, and goes on.
    const c = await cluster.startActive("c", SMALL);
    await work(cluster, c, 12);
    const { relation, at } = await compare(cluster, a);
    assertEquals([relation, at], ["different", last - lost + 1]);
    assertEquals((await compare(cluster, c)).relation, "same");
  });
}

Deno.test("another log is a stranger's", async () => {
  const { a } = await makeDirectories();
  const other = new TestCluster(7);
  await work(other, await other.startActive("a", SMALL), 20);
  assertEquals((await compare(other, a)).relation, "stranger");
});

Deno.test("so is a log that ends before the directory's first record", async () => {
  const { cluster, a } = await makeDirectories();
  // The directory's beginning was trimmed.
  const own = readOwnRecords(a.disk);
  const entries = own.entries.slice(10);
  cluster.server.shrink(own.entries.length - 5);
  const log = new SimulatedLog(cluster.server, new SimulatedHost(cluster.time));
  const { relation } = await cluster.until(compareLog(log, { ...own, entries }));
  assertEquals(relation, "stranger");
});

Deno.test("a bit that has changed in a segment or in the index is found", async () => {
  const { a } = await makeDirectories();
  const segment = a.disk.list().find(({ name }) => name.endsWith(".journal"))!;
  const faulty = a.disk.clone(1);
  faulty.flipBit(segment.name, 8 * 700);
  assertEquals(readOwnRecords(faulty).fault?.includes("not as it was read from the log"), true);
  const index = a.disk.list().find(({ name }) => name.endsWith(".records"))!;
  const shortened = a.disk.clone(1);
  shortened.flipBit(index.name, 8 * 600);
  const all = readOwnRecords(a.disk).entries.length;
  assertEquals(readOwnRecords(shortened).entries.length < all, true);
});

for (const which of ["a", "b"] as const) {
  Deno.test(`a log that is lost is made again of the directory of broker ${which}`, async () => {
    const directories = await makeDirectories();
    const cluster = new TestCluster(3);
    const timing = new SimulatedHost(cluster.time);
    const log = new SimulatedLog(cluster.server, timing);
    const { disk } = directories[which];
    const random = () => cluster.random.next();
    const options = { log, disk, id: "import", version: "1", leaseMs: LEASE_MS, timing, random };
    const before = disk.list();
    const { segments } = await cluster.until(importJournal(options));
    assertEquals(segments > 1, true);
    assertEquals(disk.list(), before);
    const c = await cluster.startActive("c", SMALL);
    assertEquals((await cluster.until(c.use.look("orders"))).length, 12);
    // What publishers repeat is known.
    const publisher = c.use.publisher("orders", "publisher", { sentUntil: 13 });
    publisher.sendAs(12, "12".padEnd(200, "."));
    assertEquals(await cluster.until(publisher.outcomes()), ["orders:12 again"]);
  });
}
