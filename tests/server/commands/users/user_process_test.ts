/**
 * The commands that edit users as processes of their own: many at once, with few permissions, killed.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { hashToken } from "../../../../src/server/access/users/token.ts";
import { parseUsers, type UsersFile } from "../../../../src/server/access/users/users_file.ts";
import { BrokerProcess } from "../../../support/broker/broker_process.ts";
import { runTyped } from "../../../support/commands/typed.ts";
import { TestDirectory } from "../../../support/disk/journals.ts";

const PRODUCTION = new URL("../../../../docs/production.md", import.meta.url);

/** A directory with settings, beside which the users are. */
async function withSettings(use: (path: string, flags: string[]) => Promise<void>): Promise<void> {
  await using directory = await TestDirectory.create();
  const settings = `${directory.path}/settings.yaml`;
  // Mistakes in other settings are no reason not to make a user.
  await Deno.writeTextFile(settings, "host: 0.0.0.0\n");
  await use(directory.path, ["--settings", settings]);
}

async function readUsers(path: string): Promise<UsersFile> {
  return parseUsers(await Deno.readTextFile(`${path}/users.yaml`), "users.yaml");
}

/** The names of the files in a directory, sorted. */
async function list(path: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name).sort();
}

Deno.test("processes: without a terminal, a token goes nowhere unless that is asked for", () =>
  withSettings(async (path, flags) => {
    const run = { add: BrokerProcess.run, rotate: runTyped };
    for (const name of ["add", "rotate"] as const) {
      const { code, stdout, lines } = await run[name](["user", name, "app", ...flags]);
      assertEquals([code, stdout, lines.length], [2, "", 1]);
      assertMatch(lines[0]!, /the output is no terminal.*allowed --token-file <file>, or --print/);
    }
    assertEquals(await list(path), ["settings.yaml"]);
  }));

Deno.test("processes: of three that add users at once none is lost", () =>
  withSettings(async (path, flags) => {
    const names = Array.from({ length: 3 }, (_, index) => `user-${index}`);
    const added = await Promise.all(
      names.map((name) =>
        BrokerProcess.run(["user", "add", name, "--publish", name, "--print", ...flags])
      ),
    );
    const { users } = await readUsers(path);
    assertEquals([...users.keys()].sort(), names.toSorted());
    for (const [index, { code, stdout, lines }] of added.entries()) {
      assertEquals(code, 0, lines.join("\n"));
      const { tokens, permissions } = users.get(names[index]!)!;
      assertEquals(tokens.map(({ sha256 }) => sha256), [hashToken(stdout.trim())]);
      assertEquals(permissions, { publish: [names[index]!] });
    }
    // Only one of them has made the file.
    const created = added.filter(({ lines }) => lines.some((line) => line.startsWith("Created ")));
    assertEquals(created.length, 1);
    assertEquals(await list(path), ["settings.yaml", "users.yaml"]);
  }));

Deno.test("processes: the permissions that docs/production.md tells are enough", () =>
  withSettings(async (path, flags) => {
    const permissions = {
      env: "--allow-env=SIMPLEMQ_*",
      read: `--allow-read=${path}`,
      write: `--allow-write=${path}`,
    };
    const text = await Deno.readTextFile(PRODUCTION);
    const told = Object.values(permissions).join(" ").replaceAll(path, ".");
    assertStringIncludes(text, `\`${told.replace("SIMPLEMQ_*", "'SIMPLEMQ_*'")}\``);
    const run = (args: string[], allowed: string[]) =>
      BrokerProcess.run(["user", ...args, ...flags], { permissions: allowed });
    for (const missing of ["env", "read", "write"]) {
      const { [missing]: flag, ...rest } = permissions as Record<string, string>;
      const { code, stdout, lines } = await run(["add", "app", "--print"], Object.values(rest));
      assertEquals([code, stdout, lines.length], [2, "", 1], lines.join("\n"));
      assertStringIncludes(lines[0]!, `; add --allow-${missing}=`);
      assert(missing !== "write" || lines[0]!.endsWith(`add ${flag}`), lines[0]);
      assertEquals(await list(path), ["settings.yaml"]);
    }
    const all = Object.values(permissions);
    const series = [
      ["add", "app", "--token-file", `${path}/token`],
      ["rotate", "app", "--print"],
      ["grant", "app", "--publish", "a"],
      ["ls"],
      ["rm", "app"],
    ].map((args) => ["user", ...args, ...flags]);
    const { code, lines } = await BrokerProcess.run([JSON.stringify(series)], {
      program: new URL("../../../support/commands/series_program.ts", import.meta.url),
      permissions: all,
    });
    assertEquals(code, 0, lines.join("\n"));
    assertEquals((await run(["ls"], [permissions.env, permissions.read])).code, 0);
  }));
