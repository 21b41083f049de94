/**
 * A directory of this machine as the journal's disk: one broker at a time, nobody else reads what is
 * in it, and a full disk is told from other trouble.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { DenoDisk } from "../../../../src/engine/journal/disk/deno_disk.ts";
import { LOCK_NAME } from "../../../../src/engine/journal/disk/disk.ts";
import { DiskFullError } from "../../../../src/engine/journal/disk/disk.ts";
import { JournalError } from "../../../../src/engine/journal/disk/journal_error.ts";
import { openJournal, TestDirectory } from "../../../support/disk/journals.ts";
import { canMount, SmallFileSystem } from "../../../support/disk/small_file_system.ts";
import { EngineUse } from "../../engine_use.ts";

const isWindows = Deno.build.os === "windows";
const isRoot = !isWindows && Deno.uid() === 0;

/** A directory and the disk that it is. */
async function openDirectory() {
  const directory = await TestDirectory.create();
  const disk = directory.openDisk();
  return {
    disk,
    path: directory.path,
    async [Symbol.asyncDispose]() {
      disk.close();
      await directory[Symbol.asyncDispose]();
    },
  };
}

function modeOf(path: string): string {
  return (Deno.statSync(path).mode! & 0o777).toString(8);
}

// Opening.

Deno.test("DenoDisk: a directory that is not there is made, with those above it", async () => {
  await using directory = await TestDirectory.create();
  const path = `${directory.path}/a/b c/ü`;
  DenoDisk.open(path).close();
  assert((await Deno.stat(path)).isDirectory);
});

Deno.test("DenoDisk: a second opening fails, tells who has it, and the first one goes on", async () => {
  await using directory = await TestDirectory.create();
  const engine = await openJournal(directory.openDisk());
  const use = new EngineUse(engine);
  await use.create("a");
  const error = assertThrows(() => directory.openDisk(), JournalError, `process ${Deno.pid}`);
  assertEquals(error.trouble, "inUse");
  assertStringIncludes(error.message, directory.path);
  await use.publisher("a").store("still there");
  await engine.close();
  directory.openDisk().close();
});

Deno.test("DenoDisk: another process is kept out as well, and let in afterwards", async () => {
  await using directory = await TestDirectory.create();
  const disk = directory.openDisk();
  const source = new URL("../../../../src/engine/journal/disk/deno_disk.ts", import.meta.url);
  const code = `import { DenoDisk } from ${JSON.stringify(source)};
    try { DenoDisk.open(Deno.args[0]).close(); console.log("open"); }
    catch (error) { console.log(error.message); }`;
  const script = `${directory.path}/second.ts`;
  await Deno.writeTextFile(script, code);
  const config = new URL("../../../../deno.json", import.meta.url).pathname;
  const args = ["run", "-A", "--no-check", "--config", config, script, directory.path];
  const tryOpening = async () => {
    const { stdout } = await new Deno.Command(Deno.execPath(), { args, stderr: "null" }).output();
    return new TextDecoder().decode(stdout).trim();
  };
  assertStringIncludes(await tryOpening(), `another broker (process ${Deno.pid}) uses it`);
  disk.close();
  assertEquals(await tryOpening(), "open");
});

Deno.test("DenoDisk: a lock file that a dead process has left keeps nobody out", async () => {
  await using directory = await TestDirectory.create();
  const lock = `${directory.path}/${LOCK_NAME}`;
  await Deno.writeTextFile(lock, "4000000000\nand more than that");
  const disk = directory.openDisk();
  assertEquals(await Deno.readTextFile(lock), `${Deno.pid}\n`);
  disk.close();
});

Deno.test({
  name: "DenoDisk: nobody else may read what is in it, whatever the umask",
  ignore: isWindows,
  async fn() {
    await using directory = await TestDirectory.create();
    const path = `${directory.path}/data`;
    const umask = Deno.umask(0);
    try {
      const engine = await openJournal(DenoDisk.open(path));
      await new EngineUse(engine).create("a");
      await engine.close();
    } finally {
      Deno.umask(umask);
    }
    assertEquals(modeOf(path), "700");
    const names = (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name).sort();
    assertEquals(names.filter((name) => !name.endsWith(".journal")), ["LOCK", "closed", "reserve"]);
    for (const name of names) assertEquals(modeOf(`${path}/${name}`), "600", name);
  },
});

Deno.test("DenoDisk: a path that is a file is refused, and so is one below a file", async () => {
  await using directory = await TestDirectory.create();
  const file = `${directory.path}/file`;
  await Deno.writeTextFile(file, "kept");
  for (const path of [file, `${file}/below`]) {
    const error = assertThrows(() => DenoDisk.open(path), JournalError, `Cannot use ${path}: `);
    assertEquals(error.trouble, "unusable");
    assert(error.cause instanceof Error);
  }
  assertEquals(await Deno.readTextFile(file), "kept");
});

Deno.test({
  name: isRoot
    ? "DenoDisk: a directory that may not be written to is refused (skipped: root may write)"
    : "DenoDisk: a directory that may not be written to is refused",
  ignore: isWindows || isRoot,
  async fn() {
    await using directory = await TestDirectory.create();
    await Deno.chmod(directory.path, 0o500);
    assertThrows(() => directory.openDisk(), JournalError, `Cannot use ${directory.path}: `);
    await Deno.chmod(directory.path, 0o700);
  },
});

Deno.test({
  name: canMount
    ? "DenoDisk: a file system that is read-only is refused"
    : "DenoDisk: a file system that is read-only is refused (skipped: nothing can be mounted)",
  ignore: !canMount,
  fn() {
    using fileSystem = new SmallFileSystem("size=64k");
    const { path } = fileSystem;
    DenoDisk.open(`${path}/data`).close();
    fileSystem.remount("ro");
    for (const data of [`${path}/data`, `${path}/other`]) {
      const error = assertThrows(() => DenoDisk.open(data), JournalError, `Cannot use ${data}: `);
      assertEquals(error.trouble, "unusable");
    }
  },
});

// Files.

Deno.test("DenoDisk: what is written at a position is read there, in any order", async () => {
  await using use = await openDirectory();
  const file = use.disk.create("file");
  const bytes = Uint8Array.from({ length: 1000 }, (_, index) => index);
  assertEquals(file.write(bytes.subarray(0, 500), 0), 500);
  assertEquals(file.write(bytes.subarray(500), 500), 500);
  assertEquals(file.measure(), 1000);
  const buffer = new Uint8Array(10);
  for (const position of [990, 0, 500, 495, 505]) {
    assertEquals(file.read(buffer, position), 10);
    assertEquals(buffer, bytes.slice(position, position + 10));
    assertEquals(file.write(bytes.subarray(3, 4), 3), 1);
  }
  assertEquals(file.read(buffer, 995), 5);
  assertEquals(file.read(buffer, 1000), 0);
  assertEquals(file.read(buffer, 5000), 0);
  file.write(bytes.subarray(0, 1), 1009);
  assertEquals([file.measure(), file.read(buffer, 1000)], [1010, 10]);
  assertEquals(buffer, new Uint8Array(10));
  await file.sync();
  file.close();
  file.close();
});

Deno.test("DenoDisk: a file that is cut is shorter, and has zeros where it grows again", async () => {
  await using use = await openDirectory();
  const file = use.disk.create("file");
  file.write(new Uint8Array(100).fill(7), 0);
  file.truncate(40);
  assertEquals(file.measure(), 40);
  file.write(new Uint8Array([1]), 60);
  const buffer = new Uint8Array(61);
  assertEquals(file.read(buffer, 0), 61);
  assertEquals(buffer.subarray(40, 60), new Uint8Array(20));
  file.close();
});

Deno.test("DenoDisk: files are created once, found, renamed over others and removed", async () => {
  await using use = await openDirectory();
  const { disk } = use;
  for (const name of ["a", "b"]) {
    const file = disk.create(name);
    file.write(new TextEncoder().encode(`${name} `.repeat(10)), 0);
    file.close();
  }
  assertThrows(() => disk.create("a"), Deno.errors.AlreadyExists);
  assertThrows(() => disk.open("c"), Deno.errors.NotFound);
  disk.rename("a", "b");
  await disk.sync();
  assertEquals(await Deno.readTextFile(`${use.path}/b`), "a ".repeat(10));
  const listed = disk.list().sort((one, other) => one.name < other.name ? -1 : 1);
  const size = `${Deno.pid}\n`.length;
  assertEquals(listed, [
    { name: "LOCK", size, isFile: true },
    { name: "b", size: 20, isFile: true },
  ]);
  disk.remove("b");
  assertEquals(disk.list().length, 1);
});

Deno.test("DenoDisk: a file that is open can be read when it has been replaced or removed", {
  ignore: isWindows,
}, async () => {
  await using use = await openDirectory();
  const { disk } = use;
  const old = disk.create("a");
  old.write(new Uint8Array([1]), 0);
  disk.create("b").close();
  disk.rename("b", "a");
  const buffer = new Uint8Array(1);
  assertEquals([old.read(buffer, 0), buffer[0]], [1, 1]);
  disk.remove("a");
  assertEquals([old.read(buffer, 0), buffer[0]], [1, 1]);
  old.close();
});

Deno.test("DenoDisk: directories and links are no files, and links are not followed", async () => {
  await using use = await openDirectory();
  await Deno.mkdir(`${use.path}/directory`);
  await Deno.symlink("/etc/passwd", `${use.path}/link`);
  const kinds = use.disk.list().map(({ name, isFile }) => `${name} ${isFile}`).sort();
  assertEquals(kinds, ["LOCK true", "directory false", "link false"]);
});

Deno.test("DenoDisk: it tells how much is free", async () => {
  await using use = await openDirectory();
  assert(use.disk.measureFree()! > 0);
});

// No room.

const noRoom = [
  ["size=64k", "a write for which there is no room fails as a full disk"],
  ["size=64k,nr_inodes=4", "a file for which there is no room fails as a full disk"],
] as const;

Deno.test({
  name: `DenoDisk: ${noRoom[0][1]}${canMount ? "" : " (skipped: nothing can be mounted)"}`,
  ignore: !canMount,
  fn() {
    using fileSystem = new SmallFileSystem(noRoom[0][0]);
    const disk = DenoDisk.open(fileSystem.path);
    const free = disk.measureFree()!;
    assert(free > 0 && free <= 64 * 1024, `${free} bytes`);
    const file = disk.create("file");
    let size = 0;
    const error = assertThrows(() => {
      for (;;) size += file.write(new Uint8Array(10_000), size);
    }, DiskFullError);
    assertMatch(String(error.cause), /ENOSPC|No space/);
    assertEquals([file.measure(), disk.measureFree()], [free, 0]);
    // What was written before is there, and cutting it makes room.
    file.truncate(1000);
    assertEquals(file.write(new Uint8Array(500), 1000), 500);
    file.close();
    disk.close();
  },
});

Deno.test({
  name: `DenoDisk: ${noRoom[1][1]}${canMount ? "" : " (skipped: nothing can be mounted)"}`,
  ignore: !canMount,
  fn() {
    using fileSystem = new SmallFileSystem(noRoom[1][0]);
    const disk = DenoDisk.open(fileSystem.path);
    assertThrows(() => {
      for (let index = 0; index < 10; index++) disk.create(`file ${index}`).close();
    }, DiskFullError);
    disk.close();
  },
});

Deno.test({
  name: "DenoDisk: a directory that is full can be opened, and its lock taken" +
    (canMount ? "" : " (skipped: nothing can be mounted)"),
  ignore: !canMount,
  async fn() {
    using fileSystem = new SmallFileSystem("size=64k");
    const { path } = fileSystem;
    DenoDisk.open(path).close();
    const full = new Uint8Array(64 * 1024);
    await assertRejects(() => Deno.writeFile(`${path}/full`, full));
    const disk = DenoDisk.open(path);
    assertThrows(() => DenoDisk.open(path), JournalError, "another broker");
    disk.close();
  },
});

for (const [what, bytes] of [["short", 1], ["long", 1024 * 1024]] as const) {
  Deno.test(`DenoDisk: a ${what} flush ends well, and one that fails rejects and does not throw`, async () => {
    await using use = await openDirectory();
    const file = use.disk.create("a");
    // The first one tells how fast the disk is.
    for (let round = 0; round < 3; round++) {
      file.write(new Uint8Array(bytes), round * bytes);
      await file.sync();
    }
    file.close();
    await assertRejects(() => file.sync());
  });
}

Deno.test("DenoDisk: what is discarded is gone, also if somebody was faster", async () => {
  await using use = await openDirectory();
  use.disk.create("a").close();
  await use.disk.discard("a");
  assertEquals(use.disk.list().map(({ name }) => name).includes("a"), false);
  await use.disk.discard("a");
});

Deno.test("DenoDisk: what somebody else has removed is removed", async () => {
  await using directory = await TestDirectory.create();
  const disk = directory.openDisk();
  disk.remove("reserve");
  disk.close();
});
