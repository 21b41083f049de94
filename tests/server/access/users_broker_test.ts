/**
 * Brokers with a file of users, as programs start them: what is refused at a start, who is let in, and
 * how soon a change of the file is in force.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { connect, ConnectionClosedError } from "../../../client.ts";
import { BrokerError, MAGIC, writeControlFrame } from "../../../protocol.ts";
import { type BrokerServer, SettingsError } from "../../../server.ts";
import { createToken, hashToken } from "../../../src/server/access/users/token.ts";
import { readLastUses } from "../../../src/server/access/users/token_uses.ts";
import { startBroker, until, WellBehavedPair } from "../../support/broker/broker.ts";
import { TestDirectory } from "../../support/disk/journals.ts";
import { bytesOf, RawClient } from "../../support/wire/raw_client.ts";

const TOKEN = createToken();
const OTHER_TOKEN = createToken();
const WRONG_TOKEN = createToken();
const ALL = 'permissions: { manage: ["*"], publish: ["*"], follow: ["*"] }';

/** A user with everything but admin, as a line of the file. */
function userLine(name: string, ...tokens: readonly string[]): string {
  const hashes = tokens.map((token) => `sha256: "${hashToken(token)}"`);
  return `  ${name}: { tokens: [${hashes.join(", ")}], ${ALL} }\n`;
}

/** Runs a test with a broker and its file of users. */
async function withUsers(
  text: string,
  test: (broker: BrokerServer, write: (text: string) => Promise<void>) => Promise<void>,
): Promise<void> {
  await using directory = await TestDirectory.create();
  const users = `${directory.path}/users.yaml`;
  const write = async (text: string) => {
    await Deno.writeTextFile(`${users}.tmp`, text, { mode: 0o600 });
    await Deno.rename(`${users}.tmp`, users);
  };
  await write(text);
  await using broker = await startBroker({ users });
  await test(broker, write);
}

Deno.test("serve() refuses users that are missing or wrong before it listens", async () => {
  await using directory = await TestDirectory.create();
  const users = `${directory.path}/users.yaml`;
  const failure = () => startBroker({ users }).then((broker) => broker.close(), (error) => error);
  const missing = await failure();
  assertInstanceOf(missing, RangeError);
  assertInstanceOf(missing.cause, SettingsError);
  assertStringIncludes(missing.message, 'Cannot start: setting "users": found "');
  assertStringIncludes(missing.message, "which does not exist");
  await Deno.writeTextFile(users, "users: { a: 1, b: 2 }");
  const wrong = await failure();
  assertInstanceOf(wrong, RangeError);
  assertStringIncludes(wrong.message, "Cannot start: 2 mistakes");
  await Deno.writeTextFile(users, "users: {}");
  const exposed = await startBroker({ users, host: "0.0.0.0" }).catch((error) => error);
  assertStringIncludes(exposed.message, "where other machines can read tokens");
});

Deno.test("serve() reads no users that are not named", async () => {
  await using broker = await startBroker();
  await using connection = await connect({ port: broker.port });
  assertEquals(connection.broker.user, "local");
  await using named = await broker.connect();
  assertEquals(named.broker.user, "local");
  const error = await assertRejects(() => broker.connect({ user: "app" }));
  assertStringIncludes(String(error), 'there is no user "app"');
});

Deno.test("a broker with users lets in who has a token, also from this machine", () =>
  withUsers(`users:\n${userLine("app", TOKEN)}  idle: {}\n`, async (broker) => {
    const { port } = broker;
    await using app = await connect({ port, token: TOKEN });
    assertEquals(app.broker.user, "app");
    await app.cursor().createStream("a");
    // Refusals are told late: at the same time.
    await Promise.all([{}, { token: WRONG_TOKEN }].map(async (options) => {
      const error = await assertRejects(() => connect({ port, ...options }), BrokerError);
      assertEquals(error.code, "UNAUTHORIZED");
    }));
    await using named = await broker.connect({ user: "idle" });
    assertEquals(named.broker.user, "idle");
    assertEquals(await named.cursor().getStreams(), []);
    await using inside = await broker.connect({ token: TOKEN });
    assertEquals(inside.broker.user, "app");
    await using all = await broker.connect();
    assertEquals(all.broker.user, "local");
    await assertRejects(() => broker.connect({ user: "nobody" }), Error, "no user");
    await assertRejects(() => broker.connect({ token: WRONG_TOKEN }), Error, "not valid");
  }));

Deno.test("a revoked token ends its sessions within a second, and others stay", () =>
  withUsers(`users:\n${userLine("app", TOKEN, OTHER_TOKEN)}`, async (broker, write) => {
    const { port } = broker;
    await using revoked = await connect({ port, token: TOKEN });
    await using rotated = await connect({ port, token: OTHER_TOKEN });
    await rotated.cursor().createStream("a");
    const pending = revoked.publisher("a");
    await pending.sendMessage(1);
    const ended = new Promise<number>((resolve) => {
      void (async () => {
        for await (const { type } of revoked.status()) if (type === "closed") break;
        resolve(performance.now());
      })();
    });
    const before = performance.now();
    await write(`users:\n${userLine("app", OTHER_TOKEN)}`);
    const ms = await ended - before;
    assert(ms < 1000, `it took ${ms} ms`);
    const error = await assertRejects(() => pending.sendMessage(2), ConnectionClosedError);
    assertStringIncludes(String(error.cause ?? error), "token that is no longer valid");
    await rotated.publisher("a").sendMessage(3);
    await assertRejects(() => connect({ port, token: TOKEN }), BrokerError, "not valid");
  }));

Deno.test("a new token lets in, and old sessions go on, within a second", () =>
  withUsers(`users:\n${userLine("app", TOKEN)}`, async (broker, write) => {
    const { port } = broker;
    await using old = await connect({ port, token: TOKEN });
    await write(`users:\n${userLine("app", OTHER_TOKEN, TOKEN)}`);
    const before = performance.now();
    let fresh: Awaited<ReturnType<typeof connect>> | undefined;
    while (fresh === undefined) {
      fresh = await connect({ port, token: OTHER_TOKEN }).catch(() => undefined);
      // A refusal takes a second itself.
      assert(performance.now() - before < 5000);
    }
    await using _fresh = fresh;
    await old.cursor().createStream("a");
    assertEquals((await fresh.cursor().getStream("a")).name, "a");
  }));

Deno.test("the use of a token is noted beside the users, and they are not written", async () => {
  await using directory = await TestDirectory.create();
  const users = `${directory.path}/users.yaml`;
  const text = `users:\n${userLine("app", TOKEN, OTHER_TOKEN)}`;
  await Deno.writeTextFile(users, text, { mode: 0o600 });
  {
    await using broker = await startBroker({ users });
    await using _app = await connect({ port: broker.port, token: TOKEN });
  }
  const uses = await readLastUses(users);
  assertEquals(Object.keys(uses), [hashToken(TOKEN)]);
  assert(Math.abs(Date.parse(uses[hashToken(TOKEN)]!) - Date.now()) < 60_000);
  assertEquals(await Deno.readTextFile(users), text);
});

/** A login that fails, as an attacker sends it: nothing is waited for. */
async function failLogin(port: number): Promise<RawClient> {
  const client = await RawClient.connect(port);
  await client.send(bytesOf((writer) => {
    writer.bytes(MAGIC);
    writeControlFrame(writer, "hello", { client: "x", capabilities: [], token: WRONG_TOKEN });
  }));
  return client;
}

Deno.test("hundreds of wrong logins disturb nobody who is connected", () =>
  withUsers(
    `users:\n${
      userLine("app", TOKEN)
    }anonymous: { manage: ["*"], publish: ["*"], follow: ["*"] }\n`,
    async (broker) => {
      const { port } = broker;
      await using pair = await WellBehavedPair.start(port);
      const attackers: RawClient[] = [];
      for (let count = 0; count < 300; count += 50) {
        attackers.push(...await Promise.all(Array.from({ length: 50 }, () => failLogin(port))));
      }
      await pair.exchange();
      // Most were closed at accept: the others wait for their answer.
      assert(broker.connectionCount < 200, String(broker.connectionCount));
      for (const client of attackers) client.close();
      for (const client of attackers) await client[Symbol.asyncDispose]();
      await until("they are gone", () => broker.connectionCount === 2);
      await pair.finish();
      await using inside = await broker.connect({ token: TOKEN });
      assertEquals(inside.broker.user, "app");
    },
  ));

Deno.test("clients without a credential cannot take all connections from those who have one", async () => {
  await using directory = await TestDirectory.create();
  const users = `${directory.path}/users.yaml`;
  const text = `users:\n${userLine("app", TOKEN)}anonymous: { publish: ["public.*"] }\n`;
  await Deno.writeTextFile(users, text, { mode: 0o600 });
  await using broker = await startBroker({ users, limits: { connections: 20 } });
  const crowd: RawClient[] = [];
  for (let index = 0; index < 18; index++) crowd.push(await RawClient.open(broker.port));
  for (let index = 0; index < 5; index++) {
    await using more = await RawClient.connect(broker.port);
    await more.hello();
    const { message } = await more.expectFatalError("TOO_MANY_CONNECTIONS");
    assertEquals(message, 'Cannot log in: user "anonymous" has 18 connections, allowed 18');
  }
  await using one = await connect({ port: broker.port, token: TOKEN });
  assertEquals(await one.cursor().getStreams(), []);
  for (const client of crowd) client.close();
});
