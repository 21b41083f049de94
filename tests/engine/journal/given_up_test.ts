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
/** Longer than all that is waited for. */
const TTL_MS = 60_000;

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

/** What would remove other messages, before any follower comes. */
const REMOVALS: readonly (readonly [what: string, (use: EngineUse) => unknown])[] = [
  ["are cancelled", (use) => Promise.all(IDS.map((id) => use.engine.cancelMessage("orders", id)))],
  ["are dropped", (use) => use.engine.dropMessages("orders", IDS)],
  ["are purged", (use) => use.engine.purgeStream("orders")],
  ["expire", (use) => use.advance(TTL_MS)],
  [
    "are pushed out by newer ones",
    (use) => use.engine.updateStream("orders", { maxMessages: 1, overflow: "drop-oldest" }),
  ],
];

for (const [how, end] of ENDS) {
  Deno.test(`messages that were ${how} without room among the dead letters are not there again`, async () => {
    const { use } = await giveUp(how, end);
    const next = use.follower("orders");
    use.advance(2000);
    await use.fence();
    assertEquals(await listDead(use), IDS.map(() => TEXT));
    const again = next.sink.messages.filter(({ text }) => text === TEXT);
    assertEquals(again, []);
  });

  for (const [what, remove] of REMOVALS) {
    Deno.test(`messages that were ${how} without room are dead letters after a crash, although others ${what}`, async () => {
      const { use } = await giveUp(how, end);
      await remove(use);
      use.advance(2000);
      await use.fence();
      assertEquals(await listDead(use), IDS.map(() => TEXT));
    });
  }

  Deno.test(`messages that were ${how} wait for room among the dead letters after a crash, too`, async () => {
    const { use, fill, crash } = await giveUp(how, end);
    await fill();
    use.advance(2000);
    while (await isStored(use)) continue;
    await use.engine.purgeStream("orders");
    const kept = (await use.look("orders")).map((line) => line.split(" ")[0]);
    assertEquals(kept, IDS.map((id) => `${id}×65535`));
    await crash();
    use.advance(2000);
    await use.fence();
    assertEquals(await listDead(use), IDS.map(() => TEXT));
    assertEquals(await use.look("orders"), []);
  });
}

/** Gives messages up while there is no room, and has the broker crash. */
async function giveUp(how: string, end: (use: EngineUse, follower: Following) => unknown) {
  const disk = new SimulatedDisk({ seed: 1 });
  const clock = new TestClock();
  let lease = new LeasedDisk(disk);
  const open = () => {
    lease = new LeasedDisk(disk);
    const [segmentBytes, reserveBytes] = [64 * 1024, 2048];
    return openJournal(lease, { segmentBytes, reserveBytes, now: () => clock.now });
  };
  const use = new EngineUse(await open(), { clock, reopen: open });
  const fill = async () => {
    // There is room for decisions, and for no message.
    disk.capacity = disk.list().reduce((sum, { size }) => sum + size, 0);
    while (await isStored(use)) continue;
  };
  const crash = async () => {
    lease.end();
    disk.powerCut();
    disk.capacity = undefined;
    use.engine = await open();
  };
  const maxDeliveries = how.startsWith("failed") ? 1 : 20;
  await use.createWith("orders", { maxDeliveries, ttlMs: TTL_MS });
  await use.publisher("orders").store(...IDS.map(() => TEXT));
  const follower = use.follower("orders");
  await follower.received(IDS.length);
  await fill();
  await end(use, follower);
  assertEquals(
    (await use.engine.getStreams()).find(({ name }) => name === "orders.dead")?.ready,
    0,
  );
  await crash();
  return { use, fill, crash };
}

/** The texts of all dead letters. */
async function listDead(use: EngineUse): Promise<(string | undefined)[]> {
  return (await use.look("orders.dead")).map((line) => line.split(" ").at(-1));
}

/** Stores something more, until the disk is full. */
async function isStored(use: EngineUse): Promise<boolean> {
  const filling = use.publisher("orders", `filling ${Math.random()}`);
  filling.send(200);
  const [outcome] = await filling.outcomes();
  return outcome !== "DISK_FULL";
}
