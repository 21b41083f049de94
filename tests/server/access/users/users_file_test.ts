/**
 * Files of users: what is refused, with all mistakes at once, and what a good one says.
 *
 * @module
 */

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { hashToken } from "../../../../src/server/access/users/token.ts";
import {
  findUserNameMistake,
  parseUsers,
  USERS_BYTES_MAX,
  UsersFileError,
} from "../../../../src/server/access/users/users_file.ts";

const HASH = "a0".repeat(32);
const OTHER_HASH = "b1".repeat(32);
const PATH = "./users.yaml";
const PASSWORD = `$argon2id$v=19$m=19456,t=2,p=1$${"A".repeat(22)}$${"A".repeat(43)}`;

function mistakesOf(content: string): readonly string[] {
  return assertThrows(() => parseUsers(content, PATH), UsersFileError).mistakes;
}

/** Mistakes of a user, without the place and the file. */
function mistakesOfUser(fields: string): string[] {
  return mistakesOf(`users: { app: ${fields} }`).map((mistake) =>
    mistake.replace('"users.app', '"').replace(` in "${PATH}": `, " ")
  );
}

for (
  const [what, content, mistake] of [
    ["nothing", "", "found nothing, allowed users: with names"],
    ["only comments", "# users:\n", "found nothing, allowed users: with names"],
    ["a list", "- app", "found a list, allowed users: with names"],
    ["a text", "users", 'found "users", allowed users: with names'],
    ["no YAML", "users: {", "found no valid YAML: "],
    ["a name that comes twice", "users: { a: {}, a: {} }", "found no valid YAML: "],
    ["two documents", "users: {}\n---\nusers: {}", "found no valid YAML: "],
    ["an unknown tag", "users: !!js/function {}", "found no valid YAML: "],
    ["too much", " ".repeat(USERS_BYTES_MAX + 1), `found ${USERS_BYTES_MAX + 1} bytes, allowed`],
  ] as const
) {
  Deno.test(`parseUsers() refuses ${what}`, () => {
    const mistakes = mistakesOf(content);
    assertEquals(mistakes.length, 1);
    assertStringIncludes(mistakes[0]!, `file "${PATH}": ${mistake}`);
  });
}

for (
  const [what, content, ...mistakes] of [
    ["users that are cut off", "users:\n", '"users" * found nothing, allowed a group of users'],
    ["users in a list", "users: [app]", '"users" * found a list, allowed a group of users'],
    ["a file without users", "anonymous: {}", '"users" * found nothing, allowed a group of users'],
    [
      "unknown names",
      "users: {}\nanonymus: {}\nwhatever: 1",
      '"anonymus" * found an unknown name, the nearest known one is anonymous',
      '"whatever" * found an unknown name, allowed users, anonymous',
    ],
    [
      "names that are none",
      "users: { '': {}, 'a b': {}, __proto__: {}, '<<': { a: {} } }",
      ...["nothing", '"a b"', '"__proto__"', '"<<"'].map((name) =>
        `"users" * found the name ${name}, a user's name has 1 to 128 letters`
      ),
    ],
    [
      "names of the broker's own",
      "users: { local: {}, anonymous: {} }",
      `"users" * found the name "local", that name is the broker's own`,
      `"users" * found the name "anonymous", that name is the broker's own`,
    ],
    [
      "an anonymous admin",
      "users: {}\nanonymous: { admin: true }",
      '"anonymous.admin" * found an unknown name, allowed inspect, publish, follow, manage, metrics',
    ],
    [
      "a token of two users",
      `users:\n  a: { tokens: [sha256: ${HASH}] }\n` +
      `  b: { tokens: [sha256: ${HASH.toUpperCase()}] }`,
      '"users.b.tokens[0].sha256" * found the token of user "a" again, allowed it once',
    ],
    [
      "a certificate of two users",
      "users: { a: { certificate: x }, b: { certificate: x } }",
      '"users.b.certificate" * found the certificate "x" of user "a" again, allowed it once',
    ],
  ] as const
) {
  Deno.test(`parseUsers() refuses ${what}`, () => {
    const found = mistakesOf(content);
    assertEquals(found.length, mistakes.length, found.join("\n"));
    mistakes.forEach((mistake, index) =>
      assertStringIncludes(found[index]!, mistake.replace("*", `in "${PATH}":`))
    );
  });
}

for (
  const [fields, ...mistakes] of [
    ["1", '"" found 1, allowed a group of tokens, certificate, password, permissions, limits'],
    ["{ token: [] }", '".token" found an unknown name, the nearest known one is tokens'],
    ["{ tokens: {} }", '".tokens" found a group, allowed a list of tokens'],
    ["{ tokens: [~] }", '".tokens[0]" found nothing, allowed a group of sha256, label'],
    ["{ tokens: [{}] }", '".tokens[0].sha256" found nothing, allowed 64 hex digits'],
    [
      `{ tokens: [sha256: ${hashToken("").toUpperCase()}] }`,
      '".tokens[0].sha256" found the hash of an empty text, allowed the hash of a token',
    ],
    [`{ tokens: [sha256: 12] }`, '".tokens[0].sha256" found 12, allowed 64 hex digits'],
    [
      `{ tokens: [sha256: ${HASH.slice(1)}] }`,
      '".tokens[0].sha256" found a text of 63 characters, allowed 64 hex digits',
    ],
    [
      `{ tokens: [{ sha256: ${HASH}, label: [], created: 2026, expires: 2027-02-29 }] }`,
      '".tokens[0].label" found a list, allowed a text of 1 to 128 visible characters',
      '".tokens[0].created" found 2026, allowed a date such as',
      '".tokens[0].expires" found "2027-02-29", allowed a date such as',
    ],
    [
      `{ tokens: [{ sha256: ${HASH}, expires: 2027-02-28T25:00:00Z }] }`,
      '".tokens[0].expires" found "2027-02-28T25:00:00Z", allowed a date such as',
    ],
    ['{ certificate: "a\\nb" }', '".certificate" found "a\\nb", allowed a text'],
    ["{ permissions: [publish] }", '".permissions" found a list, allowed a group of inspect'],
    ["{ permissions: { read: [a] } }", '".permissions.read" found an unknown name, allowed'],
    [
      "{ permissions: { follow: a } }",
      '".permissions.follow" found "a", allowed a list of patterns',
    ],
    [
      "{ permissions: { follow: [a|b, 1, ''], admin: 1, metrics: yes } }",
      '".permissions.follow[0]" found "a|b", a pattern has letters',
      '".permissions.follow[1]" found 1, a pattern is a text',
      '".permissions.follow[2]" found nothing, a pattern has letters',
      '".permissions.admin" found 1, allowed true or false',
      '".permissions.metrics" found "yes", allowed true or false',
    ],
    [
      "{ limits: { connections: 0, streams: 1.5, stored_bytes: 1 XB } }",
      '".limits.connections" found 0, allowed 1 to 1000000',
      '".limits.streams" found 1.5, allowed 1 to 1000000',
      '".limits.stored_bytes" found "1 XB", allowed 1 to 1024TiB',
    ],
  ] as const
) {
  Deno.test(`parseUsers() refuses the user ${fields}`, () => {
    const found = mistakesOfUser(fields);
    assertEquals(found.length, mistakes.length, found.join("\n"));
    mistakes.forEach((mistake, index) => assertStringIncludes(found[index]!, mistake));
  });
}

Deno.test("parseUsers() takes only hashes of passwords that cost neither too little nor too much", () => {
  const [head, tail] = ["$argon2id$v=19$", `$${"A".repeat(22)}$${"A".repeat(43)}`];
  const write = (cost: string) => `users: { app: { password: "${head}${cost}${tail}" } }`;
  for (const cost of ["m=19456,t=2,p=1", "m=65536,t=8,p=4"]) parseUsers(write(cost), PATH);
  for (
    const cost of [
      "m=1024,t=2,p=1",
      "m=65537,t=2,p=1",
      "m=19456,t=9,p=1",
      "m=19456,t=0,p=1",
      "m=19456,t=2,p=5",
    ]
  ) assertEquals(mistakesOf(write(cost)).length, 1, cost);
  const [mistake] = mistakesOf("users: { app: { password: hunter2hunter2 } }");
  assertStringIncludes(
    mistake!,
    '"users.app.password" in "./users.yaml": found a text of 14 characters',
  );
  assertEquals(mistake!.includes("hunter2"), false);
});

Deno.test("parseUsers() never shows a token that stands at the wrong place", () => {
  const token = `smq_${"Secret-_7".repeat(4)}1234567`;
  for (
    const content of [
      token,
      `- ${token}`,
      `${token}: 1`,
      `users: ${token}`,
      `users: { ${token}: {} }`,
      `users: { app: ${token} }`,
      `users: { app: { ${token}: 1 } }`,
      `users: { app: { tokens: ${token} } }`,
      `users: { app: { tokens: [${token}] } }`,
      `users: { app: { tokens: [sha256: ${token}] } }`,
      `users: { app: { tokens: [{ sha256: ${HASH}, expires: ${token} }] } }`,
      `users: { app: { certificate: ["${token}"] } }`,
      `users: { app: { password: ${token} } }`,
      `users: { app: { password: ["${token}"] } }`,
      `users: { app: { permissions: { admin: ${token}, follow: [" ${token}"] } } }`,
      `users: { app: { limits: { streams: ${token} } } }`,
      `users: *${token}`,
      `users: !${token} {}`,
    ]
  ) {
    const told = assertThrows(() => parseUsers(content, PATH), UsersFileError);
    for (const text of [told.message, ...told.mistakes]) {
      assertEquals(text.includes("Secret"), false, text);
    }
  }
});

Deno.test("parseUsers() tells at most a hundred mistakes", () => {
  const names = Array.from({ length: 1000 }, (_, index) => `a${index}: 1`).join(", ");
  assertEquals(mistakesOf(`users: { ${names} }`).length, 100);
});

Deno.test("parseUsers() reads users, and who is none", () => {
  const file = parseUsers(
    `# Users of the shop.
users:
  orders-app:
    tokens:
      - sha256: ${HASH.toUpperCase()}
        label: laptop
        created: 2026-11-30T12:00:00Z
        expires: 2020-01-01
      - sha256: "${OTHER_HASH}"
    certificate: orders.shop
    password: ${PASSWORD}
    permissions: { publish: [orders, "orders.*"], metrics: true }
    limits: { connections: 10, streams: 100, stored_bytes: 1GiB }
  idle: {}
  ann@shop:
    permissions:
    limits: { stored_bytes: 5 }
anonymous:
  publish: ["public.*"]
`,
    PATH,
  );
  assertEquals(Object.fromEntries(file.users), {
    "orders-app": {
      tokens: [
        {
          sha256: HASH,
          label: "laptop",
          created: "2026-11-30T12:00:00Z",
          expires: "2020-01-01",
        },
        { sha256: OTHER_HASH, label: undefined, created: undefined, expires: undefined },
      ],
      certificate: "orders.shop",
      password: PASSWORD,
      permissions: { publish: ["orders", "orders.*"], metrics: true },
      limits: { connections: 10, streams: 100, storedBytes: 1024 ** 3 },
    },
    idle: { tokens: [], certificate: undefined, password: undefined, permissions: {}, limits: {} },
    "ann@shop": {
      tokens: [],
      certificate: undefined,
      password: undefined,
      permissions: {},
      limits: { storedBytes: 5 },
    },
  });
  assertEquals(file.anonymous, { publish: ["public.*"] });
  assertEquals(parseUsers("users: {}", PATH), { users: new Map(), anonymous: undefined });
});

Deno.test("parseUsers() lets nobody in without a credential who may do nothing then", () => {
  for (const fields of ["", "{}", "{ publish: [], metrics: false }", "{ follow: }"]) {
    const content = `users: { app: {} }\nanonymous: ${fields}`;
    assertEquals(parseUsers(content, PATH).anonymous, undefined, fields);
  }
  assertEquals(parseUsers("users: {}\nanonymous: { metrics: true }", PATH).anonymous, {
    metrics: true,
  });
});

Deno.test("findUserNameMistake() knows names", () => {
  for (const name of ["a", "orders-app", "ann@shop.example", "7", "a".repeat(128)]) {
    assertEquals(findUserNameMistake(name), undefined, name);
  }
  for (const name of ["", ".a", "-a", "a/b", "ä", "a\n", "a".repeat(129), "local", "smq_a"]) {
    assertEquals(typeof findUserNameMistake(name), "string", name);
  }
});
