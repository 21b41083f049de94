/**
 * The mark of an orderly end is believed when it is whole and of this journal, and never otherwise.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  readClosedMark,
  writeClosedMark,
} from "../../../../src/engine/journal/segments/closed_mark.ts";
import { CLOSED_NAME } from "../../../../src/engine/journal/segments/directory.ts";
import { JournalError } from "../../../../src/engine/journal/disk/journal_error.ts";
import { readState } from "../../../support/disk/journal_state.ts";
import { openJournal } from "../../../support/disk/journals.ts";
import { SimulatedDisk } from "../../../support/disk/simulated_disk.ts";
import { listSegments } from "../../../support/disk/small_journal.ts";
import { EngineUse } from "../../engine_use.ts";

const mark = { position: 2 ** 41 + 3, journalId: 0x1234_5678 };

Deno.test("closed mark: it is read as it was written, and survives a power cut", async () => {
  for (let seed = 0; seed < 20; seed++) {
    const disk = new SimulatedDisk({ seed });
    await writeClosedMark(disk, mark);
    disk.powerCut();
    assertEquals(readClosedMark(disk, mark.journalId), mark.position);
  }
});

Deno.test("closed mark: that of another journal is not believed", async () => {
  const disk = new SimulatedDisk({ seed: 1 });
  await writeClosedMark(disk, mark);
  assertEquals(readClosedMark(disk, mark.journalId + 1), undefined);
});

Deno.test("closed mark: no bit of it can change, and no byte can be missing", async () => {
  const disk = new SimulatedDisk({ seed: 1 });
  await writeClosedMark(disk, mark);
  const { length } = disk.readAll(CLOSED_NAME);
  for (let bit = 0; bit < length * 8; bit++) {
    const copy = disk.clone(1);
    copy.flipBit(CLOSED_NAME, bit);
    assertEquals(readClosedMark(copy, mark.journalId), undefined, `bit ${bit}`);
  }
  for (let size = 0; size < length; size++) {
    const copy = disk.clone(1);
    copy.cut(CLOSED_NAME, size);
    assertEquals(readClosedMark(copy, mark.journalId), undefined, `${size} bytes`);
  }
});

Deno.test("closed mark: a write that takes only some of the bytes goes on", async () => {
  const disk = new SimulatedDisk({ seed: 1 });
  for (const call of [2, 3]) disk.failAt(call, "short");
  await writeClosedMark(disk, mark);
  assertEquals(readClosedMark(disk, mark.journalId), mark.position);
});

/** A journal with a message, closed. */
async function closeJournal(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk({ seed: 1 });
  const engine = await openJournal(disk);
  const use = new EngineUse(engine);
  await use.create("a");
  await use.publisher("a").store("kept");
  await engine.close();
  disk.processKill();
  return disk;
}

function isMarked(disk: SimulatedDisk): boolean {
  return disk.list().some(({ name }) => name === CLOSED_NAME);
}

const kept = { served: { a: ["next 2", "1×1 kept"] }, refused: {} };

Deno.test("closed mark: it is there when the journal is closed, and gone while it is open", async () => {
  const disk = await closeJournal();
  assert(isMarked(disk));
  const engine = await openJournal(disk);
  assert(!isMarked(disk));
  assertEquals(await readState(engine), kept);
  await engine.close();
  assert(isMarked(disk));
});

Deno.test("closed mark: it is written anew when a power cut has brought the old one back", async () => {
  for (let seed = 0; seed < 30; seed++) {
    const disk = (await closeJournal()).clone(seed);
    const first = disk.readAll(CLOSED_NAME);
    await openJournal(disk);
    disk.powerCut();
    const engine = await openJournal(disk);
    assertEquals(await readState(engine), kept, `seed ${seed}`);
    await engine.close();
    assert(first.join() !== disk.readAll(CLOSED_NAME).join(), `seed ${seed}`);
  }
});

Deno.test("closed mark: one of an earlier end that is back does no harm to what came later", async () => {
  const disk = await closeJournal();
  const stale = disk.readAll(CLOSED_NAME);
  const use = new EngineUse(await openJournal(disk));
  await use.publisher("a", "later").store("later");
  disk.processKill();
  disk.replace(CLOSED_NAME, stale);
  const { served } = await readState(await openJournal(disk));
  assertEquals(served.a, ["next 3", "1×1 kept", "2×1 later"]);
});

Deno.test("closed mark: the last segment missing after an orderly end is damage", async () => {
  const disk = await closeJournal();
  const engine = await openJournal(disk);
  await new EngineUse(engine).publisher("a", "later").store("later");
  await engine.close();
  disk.processKill();
  const segments = listSegments(disk);
  assertEquals(segments.length, 2);
  disk.remove(segments[1]!.name);
  const error = await assertRejects(() => openJournal(disk), JournalError, segments[0]!.name);
  assertEquals(error.trouble, "damaged");
});

Deno.test("closed mark: a journal that cannot write it is closed all the same", async () => {
  for (const fault of ["EIO", "ENOSPC"] as const) {
    const disk = new SimulatedDisk({ seed: 1 });
    const reports: string[] = [];
    const engine = await openJournal(disk, {
      report: (level, message) => void reports.push(`${level}: ${message}`),
    });
    const use = new EngineUse(engine);
    await use.create("a");
    await use.publisher("a").store("kept");
    const whole = disk.clone(1);
    const wholeEngine = await openJournal(whole);
    const before = whole.calls;
    await wholeEngine.close();
    const calls = whole.calls - before;
    // The last call but one or two: it writes the mark, or flushes it.
    for (const back of [0, 1, 2, 3]) if (calls > back) disk.failAt(calls - back, fault);
    await engine.close();
    disk.heal();
    disk.processKill();
    assertEquals(await readState(await openJournal(disk)), kept);
  }
});
