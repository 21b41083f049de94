/**
 * Users of the page over real HTTP: who is let in, what a cookie is worth and for how long, and what
 * somebody finds out who has neither token nor password.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { hashPassword } from "../../../../src/server/access/users/password.ts";
import { createToken, hashToken } from "../../../../src/server/access/users/token.ts";
import { takeTime } from "../../../support/broker/pace.ts";
import { TestCertificates } from "../../../support/certificates/test_certificates.ts";
import { PageBroker, type PageClient } from "./page_client.ts";

const ANN = createToken();
const BOB = createToken();
const PASSWORD = "kettle orbit maple";
const HASH = await hashPassword(PASSWORD);
const OTHER_HASH = await hashPassword("another orbit maple");

/** A user with a token, and what the user may do. */
function user(name: string, token: string, permissions: string, more = ""): string {
  return `  ${name}:\n    tokens: [{ sha256: "${
    hashToken(token)
  }" }]\n    permissions: ${permissions}\n${more}`;
}

const withPassword = (hash: string) => `    password: ${hash}\n`;
const USERS = `users:\n${user("ann", ANN, "{ admin: true }", withPassword(HASH))}` +
  user("bob", BOB, '{ inspect: ["orders.*"] }');

async function logIn(client: PageClient, shown: object): Promise<void> {
  const { status, body } = await client.post("/api/login", shown);
  assertEquals(status, 200, JSON.stringify(body));
}

Deno.test("without users everybody on this machine is local, and nobody logs in", async () => {
  await using page = await PageBroker.start();
  const client = page.browse();
  const { user, how, hasUsers, may } = await client.read("/api/session");
  assertEquals([user, how, hasUsers, may.admin, may.events], ["local", "local", false, true, true]);
  const { status, body } = await client.post("/api/login", { token: ANN });
  assertEquals([status, body.code], [400, "BAD_REQUEST"]);
  assertStringIncludes(body.detail, "the broker has no users");
});

Deno.test("a user logs in by token or password, and the cookie is worth nothing after the logout", async () => {
  await using page = await PageBroker.start(USERS);
  const client = page.browse();
  const before = await client.read("/api/session");
  assertEquals([before.user, before.how, before.hasUsers, before.hasPasswords], [
    null,
    null,
    true,
    true,
  ]);
  assertEquals((await client.get("/api/overview")).status, 401);
  for (const shown of [{ token: ANN }, { user: "ann", password: PASSWORD }]) {
    const { headers, body } = await client.post("/api/login", shown);
    const [set] = headers.getSetCookie();
    assertMatch(set!, /^simplemq-\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
    assertEquals([body.user, body.how, body.may.admin], ["ann", "cookie", true]);
    assert(!JSON.stringify(body).includes(ANN));
    await client.read("/api/overview");
    const stolen = client.cookie!;
    assertEquals((await client.post("/api/logout")).status, 204);
    assertEquals(client.cookie, undefined);
    client.cookie = stolen;
    assertEquals((await client.get("/api/overview")).status, 401);
    client.cookie = undefined;
  }
});

Deno.test("with TLS the cookie goes nowhere else, and origins have to be right as well", async () => {
  using certificates = new TestCertificates();
  const { certificateFile: certificate, keyFile: key } = certificates.makeServer();
  await using page = await PageBroker.start(USERS, { tls: { certificate, key } });
  using client = page.browse(certificates.ca);
  const { headers } = await client.post("/api/login", { user: "ann", password: PASSWORD });
  const [set] = headers.getSetCookie();
  assertMatch(set!, /^__Host-simplemq-\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure$/);
  assertEquals((await client.read("/api/session")).how, "cookie");
  const other = await client.ask("POST", "/api/logout", {}, { origin: "https://localhost:1" });
  assertEquals(other.body.code, "CROSS_SITE");
  // The name of a cookie without TLS is another one: nobody plants a session from outside of TLS.
  client.cookie = client.cookie!.replace("__Host-", "");
  assertEquals((await client.read("/api/session")).user, null);
});

Deno.test("what is wrong is answered late, and in one way", async () => {
  using _ = takeTime();
  await using page = await PageBroker.start(USERS);
  const began = performance.now();
  const tries = [
    { token: createToken() },
    { token: ANN.slice(0, -1) },
    { user: "ann", password: "kettle orbit mapel" },
    { user: "nobody", password: PASSWORD },
    { user: "bob", password: PASSWORD },
  ];
  const answers = await Promise.all(tries.map((shown) => page.browse().post("/api/login", shown)));
  assertEquals(new Set(answers.map(({ status, body }) => `${status} ${body.detail}`)).size, 1);
  assertEquals(answers[0]!.body.code, "UNAUTHORIZED");
  // Each waits for three quarters of a second at least.
  assert(performance.now() - began >= 700);
  const wrong = [{}, { user: "ann" }, { password: "x" }, { token: ANN, user: "ann" }, {
    tokn: "x",
  }];
  for (const shown of wrong) {
    assertEquals(
      (await page.browse().post("/api/login", shown)).status,
      400,
      JSON.stringify(shown),
    );
  }
});

Deno.test("a cookie is its user's alone, and a login never takes over one that was there", async () => {
  await using page = await PageBroker.start(USERS);
  const [ann, bob, thief] = [page.browse(), page.browse(), page.browse()];
  await logIn(ann, { token: ANN });
  await logIn(bob, { token: BOB });
  assertNotEquals(ann.cookie, bob.cookie);
  assertEquals((await bob.read("/api/session")).user, "bob");
  assertEquals((await bob.get("/api/events")).body.code, "FORBIDDEN");
  await ann.read("/api/events");
  // A session that somebody has set in a browser before is not the one after the login.
  const planted = bob.cookie!;
  thief.cookie = planted;
  await logIn(bob, { token: BOB });
  assertNotEquals(bob.cookie, planted);
  assertEquals((await thief.get("/api/overview")).status, 401);
  // A token decides, whatever the cookie is; a wrong one is refused.
  const authorization = `Bearer ${BOB}`;
  assertEquals(
    (await ann.ask("GET", "/api/session", undefined, { authorization })).body.user,
    "bob",
  );
  const [name] = ann.cookie!.split("=");
  const forged = ["", "x", "A".repeat(43), `${ann.cookie!.slice(name!.length + 1, -1)}!`];
  for (const id of forged) {
    thief.cookie = `${name}=${id}`;
    assertEquals((await thief.get("/api/overview")).status, 401, id);
  }
  // Cookies of other programs of the same host are no mistakes.
  thief.cookie = `a=b; ${ann.cookie}; simplemq-1=x`;
  assertEquals((await thief.read("/api/session")).user, "ann");
});

Deno.test("tabs learn of changed permissions, and sessions end with what was shown", async () => {
  await using page = await PageBroker.start(USERS);
  const [byToken, byPassword, bob] = [page.browse(), page.browse(), page.browse()];
  await logIn(byToken, { token: ANN });
  await logIn(byPassword, { user: "ann", password: PASSWORD });
  await logIn(bob, { token: BOB });
  await using tokenFeed = await byToken.openFeed();
  await using passwordFeed = await byPassword.openFeed();
  await using bobFeed = await bob.openFeed();
  assert((await tokenFeed.next("snapshot")).totals.memoryLimit > 0);
  assertEquals((await bobFeed.next("snapshot")).totals.memoryLimit, undefined);
  // Ann loses the admin, and gets another password; bob gets more.
  const annBefore = user("ann", ANN, '{ inspect: ["*"] }', withPassword(OTHER_HASH));
  await page.write(`users:\n${annBefore}${user("bob", BOB, '{ manage: ["orders.*"] }')}`);
  assertEquals(await tokenFeed.next("session"), {});
  assertEquals((await byToken.read("/api/session")).may.admin, false);
  assertEquals((await byToken.get("/api/events")).status, 403);
  assertEquals((await byToken.post("/api/streams", { name: "new" })).status, 403);
  assertMatch((await passwordFeed.next("end")).reason, /a password that is no longer valid/);
  assertEquals((await byPassword.get("/api/overview")).status, 401);
  assertEquals(await bobFeed.next("session"), {});
  assertEquals((await bob.post("/api/streams", { name: "orders.a" })).status, 201);
  // Bob is gone.
  await page.write(`users:\n${annBefore}`);
  assertMatch((await bobFeed.next("end")).reason, /user "bob" is no longer valid/);
  assertEquals((await bob.get("/api/overview")).status, 401);
  assertEquals((await byToken.get("/api/overview")).status, 200);
});

Deno.test("an address with many failures tries no more passwords, and still logs in by token", async () => {
  await using page = await PageBroker.start(USERS);
  const guesses = Array.from(
    { length: 20 },
    () => page.browse().post("/api/login", { token: createToken() }),
  );
  // Hashes wait in a short line: who has no room in it comes again.
  const hashes = Array.from(
    { length: 10 },
    () => page.browse().post("/api/login", { user: "ann", password: "wrong wrong wrong" }),
  );
  const statuses = (await Promise.all(hashes)).map(({ status }) => status);
  assert(statuses.includes(429), statuses.join());
  for (const { status } of await Promise.all(guesses)) assertEquals(status, 401);
  const client = page.browse();
  const { status, body, headers } = await client.post("/api/login", {
    user: "ann",
    password: PASSWORD,
  });
  assertEquals([status, body.code], [429, "TOO_MANY_TRIES"]);
  assertEquals(headers.get("retry-after"), "10");
  await logIn(client, { token: ANN });
});

Deno.test("a user without anything but inspect gets no figures of others, and no rights", async () => {
  await using page = await PageBroker.start(USERS);
  await using admin = await page.broker.connect();
  for (const name of ["orders.a", "secret"]) await admin.cursor().createStream(name);
  await admin.publisher("orders.a").sendMessage("one");
  await admin.publisher("secret").sendMessage("two");
  const bob = page.browse();
  await logIn(bob, { token: BOB });
  const overview = await bob.read("/api/overview");
  assertEquals([overview.scope, overview.history, overview.broker.connections], [
    "yours",
    null,
    undefined,
  ]);
  assertEquals([overview.totals.streams, overview.totals.ready], [1, 1]);
  const { total, streams } = await bob.read("/api/streams?search=e");
  assertEquals([total, streams.map(({ name }: { name: string }) => name)], [1, ["orders.a"]]);
  assertEquals(streams[0].may, { inspect: true, publish: false, manage: false });
  assertEquals((await bob.get("/api/streams/secret")).status, 403);
  assertEquals((await bob.get("/api/streams/none")).status, 403);
  const dry = await bob.post("/api/streams/orders.a/purge", { dryRun: true });
  assertEquals(dry.body.code, "FORBIDDEN");
  const { connections } = await bob.read("/api/connections");
  assert(
    connections.every(({ user }: { user?: string }) => user === "bob"),
    JSON.stringify(connections),
  );
});
