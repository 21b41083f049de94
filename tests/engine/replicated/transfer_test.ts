/**
 * From one machine to a cluster, and back.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { exportLog } from "../../../src/engine/replicated/transfer/export_log.ts";
import { importJournal } from "../../../src/engine/replicated/transfer/import_journal.ts";
import { SimulatedHost } from "../../support/log/simulated_host.ts";
import { SimulatedLog } from "../../support/log/simulated_log.ts";
import { LEASE_MS, TestCluster } from "../../support/cluster/test_cluster.ts";
import { openJournal } from "../../support/disk/journals.ts";
import { SimulatedDisk } from "../../support/disk/simulated_disk.ts";
import { EngineUse } from "../engine_use.ts";

/** A handle of a cluster's log, for who is no broker. */
function openLog(cluster: TestCluster): { log: SimulatedLog; host: SimulatedHost } {
  const host = new SimulatedHost(cluster.time);
  return { log: new SimulatedLog(cluster.server, host), host };
}

function importInto(cluster: TestCluster, disk: SimulatedDisk) {
  const { log, host: timing } = openLog(cluster);
  const random = () => cluster.random.next();
  return cluster.until(
    importJournal({ log, disk, id: "import", version: "1", leaseMs: LEASE_MS, timing, random })
      .catch((error) => error),
  );
}

/** A journal of several segments that was stopped in order. */
async function makeJournal(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk({ seed: 1 });
  const use = new EngineUse(await openJournal(disk, { segmentBytes: 2000 }));
  await use.create("orders");
  const publisher = use.publisher("orders");
  for (let number = 1; number <= 10; number++) await publisher.store(`${number}`.padEnd(500, "."));
  const follower = use.follower("orders");
  await follower.received(10);
  await follower.ack(1, 2, 3);
  await use.engine.close();
  return disk;
}

Deno.test("import: a journal becomes the beginning of a cluster, with the same messages", async () => {
  const disk = await makeJournal();
  const before = disk.list();
  const other = new TestCluster();
  await importInto(other, disk);
  const broker = await other.startActive("a");
  const lines = await other.until(broker.use.look("orders"));
  const places = lines.map((line) => line.slice(0, 4));
  assertEquals(places, ["4×1 ", "5×0 ", "6×0 ", "7×0 ", "8×0 ", "9×0 ", "10×0"]);
  // The same publisher is known.
  const publisher = broker.use.publisher("orders", "publisher", { sentUntil: 11 });
  publisher.sendAs(10, "10".padEnd(500, "."));
  assertEquals(await other.until(publisher.outcomes()), ["orders:10 again"]);
  assertEquals(disk.list(), before);
});

Deno.test("import: what was not stopped in order, is damaged, or comes too late is refused", async () => {
  const disk = await makeJournal();
  const cluster = new TestCluster();
  const crashed = disk.clone(1);
  crashed.remove("closed");
  assertEquals((await importInto(cluster, crashed)).message.includes("not stopped in order"), true);
  const faulty = disk.clone(1);
  const { name } = faulty.list().find((entry) => entry.name.endsWith(".journal"))!;
  faulty.flipBit(name, 8000);
  assertEquals((await importInto(cluster, faulty)).trouble, "damaged");
  assertEquals(
    (await importInto(cluster, new SimulatedDisk({ seed: 1 }))).message.includes("no segment"),
    true,
  );
  assertEquals(cluster.server.last, 0);
  await importInto(cluster, disk);
  assertEquals((await importInto(cluster, disk)).message.includes("has had"), true);
});

Deno.test("import: nobody takes over before it is complete", async () => {
  const cluster = new TestCluster();
  const disk = await makeJournal();
  await importInto(cluster, disk);
  cluster.server.shrink(2);
  const broker = cluster.start("a");
  await cluster.pass(10 * LEASE_MS);
  assertEquals([broker.seat.role, broker.reports], [
    "standby",
    ["the import of a journal has not been finished"],
  ]);
});

Deno.test("export: the log becomes the journal of a single broker, while others go on", async () => {
  const cluster = new TestCluster();
  const small = { segmentBytes: 1500, recordBytes: 300 };
  const broker = await cluster.startActive("a", small);
  await cluster.until(broker.use.create("orders"));
  const publisher = broker.use.publisher("orders");
  for (let number = 1; number <= 20; number++) {
    await cluster.until(publisher.store(`${number}`.padEnd(300, ".")));
  }
  const follower = broker.use.follower("orders");
  await cluster.until(follower.received(20));
  await cluster.until(follower.ack(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
  await cluster.pass(3000);
  const { log } = openLog(cluster);
  const disk = new SimulatedDisk({ seed: 5 });
  const { sequence } = await cluster.until(exportLog(log, disk));
  assertEquals(sequence, cluster.server.last);
  const use = new EngineUse(await openJournal(disk));
  assertEquals((await use.look("orders")).length, 8);
  await use.engine.close();
  const refusal = await cluster.until(exportLog(log, disk).catch((error) => error));
  assertEquals(refusal.message.includes("only an empty directory"), true);
  // And back, into another cluster.
  const other = new TestCluster(2);
  await importInto(other, disk);
  const again = await other.startActive("a");
  assertEquals((await other.until(again.use.look("orders"))).length, 8);
});
