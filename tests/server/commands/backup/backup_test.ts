// `backup` and `restore`, as people use them and as they are misused.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { serve } from "../../../../server.ts";
import { runTyped } from "../../../support/commands/typed.ts";
import { Proxy } from "../../../support/wire/proxy.ts";
import { BackupUse, readBodies } from "./backups.ts";

const SEGMENT = "0000000000000000.journal";

Deno.test("backup and restore: a directory, checked, on which a broker starts", async () => {
  await using use = await BackupUse.start();
  const backup = await use.run(["backup", use.path("copy")]);
  assertEquals([backup.code, backup.lines], [0, []]);
  assertStringIncludes(backup.stdout, "copied 2 files, ");
  assertStringIncludes(backup.stdout, "verified: everything is in order");
  assertEquals(use.list("copy"), [SEGMENT, "backup.json", "closed"]);
  if (Deno.build.os !== "windows") {
    assertEquals((await Deno.stat(use.path("copy"))).mode! & 0o777, 0o700);
    assertEquals((await Deno.stat(use.path(`copy/${SEGMENT}`))).mode! & 0o777, 0o600);
  }
  const restore = await runTyped(["restore", use.path("copy"), "--to", use.path("again")]);
  assertEquals([restore.code, restore.lines], [0, []]);
  assertStringIncludes(restore.stdout, `--storage-directory ${use.path("again")}`);
  assertEquals(use.list("again"), [SEGMENT, "closed"]);
  assertEquals(await readBodies(use.path("again")), ["one", "two"]);
  assertEquals(use.list("copy").length, 3);
});

Deno.test("backup and restore: an archive, also one that was made by hand", async () => {
  await using use = await BackupUse.start();
  const archive = await use.archive();
  const { code } = await use.restoreArchive(archive, use.path("again"));
  assertEquals(code, 0);
  assertEquals(await readBodies(use.path("again")), ["one", "two"]);
  await use.run(["backup", use.path("copy")]);
  const tar = await new Deno.Command("tar", { args: ["-c", "-C", use.path("copy"), "."] }).output();
  const other = await use.restoreArchive(tar.stdout, use.path("other"));
  assertEquals([other.code, other.lines], [0, []]);
  assertEquals(await readBodies(use.path("other")), ["one", "two"]);
});

Deno.test("backup and restore: nothing is overwritten", async () => {
  await using use = await BackupUse.start();
  for (const name of ["full", "file"]) {
    if (name === "full") await Deno.mkdir(use.path(name));
    await Deno.writeTextFile(use.path(name === "full" ? "full/mine" : "file"), "mine");
    const backup = await use.run(["backup", use.path(name)]);
    assertEquals(backup.code, 2, name);
    assertStringIncludes(backup.lines.join(), "allowed is a new directory, or an empty one");
  }
  assertEquals((await use.run(["backup", use.path("copy")])).code, 0);
  for (const to of ["full", "file", "data", "copy"]) {
    const before = use.list(to);
    const { code, lines } = await runTyped(["restore", use.path("copy"), "--to", use.path(to)]);
    assertEquals(code, 2, to);
    assertStringIncludes(lines.join(), "allowed is a new directory, or an empty one");
    assertEquals(use.list(to), before);
  }
  assertEquals(await Deno.readTextFile(use.path("file")), "mine");
  await Deno.mkdir(use.path("empty"));
  const { code } = await runTyped(["restore", use.path("copy"), "--to", use.path("empty")]);
  assertEquals(code, 0);
});

/** What may happen to a copy, and what is told of it. */
const CHANGES: readonly [change: (copy: string) => void, ...found: string[]][] = [
  [(copy) => flip(`${copy}/${SEGMENT}`), "has not the checksum that is listed"],
  [(copy) => Deno.truncateSync(`${copy}/${SEGMENT}`, 100), "has 100 bytes, "],
  [(copy) => Deno.removeSync(`${copy}/${SEGMENT}`), `"${SEGMENT}" is missing`],
  [
    (copy) => {
      Deno.removeSync(`${copy}/closed`);
      Deno.removeSync(`${copy}/${SEGMENT}`);
    },
    '"closed" is missing',
    `"${SEGMENT}" is missing`,
  ],
  [(copy) => Deno.removeSync(`${copy}/backup.json`), "it has no backup.json"],
  [(copy) => Deno.writeTextFileSync(`${copy}/backup.json`, "{"), "it is no JSON"],
  [(copy) => edit(copy, (text) => text.replace("closed", "../closed")), "../closed"],
  [
    (copy) => edit(copy, (text) => text.replace('"manifestVersion": 1', '"manifestVersion": 2')),
    "found manifestVersion 2",
  ],
];

Deno.test("restore: what is not as the manifest says is told, all of it, and leaves nothing", async () => {
  await using use = await BackupUse.start();
  for (const [index, [change, ...found]] of CHANGES.entries()) {
    const copy = use.path(`copy${index}`);
    assertEquals((await use.run(["backup", copy])).code, 0);
    change(copy);
    const { code, lines } = await runTyped(["restore", copy, "--to", use.path("again")]);
    assertEquals(code, 4, found[0]);
    for (const text of found) assertStringIncludes(lines.join("\n"), text);
    assertEquals(lines.length, found.length);
    assertEquals(use.list("again"), []);
  }
  const { code } = await runTyped(["restore", use.path("nowhere"), "--to", use.path("again")]);
  assertEquals(code, 7);
});

Deno.test("restore: an archive that is cut short, damaged or something else is refused", async () => {
  await using use = await BackupUse.start();
  const archive = await use.archive();
  const cuts = [0, 1, 511, 512, 1500, archive.length - 1536, archive.length - 2048];
  for (const length of cuts) {
    const { code, lines } = await use.restoreArchive(archive.slice(0, length), use.path("again"));
    assertEquals(code, 4, `${length} bytes: ${lines}`);
    assertEquals(use.list("again"), []);
  }
  // A name, the size, a byte of the segment.
  for (const at of [3, 130, 2000]) {
    const changed = archive.slice();
    changed[at]! ^= 1;
    const { code } = await use.restoreArchive(changed, use.path("again"));
    assertEquals(code, 4, `byte ${at}`);
    assertEquals(use.list("again"), []);
  }
  const { lines } = await use.restoreArchive(new Uint8Array(1024).fill(7), use.path("again"));
  assertStringIncludes(lines.join(), "it is no tar archive");
});

Deno.test("restore: it must be said where to", async () => {
  const { code, lines } = await runTyped(["restore", "/backup/monday"]);
  assertEquals([code, lines.length], [2, 1]);
  assertStringIncludes(lines[0]!, 'Cannot run "restore": --to is missing');
});

Deno.test("restore: a directory that was copied without a broker needs to be called one", async () => {
  await using use = await BackupUse.start();
  await use.broker.close();
  const args = ["restore", use.path("data"), "--to", use.path("again")];
  assertEquals((await runTyped(args)).code, 4);
  assertEquals((await runTyped([...args, "--without-manifest"])).code, 0);
  assertEquals(await readBodies(use.path("again")), ["one", "two"]);
  flip(use.path(`data/${SEGMENT}`));
  const damaged = ["restore", use.path("data"), "--to", use.path("other"), "--without-manifest"];
  assertEquals((await runTyped(damaged)).code, 4);
  assertEquals(use.list("other"), []);
});

Deno.test("backup: a broker in memory, a wrong target and wrong flags are told of", async () => {
  await using broker = await serve({ port: 0, storage: { engine: "memory" }, logLevel: "error" });
  const server = `localhost:${broker.port}`;
  const memory = await runTyped(["backup", "/tmp/never-made", "--server", server]);
  assertEquals(memory.code, 1);
  assertStringIncludes(memory.lines.join(), 'its engine "memory" keeps nothing on a disk');
  for (const args of [[], ["a", "--to", "-"], ["--to", "a"]]) {
    assertEquals((await runTyped(["backup", ...args, "--server", server])).code, 2);
  }
  await using use = await BackupUse.start();
  const { code, lines } = await use.run(["backup", use.path("no/such/place")]);
  assertEquals(code, 2);
  assertStringIncludes(lines.join(), "the directory above it is not there");
});

Deno.test("backup: standard output must be no terminal, and the manifest can be printed", async () => {
  await using use = await BackupUse.start();
  const terminal = await use.run(["backup", "--to", "-"], { terminal: { isTerminal: true } });
  assertEquals(terminal.code, 2);
  assertStringIncludes(terminal.lines.join(), "standard output is a terminal");
  const { stdout } = await use.run(["backup", use.path("copy"), "--json"]);
  const printed = JSON.parse(stdout);
  assertEquals(printed, JSON.parse(await Deno.readTextFile(use.path("copy/backup.json"))));
  assert(Date.now() - Date.parse(printed.at) < 60_000);
  assertEquals(printed.files.map(({ name }: { name: string }) => name), ["closed", SEGMENT]);
});

function flip(path: string): void {
  const bytes = Deno.readFileSync(path);
  bytes[bytes.length >> 1]! ^= 1;
  Deno.writeFileSync(path, bytes);
}

function edit(copy: string, change: (text: string) => string): void {
  const path = `${copy}/backup.json`;
  Deno.writeTextFileSync(path, change(Deno.readTextFileSync(path)));
}

Deno.test("backup: it goes on after a lost connection, and ends when the broker has forgotten it", async () => {
  await using use = await BackupUse.start();
  await using connection = await use.broker.connect();
  const publisher = connection.publisher("orders");
  for (let index = 0; index < 4; index++) await publisher.sendMessage("x".repeat(900_000));
  await using proxy = new Proxy(use.broker.port);
  let bytes = 0;
  let cutAt = 1_000_000;
  proxy.onBrokerBytes = (piece) => {
    bytes += piece.length;
    if (bytes < cutAt) return true;
    cutAt += 1_000_000;
    return false;
  };
  const server = `127.0.0.1:${proxy.port}`;
  const { code, lines } = await runTyped(["backup", use.path("copy"), "--server", server]);
  assertEquals([code, lines], [0, []]);
  assert(proxy.acceptedCount > 3, `${proxy.acceptedCount} connections`);
  const restore = await runTyped(["restore", use.path("copy"), "--to", use.path("again")]);
  assertEquals(restore.code, 0);
  // Another broker at the same place knows nothing of it.
  await using other = await BackupUse.start();
  bytes = 0;
  cutAt = 500_000;
  proxy.onBrokerBytes = (piece) => {
    bytes += piece.length;
    if (bytes < cutAt) return true;
    cutAt = Infinity;
    proxy.target = other.broker.port;
    return false;
  };
  const lost = await runTyped(["backup", use.path("lost"), "--server", server]);
  assertEquals(lost.code, 1);
  assertStringIncludes(lost.lines.join(), "it is over, or was never open");
  assertEquals(use.list("lost"), []);
});

Deno.test("backup: damage of the broker's own journal is told, and the copy is not restored", async () => {
  await using use = await BackupUse.start();
  const journal = use.path(`data/${SEGMENT}`);
  const bytes = await Deno.readFile(journal);
  // The body of the second message.
  const at = new TextDecoder("latin1").decode(bytes).lastIndexOf("two");
  using file = await Deno.open(journal, { write: true });
  await file.seek(at, Deno.SeekMode.Start);
  await file.write(new TextEncoder().encode("TWO"));
  const { code, stdout, lines } = await use.run(["backup", use.path("copy")]);
  assertEquals(code, 4);
  assertStringIncludes(stdout, "copied 2 files");
  assertStringIncludes(lines.join("\n"), "messages are not as they were written");
  const restore = await runTyped(["restore", use.path("copy"), "--to", use.path("again")]);
  assertEquals([restore.code, use.list("again")], [4, []]);
});
