/**
 * Messages that are given up while there is no room for them among the dead letters: a broker that ends before there
 * is some delivers them no more.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { openJournal } from "../../support/disk/journals.ts";
import { LeasedDisk } from "../../support/disk/leased_disk.ts";
import { SimulatedDisk } from "../../support/disk/simulated_disk.ts";
import { EngineUse, type Following, TestClock } from "../engine_use.ts";

/** Long, so that there is room for decisions when there is none for it. */
const TEXT = "one".padEnd(3000, ".");

/** Several messages: they are given up together. */
const IDS = [1, 2, 3];
const ALL = [{ firstTag: 1, count: IDS.length }];

const ENDS: readonly (readonly [how: string, (use: EngineUse, follower: Following) => unknown])[] =
  [
    ["rejected", (_, { port }) => port.reject(ALL, "bad", true)],
    ["failed for the last time", (_, { port }) => port.nack(ALL, { reason: "" }, true)],
    [
      "cancelled",
      (use) =>
        Promise.all(
          IDS.map((id) => use.engine.cancelMessage("orders", id, { isDeadLetter: true })),
        ),
    ],
  ];

for (const [how, end] of ENDS) {
  Deno.test(`messages that were ${how} without room among the dead letters are not there again`, async () => {
    const disk = new SimulatedDisk({ seed: 1 });
    const clock = new TestClock();
    let lease = new LeasedDisk(disk);
    const open = () => {
      lease = new LeasedDisk(disk);
      const [segmentBytes, reserveBytes] = [64 * 1024, 2048];
      return openJournal(lease, { segmentBytes, reserveBytes, now: () => clock.now });
    };
    const use = new EngineUse(await open(), { clock, reopen: open });
    await use.createWith("orders", { maxDeliveries: how.startsWith("failed") ? 1 : 20 });
    await use.publisher("orders").store(...IDS.map(() => TEXT));
    const follower = use.follower("orders");
    await follower.received(IDS.length);
    // There is room for decisions, and for no message.
    disk.capacity = disk.list().reduce((sum, { size }) => sum + size, 0);
    while (await isStored(use)) continue;
    await end(use, follower);
    assertEquals(
      (await use.engine.getStreams()).find(({ name }) => name === "orders.dead")?.ready,
      0,
    );
    lease.end();
    disk.powerCut();
    disk.capacity = undefined;
    use.engine = await open();
    const next = use.follower("orders");
    use.advance(2000);
    await use.fence();
    const dead = await use.look("orders.dead");
    assertEquals(dead.map((line) => line.split(" ").at(-1)), IDS.map(() => TEXT));
    const again = next.sink.messages.filter(({ text }) => text === TEXT);
    assertEquals(again, []);
  });
}

/** Stores something more, until the disk is full. */
async function isStored(use: EngineUse): Promise<boolean> {
  const filling = use.publisher("orders", `filling ${Math.random()}`);
  filling.send(200);
  const [outcome] = await filling.outcomes();
  return outcome !== "DISK_FULL";
}
