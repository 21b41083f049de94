/**
 * What is in a journal's directory beside what should be: leftovers go, strangers stay, and what the
 * journal cannot be begun with is named.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { readDirectory } from "../../../../src/engine/journal/segments/directory.ts";
import {
  encodeSegmentHead,
  FORMAT_VERSION,
} from "../../../../src/engine/journal/segments/format.ts";
import { JournalError } from "../../../../src/engine/journal/disk/journal_error.ts";
import { nameSegment } from "../../../../src/engine/journal/segments/segment_file.ts";
import { type JournalState, readState } from "../../../support/disk/journal_state.ts";
import {
  openJournal,
  TestDirectory,
  type TestJournalOptions,
} from "../../../support/disk/journals.ts";
import { SimulatedDisk } from "../../../support/disk/simulated_disk.ts";
import { listSegments } from "../../../support/disk/small_journal.ts";
import { EngineUse } from "../../engine_use.ts";

/** A journal with two messages in two segments, whose process was killed. */
async function makeJournal(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk({ seed: 1 });
  for (const text of ["one", "two"]) {
    const engine = await openJournal(disk);
    const use = new EngineUse(engine);
    await use.create("a");
    await use.publisher("a", text).store(text);
    if (text === "one") await engine.close();
    disk.processKill();
  }
  assertEquals(listSegments(disk).length, 2);
  return disk;
}

const whole: JournalState = { served: { a: ["next 3", "1×1 one", "2×1 two"] }, refused: {} };

/** Opens a journal, reads all and ends it. */
async function read(disk: SimulatedDisk, options?: TestJournalOptions): Promise<JournalState> {
  const engine = await openJournal(disk, options);
  const state = await readState(engine);
  await engine.close();
  return state;
}

Deno.test("directory: an empty one is a new journal, with an id of its own", async () => {
  const ids = new Set<string>();
  for (let round = 0; round < 3; round++) {
    const disk = new SimulatedDisk({ seed: 1 });
    const engine = await openJournal(disk, { newJournalId: round });
    assertEquals(await readState(engine), { served: {}, refused: {} });
    await engine.close();
    const [first] = listSegments(disk);
    ids.add(disk.readAll(first!.name).slice(24, 32).join());
  }
  assertEquals(ids.size, 3);
});

Deno.test("directory: its content is told, segments in the order of their positions", async () => {
  const disk = new SimulatedDisk({ seed: 1 });
  const positions = [2 ** 40, 0, 4096];
  for (const position of positions) disk.replace(nameSegment(position), new Uint8Array(3));
  const names = ["LOCK", "reserve", "closed", `${nameSegment(5)}.tmp`, "notes.txt", "x.journal"];
  names.push(`${nameSegment(5)}.torn-12`, `${nameSegment(5)}.removed-3`, `${nameSegment(5)}.bak`);
  for (const name of names) disk.replace(name, new Uint8Array(1));
  const content = readDirectory(disk);
  assertEquals(
    content.segments,
    [0, 4096, 2 ** 40].map((base) => {
      return { name: nameSegment(base), base, size: 3 };
    }),
  );
  assertEquals(content.unfinished, [`${nameSegment(5)}.tmp`]);
  assertEquals(content.foreign, ["notes.txt", "x.journal", `${nameSegment(5)}.bak`]);
  assertEquals([content.hasReserve, content.hasEnd], [true, true]);
  await disk.sync();
});

Deno.test("directory: segments that were not finished are removed, whatever is in them", async () => {
  const disk = await makeJournal();
  const segments = listSegments(disk);
  const last = segments.at(-1)!;
  const leftovers = [nameSegment(last.base + last.size), nameSegment(2 ** 33), segments[0]!.name];
  for (const name of leftovers) disk.replace(`${name}.tmp`, disk.readAll(last.name));
  disk.replace(`${nameSegment(0x777)}.tmp`, new Uint8Array(0));
  assertEquals(await read(disk), whole);
  assertEquals(disk.list().filter(({ name }) => name.endsWith(".tmp")), []);
});

Deno.test("directory: files that are not the journal's stay, and are told of", async () => {
  const disk = await makeJournal();
  const files = ["notes.txt", "000.journal", `${nameSegment(0)}.bak`, `${nameSegment(0)}.tmp2`];
  for (const name of files) disk.replace(name, new Uint8Array([1, 2]));
  const reports: unknown[] = [];
  const report = (level: string, message: string, fields?: Record<string, unknown>) =>
    void reports.push([level, message, fields?.name]);
  assertEquals(await read(disk, { report }), whole);
  assertEquals(
    reports,
    files.map((name) => ["warning", "a file does not belong to the journal", name]),
  );
  for (const name of files) assertEquals(disk.readAll(name), new Uint8Array([1, 2]));
});

Deno.test("directory: a later version is refused by its number, and nothing is changed", async () => {
  for (const index of [0, 1]) {
    const disk = await makeJournal();
    const { name } = listSegments(disk)[index]!;
    const bytes = disk.readAll(name);
    new DataView(bytes.buffer).setUint32(8, FORMAT_VERSION + 41);
    disk.replace(name, bytes);
    const before = JSON.stringify(disk.list());
    const error = await assertRejects(() => openJournal(disk), JournalError);
    assertEquals(error.trouble, "unusable");
    assertStringIncludes(error.message, name);
    assertStringIncludes(error.message, `format version ${FORMAT_VERSION + 41}`);
    assertStringIncludes(error.message, `versions up to ${FORMAT_VERSION}`);
    assertEquals(JSON.stringify(disk.list()), before);
  }
});

Deno.test("directory: a journal of a later version alone is no new journal", async () => {
  const disk = new SimulatedDisk({ seed: 1 });
  const bytes = encodeSegmentHead({ base: 0, journalId: 3 });
  new DataView(bytes.buffer).setUint32(8, FORMAT_VERSION + 1);
  disk.replace(nameSegment(0), bytes);
  await assertRejects(
    () => openJournal(disk),
    JournalError,
    `format version ${FORMAT_VERSION + 1}`,
  );
  assertEquals(disk.readAll(nameSegment(0)), bytes);
});

// On a directory of this machine.

Deno.test("directory: a segment's name that is a directory's is refused, and not followed", async () => {
  await using directory = await TestDirectory.create();
  const engine = await openJournal(directory.openDisk());
  await engine.close();
  const name = nameSegment(2 ** 34);
  await Deno.mkdir(`${directory.path}/${name}`);
  const error = await assertRejects(() => openJournal(directory.openDisk()), JournalError, name);
  assertEquals(error.trouble, "unusable");
  assertStringIncludes(error.message, "not a plain file");
  await Deno.remove(`${directory.path}/${name}`);
  // The directory is free again.
  await (await openJournal(directory.openDisk())).close();
});

Deno.test("directory: a segment that is a link is refused", async () => {
  await using directory = await TestDirectory.create();
  await using elsewhere = await TestDirectory.create();
  const { path } = directory;
  await (await openJournal(directory.openDisk())).close();
  const entries = await Array.fromAsync(Deno.readDir(path));
  const name = entries.find(({ name }) => name.endsWith(".journal"))!.name;
  await Deno.rename(`${path}/${name}`, `${elsewhere.path}/${name}`);
  await Deno.symlink(`${elsewhere.path}/${name}`, `${path}/${name}`);
  await assertRejects(() => openJournal(directory.openDisk()), JournalError, "not a plain file");
});

Deno.test("directory: other directories and links in it are nobody's business", async () => {
  await using directory = await TestDirectory.create();
  const { path } = directory;
  await Deno.mkdir(`${path}/lost+found`);
  await Deno.symlink("/nowhere", `${path}/link`);
  const foreign: unknown[] = [];
  const engine = await openJournal(directory.openDisk(), {
    report: (_level, _message, fields) => void foreign.push(fields?.name),
  });
  await engine.close();
  assertEquals(foreign.sort(), ["link", "lost+found"]);
  assert((await Deno.stat(`${path}/lost+found`)).isDirectory);
});
