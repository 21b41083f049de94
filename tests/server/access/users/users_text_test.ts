/**
 * What is written into a file of users is read from it again.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { createToken, hashToken } from "../../../../src/server/access/users/token.ts";
import {
  findUserNameMistake,
  parseUsers,
  type UserEntry,
  type UsersFile,
} from "../../../../src/server/access/users/users_file.ts";
import { formatUsers } from "../../../../src/server/access/users/users_text.ts";

const PASSWORD = `$argon2id$v=19$m=19456,t=2,p=1$${"b/+".repeat(7)}A$${"0e1".repeat(14)}A`;
const PATTERN = fc.stringMatching(/^[A-Za-z0-9._*-]{1,20}$/);
const PATTERNS = fc.array(PATTERN, { minLength: 1, maxLength: 3 });
const TEXT = fc.string({ minLength: 1, maxLength: 100, unit: "grapheme" })
  .filter((text) => text.length <= 128 && !/\p{C}/u.test(text));
const DATE = fc.date({ min: new Date(0), max: new Date("9999-12-31"), noInvalidDate: true })
  .map((date) => date.toISOString());
const HASH = fc.oneof(
  fc.stringMatching(/^[0-9a-f]{64}$/),
  // What could be taken for a number.
  fc.stringMatching(/^[0-9]{64}$/),
  fc.stringMatching(/^[0-9]{30}e[0-9]{33}$/),
);
const NAME = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,20}$/)
  .filter((name) => findUserNameMistake(name) === undefined);

const TOKEN = fc.record({ sha256: HASH, label: TEXT, created: DATE, expires: DATE }, {
  requiredKeys: ["sha256"],
});
const ANONYMOUS = fc.record({ inspect: PATTERNS, publish: PATTERNS, metrics: fc.constant(true) }, {
  requiredKeys: [],
  // Without any permission it is as if it were not there.
}).filter((permissions) => Object.keys(permissions).length > 0);
const USER = fc.record({
  tokens: fc.array(TOKEN, { maxLength: 3 }),
  certificate: fc.option(TEXT, { nil: undefined }),
  password: fc.option(fc.constant(PASSWORD), { nil: undefined }),
  permissions: fc.record({
    publish: PATTERNS,
    follow: PATTERNS,
    manage: PATTERNS,
    inspect: PATTERNS,
    metrics: fc.constant(true),
    admin: fc.constant(true),
  }, { requiredKeys: [] }),
  limits: fc.record({
    connections: fc.integer({ min: 1, max: 1_000_000 }),
    streams: fc.integer({ min: 1, max: 1_000_000 }),
    storedBytes: fc.integer({ min: 1, max: 2 ** 50 }),
  }, { requiredKeys: [] }),
});

/** Gives each user other hashes and another certificate, which nobody may have twice. */
function distinguish(users: ReadonlyMap<string, UserEntry>): Map<string, UserEntry> {
  const [hashes, certificates] = [new Set<string>(), new Set<string>()];
  const isNew = (set: Set<string>, text: string) => !set.has(text) && set.add(text).has(text);
  return new Map([...users].map(([name, { certificate, ...user }]) => [name, {
    ...user,
    tokens: user.tokens.filter(({ sha256 }) => isNew(hashes, sha256)),
    certificate: certificate !== undefined && isNew(certificates, certificate)
      ? certificate
      : undefined,
  }]));
}

/** Without what is undefined; users in any order. */
function plain({ users, anonymous }: UsersFile): unknown {
  return JSON.parse(JSON.stringify([[...users].sort(), anonymous ?? null]));
}

Deno.test("what is written is read again, whatever the users are", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(NAME, USER), { maxLength: 5 }),
      fc.option(ANONYMOUS, { nil: undefined }),
      (list, anonymous) => {
        const file = { users: distinguish(new Map(list)), anonymous };
        assertEquals(plain(parseUsers(formatUsers(file), "users.yaml")), plain(file));
      },
    ),
  );
});

Deno.test("what says nothing is left out, and a file without users is one", () => {
  assertEquals(formatUsers({ users: new Map(), anonymous: undefined }), "users: {}\n");
  const nobody = { tokens: [], permissions: { publish: [], admin: false }, limits: {} };
  assertEquals(
    formatUsers({ users: new Map([["a", nobody]]), anonymous: { follow: ["a.*"] } }),
    "users:\n  a: {}\nanonymous:\n  follow:\n    - a.*\n",
  );
});

Deno.test("a token has 256 random bits, and its hash tells nothing of it", () => {
  const tokens = Array.from({ length: 100 }, createToken);
  assertEquals(new Set(tokens).size, 100);
  for (const token of tokens) assertMatch(token, /^smq_[A-Za-z0-9_-]{43}$/);
  assertEquals(
    hashToken("smq_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    // By sha256sum.
    "005777c14576fedc8c90c32d3b662f6d992efe0c83dbb45da63fdb595c24f311",
  );
  assert(
    !formatUsers({
      users: new Map([["a", {
        tokens: [{ sha256: hashToken(tokens[0]!) }],
        permissions: {},
        limits: {},
      }]]),
      anonymous: undefined,
    }).includes("smq_"),
  );
});
