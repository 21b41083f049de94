/**
 * Users that are found by tokens and certificates, also after their file has changed.
 *
 * @module
 */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { createToken, hashToken } from "../../../../src/server/access/users/token.ts";
import { UserTable } from "../../../../src/server/access/users/user_table.ts";
import { parseUsers } from "../../../../src/server/access/users/users_file.ts";

const TOKEN = createToken();
const OTHER_TOKEN = createToken();
const NOON = Date.parse("2026-11-30T12:00:00Z");

function read(text: string) {
  return parseUsers(text, "users.yaml");
}

function tokenLine(token: string, more = ""): string {
  return `{ sha256: "${hashToken(token)}"${more} }`;
}

Deno.test("a table finds no user for a token that is not in the file, whatever it is", () => {
  const table = new UserTable(read(`users: { app: { tokens: [${tokenLine(TOKEN)}] }, idle: {} }`));
  const wrong = ["", " ", TOKEN.slice(0, -1), `${TOKEN} `, TOKEN.toUpperCase(), OTHER_TOKEN];
  const names = ["app", "idle", "__proto__", "constructor", hashToken(TOKEN), hashToken("")];
  for (const token of [...wrong, ...names, "x".repeat(100_000), "\ud800"]) {
    assertEquals(table.findToken(token, NOON), undefined, token.slice(0, 80));
  }
});

Deno.test("a table finds a token until the moment in which it expires", () => {
  const expiry = `, expires: "2026-11-30T12:00:00Z"`;
  const table = new UserTable(read(
    `users: { app: { tokens: [${tokenLine(TOKEN, expiry)}, ${tokenLine(OTHER_TOKEN)}] } }`,
  ));
  assertEquals(table.findToken(TOKEN, NOON), undefined);
  assertEquals(table.findToken(TOKEN, NOON - 1)?.user.name, "app");
  assertEquals(table.findHash(hashToken(TOKEN), NOON), undefined);
  assertEquals(table.findHash(hashToken(TOKEN), NOON - 1)?.expiresAt, NOON);
  assertEquals(table.findToken(OTHER_TOKEN, NOON)?.expiresAt, Infinity);
});

Deno.test("a table finds the one user with one of the names in a certificate", () => {
  const table = new UserTable(read(
    "users: { a: { certificate: a.shop }, b: { certificate: b.shop }, c: {} }",
  ));
  for (const names of [[], ["c"], ["A.SHOP"], ["x.a.shop"], ["a.shop", "b.shop"], ["__proto__"]]) {
    assertEquals(table.findCertificate(names), undefined, names.join());
  }
  assertEquals(table.findCertificate(["x", "a.shop", "a.shop"])?.name, "a");
});

Deno.test("a changed file changes users in place, and tells which", () => {
  const table = new UserTable(read(
    `users:
  same: { permissions: { follow: [a] }, limits: { streams: 1 } }
  more: { permissions: { follow: [a] } }
  less: { limits: { streams: 1 } }
  gone: { certificate: x }
anonymous: { follow: [a] }`,
  ));
  const find = (name: string) => table.find(name)!;
  const before = ["same", "more", "less", "gone", "anonymous"].map(find);
  const [same, more, less, , anonymous] = before;
  const changed = table.replace(read(
    `users:
  less: { limits: { streams: 2 } }
  same: { permissions: { follow: [a] }, limits: { streams: 1 }, tokens: [${tokenLine(TOKEN)}] }
  more: { permissions: { follow: [a, b] } }
  new: { certificate: x }
anonymous: { follow: [b] }`,
  ));
  assertEquals([...changed].map(({ name }) => name).sort(), ["anonymous", "less", "more"]);
  for (const user of [same!, more!, less!, anonymous!]) assertStrictEquals(find(user.name), user);
  assertEquals([more!.permissions.may("follow", "b"), less!.limits.streams], [true, 2]);
  assertEquals([anonymous!.permissions.may("follow", "a"), table.find("gone")], [false, undefined]);
  assertEquals(table.findCertificate(["x"])?.name, "new");
  assertStrictEquals(table.findToken(TOKEN, NOON)?.user, same);
  table.replace(read("users: {}"));
  assertEquals([table.count, table.anonymous, [...table.hashes]], [0, undefined, []]);
  assertEquals([table.findToken(TOKEN, NOON), table.findCertificate(["x"])], [
    undefined,
    undefined,
  ]);
  table.replace(read("users: { same: {} }"));
  assert(table.find("same") !== same, "a user that comes back is another one");
});
