/**
 * The commands that edit the file of users: what they refuse, what they write, and what they print.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { hashToken } from "../../../../src/server/access/users/token.ts";
import { parseUsers, type UsersFile } from "../../../../src/server/access/users/users_file.ts";
import { CommandUse } from "../../../support/commands/command_use.ts";

const HASH = "0123456789abcdef".repeat(4);
const OTHER = "0123999999abcdef".repeat(4);

/** A file with two users. */
const USERS = `users:
  app:
    tokens: [{ sha256: "${HASH}" }, { sha256: "${OTHER}", label: second }]
    permissions: { publish: [orders], metrics: true }
    limits: { streams: 5 }
  other:
    certificate: other-name
    permissions: { admin: true }
`;

/** Commands beside such a file. */
function withUsers(text: string = USERS): CommandUse {
  const use = new CommandUse();
  use.write("users.yaml", text);
  return use;
}

function readUsers(use: CommandUse): UsersFile {
  return parseUsers(use.read("users.yaml"), "users.yaml");
}

// Refused.

const ADD = 'Cannot run "user add": ';
const ROTATE = 'Cannot run "user rotate": ';
const RM = 'Cannot run "user rm": ';
const GRANT = 'Cannot run "user grant": ';

const refusals: [args: string[], lines: (string | RegExp)[]][] = [
  [["user", "add"], ["found 0 words, allowed at least 1"]],
  [["user", "add", "a", "b"], ["found 2 words, allowed at most 1"]],
  [["user", "add", "local"], [`${ADD}the name "local": that name is the broker's own`]],
  [["user", "add", "anonymous"], [`${ADD}the name "anonymous": that name is the broker's own`]],
  [["user", "add", "a b"], [/^Cannot run "user add": the name "a b": a user's name has 1 to 128/]],
  [["user", "add", "x".repeat(129)], [/the name "x+…": a user's name has 1 to 128/]],
  [["user", "add", "smq_secret"], [`${ADD}the name "smq_…": a token is no name`]],
  [["user", "add", "app"], [
    /there is a user "app" already; "user rotate app" makes another token/,
  ]],
  [
    ["user", "add", "a", "--publish", "a b,", "--max-streams", "0", "--max-stored-bytes", "1XB"],
    [
      /--publish "a b": a pattern has letters, digits/,
      /--publish nothing: a pattern has letters, digits/,
      `${ADD}--max-streams: found "0", allowed 1 to 1000000`,
      /--max-stored-bytes: found "1XB", allowed 1B? to 1024TiB/,
    ],
  ],
  [["user", "add", "a", "--max-connections", "1e3"], [/found "1e3", allowed 1 to 1000000/]],
  [["user", "add", "a", "--label", "a\u001b[2J"], [
    /--label: found "a\\u001b\[2J", allowed a text of 1 to 128/,
  ]],
  [["user", "add", "a", "--certificate", "x".repeat(129)], [/--certificate: found "x+…", allowed/]],
  [["user", "add", "a", "--certificate", "other-name"], [
    /"users.a.certificate" in ".*users.yaml": found the certificate "other-name" of user "other" again/,
  ]],
  [["user", "add", "a", "--no-token"], [
    /--no-token: without --certificate the user could not log in/,
  ]],
  [["user", "add", "a", "--no-token", "--certificate", "a", "--print"], [
    `${ADD}--print: allowed only without --no-token`,
  ]],
  [["user", "add", "a", "--print", "--token-file", "DIR/t"], [/one of --print and --token-file/]],
  [["user", "add", "a", "--token-file", "DIR/users.yaml"], [
    /^Cannot write the token into .*users.yaml: it is there already; name another file/,
  ]],
  [["user", "add", "a", "--token-file", "DIR/no/t"], [
    /^Cannot write the token into .*: No such file/,
  ]],
  ...["90", "d", "0d", "-1d", "1y", "2026-11-30", "2027-02-30", "2027-13-01", "now", "9999-01-01"]
    .map((time): [string[], RegExp[]] => [
      ["user", "add", "a", `--expires=${time}`],
      [/--expires: found ".*", allowed a time within 100 years from now on: 90d, 12h, 2027-11-30/],
    ]),
  [["user", "rotate", "app", "--expires", "1s", "--label", "\n"], [
    /--label/,
    /--expires: found "1s"/,
  ]],
  [["user", "rotate", "nobody"], [`${ROTATE}there is no user "nobody", allowed "app", "other"`]],
  [["user", "rotate", "anonymous"], [/that name is the broker's own/]],
  [["user", "rm", "nobody"], [`${RM}there is no user "nobody", allowed "app", "other"`]],
  [["user", "rm", "anonymous"], [`${RM}sessions without a credential have no permissions`]],
  [["user", "rm", "anonymous", "--token", "0123"], [/that name is the broker's own/]],
  [["user", "rm", "app", "--token", "smq_secret"], [
    `${RM}--token: allowed the first digits of its hash, as "user ls" shows them`,
  ]],
  [["user", "rm", "app", "--token", "0123"], [
    /has several tokens whose hash begins with 0123, allowed 01234567, 01239999/,
  ]],
  [["user", "rm", "app", "--token", "ffffffff"], [
    /has no token whose hash begins with ffffffff, allowed 01234567, 01239999/,
  ]],
  [["user", "rm", "other", "--token", "ffffffff"], [/begins with ffffffff, the user has none/]],
  [["user", "grant", "app"], [
    `${GRANT}found no permission, allowed --publish, --follow, --manage, --inspect, --metrics, --admin`,
  ]],
  [["user", "grant", "nobody", "--admin"], [/there is no user "nobody"/]],
  [["user", "grant", "anonymous", "--admin"], [
    `${GRANT}--admin: allowed only for users, who have a credential`,
  ]],
  [["user", "grant", "app", "--follow", "a/b"], [/--follow "a\/b": a pattern has letters/]],
  [["user", "grant", "app", "--revoke", "--publish", "orders,x", "--admin"], [
    `${GRANT}"app" has no permission --publish x to remove, and may publish to orders; read the metrics`,
    `${GRANT}"app" has no permission --admin to remove, and may publish to orders; read the metrics`,
  ]],
  [["user", "ls", "app"], ["found 1 word, allowed at most 0"]],
];

for (const [args, expected] of refusals) {
  const title = args.map((arg) => arg.slice(0, 20)).join(" ");
  Deno.test(`users: ${JSON.stringify(title)} is refused, and nothing is changed`, async () => {
    using use = withUsers();
    const { code, stdout, lines } = await use.run(...args);
    assertEquals([code, stdout], [2, ""]);
    assertEquals(lines.length, expected.length, lines.join("\n"));
    for (const [index, line] of lines.entries()) {
      const wanted = expected[index]!;
      if (typeof wanted === "string") assertEquals(line, wanted);
      else assertMatch(line, wanted);
      assert(!line.includes("secret"));
    }
    assertEquals([use.list(), use.read("users.yaml")], [["users.yaml"], USERS]);
  });
}

Deno.test("users: where nobody looks, a token is printed on demand only", async () => {
  using use = new CommandUse();
  use.isTerminal = false;
  for (const args of [["user", "add", "a"], ["user", "rotate", "a"]]) {
    const { code, stdout, lines } = await use.run(...args);
    assertEquals([code, stdout, use.list()], [2, "", []]);
    assertMatch(
      lines.join(),
      /the output is no terminal.*; allowed --token-file <file>, or --print/,
    );
  }
  assertMatch((await use.run("user", "add", "a", "--print")).stdout, /^smq_[\w-]{43}\n$/);
});

for (
  const text of ["", "users: [", "user: {}", "users: { a: { tokens: [{ sha256: smq_secret }] } }"]
) {
  Deno.test(`users: a file that is ${JSON.stringify(text)} is refused by all, and never written`, async () => {
    using use = withUsers(text);
    for (
      const args of [
        ["add", "a", "--token-file", "DIR/t"],
        ["ls"],
        ["rm", "a"],
        ["rotate", "a"],
        ["grant", "a", "--admin"],
      ]
    ) {
      const { code, stdout, lines } = await use.run("user", ...args);
      assertEquals([code, stdout], [2, ""]);
      for (const line of lines) assertMatch(line, /^Cannot use the users: .*users.yaml".*: found /);
      assert(!lines.join().includes("secret"));
    }
    assertEquals([use.list(), use.read("users.yaml")], [["users.yaml"], text]);
  });
}

// Done.

Deno.test("user add: the first user makes the file, and its token is printed alone", async () => {
  using use = new CommandUse();
  const { code, stdout, lines } = await use.run(
    ...["user", "add", "app", "--publish", "orders, orders.*", "--publish=orders", "--follow", "x"],
    ...["--metrics", "--certificate", "app name", "--expires", "90d", "--label", "my laptop"],
    ...["--max-connections", "3", "--max-streams", "7", "--max-stored-bytes", "1.5GiB"],
  );
  assertEquals(code, 0);
  assertMatch(stdout, /^smq_[\w-]{43}\n$/);
  assertEquals(lines.slice(0, 2), [
    'User "app" may publish to orders, orders.*; follow x; read the metrics.',
    `Created ${use.users}; a running broker takes it up at its next start. From then on every ` +
    "client needs a token or a certificate.",
  ]);
  assert(!(lines.join() + use.read("users.yaml")).includes("smq_"));
  assertEquals(readUsers(use).users.get("app"), {
    tokens: [{
      sha256: hashToken(stdout.trim()),
      label: "my laptop",
      created: "2026-11-30T12:00:00Z",
      expires: "2027-02-28T12:00:00Z",
    }],
    certificate: "app name",
    password: undefined,
    permissions: { publish: ["orders", "orders.*"], follow: ["x"], metrics: true },
    limits: { connections: 3, streams: 7, storedBytes: 1.5 * 1024 ** 3 },
  });
  assertEquals(use.modeOf("users.yaml", 0o600), 0o600);
  assertEquals(use.list(), ["users.yaml"]);
});

Deno.test("user add: a user may have a certificate in place of a token", async () => {
  using use = withUsers();
  use.isTerminal = false;
  const { code, stdout, lines } = await use.run(
    ...["user", "add", "new", "--certificate", "new", "--no-token", "--admin"],
  );
  assertEquals([code, stdout, lines], [0, "", [
    'User "new" may do everything.',
    `Changed ${use.users}; a running broker takes it up within a second.`,
  ]]);
  assertEquals(readUsers(use).users.get("new")?.tokens, []);
});

Deno.test("user add, user rotate: a token file is new, and only its owner can read it", async () => {
  using use = withUsers();
  use.isTerminal = false;
  for (const args of [["add", "new"], ["rotate", "new"]]) {
    const file = `${use.directory}/${args[0]}`;
    const { code, stdout, lines } = await use.run("user", ...args, "--token-file", file);
    assertEquals([code, stdout], [0, ""]);
    assertStringIncludes(lines.at(-1)!, `The token is in ${file}. `);
    const text = use.read(args[0]!);
    assertMatch(text, /^smq_[\w-]{43}\n$/);
    assertEquals(readUsers(use).users.get("new")?.tokens.at(-1)?.sha256, hashToken(text.trim()));
    assertEquals(use.modeOf(args[0]!, 0o600), 0o600);
  }
});

Deno.test("user rotate: the old tokens stay, or all go", async () => {
  using use = withUsers();
  const first = (await use.run("user", "rotate", "app", "--expires", "2027-11-30")).stdout.trim();
  const hashes = () => readUsers(use).users.get("app")!.tokens.map(({ sha256 }) => sha256);
  assertEquals(hashes(), [HASH, OTHER, hashToken(first)]);
  assertEquals(readUsers(use).users.get("app")!.tokens[2]!.expires, "2027-11-30T00:00:00Z");
  const { stdout, lines } = await use.run("user", "rotate", "app", "--revoke-others");
  assertEquals(hashes(), [hashToken(stdout.trim())]);
  assertEquals(lines[0], 'User "app" has 1 token.');
  assertEquals(readUsers(use).users.get("app")!.permissions, {
    publish: ["orders"],
    metrics: true,
  });
});

Deno.test("user rm: a token by the beginning of its hash, a user, and what anonymous has", async () => {
  using use = withUsers(`${USERS}anonymous: { publish: [public] }\n`);
  assertEquals(
    (await use.run("user", "rm", "app", "--token", "01239")).lines[0],
    'User "app" has 1 token left.',
  );
  assertEquals(readUsers(use).users.get("app")!.tokens.length, 1);
  assertEquals(
    (await use.run("user", "rm", "app", "--token", HASH)).lines[0],
    'User "app" has no tokens left.',
  );
  assertEquals((await use.run("user", "rm", "app")).lines[0], 'User "app" is removed.');
  assertEquals(
    (await use.run("user", "rm", "anonymous")).lines[0],
    "Sessions without a credential may do nothing.",
  );
  assertEquals(readUsers(use).anonymous, undefined);
  await use.run("user", "rm", "other");
  // An empty file would be none.
  assertEquals(readUsers(use).users.size, 0);
});

Deno.test("user grant: permissions are added once, and removed", async () => {
  using use = withUsers();
  const may = async (...args: string[]) => (await use.run("user", "grant", ...args)).lines[0];
  assertEquals(
    await may("app", "--publish", "orders,b*", "--inspect", "*", "--admin"),
    'User "app" may do everything.',
  );
  assertEquals(readUsers(use).users.get("app")!.permissions, {
    publish: ["orders", "b*"],
    inspect: ["*"],
    metrics: true,
    admin: true,
  });
  assertEquals(
    await may("app", "--revoke", "--publish", "orders", "--admin", "--metrics"),
    'User "app" may inspect *; publish to b*.',
  );
  assertEquals(readUsers(use).users.get("app")!.limits, { streams: 5 });
  assertEquals(readUsers(use).users.get("app")!.tokens.length, 2);
  assertEquals(
    await may("app", "--revoke", "--publish", "b*", "--inspect", "*"),
    'User "app" may do nothing.',
  );
  assertEquals(
    await may("anonymous", "--publish", "public.*"),
    "Sessions without a credential may publish to public.*.",
  );
  assertEquals(readUsers(use).anonymous, { publish: ["public.*"] });
  await may("anonymous", "--revoke", "--publish", "public.*");
  assertEquals(readUsers(use).anonymous, undefined);
});

Deno.test("user grant anonymous: may be the first thing in a file", async () => {
  using use = new CommandUse();
  await use.run("user", "grant", "anonymous", "--follow", "news");
  assertEquals([readUsers(use).users.size, readUsers(use).anonymous], [0, { follow: ["news"] }]);
});

Deno.test("user ls: users, permissions, and tokens with their dates", async () => {
  const limited = USERS.replace("streams: 5", "streams: 5, stored_bytes: 1000");
  using use = withUsers(`${limited}anonymous: { follow: [news] }\n`);
  use.now = Date.parse("2027-03-01T00:00:00Z");
  await use.run("user", "rotate", "app", "--expires", "1d", "--label", "third");
  use.now += 2 * 86_400_000;
  use.write("users.last-used.json", JSON.stringify({ [HASH]: "2027-02-03T04:05:06.000Z" }));
  const { code, stdout, lines } = await use.run("user", "ls");
  assertEquals([code, lines], [0, []]);
  const id = readUsers(use).users.get("app")!.tokens[2]!.sha256.slice(0, 8);
  assertEquals(stdout.split("\n"), [
    "app",
    "  may      publish to orders; read the metrics",
    "  at most  5 streams, 1000 bytes stored",
    "  token    01234567, last used 2027-02-03",
    '  token    01239999, "second", no use noted',
    `  token    ${id}, "third", created 2027-03-01, expired 2027-03-02, no use noted`,
    "other",
    "  may      do everything",
    '  shows    certificate "other-name"',
    "anonymous",
    "  may      follow news",
    "",
  ]);
  const found = JSON.parse((await use.run("user", "ls", "--json")).stdout);
  assertEquals(found.users[0].tokens[0], { id: "01234567", last_used: "2027-02-03T04:05:06.000Z" });
  assertEquals(found.users[1], {
    name: "other",
    permissions: { admin: true },
    certificate: "other-name",
    limits: {},
    tokens: [],
  });
  assertEquals([found.file, found.anonymous], [use.users, { follow: ["news"] }]);
});

Deno.test("user: the file that --users names comes before that of the settings", async () => {
  using use = new CommandUse();
  await use.run("user", "add", "app", "--users", "DIR/other.yaml");
  assertEquals(use.list(), ["other.yaml"]);
  await use.run("user", "grant", "app", "--admin", "--users", "DIR/other.yaml");
  const { stdout } = await use.run("user", "ls", "--users=DIR/other.yaml");
  assertStringIncludes(stdout, "app\n  may      do everything\n");
  assertEquals((await use.run("user", "ls")).stdout, "");
});

Deno.test("user ls: no file, and notes that make no sense, are no mistakes", async () => {
  using use = new CommandUse();
  assertEquals(await use.run("user", "ls"), {
    code: 0,
    stdout: "",
    lines: [`There are no users in ${use.users}.`],
  });
  assertEquals(JSON.parse((await use.run("user", "ls", "--json")).stdout).users, []);
  use.write("users.yaml", USERS);
  for (const text of ["{", "null", "[]", '{"a":1}']) {
    use.write("users.last-used.json", text);
    assertStringIncludes((await use.run("user", "ls")).stdout, "01234567, no use noted");
  }
});
