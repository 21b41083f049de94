/**
 * How the file of users is edited: in one piece, by one command at a time, and nothing of it is lost.
 *
 * @module
 */

import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { relative } from "node:path";
import { parseUsers } from "../../../../src/server/access/users/users_file.ts";
import { CommandError } from "../../../../src/server/commands/command.ts";
import { editUsers, type UsersDraft } from "../../../../src/server/commands/users/users_editor.ts";
import { CommandUse } from "../../../support/commands/command_use.ts";

const onUnix = { ignore: Deno.build.os === "windows" };

/** Adds a user without anything. */
function add(name: string): (draft: UsersDraft) => void {
  return ({ users }) => users.set(name, { tokens: [], permissions: {}, limits: {} });
}

function namesIn(use: CommandUse, file = "users.yaml"): string[] {
  return [...parseUsers(use.read(file), file).users.keys()];
}

Deno.test("editor: where nothing can be written, that is told with the path", async () => {
  using use = new CommandUse();
  for (
    const [path, message] of [
      [`${use.directory}/no/users.yaml`, "/no/users.yaml: there is no directory "],
      [use.directory, /Cannot use .*: Is a directory/],
      ["/proc/users.yaml", "Cannot use /proc/users.yaml: "],
    ] as const
  ) {
    const error = await assertRejects(() => editUsers(path, add("a")), CommandError);
    if (typeof message === "string") assertStringIncludes(error.message, message);
    else assertMatch(error.message, message);
  }
  assertEquals(use.list(), []);
});

Deno.test({
  name: "editor: a link to nothing is refused, also in place of the file that is written",
  ...onUnix,
  async fn() {
    using use = new CommandUse();
    await Deno.symlink("nowhere", use.users);
    const refused = await assertRejects(() => editUsers(use.users, add("a")), CommandError);
    assertStringIncludes(refused.message, "it is a link to a file that does not exist");
    await Deno.remove(use.users);
    use.write("precious", "kept");
    await Deno.symlink("precious", `${use.users}.new`);
    const other = await assertRejects(() => editUsers(use.users, add("a")), CommandError);
    assertStringIncludes(other.message, "users.yaml.new: it is a link; remove it");
    assertEquals(use.read("precious"), "kept");
  },
});

Deno.test("editor: a file that is named from the working directory is told with its whole path", async () => {
  using use = new CommandUse();
  const named = relative(Deno.cwd(), use.users);
  for (const [name, isNew] of [["a", true], ["b", false]] as const) {
    const edit = await editUsers(named, add(name));
    assertEquals([edit.path, edit.isNew], [await Deno.realPath(use.users), isNew]);
  }
});

Deno.test("editor: an edit that fails leaves the file as it is, and nothing beside it", async () => {
  using use = new CommandUse();
  use.write("users.yaml", "users: { a: {} }");
  const reason = new CommandError("no");
  const fail = () => {
    throw reason;
  };
  assertEquals(await assertRejects(() => editUsers(use.users, fail)), reason);
  // What the broker would refuse is refused here.
  const wrong = ({ users }: UsersDraft) => {
    users.set("b", { tokens: [], permissions: { publish: ["a b"] }, limits: {} });
  };
  const error = await assertRejects(() => editUsers(use.users, wrong), CommandError);
  assertStringIncludes(error.message, "users.b.permissions.publish[0]");
  assertEquals([use.list(), use.read("users.yaml")], [["users.yaml"], "users: { a: {} }"]);
});

Deno.test("editor: the next one waits for the one who edits, and finds what that has done", async () => {
  using use = new CommandUse();
  using other = await Deno.open(`${use.users}.new`, { write: true, createNew: true });
  await other.lock(true);
  let isDone = false;
  const waiting = editUsers(use.users, add("second")).then(() => isDone = true);
  // The other one writes meanwhile, and is done.
  await Deno.writeTextFile(`${use.users}.new`, "users: { first: {} }");
  await Deno.rename(`${use.users}.new`, use.users);
  assertEquals(isDone, false);
  await other.unlock();
  await waiting;
  assertEquals([namesIn(use), use.list()], [["first", "second"], ["users.yaml"]]);
});

Deno.test("editor: of many edits at once none is lost", async () => {
  using use = new CommandUse();
  const names = Array.from({ length: 50 }, (_, index) => `user-${index}`);
  await Promise.all(names.map((name) => editUsers(use.users, add(name))));
  assertEquals(namesIn(use).sort(), names.sort());
  assertEquals(use.list(), ["users.yaml"]);
});

Deno.test("editor: what a killed command has left is written over", async () => {
  using use = new CommandUse();
  use.write("users.yaml.new", `users: { a: {} } # ${"x".repeat(1000)}`);
  assertEquals((await editUsers(use.users, add("b"))).isNew, true);
  assertEquals([namesIn(use), use.list()], [["b"], ["users.yaml"]]);
});

Deno.test({
  name: "editor: a link stays, and the file that it leads to is replaced",
  ...onUnix,
  async fn() {
    using use = new CommandUse();
    await Deno.mkdir(`${use.directory}/real`);
    use.write("real/people.yaml", "users: { a: {} }");
    await Deno.symlink("real/people.yaml", use.users);
    await editUsers(use.users, add("b"));
    assertEquals((await Deno.lstat(use.users)).isSymlink, true);
    assertEquals(namesIn(use, "real/people.yaml"), ["a", "b"]);
    assertEquals(use.list(), ["real", "users.yaml"]);
  },
});

Deno.test({
  name: "editor: the group may read the file as before, and nobody else",
  ...onUnix,
  async fn() {
    using use = new CommandUse();
    for (
      const [before, after] of [[0o644, 0o640], [0o640, 0o640], [0o600, 0o600], [0o666, 0o660]]
    ) {
      use.write("users.yaml", "users: {}");
      await Deno.chmod(use.users, before!);
      await editUsers(use.users, add("a"));
      assertEquals(use.modeOf("users.yaml", 0), after);
    }
  },
});

Deno.test({
  name: "editor: the file goes on belonging to its owner",
  // Only root can give a file away.
  ignore: Deno.build.os === "windows" || Deno.uid() !== 0,
  async fn() {
    using use = new CommandUse();
    use.write("users.yaml", "users: {}");
    await Deno.chown(use.users, 12345, 23456);
    await editUsers(use.users, add("a"));
    const { uid, gid } = await Deno.stat(use.users);
    assertEquals([uid, gid], [12345, 23456]);
  },
});

Deno.test("editor: the comment at the beginning is kept, and it is told if others are not", async () => {
  using use = new CommandUse();
  use.write("users.yaml", "# Ask Ann.\n\n# Twice.\nusers:\n  a: {}\n");
  assertEquals((await editUsers(use.users, add("b"))).hasLostComments, false);
  assertEquals(use.read("users.yaml"), "# Ask Ann.\n\n# Twice.\nusers:\n  a: {}\n  b: {}\n");
  for (
    const text of ["users:\n  # inside\n  a: {}", "users: {} # behind", "users: {}\n# at the end"]
  ) {
    use.write("users.yaml", text);
    assertEquals((await editUsers(use.users, add("b"))).hasLostComments, true);
  }
});
