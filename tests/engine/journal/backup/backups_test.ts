// Backups of a running journal: what is in them, what they keep on the disk and for how long.

import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import { BrokerError } from "../../../../protocol.ts";
import { verifyJournal } from "../../../../src/engine/journal/repair/tools.ts";
import { turn } from "../../../support/broker/broker.ts";
import { churn, CompactorUse, Sender } from "../../../support/disk/compactor_use.ts";
import { readState } from "../../../support/disk/journal_state.ts";
import { openJournal } from "../../../support/disk/journals.ts";
import { readFiles, restoreOn, takeBackup } from "./restored_disk.ts";
import { listSegments } from "../../../support/disk/small_journal.ts";
import { type EngineUse, upTo } from "../../engine_use.ts";

/** What stays: enough for some segments. */
const KEPT = upTo(40).map((id) => `${id} ${"x".repeat(400)}`);
const KEPT_STATE = ["next 41", ...KEPT.map((text, index) => `${index + 1}×1 ${text}`)];

/** A journal of several segments in which some messages stay. */
async function begin(): Promise<{ compactor: CompactorUse; use: EngineUse; sender: Sender }> {
  const compactor = new CompactorUse();
  const use = await compactor.begin();
  await use.create("kept", "busy");
  const sender = new Sender(compactor.engine, "busy");
  const keeper = new Sender(compactor.engine, "kept", "keeper");
  for (const text of KEPT) await keeper.store(text);
  return { compactor, use, sender };
}

/** Lets a follower take and acknowledge so much that segments are not needed any more. */
async function work(use: EngineUse, sender: Sender, count = 60): Promise<void> {
  const follower = use.follower("busy");
  await churn(use, sender, { follower, count, text: "y".repeat(200) });
  follower.port.close(0);
}

function assertRefused(promise: Promise<unknown>, text: string): Promise<unknown> {
  return assertRejects(() => promise, BrokerError, text);
}

Deno.test("Backup: what is restored is the journal at its position, whatever happens meanwhile", async () => {
  const { compactor, use, sender } = await begin();
  await work(use, sender);
  await sender.store("last before");
  const info = await compactor.engine.openBackup();
  let round = 0;
  const read = await readFiles(compactor.engine, info, async () => {
    if (++round > 4) return;
    await sender.store(`later ${round}`);
    await work(use, sender, 10);
    await compactor.pass();
  });
  assertGreater(round, 4);
  assertGreater(listSegments(compactor.disk)[0]!.base, 0);
  const disk = restoreOn(read);
  assertEquals(verifyJournal(disk).lines.at(-1), "everything is in order");
  const { served } = await readState(await openJournal(disk));
  assertEquals(served.kept, KEPT_STATE);
  assertEquals(served.busy, ["next 62", "61×1 last before"]);
});

Deno.test("Backup: it ends at a flushed position, and the mark of an orderly stop says where", async () => {
  const { compactor, sender } = await begin();
  await sender.store("one");
  const { info, files } = await takeBackup(compactor.engine);
  const last = listSegments(compactor.disk).at(-1)!;
  assertEquals(info.segment, last.name);
  assertEquals(info.position, last.base + info.offset);
  assertEquals(info.files.at(-1), { name: last.name, bytes: info.offset });
  assertEquals(info.files[0], { name: "closed", bytes: 12 });
  for (const [name, bytes] of files) {
    if (name === "closed") continue;
    assertEquals(bytes, compactor.disk.readAll(name).subarray(0, bytes.length), name);
  }
});

Deno.test("Backup: a copy with the mark and only some of the segments is damaged", async () => {
  const { compactor, use, sender } = await begin();
  const info = await compactor.engine.openBackup();
  compactor.engine.closeBackup(info.backup);
  await work(use, sender);
  const read = await takeBackup(compactor.engine);
  assertGreater(read.files.size, 3);
  const names = [...read.files.keys()].slice(1);
  for (const missing of names.slice(1)) {
    const files = new Map([...read.files].filter(([name]) => name !== missing));
    assert(!verifyJournal(restoreOn({ ...read, files })).isUsable, `without ${missing}`);
  }
  const cut = new Map(read.files);
  cut.set(names.at(-1)!, read.files.get(names.at(-1)!)!.slice(0, -1));
  assert(!verifyJournal(restoreOn({ ...read, files: cut })).isUsable);
});

Deno.test("Backup: segments stay until they are read, and go when later ones are", async () => {
  const { compactor, use, sender } = await begin();
  await work(use, sender);
  const { engine, disk } = compactor;
  const { backup, files } = await engine.openBackup();
  await engine.purgeStream("kept");
  await work(use, sender, 200);
  await compactor.pass(10);
  const listed = () => listSegments(disk).map(({ name }) => name);
  const names = files.slice(1).map(({ name }) => name);
  assertEquals(listed().slice(0, names.length), names);
  assertGreater(names.length, 2);
  await engine.readBackup(backup, names[2]!, 0);
  await compactor.pass(10);
  assertEquals(listed()[0], names[2]);
  await assertRefused(engine.readBackup(backup, names[1]!, 0), "a later file was read");
  assert(engine.closeBackup(backup));
  await compactor.pass(10);
  assert(!listed().includes(names.at(-1)!), "nothing of it is held any more");
});

Deno.test("Backup: one that nobody reads ends after a minute, and holds nothing", async () => {
  const { compactor, use, sender } = await begin();
  const { engine, disk } = compactor;
  const { backup, files: [, first] } = await engine.openBackup();
  await engine.readBackup(backup, first!.name, 0);
  await engine.purgeStream("kept");
  await work(use, sender, 200);
  // A little less than a minute.
  await compactor.pass(29);
  assertEquals(listSegments(disk)[0]!.name, first!.name);
  await compactor.pass(5);
  assert(listSegments(disk)[0]!.name !== first!.name);
  await assertRefused(engine.readBackup(backup, first!.name, 0), "it is over");
  assertEquals(engine.closeBackup(backup), false);
});

Deno.test("Backup: on a full disk it gives way if it keeps what nothing else needs", async () => {
  const { compactor, use, sender } = await begin();
  const { engine, disk } = compactor;
  const { backup } = await engine.openBackup();
  await engine.purgeStream("kept");
  await work(use, sender, 200);
  disk.capacity = disk.list().reduce((sum, { size }) => sum + size, 0) + 64;
  sender.store("x".repeat(1000)).catch(() => {});
  await compactor.pass(5);
  await assertRefused(engine.readBackup(backup, "closed", 0), "it is over");
  const room = disk.measureFree()!;
  assertGreater(room, 10_000, "its segments are gone");
});

Deno.test("Backup: it may begin at the very moment at which segments are about to be removed", async () => {
  const { compactor, use, sender } = await begin();
  await work(use, sender);
  const { engine, disk } = compactor;
  const before = listSegments(disk).map(({ name }) => name);
  // The next flush removes what is free, and is the one that fixes the position.
  const purging = engine.purgeStream("kept");
  const info = await engine.openBackup();
  await purging;
  assertEquals(info.files.slice(1).map(({ name }) => name), before);
  await turn();
  assertEquals(compactor.failures, []);
  const disk2 = restoreOn(await readFiles(engine, info));
  assertEquals((await readState(await openJournal(disk2))).served.kept, ["next 41"]);
  engine.closeBackup(info.backup);
  await compactor.pass(10);
  assertEquals(compactor.failures, []);
  assert(listSegments(disk)[0]!.name !== before[0], "it is removed later");
});

Deno.test("Backup: four may be open at a time, and they are independent", async () => {
  const { compactor, use, sender } = await begin();
  const { engine } = compactor;
  const opened = await Promise.all([1, 2, 3, 4].map(() => engine.openBackup()));
  await assertRefused(engine.openBackup(), "4 are open, which is the limit");
  assertEquals(new Set(opened.map(({ backup }) => backup)).size, 4);
  await work(use, sender);
  engine.closeBackup(opened[0]!.backup);
  const late = await engine.openBackup();
  assertGreater(late.position, opened[1]!.position);
  for (const info of [late, ...opened.slice(1)]) {
    const disk = restoreOn(await readFiles(engine, info));
    const { served } = await readState(await openJournal(disk));
    assertEquals(served.busy, [info === late ? "next 61" : "next 1"]);
  }
});

Deno.test("Backup: what a backup has not, is refused", async () => {
  const { compactor } = await begin();
  const { engine } = compactor;
  const { backup, files } = await engine.openBackup();
  const { name, bytes } = files.at(-1)!;
  await assertRefused(engine.readBackup(backup, "../LOCK", 0), "has no such file");
  await assertRefused(engine.readBackup(backup, "reserve", 0), "has no such file");
  await assertRefused(engine.readBackup(backup, name, bytes + 1), `allowed ${bytes}`);
  await assertRefused(engine.readBackup(backup + 1, name, 0), "was never open");
  assertEquals((await engine.readBackup(backup, name, bytes)).length, 0);
});

Deno.test("Backup: it is over when the journal is closed", async () => {
  const { compactor } = await begin();
  const { engine } = compactor;
  const { backup, files } = await engine.openBackup();
  await engine.readBackup(backup, files.at(-1)!.name, 0);
  await engine.close();
  await assertRefused(engine.readBackup(backup, "closed", 0), "it is over");
  await assertRefused(engine.openBackup(), "the broker ends");
});

for (const level of ["always", "interval", "never"] as const) {
  Deno.test(`Backup: what was confirmed at level ${level} is in it, and flushed before`, async () => {
    const compactor = new CompactorUse();
    const use = await compactor.begin({ level });
    await use.create("a");
    const sender = new Sender(compactor.engine, "a");
    for (let id = 1; id <= 5; id++) await sender.store(`${id}`);
    const read = await takeBackup(compactor.engine);
    const { served } = await readState(await openJournal(restoreOn(read)));
    assertEquals(served.a!.length, 6);
    compactor.disk.powerCut();
    await turn();
    const again = await compactor.begin({ level });
    assertEquals((await readState(again.engine)).served.a!.length, 6);
  });
}

Deno.test("Backup: a journal that goes on after a crash with an unproven end is in it as it is served", async () => {
  const { compactor, use, sender } = await begin();
  await work(use, sender, 20);
  await sender.store("unproven");
  const again = await compactor.restart();
  const read = await takeBackup(again.engine);
  const restored = await openJournal(restoreOn(read));
  assertEquals((await readState(restored)).served.busy, ["next 22", "21×1 unproven"]);
  // Publishers are known there: what they repeat is not stored again, and ids go on.
  const repeating = new Sender(restored, "busy");
  for (let count = 1; count <= 21; count++) await repeating.store("repeated");
  assertEquals((await restored.getStream("busy")).nextId, 22);
  await new Sender(restored, "busy", "another").store("next");
  assertEquals((await restored.getStream("busy")).nextId, 23);
});
