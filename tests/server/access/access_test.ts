/**
 * Who is let in, as whom, and how that ends when the file of users changes.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { BrokerError } from "../../../protocol.ts";
import type { Engine } from "../../../src/broker/engine.ts";
import { createMemoryEngine } from "../../../src/engine/memory.ts";
import { Access, type Credentials } from "../../../src/server/access/access.ts";
import { createToken, hashToken } from "../../../src/server/access/users/token.ts";
import { UserTable } from "../../../src/server/access/users/user_table.ts";
import { parseUsers } from "../../../src/server/access/users/users_file.ts";
import { Log } from "../../../src/server/log.ts";

const NOON = Date.parse("2026-11-30T12:00:00Z");

/** Tokens by their names in the files below. */
const TOKENS: Readonly<Record<string, string>> = {
  T1: createToken(),
  T2: createToken(),
  T3: createToken(),
  "": createToken(),
};

function read(text: string) {
  const content = text.replaceAll(/\bT\d\b/g, (name) => `{ sha256: "${hashToken(TOKENS[name]!)}" }`)
    .replaceAll(/"([0-9a-f]{64})" } until ([\w:-]+)/g, '"$1", expires: "$2" }');
  return parseUsers(content, "users.yaml");
}

/** A broker's access, with what became of its sessions. */
class Door {
  readonly engine = createMemoryEngine({ memoryLimit: 1e6, now: () => NOON });
  readonly access: Access;
  /** What each session was told at its end. */
  readonly ends: Record<string, string> = {};
  readonly uses: string[] = [];
  readonly lines: string[] = [];
  now = NOON;

  constructor(text?: string) {
    this.access = new Access({
      engine: this.engine,
      users: text === undefined ? undefined : new UserTable(read(text)),
      log: new Log({ level: "info", write: (line) => this.lines.push(line) }),
      now: () => this.now,
      dateNow: () => this.now,
      noteUse: (hash) => this.uses.push(hash),
    });
  }

  open(credentials: Credentials, label = "session") {
    return this.access.login(
      credentials,
      (error) =>
        this.ends[label] = error === undefined ? "closed" : `${error.code}: ${error.message}`,
    );
  }

  /** The user of a token, by its name. */
  openToken(name: string) {
    return this.open({ token: TOKENS[name]! }, name);
  }

  refuses(credentials: Credentials): string {
    const { code, message } = assertThrows(() => this.open(credentials), BrokerError);
    return `${code}: ${message}`;
  }

  replace(text: string): void {
    this.access.replace(read(text));
  }
}

const REFUSED = "UNAUTHORIZED: Cannot log in: the token or certificate is not valid";
const FILE = `users:
  app: { tokens: [T1], permissions: { follow: [a] } }
  old: { tokens: [T2 until 2026-11-30T12:00:00Z], certificate: old.shop }
  root: { tokens: [T3], permissions: { admin: true } }
`;

Deno.test("access: what is not valid is refused, always with the same words", () => {
  const door = new Door(FILE);
  for (
    const credentials of [
      { token: "" },
      { token: "app" },
      { token: TOKENS[""]! },
      { token: TOKENS.T2! },
      { token: TOKENS.T2!, certificateNames: ["old.shop"] },
      { certificateNames: ["app"] },
      { token: TOKENS[""]!, inProcess: {} },
      { token: TOKENS[""]!, inProcess: { user: "app" } },
    ]
  ) assertEquals(door.refuses(credentials), REFUSED);
  for (const credentials of [{}, { certificateNames: [] }]) {
    assertEquals(
      door.refuses(credentials),
      "UNAUTHORIZED: Cannot log in: the broker has users, and no token (option token, SIMPLEMQ_TOKEN) or certificate was shown",
    );
  }
  for (const user of ["nobody", "__proto__", "anonymous", ""]) {
    assertEquals(
      door.refuses({ inProcess: { user } }),
      `UNAUTHORIZED: Cannot log in: there is no user "${user}"`,
    );
  }
  assertEquals([door.access.loginCount, door.uses], [0, []]);
});

Deno.test("access: a token that is shown decides, even where nobody needs one", () => {
  const door = new Door(`${FILE}anonymous: { publish: [a] }`);
  assertEquals(door.refuses({ token: TOKENS[""]! }), REFUSED);
  assertEquals(door.refuses({ token: TOKENS.T2!, certificateNames: ["old.shop"] }), REFUSED);
  const names = ["x", "old.shop"];
  assertEquals(door.open({ token: TOKENS.T1!, certificateNames: names }).user.name, "app");
  assertEquals(door.open({ certificateNames: names }).user.name, "old");
  assertEquals(door.open({ certificateNames: ["x"] }).user.name, "anonymous");
  assertEquals(door.open({}).user.name, "anonymous");
  assertEquals(door.access.needsCredential, false);
});

Deno.test("access: without users everybody is local and has the bare engine", () => {
  const door = new Door();
  for (const credentials of [{}, { token: "x" }, { certificateNames: ["x"] }, { inProcess: {} }]) {
    const { user, engine } = door.open(credentials);
    assertEquals([user.name, user.permissions.isAdmin, engine === door.engine], [
      "local",
      true,
      true,
    ]);
  }
  assertEquals(
    door.refuses({ inProcess: { user: "app" } }),
    'UNAUTHORIZED: Cannot log in: there is no user "app"',
  );
  assertEquals([door.access.needsCredential, door.access.loginCount], [false, 0]);
});

Deno.test("access: who may do everything has the bare engine, others have not", () => {
  const door = new Door(`users:
  app: { tokens: [T1], permissions: { manage: ["*"], publish: ["*"], follow: ["*"] } }
  bound: { tokens: [T2], permissions: { admin: true }, limits: { streams: 5 } }
  root: { tokens: [T3], permissions: { admin: true }, limits: { connections: 5 } }`);
  const isBare = ["T1", "T2", "T3"].map((name) => door.openToken(name).engine === door.engine);
  assertEquals(isBare, [false, false, true]);
  assertEquals(door.open({ inProcess: {} }).engine, door.engine);
  assert(door.open({ inProcess: { user: "app" } }).engine !== door.engine);
  assertEquals(door.open({ inProcess: { user: "app" } }).user.name, "app");
  assertEquals(door.open({ token: TOKENS.T1!, inProcess: {} }).user.name, "app");
  assertEquals(door.uses, ["T1", "T2", "T3", "T1"].map((name) => hashToken(TOKENS[name]!)));
});

Deno.test("access: a user has as many connections as allowed, and not one more", () => {
  const text = (count: number) =>
    `users: { app: { tokens: [T1, T2], limits: { connections: ${count} } }, b: { tokens: [T3] } }`;
  const door = new Door(text(2));
  const first = door.openToken("T1");
  door.openToken("T2");
  const refusal = 'TOO_MANY_CONNECTIONS: Cannot log in: user "app" has 2 connections, allowed 2';
  assertEquals(door.refuses({ token: TOKENS.T1! }), refusal);
  assertEquals(door.refuses({ inProcess: { user: "app" } }), refusal);
  for (let count = 0; count < 10; count++) door.openToken("T3");
  first.end();
  first.end();
  door.openToken("T1");
  assertEquals(door.refuses({ token: TOKENS.T1! }), refusal);
  door.replace(text(3));
  door.openToken("T2");
  door.replace(text(1));
  assertEquals([door.ends, door.access.loginCount], [{}, 13], "those that are open stay");
  assertEquals(
    door.refuses({ token: TOKENS.T1! }),
    refusal.replace(/has 2 .*/, "has 3 connections, allowed 1"),
  );
});

const ENDED = "UNAUTHORIZED: The session is ended: user";

for (
  const [what, text, end] of [
    ["its user is gone", "users: {}", `${ENDED} "app" is no longer valid`],
    [
      "its token is gone",
      "users: { app: { tokens: [T2] } }",
      `${ENDED} "app" has shown a token that is no longer valid`,
    ],
    [
      "its token is another user's",
      "users: { app: {}, b: { tokens: [T1] } }",
      `${ENDED} "app" has shown a token that is no longer valid`,
    ],
    [
      "its token has expired",
      "users: { app: { tokens: [T1 until 2026-11-30T11:59:59Z] } }",
      `${ENDED} "app" has shown a token that is no longer valid`,
    ],
    ["nothing about it has changed", "users: { app: { tokens: [T1], certificate: x } }", undefined],
    ["another token has come", "users: { app: { tokens: [T2, T1] } }", undefined],
  ] as const
) {
  Deno.test(`access: a session ${end === undefined ? "stays" : "ends"} when ${what}`, () => {
    const door = new Door("users: { app: { tokens: [T1] } }");
    door.openToken("T1");
    door.replace(text);
    assertEquals(door.ends, end === undefined ? {} : { T1: end });
  });
}

Deno.test("access: other sessions end when their certificate, their user or anonymous is gone", () => {
  const door = new Door(
    "users: { a: { certificate: x }, b: { certificate: y }, c: {} }\nanonymous: { follow: [a] }",
  );
  door.open({ certificateNames: ["x"] }, "certificate");
  door.open({ certificateNames: ["y"] }, "other certificate");
  door.open({ inProcess: { user: "c" } }, "named");
  door.open({ inProcess: {} }, "inside");
  door.open({}, "anonymous");
  door.replace("users: { a: { certificate: z }, b: { certificate: y } }");
  assertEquals(door.ends, {
    certificate: `${ENDED} "a" has shown a certificate that is no longer valid`,
    named: `${ENDED} "c" is no longer valid`,
    anonymous: `${ENDED} "anonymous" is no longer valid`,
  });
});

Deno.test("access: sessions end when their tokens expire, also when the file moves the time", () => {
  const text = (first: string, second: string) =>
    `users: { app: { tokens: [T1 until ${first}, T2 until ${second}, T3] } }`;
  const door = new Door(text("2026-11-30T12:00:05Z", "2026-11-30T12:00:10Z"));
  for (const name of ["T1", "T2", "T3"]) door.openToken(name);
  const endsAt = (ms: number) => {
    door.now = NOON + ms;
    door.access.tick(door.now);
    return Object.keys(door.ends);
  };
  assertEquals(endsAt(4999), []);
  assertEquals(endsAt(5000), ["T1"]);
  door.replace(text("2026-11-30T12:00:05Z", "2026-11-30T12:00:20Z"));
  assertEquals(endsAt(19_999), ["T1"]);
  assertEquals(endsAt(20_000), ["T1", "T2"]);
  assertEquals(endsAt(1e12), ["T1", "T2"]);
});

Deno.test("access: sessions end with their certificates, whoever they are", () => {
  const FILE = "users: { app: { tokens: [T1], certificate: x } }\nanonymous: { follow: [a] }";
  for (const [text, ...shown] of [[FILE, "x", "T1", "y"], [undefined, "y"]] as const) {
    const door = new Door(text);
    for (const name of shown) {
      const certificate = { endsAt: NOON + 5000, isTrusted: () => true };
      const token = TOKENS[name];
      door.open(token ? { token, certificate } : { certificateNames: [name], certificate }, name);
    }
    if (text !== undefined) door.openToken("T1");
    door.access.tick(door.now = NOON + 4999);
    assertEquals(door.ends, {});
    door.access.tick(door.now = NOON + 5000);
    assertEquals(Object.keys(door.ends).toSorted(), shown.toSorted());
    assertMatch(door.ends[shown[0]!]!, /^UNAUTHORIZED.*a certificate that is no longer valid$/);
  }
});

Deno.test("access: sessions end with the authority of their certificate", () => {
  const door = new Door("users: { app: { certificate: x } }");
  const trust: (boolean | undefined)[] = [true, true, true];
  const credentials = trust.map((_, index) => ({
    certificateNames: ["x"],
    certificate: { endsAt: Infinity, isTrusted: () => trust[index] },
  }));
  for (const [index, shown] of credentials.entries()) door.open(shown, String(index));
  door.access.recheck();
  assertEquals(door.ends, {});
  trust.splice(0, 2, false, undefined);
  door.access.recheck();
  assertEquals(door.ends, {
    0: `${ENDED} "app" has shown a certificate that is no longer valid`,
    1: "closed",
  });
  assertEquals(door.refuses(credentials[0]!), REFUSED);
});

/** Opens a follower that only hears of its end. */
function follow(engine: Engine, name: string, onEnd: (code: string) => void): void {
  const bind = { routeString: name, bindType: "direct", ignoreCase: false } as const;
  engine.openFollower({ name, bind, messages: 1, bytes: 1 }, {
    isFull: false,
    deliver: () => {},
    revoke: () => {},
    noteDeleted: () => {},
    end: ({ code }) => onEnd(code),
  });
}

Deno.test("access: a fault in one session keeps no permission, and no other session from its loss", async () => {
  const text = (patterns: string) =>
    `users: { app: { tokens: [T1, T2], permissions: { follow: [${patterns}] } } }`;
  const door = new Door(text("a"));
  const told: string[] = [];
  follow(door.openToken("T1").engine, "a", () => {
    throw new Error("planted");
  });
  follow(door.openToken("T2").engine, "a", (code) => told.push(code));
  door.replace(text(""));
  assertEquals([door.ends, told], [{ T1: "closed" }, ["FORBIDDEN"]]);
  const faults = door.lines.filter((line) => line.includes(" error "));
  assertEquals(faults.length, 1);
  assert(faults[0]!.includes("cannot apply changed permissions user=app"));
  await door.engine.close();
});

Deno.test("access: changed permissions are in force at once, for open members, too", async () => {
  const text = (patterns: string) =>
    `users: { app: { tokens: [T1], permissions: { follow: [${patterns}] } } }`;
  const door = new Door(text("a, b"));
  const { engine } = door.openToken("T1");
  const told: string[] = [];
  for (const name of ["a", "b"]) {
    await door.engine.createStream(name);
    follow(engine, name, (code) => told.push(`${name} ${code}`));
  }
  door.replace(text("a"));
  assertEquals([told, door.ends], [["b FORBIDDEN"], {}]);
  assertEquals([engine.hasStream("a"), engine.hasStream("b")], [true, false]);
  await door.engine.close();
});

Deno.test("access: a session that was not guarded is disconnected when it would have to be", () => {
  const text = (fields: string) => `users: { root: { tokens: [T3], ${fields} } }`;
  const door = new Door(text("permissions: { admin: true }"));
  const bare = door.openToken("T3");
  door.replace(text("permissions: { admin: true }, limits: { connections: 9 }"));
  assertEquals(door.ends, {});
  door.replace(text("permissions: { admin: true }, limits: { streams: 9 }"));
  assertEquals(door.ends, { T3: "closed" });
  bare.end();
  delete door.ends.T3;
  const guarded = door.openToken("T3");
  assert(guarded.engine !== door.engine);
  door.replace(text("permissions: { admin: true }"));
  door.replace(text("permissions: { follow: [a] }"));
  assertEquals(door.ends, {}, "a guard stays");
});
