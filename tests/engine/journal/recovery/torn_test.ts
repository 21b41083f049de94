/**
 * What a crash has torn is kept aside, but not without end.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { JournalError } from "../../../../src/engine/journal/disk/journal_error.ts";
import { openJournal } from "../../../support/disk/journals.ts";
import { AHEAD_BYTES, SimulatedDisk } from "../../../support/disk/simulated_disk.ts";

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

Deno.test("zeros that were written ahead are not kept aside, and not there after an orderly stop", async () => {
  const disk = new SimulatedDisk({ seed: 1, aheadBytes: AHEAD_BYTES });
  const warnings: string[] = [];
  const report = (_: string, message: string) => void warnings.push(message);
  const names = ["a", "b", "c", "d", "e", "f"];
  const sizeOf = () => disk.list().filter(({ name }) => name.endsWith(".journal")).at(-1)!.size;
  const engine = await openJournal(disk);
  for (const name of names) await engine.createStream(name);
  assert(sizeOf() > AHEAD_BYTES, "there are zeros ahead");
  disk.processKill();
  const second = await openJournal(disk, { report });
  assertEquals((await second.getStreams()).length, names.length);
  for (const name of names) await second.deleteStream(name);
  assert(sizeOf() > AHEAD_BYTES, "there are zeros ahead again");
  await second.close();
  assert(sizeOf() < AHEAD_BYTES, "they are cut off");
  disk.processKill();
  await openJournal(disk, { report });
  assertEquals(warnings.filter((warning) => warning.includes("torn")), []);
  assertEquals(disk.list().filter(({ name }) => name.includes(".torn-")), []);
});

Deno.test("an orderly stop leaves no zeros, however many groups there were before it", async () => {
  for (let count = 0; count < 10; count++) {
    const disk = new SimulatedDisk({ seed: 1, aheadBytes: AHEAD_BYTES });
    const engine = await openJournal(disk);
    for (let index = 0; index < count; index++) await engine.createStream(`stream-${index}`);
    await engine.close();
    for (const { name, size } of disk.list()) assert(size < AHEAD_BYTES, `${count}: ${name}`);
  }
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
