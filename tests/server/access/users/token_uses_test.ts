/**
 * When tokens were used last: once a day for each, in a file that may be missing and may not be written.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  findUsesPath,
  type LastUses,
  readLastUses,
  TokenUses,
} from "../../../../src/server/access/users/token_uses.ts";
import { TestDirectory } from "../../../support/disk/journals.ts";

const NOON = Date.parse("2026-11-30T12:00:00Z");
const DAY_MS = 24 * 60 * 60 * 1000;

function createUses(usersPath: string, uses: LastUses = {}, hashes = ["a", "b"]) {
  const told: string[] = [];
  const debug = (message: string, fields: object) =>
    told.push(`${message} ${JSON.stringify(fields)}`);
  return { uses: new TokenUses({ usersPath, uses, hashes: () => hashes, debug }), told };
}

Deno.test("findUsesPath() is a file beside the users", () => {
  for (
    const [path, uses] of [
      ["./users.yaml", "./users.last-used.json"],
      ["/etc/smq/team.yml", "/etc/smq/team.last-used.json"],
      ["users", "users.last-used.json"],
      ["a.yaml/users", "a.yaml/users.last-used.json"],
    ] as const
  ) assertEquals(findUsesPath(path), uses);
});

Deno.test("readLastUses() makes sense of whatever is there", async () => {
  await using directory = await TestDirectory.create();
  const path = `${directory.path}/users.yaml`;
  assertEquals({ ...await readLastUses(path) }, {});
  for (const text of ["", "null", "[]", "1", '"a"', '{"a":1,"b":"soon"}', "{", '{"a":{}}']) {
    await Deno.writeTextFile(findUsesPath(path), text);
    assertEquals({ ...await readLastUses(path) }, {}, text);
  }
  await Deno.writeTextFile(findUsesPath(path), '{"a":"2026-11-30T12:00:00.000Z","b":1}');
  assertEquals({ ...await readLastUses(path) }, { a: "2026-11-30T12:00:00.000Z" });
});

Deno.test("uses are written together, once a day for each token, and only of tokens that exist", async () => {
  await using directory = await TestDirectory.create();
  const path = `${directory.path}/users.yaml`;
  const gone = { gone: "2026-01-01T00:00:00.000Z" };
  const { uses, told } = createUses(path, gone);
  assertEquals([uses.tick(0), uses.tick(1e9)], [Infinity, Infinity], "nothing was used");
  uses.note("a", NOON);
  assertEquals(uses.tick(1000), 2000);
  uses.note("b", NOON + 500);
  uses.note("a", NOON + 600);
  assertEquals([uses.tick(1999), uses.tick(2000)], [2000, Infinity]);
  await uses.close();
  assertEquals({ ...await readLastUses(path) }, {
    a: "2026-11-30T12:00:00.000Z",
    b: "2026-11-30T12:00:00.500Z",
  });
  const { mode } = await Deno.stat(findUsesPath(path));
  assertEquals(mode! & 0o777, 0o600);
  await Deno.remove(findUsesPath(path));
  uses.note("a", NOON + DAY_MS - 1);
  assertEquals(uses.tick(5000), Infinity, "it is noted for this day");
  uses.note("a", NOON + DAY_MS);
  uses.note("b", NOON - 2 * DAY_MS);
  await uses.close();
  assertEquals({ ...await readLastUses(path) }, {
    a: "2026-12-01T12:00:00.000Z",
    b: "2026-11-28T12:00:00.000Z",
  }, "the last word of a calendar that was set back counts");
  assertEquals(told, []);
  const names = await Array.fromAsync(Deno.readDir(directory.path));
  assertEquals(names.map(({ name }) => name), ["users.last-used.json"]);
});

Deno.test("uses are not written through a link that somebody has put there", async () => {
  await using directory = await TestDirectory.create();
  const path = `${directory.path}/users.yaml`;
  const precious = `${directory.path}/precious`;
  await Deno.writeTextFile(precious, "precious");
  await Deno.symlink(precious, `${findUsesPath(path)}.tmp`);
  await Deno.symlink(precious, findUsesPath(path));
  const { uses } = createUses(path);
  uses.note("a", NOON);
  await uses.close();
  assertEquals(await Deno.readTextFile(precious), "precious");
  assertEquals(Object.keys(await readLastUses(path)), ["a"]);
});

Deno.test("uses that cannot be written are left out, with a line for whoever looks for it", async () => {
  const { uses, told } = createUses("/nowhere/at/all/users.yaml");
  uses.note("a", NOON);
  await uses.close();
  assertEquals(told.length, 1);
  assertStringIncludes(told[0]!, "cannot note when tokens were used");
  uses.note("a", NOON + 1);
  await uses.close();
  assertEquals(told.length, 1);
});
