/**
 * Clients of a broker with a file of users: who they are, what they may do, and what happens to them when
 * the file changes.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { BrokerError, connect, type Connection, type ErrorCode } from "@simplemq/simplemq";
import type { BrokerServer, PartialSettings } from "@simplemq/simplemq/server";
import { createToken, hashToken } from "../../../src/server/access/users/token.ts";
import { startBroker } from "../../support/broker/broker.ts";
import { TestCertificates } from "../../support/certificates/test_certificates.ts";
import { PATIENCE_MS, takeOne } from "../support.ts";

/** A user as a test writes it into the file. */
interface WrittenUser {
  readonly tokens?: readonly string[];
  readonly certificate?: string;
  readonly permissions?: object;
  readonly limits?: object;
}

/** A broker with a file of users, which a test can replace. */
class Scene implements AsyncDisposable {
  readonly broker: BrokerServer;
  readonly #directory: string;

  private constructor(broker: BrokerServer, directory: string) {
    this.broker = broker;
    this.#directory = directory;
  }

  static async start(
    users: Readonly<Record<string, WrittenUser>>,
    settings: PartialSettings = {},
  ): Promise<Scene> {
    const directory = await Deno.makeTempDir();
    await writeUsers(directory, users);
    const broker = await startBroker({ ...settings, users: `${directory}/users.yaml` });
    return new Scene(broker, directory);
  }

  get port(): number {
    return this.broker.port;
  }

  /** Writes the file anew, and a file with a token. */
  async replace(users: Readonly<Record<string, WrittenUser>>): Promise<void> {
    await writeUsers(this.#directory, users);
  }

  async writeToken(token: string): Promise<string> {
    const path = `${this.#directory}/token`;
    await Deno.writeTextFile(`${path}.new`, token);
    await Deno.rename(`${path}.new`, path);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.broker.close();
    await Deno.remove(this.#directory, { recursive: true });
  }
}

async function writeUsers(
  directory: string,
  users: Readonly<Record<string, WrittenUser>>,
): Promise<void> {
  const entries = Object.entries(users).map(([name, { tokens = [], ...rest }]) => {
    const created = "2026-01-01T00:00:00Z";
    return [name, {
      tokens: tokens.map((token) => ({ sha256: hashToken(token), created })),
      ...rest,
    }];
  });
  const path = `${directory}/users.yaml`;
  // JSON is YAML.
  const text = JSON.stringify({ users: Object.fromEntries(entries) });
  await Deno.writeTextFile(`${path}.new`, text, { mode: 0o600 });
  await Deno.rename(`${path}.new`, path);
}

/** Waits until a call has failed; it must be by that code. */
async function expectCode(call: PromiseLike<unknown>, code: ErrorCode): Promise<BrokerError> {
  const error = await assertRejects(() => deadline(Promise.resolve(call), PATIENCE_MS));
  assertInstanceOf(error, BrokerError);
  assertEquals(error.code, code);
  return error;
}

/** Waits until a connection is closed for good; resolves to the code of the error. */
async function closedBy(connection: Connection): Promise<ErrorCode> {
  const { error } = await deadline(connection.closed, PATIENCE_MS);
  assertInstanceOf(error, BrokerError);
  return error.code;
}

const ALL = { admin: true };

Deno.test("a broker with users lets in who shows a good token, and tells whose it is", async () => {
  const token = createToken();
  await using scene = await Scene.start({ app: { tokens: [token], permissions: ALL } });
  const { port } = scene;
  await Promise.all([
    expectCode(connect({ port }), "UNAUTHORIZED"),
    expectCode(connect({ port, token: createToken() }), "UNAUTHORIZED"),
    expectCode(connect({ servers: [`smq://${token}x@localhost:${port}`] }), "UNAUTHORIZED"),
  ]);
  for (const options of [{ port, token }, { servers: [`smq://${token}@localhost:${port}`] }]) {
    await using connection = await connect(options);
    assertEquals(connection.broker.user, "app");
  }
});

Deno.test("a connection inside the process acts for everybody, or for a user", async () => {
  const token = createToken();
  const permissions = { publish: ["orders"] };
  await using scene = await Scene.start({ app: { tokens: [token], permissions } });
  const { broker } = scene;
  await using all = await broker.connect();
  assertEquals(all.broker.user, "local");
  await all.cursor().createStream("orders");
  await all.cursor().createStream("other");
  for (const options of [{ user: "app" }, { token }]) {
    await using connection = await broker.connect(options);
    assertEquals(connection.broker.user, "app");
    await connection.publisher("orders").sendMessage("x");
    const { message } = await expectCode(
      connection.publisher("other").sendMessage("x"),
      "FORBIDDEN",
    );
    assert(message.includes('user "app"'), message);
    await expectCode(connection.follower("orders").getMessages().next(), "FORBIDDEN");
    await expectCode(connection.cursor().createStream("new"), "FORBIDDEN");
  }
  await expectCode(broker.connect({ user: "nobody" }), "UNAUTHORIZED");
  await expectCode(broker.connect({ token: createToken() }), "UNAUTHORIZED");
});

Deno.test("permissions that are taken away end members, and leave the connection", async () => {
  const token = createToken();
  const tokens = [token];
  const before = { publish: ["orders", "other"], follow: ["orders", "other"] };
  await using scene = await Scene.start({ app: { tokens, permissions: before } });
  await using all = await scene.broker.connect();
  await all.cursor().createStream("orders", { maxMessages: 1 });
  await all.cursor().createStream("other");
  await using connection = await connect({ port: scene.port, token, drainMs: 0 });
  const publisher = connection.publisher("orders", { whenFull: "wait" });
  await publisher.sendMessage("in hand");
  const follower = connection.follower("orders");
  const message = await takeOne(follower);
  const waiting = publisher.sendMessage("waits for room");
  const loop = follower.getMessages().next();
  const results = Promise.all([expectCode(waiting, "FORBIDDEN"), expectCode(loop, "FORBIDDEN")]);
  await connection.cursor().getStream("orders");
  const after = { publish: ["other"], follow: ["other"] };
  await scene.replace({ app: { tokens, permissions: after } });
  await results;
  assertEquals(message.signal.aborted, true);
  await expectCode(publisher.sendMessage("later"), "FORBIDDEN");
  await connection.publisher("other").sendMessage("x");
  assertEquals((await takeOne(connection.follower("other"))).body, "x");
  assertEquals((await takeOne(all.follower("orders"))).body, "in hand");
});

Deno.test("a token that is revoked ends its connections for good, a replaced one does not", async () => {
  const [old, next] = [createToken(), createToken()];
  await using scene = await Scene.start({ app: { tokens: [old], permissions: ALL } });
  const { port } = scene;
  const tokenFile = await scene.writeToken(old);
  const fixed = await connect({ port, token: old });
  await using moved = await connect({ port, tokenFile });
  await moved.cursor().createStream("orders");
  await scene.writeToken(next);
  await scene.replace({ app: { tokens: [next], permissions: ALL } });
  assertEquals(await closedBy(fixed), "UNAUTHORIZED");
  await deadline(moved.publisher("orders").sendMessage("x"), PATIENCE_MS);
  assertEquals(moved.broker.user, "app");
});

Deno.test("limits of a user fail batches and connections one by one", async () => {
  const token = createToken();
  const limits = { connections: 1, "stored_bytes": "10KiB" };
  const user = { tokens: [token], permissions: { publish: ["*"] }, limits };
  await using scene = await Scene.start({ app: user });
  await using all = await scene.broker.connect();
  await all.cursor().createStream("orders");
  await using connection = await connect({ port: scene.port, token });
  await expectCode(connect({ port: scene.port, token }), "TOO_MANY_CONNECTIONS");
  const publisher = connection.publisher("orders", { whenFull: "wait" });
  await publisher.sendMessage("first");
  await expectCode(publisher.sendMessage(new Uint8Array(20_000)), "LIMIT_REACHED");
  await deadline(publisher.sendMessage("second"), PATIENCE_MS);
});

Deno.test("the certificate of a client shows who it is", async () => {
  using certificates = new TestCertificates();
  const { certificateFile: certificate, keyFile } = certificates.makeServer();
  const clientCa = certificates.caFile;
  const tls = { certificate, key: keyFile, clientCa, clientCertificates: "optional" } as const;
  const users = { app: { certificate: "orders-app", permissions: ALL } };
  await using scene = await Scene.start(users, { tls });
  const { ca } = certificates;
  const { port } = scene;
  const [known, unknown] = ["orders-app", "other"].map((name) => certificates.makeClient(name));
  await using connection = await connect({
    port,
    tls: { ca, cert: known!.certificate, key: known!.key },
  });
  assertEquals(connection.broker.user, "app");
  await Promise.all([
    expectCode(connect({ port, tls: { ca } }), "UNAUTHORIZED"),
    expectCode(
      connect({ port, tls: { ca, cert: unknown!.certificate, key: unknown!.key } }),
      "UNAUTHORIZED",
    ),
  ]);
  await scene.replace({ app: { permissions: ALL } });
  assertEquals(await closedBy(connection), "UNAUTHORIZED");
});
