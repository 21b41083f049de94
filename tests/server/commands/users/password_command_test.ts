/**
 * `user password`: what it asks, refuses and writes.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { verifyPassword } from "../../../../src/server/access/users/password.ts";
import { parseUsers } from "../../../../src/server/access/users/users_file.ts";
import { CommandUse } from "../../../support/commands/command_use.ts";
import { runTyped, type Surroundings } from "../../../support/commands/typed.ts";

const PASSWORD = "kettle orbit maple";

/** Runs `user password ann` beside a file in which ann is a user. */
async function setPassword(use: CommandUse, surroundings: Surroundings, ...flags: string[]) {
  const env = { SIMPLEMQ_USERS: use.users };
  const outcome = await runTyped(["user", "password", "ann", ...flags], { env, ...surroundings });
  const told = outcome.stdout + outcome.lines.join("\n");
  assert(!told.includes("kettle") && !use.read("users.yaml").includes("kettle"), told);
  const hash = parseUsers(use.read("users.yaml"), "users.yaml").users.get("ann")!.password;
  return { ...outcome, text: outcome.lines.join("\n"), hash };
}

Deno.test("user password: a person types it twice, a program writes it once, and it can be removed", async () => {
  using use = new CommandUse();
  use.write("users.yaml", "users: { ann: { permissions: { inspect: ['*'] } } }\n");
  const typed = await setPassword(use, { answers: [PASSWORD, PASSWORD] });
  assertEquals(typed.code, 0, typed.text);
  assertStringIncludes(
    typed.text,
    'Password for "ann":\nOnce more:\nUser "ann" has a new password',
  );
  assertEquals(await verifyPassword(PASSWORD, typed.hash!), true);
  const listed = await use.run("user", "ls");
  assertStringIncludes(listed.stdout, "  shows    a password, on the management page\n");
  const written = await setPassword(use, { input: `${PASSWORD}\nand more` });
  assertEquals(written.code, 0, written.text);
  assert(written.hash !== undefined && written.hash !== typed.hash);
  const removed = await setPassword(use, {}, "--remove");
  assertEquals([removed.code, removed.hash], [0, undefined], removed.text);
});

Deno.test("user password: nothing is changed by what is no password, or by nobody", async () => {
  using use = new CommandUse();
  use.write("users.yaml", "users: { ann: {} }\n");
  const tries: [Surroundings, string][] = [
    [{ input: "" }, "found none, allowed one that is typed"],
    [{ input: "kettle\n" }, "found 6 characters, allowed 12 or more"],
    [{ input: "Password12345" }, "easy to guess"],
    [{ answers: [PASSWORD, "kettle orbit mapel"] }, "found another one the second time"],
    [{ answers: [] }, "found none"],
  ];
  for (const [surroundings, mistake] of tries) {
    const { code, text, hash } = await setPassword(use, surroundings);
    assertEquals([code, hash], [2, undefined], text);
    assertStringIncludes(text, mistake);
  }
  const env = { SIMPLEMQ_USERS: use.users };
  const nobody = await runTyped(["user", "password", "bob"], { env, input: PASSWORD });
  assertStringIncludes(nobody.lines.join("\n"), 'there is no user "bob", allowed "ann"');
});
