/**
 * Commands about users with arguments in any order, sensible or not: the file stays one that a broker
 * takes, and nothing but the token that is printed shows one.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { hashToken } from "../../../../src/server/access/users/token.ts";
import { parseUsers } from "../../../../src/server/access/users/users_file.ts";
import { CommandUse } from "../../../support/commands/command_use.ts";
import { codePoint } from "../../../support/wire/arbitraries.ts";

/** What has the form of a token. */
const SECRET = `smq_${"A".repeat(43)}`;

const SENSIBLE: Readonly<Record<string, readonly string[]>> = {
  add: ["--publish=a,b*", "--follow=x", "--metrics", "--admin", "--label=l", "--max-streams=7"],
  rm: ["--token=0", "--token=01234567"],
  rotate: ["--revoke-others", "--expires=9d", "--token-file=DIR/t"],
  grant: ["--publish=a", "--publish=b*", "--inspect=*", "--admin", "--revoke", "--revoke"],
  ls: ["--json"],
};
const ANY = fc.oneof(
  fc.constantFrom(
    ...Object.values(SENSIBLE).flat(),
    "--print",
    "--no-token",
    "--certificate",
    "--",
  ),
  fc.constantFrom("--expires=0d", "--publish", SECRET, `--label=${SECRET}`, "local", "-x"),
  fc.string({ maxLength: 10, unit: codePoint }),
);
const COMMAND = fc.constantFrom("add", "add", "rm", "rotate", "grant", "ls").chain((name) =>
  fc.record({
    name: fc.constant(name),
    users: fc.constantFrom(...name === "ls" ? [[]] : [["a"], ["b"], ["c"], ["anonymous"]]),
    flags: fc.array(fc.constantFrom(...SENSIBLE[name]!), { maxLength: 2 }),
    others: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.array(ANY, { maxLength: 3 })),
  })
);

Deno.test("whatever commands are asked for, the users are what a broker takes", async () => {
  let doneCount = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(COMMAND, { minLength: 5, maxLength: 20 }), async (commands) => {
      using use = new CommandUse();
      for (const { name, users, flags, others } of commands) {
        const before = use.list().includes("users.yaml") ? use.read("users.yaml") : undefined;
        const { code, stdout, lines } = await use.run("user", name, ...users, ...flags, ...others);
        const isThere = use.list().includes("users.yaml");
        const after = isThere ? use.read("users.yaml") : undefined;
        assert(code === 0 || code === 2, `${code}`);
        if (code === 2) assertEquals([stdout, after], ["", before]);
        else doneCount++;
        const [token] = /^smq_[\w-]{43}(?=\n$)/.exec(stdout) ?? [];
        if (token !== undefined) assert(after!.includes(hashToken(token)));
        assert(!/smq_[\w-]{43}/.test(lines.join("\n") + (after ?? "")), lines.join("\n"));
        if (after !== undefined) parseUsers(after, use.users);
        assert(
          use.list().every((file) => file === "users.yaml" || file === "t"),
          use.list().join(),
        );
        if (use.list().includes("t")) await Deno.remove(`${use.directory}/t`);
      }
    }),
    { numRuns: 30 },
  );
  // The test would be none if hardly anything could be done.
  assert(doneCount > 50, `${doneCount} commands were done`);
});
