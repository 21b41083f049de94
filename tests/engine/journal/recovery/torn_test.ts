/**
 * What a crash has torn is kept aside, but not without end.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { JournalError } from "../../../../src/engine/journal/disk/journal_error.ts";
import { openJournal } from "../../../support/disk/journals.ts";
import { SimulatedDisk } from "../../../support/disk/simulated_disk.ts";

/** Puts bytes behind the last segment that are no group: the beginning of a write. */
function tear(disk: SimulatedDisk): void {
  const name = disk.list().map(({ name }) => name).filter((name) => name.endsWith(".journal"))
    .sort().at(-1)!;
  const bytes = disk.readAll(name);
  const torn = new Uint8Array(bytes.length + 10).fill(7);
  torn.set(bytes);
  disk.replace(name, torn);
}

Deno.test("recovery keeps what sixteen crashes have torn, the newest ones", async () => {
  const disk = new SimulatedDisk({ seed: 1 });
  for (let now = 1; now <= 20; now++) {
    const engine = await openJournal(disk, { now: () => now, fail: () => {} });
    await engine.createStream(`stream-${now}`);
    disk.processKill();
    tear(disk);
  }
  const times = disk.list().flatMap(({ name }) => /\.torn-(\d+)$/.exec(name)?.[1] ?? []);
  const expected = Array.from({ length: 16 }, (_, index) => String(5 + index));
  assertEquals(times.sort((one, other) => Number(one) - Number(other)), expected);
});

Deno.test("a journal whose segments are all gone although it was closed is not taken for a new one", async () => {
  const disk = new SimulatedDisk({ seed: 1 });
  const engine = await openJournal(disk);
  await engine.createStream("orders");
  await engine.close();
  disk.processKill();
  for (const { name } of disk.list()) if (name.endsWith(".journal")) disk.remove(name);
  await assertRejects(() => openJournal(disk), JournalError, "has no segment");
});
