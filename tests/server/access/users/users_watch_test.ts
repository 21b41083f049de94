/**
 * The file of users while a broker runs: whatever becomes of it, the last good one stays in force.
 *
 * @module
 */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { UsersWatch } from "../../../../src/server/access/users/users_watch.ts";
import type { UsersFile } from "../../../../src/server/access/users/users_file.ts";
import { SettingsError } from "../../../../src/server/settings/settings.ts";
import { TestDirectory } from "../../../support/disk/journals.ts";

const describe = (path: string) => `setting "${path}" from a test`;

function open(path: string, isDefault = false): Promise<UsersWatch | undefined> {
  return UsersWatch.open({ users: { path, isDefault }, describe }, () => {});
}

async function mistakesOf(path: string): Promise<readonly string[]> {
  return (await assertRejects(() => open(path), SettingsError)).mistakes;
}

/** A file of users that is watched, with what was taken over and reported. */
class WatchedUsers implements AsyncDisposable {
  readonly path: string;
  /** The names of the users in force, each time that they changed. */
  readonly taken: string[] = [];
  readonly reports: string[] = [];
  readonly #directory: TestDirectory;
  readonly #watch: UsersWatch;
  #now = 1_000_000;

  private constructor(path: string, directory: TestDirectory, watch: UsersWatch) {
    this.path = path;
    this.#directory = directory;
    this.#watch = watch;
    watch.watch({
      access: { replace: (file) => this.taken.push(namesOf(file)) },
      report: (level, message, fields) =>
        this.reports.push(`${level} ${message} ${JSON.stringify(fields)}`),
      hasten: () => {},
    });
  }

  static async create(): Promise<WatchedUsers> {
    const directory = await TestDirectory.create();
    const path = `${directory.path}/users.yaml`;
    await Deno.writeTextFile(path, "users: { a: {}, b: {} }\n");
    return new WatchedUsers(path, directory, (await open(path))!);
  }

  /** Looks until nothing changes any more. */
  async settle(): Promise<void> {
    for (let count = 0; count < 4; count++) {
      this.#watch.tick(this.#now += 500);
      await this.#watch.whenLooked();
    }
  }

  async write(text: string): Promise<void> {
    await Deno.writeTextFile(this.path, text);
    await this.settle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch.close();
    await this.#directory[Symbol.asyncDispose]();
  }
}

function namesOf({ users, anonymous }: UsersFile): string {
  return [...users.keys(), ...anonymous === undefined ? [] : ["anonymous"]].join(" ");
}

Deno.test("users: a file that is missing, unreadable or wrong is refused at a start", async () => {
  await using directory = await TestDirectory.create();
  const path = `${directory.path}/users.yaml`;
  const place = `setting "users" from a test: found ${JSON.stringify(path)}`.slice(0, 60);
  const [missing] = await mistakesOf(path);
  assertStringIncludes(missing!, place);
  assertStringIncludes(missing!, ", which does not exist, allowed a file of users");
  await Deno.mkdir(path);
  const [unreadable] = await mistakesOf(path);
  assertStringIncludes(unreadable!, place);
  assertStringIncludes(unreadable!, ", a file that cannot be read: ");
  await assertRejects(() => open(path, true), SettingsError, "cannot be read");
  await Deno.remove(path);
  if (Deno.build.os !== "windows") {
    await new Deno.Command("mkfifo", { args: [path] }).output();
    assertStringIncludes((await mistakesOf(path))[0]!, "found a pipe or device, allowed a file");
    await Deno.remove(path);
  }
  await Deno.writeTextFile(path, "x".repeat(4 * 1024 * 1024 + 1));
  assertStringIncludes((await mistakesOf(path))[0]!, "found 4194305 bytes, allowed 4194304");
  await Deno.writeTextFile(path, "users: { a: 1, b: { tokens: 2 } }");
  const mistakes = await mistakesOf(path);
  assertEquals(mistakes.length, 2);
  assertStringIncludes(mistakes[0]!, '"users.a" in');
  assertStringIncludes(mistakes[1]!, '"users.b.tokens" in');
  await assertRejects(() => open(path, true), SettingsError, "2 mistakes");
});

Deno.test("users: there are none without a file, and if the default one is missing", async () => {
  await using directory = await TestDirectory.create();
  assertEquals(await open(""), undefined);
  const path = `${directory.path}/users.yaml`;
  assertEquals(await open(path, true), undefined);
  // Such a link is what is left of a mount that has failed.
  await Deno.symlink(`${directory.path}/none`, path);
  await assertRejects(() => open(path, true), SettingsError, "a link to what does not exist");
});

Deno.test("users: a file that everybody may read or change is warned of", async () => {
  await using directory = await TestDirectory.create();
  const path = `${directory.path}/users.yaml`;
  await Deno.writeTextFile(path, "users: {}");
  const warningOf = async (mode: number) => {
    await Deno.chmod(path, mode);
    return await (await open(path))!.findWarning();
  };
  for (const mode of [0o600, 0o640, 0o660, 0o400]) assertEquals(await warningOf(mode), undefined);
  assertStringIncludes(
    (await warningOf(0o644))!,
    "has mode 644: everybody on this machine can read",
  );
  assertStringIncludes(
    (await warningOf(0o646))!,
    "has mode 646: everybody on this machine can make",
  );
});

for (
  const [what, change, mistake] of [
    [
      "is empty",
      (path) => Deno.writeTextFile(path, ""),
      "found nothing, allowed users: with names",
    ],
    [
      "is half written",
      (path) => Deno.writeTextFile(path, "users:\n  a:\n    tokens:\n      - sha256: 12"),
      "users.a.tokens[0].sha256",
    ],
    ["has only its first line", (path) => Deno.writeTextFile(path, "users:\n"), "a group of users"],
    ["is no YAML", (path) => Deno.writeTextFile(path, "users: {"), "found no valid YAML"],
    ["is gone", (path) => Deno.remove(path), "No such file"],
    [
      "is a directory",
      async (path) => {
        await Deno.remove(path);
        await Deno.mkdir(path);
      },
      "directory",
    ],
    [
      "is a link to nothing",
      async (path) => {
        await Deno.remove(path);
        await Deno.symlink(`${path}.nothing`, path);
      },
      "No such file",
    ],
  ] as readonly (readonly [string, (path: string) => Promise<void>, string])[]
) {
  Deno.test(`users: the last good ones stay in force when their file ${what}`, async () => {
    await using users = await WatchedUsers.create();
    await change(users.path);
    for (let count = 0; count < 5; count++) await users.settle();
    assertEquals([users.taken, users.reports.length], [[], 1], "one warning for one state");
    assertStringIncludes(users.reports[0]!, "warning the users stay as they were");
    assertStringIncludes(users.reports[0]!, mistake);
    await Deno.remove(users.path, { recursive: true }).catch(() => {});
    await users.write("users: { c: {} }\n");
    assertEquals(users.taken, ["c"]);
    assertStringIncludes(users.reports.at(-1)!, "info changed users are in force");
  });
}

Deno.test("users: the log tells who has changed, and never a token", async () => {
  await using users = await WatchedUsers.create();
  const hash = "ab".repeat(32);
  await users.write(
    `users: { a: { tokens: [sha256: ${hash}] }, c: {}, d: {} }\nanonymous: { follow: [a] }`,
  );
  await users.write(`# nothing new\nusers: { a: { tokens: [sha256: ${hash}] }, c: {}, d: {} }
anonymous: { follow: [a] }`);
  const many = Array.from({ length: 30 }, (_, index) => `u${index}: {}`).join(", ");
  await users.write(`users: { ${many} }`);
  const fields = users.reports.map((report) => JSON.parse(report.slice(report.indexOf("{"))));
  const file = users.path;
  assertEquals(fields[0], {
    file,
    users: 3,
    added: "c, d",
    removed: "b",
    changed: "a, anonymous",
  });
  assertEquals(fields[1], { file, users: 3 });
  assertEquals([fields[2].users, fields[2].removed], [30, "a, c, d"]);
  assertStringIncludes(fields[2].added, "u18, u19 and 10 more");
  assertEquals(users.reports.join().includes(hash), false);
});

Deno.test("users: each new mistake is told, and the same one once", async () => {
  await using users = await WatchedUsers.create();
  for (const text of ["users: 1", "users: 1 ", "users: 2", "users: 2  ", "users: {}", "users: 2"]) {
    await users.write(text);
  }
  assertEquals(users.reports.map((report) => report.split(" ")[0]), [
    "warning",
    "warning",
    "info",
    "warning",
  ]);
  assertEquals(users.taken, [""]);
});

Deno.test("users: a file that is written in pieces is taken over when it is whole", async () => {
  await using users = await WatchedUsers.create();
  const text = "users:\n  a: {}\n  b: {}\n  c: {}\nanonymous: { follow: [a] }\n";
  // Each piece comes before the file has been still for long enough.
  using file = await Deno.open(users.path, { write: true, truncate: true });
  for (const piece of text.match(/.{1,7}/gs)!) {
    await file.write(new TextEncoder().encode(piece));
    assertEquals(users.taken, []);
  }
  await users.settle();
  assertEquals([users.taken, users.reports.length], [["a b c anonymous"], 1]);
});
