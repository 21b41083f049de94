/**
 * Damaged journals are looked at and repaired: nothing changes without being asked for, what is given
 * up is kept aside, and everything else is as it was.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { JournalError } from "../../../../src/engine/journal/disk/journal_error.ts";
import type { RepairWay } from "../../../../src/engine/journal/repair/repair.ts";
import { repairJournal, verifyJournal } from "../../../../src/engine/journal/repair/tools.ts";
import { openJournal } from "../../../support/disk/journals.ts";
import { type JournalState, readState } from "../../../support/disk/journal_state.ts";
import { SimulatedDisk } from "../../../support/disk/simulated_disk.ts";
import { EngineUse } from "../../engine_use.ts";

const OPTIONS = { segmentBytes: 1000, memoryLimit: 1, reserveBytes: 16 };

/** A journal of several segments: messages 1 to 12 of "a" and of "b", one of "a" acknowledged. */
async function makeJournal(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk({ seed: 1 });
  const engine = await openJournal(disk, OPTIONS);
  const use = new EngineUse(engine);
  await use.create("a", "b");
  const [a, b] = [use.publisher("a", "one"), use.publisher("b", "two")];
  for (let number = 1; number <= 12; number++) {
    await a.store(`a${number} `.padEnd(60, "."));
    await b.store(`b${number} `.padEnd(60, "."));
  }
  const follower = use.follower("a", { messages: 1 });
  await follower.received(1);
  await follower.ack(1);
  await engine.close();
  disk.processKill();
  return disk;
}

/** What a broker finds that is started on a copy of the disk. */
async function look(disk: SimulatedDisk): Promise<JournalState> {
  const engine = await openJournal(disk.clone(1), { ...OPTIONS, fail: () => {} });
  const state = await readState(engine);
  await engine.close();
  return state;
}

/** All files with their bytes. */
function filesOf(disk: SimulatedDisk): Map<string, string> {
  const names = disk.list().map(({ name }) => name).sort();
  return new Map(names.map((name) => [name, disk.readAll(name).join()]));
}

/** Where a text stands: in which segment, at which offset. */
function find(disk: SimulatedDisk, text: string): { name: string; offset: number } {
  const wanted = new TextEncoder().encode(text);
  for (const { name } of disk.list()) {
    const bytes = disk.readAll(name);
    const offset = bytes.findIndex((_, at) => wanted.every((byte, i) => bytes[at + i] === byte));
    if (name.endsWith(".journal") && offset >= 0) return { name, offset };
  }
  throw new Error(`"${text}" is nowhere`);
}

/** Damages a message's text. */
function damage(disk: SimulatedDisk, text: string): string {
  const { name, offset } = find(disk, text);
  disk.flipBit(name, offset * 8);
  return name;
}

/** The segments on a disk, oldest first. */
function segmentsOf(disk: SimulatedDisk): string[] {
  return disk.list().map(({ name }) => name).filter((name) => name.endsWith(".journal")).sort();
}

function repair(disk: SimulatedDisk, way?: RepairWay) {
  return repairJournal(disk, way, "now");
}

Deno.test("verifyJournal() tells what is in a journal that is in order", async () => {
  const disk = await makeJournal();
  const before = filesOf(disk);
  const { lines, isUsable } = verifyJournal(disk);
  assert(isUsable);
  assertEquals(lines.length, segmentsOf(disk).length + 1);
  assertMatch(lines[0]!, /^\(simulated\)\/[0-9a-f]{16}\.journal: \d+ bytes, \d+ groups, \d+ rec/);
  assertEquals(lines.at(-1), "everything is in order");
  assertEquals(filesOf(disk), before);
});

Deno.test("verifyJournal() names file, offset, stream and ids of what cannot be read", async () => {
  const disk = await makeJournal();
  const name = damage(disk, "a5 .");
  const { lines, isUsable } = verifyJournal(disk);
  assert(!isUsable);
  const finding = lines.find((line) => line.includes("message 5"))!;
  assertStringIncludes(finding, `(simulated)/${name} at offset `);
  assertStringIncludes(finding, 'messages are not as they were written (message 5 of stream "a")');
  assertStringIncludes(lines.at(-1)!, "1 fault found");
});

Deno.test("repairJournal() changes nothing unless it is asked to", async () => {
  const disk = await makeJournal();
  damage(disk, "a5 .");
  const before = filesOf(disk);
  const { lines, isUsable } = await repair(disk);
  assert(!isUsable);
  assertEquals(filesOf(disk), before);
  const text = lines.join("\n");
  assertStringIncludes(text, "--skip-damaged   gives up what is listed above");
  assertMatch(text, /--cut\s+gives up everything from [0-9a-f]{16}\.journal at offset \d+ on/);
  const fine = await makeJournal();
  assertStringIncludes((await repair(fine, "cut")).lines.at(-1)!, "nothing was changed");
});

Deno.test("repairJournal(skip-damaged) gives up one message, and no other, nor its id", async () => {
  const disk = await makeJournal();
  const whole = await look(disk);
  const name = damage(disk, "b12 .");
  const damaged = disk.readAll(name);
  assertStringIncludes((await look(disk)).refused["b"]!, "message 12 in ");
  const { lines, isUsable } = await repair(disk, "skip-damaged");
  assert(isUsable, lines.join("\n"));
  const { served, refused } = await look(disk);
  assertEquals(refused, {});
  assertEquals(served["a"], whole.served["a"]);
  // The last id stays used: the next message is not taken for the one that is gone.
  assertEquals(served["b"], whole.served["b"]!.filter((line) => !line.includes("b12 ")));
  const aside = disk.list().find((file) => file.name.startsWith(`${name}.removed-`))!;
  const kept = disk.readAll(aside.name);
  const offset = Number(/removed-(\d+)-/.exec(aside.name)![1]);
  assertEquals(kept, damaged.subarray(offset, offset + kept.length));
  assert(verifyJournal(disk).isUsable);
});

Deno.test("repairJournal(skip-damaged) gives up what is in no record, and goes on behind it", async () => {
  const disk = await makeJournal();
  const whole = await look(disk);
  const { name, offset } = find(disk, "a7 .");
  // The head of the record, and that of the group before it.
  disk.zero(name, offset - 100, offset + 10);
  await assertRejects(() => look(disk), JournalError, `${name} at offset`);
  const { lines, isUsable } = await repair(disk, "skip-damaged");
  assert(isUsable, lines.join("\n"));
  const { served } = await look(disk);
  const lost = whole.served["a"]!.filter((line) => !served["a"]!.includes(line));
  assert(lost.length > 0 && lost.length < 3, lost.join());
  assert(lost.some((line) => line.includes("a7 ")));
});

Deno.test("repairJournal(skip-damaged) writes a damaged head again, and loses nothing", async () => {
  const disk = await makeJournal();
  const whole = await look(disk);
  disk.flipBit(segmentsOf(disk)[1]!, 20 * 8);
  await assertRejects(() => look(disk), JournalError, "its head is damaged");
  assert((await repair(disk, "skip-damaged")).isUsable);
  assertEquals(await look(disk), whole);
});

Deno.test("repairJournal(skip-damaged) writes the head of the only segment again, whichever bit is wrong", async () => {
  const disk = new SimulatedDisk({ seed: 1 });
  const engine = await openJournal(disk, { memoryLimit: 1, reserveBytes: 16 });
  const use = new EngineUse(engine);
  await use.create("a");
  await use.publisher("a", "one").store("a1", "a2", "a3");
  await engine.close();
  disk.processKill();
  const whole = await look(disk);
  const [name] = segmentsOf(disk);
  assertEquals(segmentsOf(disk).length, 1);
  for (let bit = 0; bit < 40 * 8; bit++) {
    // A larger version is refused: another broker may read it.
    if (bit >= 8 * 8 && bit < 12 * 8) continue;
    const damaged = disk.clone(1);
    damaged.flipBit(name!, bit);
    assert((await repair(damaged, "skip-damaged")).isUsable, `bit ${bit}`);
    assertEquals(await look(damaged), whole, `bit ${bit}`);
  }
});

Deno.test("repairJournal() offers only what can be done: without any head nothing can be kept", async () => {
  const disk = await makeJournal();
  for (const name of segmentsOf(disk)) {
    for (let byte = 0; byte < 40; byte++) disk.flipBit(name, 8 * byte + 3);
  }
  const { lines } = await repairJournal(disk, undefined, "now");
  assertEquals(lines.some((line) => line.includes("--skip-damaged")), false);
  assert(lines.some((line) => line.includes("--cut")));
});

Deno.test("repairJournal(skip-damaged) goes on behind the missing end of a segment", async () => {
  const disk = await makeJournal();
  const whole = await look(disk);
  const name = segmentsOf(disk)[0]!;
  disk.cut(name, disk.readAll(name).length - 10);
  await assertRejects(() => look(disk), JournalError, "the end is missing");
  const { lines, isUsable } = await repair(disk, "skip-damaged");
  assert(isUsable, lines.join("\n"));
  const { served } = await look(disk);
  for (const [stream, messages] of Object.entries(served)) {
    assertEquals(messages.filter((line) => !whole.served[stream]!.includes(line)), []);
  }
});

Deno.test("repairJournal(cut) ends the journal before the first fault", async () => {
  const disk = await makeJournal();
  const whole = await look(disk);
  const name = damage(disk, "a7 .");
  const later = segmentsOf(disk).filter((other) => other > name);
  const { lines, isUsable } = await repair(disk, "cut");
  assert(isUsable, lines.join("\n"));
  for (const other of later) assertStringIncludes(lines.join("\n"), `${other}.removed-now`);
  const { served } = await look(disk);
  const texts = served["a"]!.slice(1).map((line) => line.split(" ")[1]);
  // The acknowledgement of the first message is behind the cut.
  assertEquals(texts, ["a1", "a2", "a3", "a4", "a5", "a6"]);
  assertEquals(whole.served["a"]!.length, 12);
});

Deno.test("repairJournal(cut) takes a whole segment away whose head is damaged", async () => {
  const disk = await makeJournal();
  const [first, second] = segmentsOf(disk);
  disk.flipBit(second!, 0);
  assert((await repair(disk, "cut")).isUsable);
  assertEquals(segmentsOf(disk), [first]);
  assert((await look(disk)).served["a"]!.length > 1);
});

Deno.test("repairJournal() that was cut off in the midst can be repeated", async () => {
  const disk = await makeJournal();
  damage(disk, "a3 .");
  damage(disk, "a9 .");
  for (let call = 1;; call++) {
    const copy = disk.clone(call);
    copy.failAt(call, "EIO");
    const isDone = await repair(copy, "skip-damaged").then(() => true, () => false);
    copy.heal();
    copy.processKill();
    const again = await repairJournal(copy, "skip-damaged", "again");
    assert(again.isUsable, again.lines.join("\n"));
    const { served, refused } = await look(copy);
    assertEquals([served["a"]!.length, refused], [10, {}]);
    if (isDone) break;
  }
});
