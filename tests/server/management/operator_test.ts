/**
 * Who may operate a broker, over real sockets, and what the log tells of it.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { BrokerError, connect, type Connection } from "../../../client.ts";
import type { BrokerServer } from "../../../server.ts";
import { createToken, hashToken } from "../../../src/server/access/users/token.ts";
import { startBroker, until } from "../../support/broker/broker.ts";
import { TestDirectory } from "../../support/disk/journals.ts";
import { RawClient } from "../../support/wire/raw_client.ts";

/** The users of the broker: their permissions, and a token for each. */
const USERS = {
  root: "admin: true",
  scraper: "metrics: true",
  app: 'manage: ["*"], publish: ["*"], follow: ["*"]',
  other: 'follow: ["*"]',
} as const;

type Name = keyof typeof USERS;

/** A broker with users, and a connection of each. */
class Town implements AsyncDisposable {
  readonly broker: BrokerServer;
  readonly #tokens: ReadonlyMap<Name, string>;
  readonly #directory: TestDirectory;
  readonly #open: Connection[] = [];

  private constructor(
    broker: BrokerServer,
    tokens: ReadonlyMap<Name, string>,
    directory: TestDirectory,
  ) {
    this.broker = broker;
    this.#tokens = tokens;
    this.#directory = directory;
  }

  static async create(): Promise<Town> {
    const directory = await TestDirectory.create();
    const names = Object.keys(USERS) as Name[];
    const tokens = new Map(names.map((name) => [name, createToken()]));
    const lines = names.map((name) => {
      const token = `tokens: [sha256: "${hashToken(tokens.get(name)!)}"]`;
      return `  ${name}: { ${token}, permissions: { ${USERS[name]} } }\n`;
    });
    const users = `${directory.path}/users.yaml`;
    const anonymous = 'anonymous: { inspect: ["*"] }\n';
    await Deno.writeTextFile(users, `${anonymous}users:\n${lines.join("")}`, { mode: 0o600 });
    return new Town(await startBroker({ users }), tokens, directory);
  }

  /** Connects as a user, or as nobody. */
  async as(name?: Name): Promise<Connection> {
    const { port } = this.broker;
    const token = name && this.#tokens.get(name);
    const connection = await connect({ port, name: name ?? "nobody", ...token && { token } });
    this.#open.push(connection);
    return connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#open) await connection.close();
    await this.broker.close();
    await this.#directory[Symbol.asyncDispose]();
  }
}

async function expectForbidden(call: () => Promise<unknown>, what: string): Promise<void> {
  const error = await assertRejects(call, BrokerError);
  assertEquals(error.code, "FORBIDDEN");
  assert(error.message.includes(what), error.message);
}

const NO_PERMISSION = "has no permission to administer the broker";

Deno.test("an administrator sees and closes everybody, and is in the log", async () => {
  await using town = await Town.create();
  const cursor = (await town.as("root")).cursor();
  const app = await town.as("app");
  const nobody = await town.as();
  const connections = await cursor.getConnections();
  assertEquals(connections.map(({ client, user }) => `${client} is ${user}`), [
    "root is root",
    "app is app",
    "nobody is anonymous",
  ]);
  const { connections: count, hasUsers, address, logLevel } = await cursor.getBroker();
  const { port } = town.broker;
  assertEquals([count, hasUsers, address], [3, true, `localhost:${port}`]);
  assertEquals(await cursor.closeConnection(99), false);
  assertEquals(await cursor.closeConnection(connections[1]!.id, { reason: "for now" }), true);
  assertEquals(await cursor.closeConnection(connections[1]!.id), false);
  assertEquals(await cursor.closeConnection(connections[2]!.id), true);
  for (const [lost, why] of [[app, "for now"], [nobody, "an operator has closed"]] as const) {
    for await (const status of lost.status()) {
      if (status.type !== "lost") continue;
      assertEquals((status.error as BrokerError).code, "CLOSED_BY_OPERATOR");
      assert(status.error!.message.includes(why), status.error!.message);
      break;
    }
  }
  await cursor.setLogLevel("error");
  await app.close();
  assertEquals([logLevel, (await cursor.getBroker()).logLevel], ["error", "error"]);
  const events = await cursor.getEvents();
  const told = events.filter(({ message }) => /operator|log level/.test(message));
  assertEquals(told.map(({ message, fields }) => [message, fields.user, fields.whose]), [
    ["connection closed by an operator", "root", "app"],
    ["connection closed by an operator", "root", "anonymous"],
    ["log level set", "root", undefined],
  ]);
  const last = events.at(-1)!.number;
  assertEquals((await cursor.getEvents({ after: last - 1 })).map(({ number }) => number), [last]);
  assertEquals(await cursor.getEvents({ after: last }), []);
});

Deno.test("a user sees and closes the user's own connections, as if there were no others", async () => {
  await using town = await Town.create();
  const root = (await town.as("root")).cursor();
  const cursor = (await town.as("app")).cursor();
  const second = await town.as("app");
  await town.as("other");
  const all = await root.getConnections();
  const own = await cursor.getConnections();
  assertEquals(own.map(({ id, user }) => [id, user]), [
    [all[1]!.id, "app"],
    [all[2]!.id, "app"],
  ]);
  for (const foreign of [all[0]!, all[3]!]) {
    assertEquals(await cursor.closeConnection(foreign.id), false);
  }
  assertEquals((await root.getConnections()).length, 4);
  const error = await assertRejects(() => cursor.closeConnection(own[0]!.id), BrokerError);
  assertEquals(error.code, "BAD_REQUEST");
  assertEquals(await cursor.closeConnection(own[1]!.id), true);
  for await (const { type } of second.status()) if (type === "lost") break;
  await expectForbidden(() => cursor.setLogLevel("debug"), NO_PERMISSION);
  await expectForbidden(() => cursor.getEvents(), NO_PERMISSION);
  assertEquals((await root.getBroker()).logLevel, "error");
});

Deno.test("who has shown nothing is nobody, and closes nobody's connection", async () => {
  await using town = await Town.create();
  const cursor = (await town.as()).cursor();
  await town.as();
  await expectForbidden(() => cursor.getConnections(), "list connections");
  await expectForbidden(() => cursor.closeConnection(2), "close connection 2");
  await expectForbidden(() => cursor.setLogLevel("debug"), "set the level of the log");
  assertEquals(town.broker.connectionCount, 2);
});

Deno.test("how many connections and streams there are is for those who may read metrics", async () => {
  await using town = await Town.create();
  for (const name of ["root", "scraper", "app", "other", undefined] as const) {
    const status = await (await town.as(name)).cursor().getBroker();
    const isTold = name === "root" || name === "scraper";
    assertEquals(["connections" in status, "streams" in status], [isTold, isTold], name);
    assertEquals([status.engine, status.problems], ["memory", []]);
  }
});

Deno.test("queries of operators with wrong options are refused, all of them", async () => {
  await using broker = await startBroker();
  await using raw = await RawClient.open(broker.port);
  const wrong = [
    ["closeConnection", {}],
    ["closeConnection", { connection: -1 }],
    ["closeConnection", { connection: 1e300 }],
    ["closeConnection", { connection: 2, reason: "x".repeat(257) }],
    ["closeConnection", { connection: 2, reason: 1 }],
    ["setLogLevel", {}],
    ["setLogLevel", { level: "trace" }],
    ["setLogLevel", { level: "__proto__" }],
    ["getConnections", { after: -1 }],
    ["getEvents", { after: "1" }],
    ["dropMessages", { ids: [0] }],
    ["dropMessages", { ids: Array.from({ length: 1001 }, (_, index) => index + 1) }],
  ] as const;
  for (const [operation, options] of wrong) {
    await raw.query(7, operation, "orders", options as never);
    assertEquals((await raw.expectError("BAD_REQUEST")).query, 7, JSON.stringify(options));
  }
  await raw.query(8, "dropMessages", "orders", { ids: [1] });
  await raw.expectError("STREAM_NOT_FOUND");
  assertEquals(await raw.ask("closeConnection", "", { connection: 2 ** 53 - 1 }), false);
});

Deno.test("messages that are dropped are in the log, with user and number", async () => {
  await using town = await Town.create();
  const app = await town.as("app");
  const cursor = app.cursor();
  await cursor.createStream("orders");
  await app.publisher("orders").sendMessages(Array.from({ length: 1500 }, (_, index) => index));
  const ids = Array.from({ length: 1600 }, (_, index) => 1600 - index);
  assertEquals(await cursor.dropMessages("orders", ids), { count: 1500, skipped: 100 });
  await assertRejects(() => cursor.dropMessages("nowhere", []), BrokerError, "nowhere");
  await expectForbidden(
    async () => (await town.as("other")).cursor().dropMessages("orders", [1]),
    "manage",
  );
  const events = await (await town.as("root")).cursor().getEvents();
  const told = events.filter(({ message }) => message === "messages dropped");
  assertEquals(
    told.map(({ fields: { stream, count, user } }) => [stream, count, user]),
    [["orders", 1000 - 100, "app"], ["orders", 600, "app"]],
  );
});

Deno.test("many connections are listed, page by page, while others come and go", async () => {
  await using broker = await startBroker();
  await using connection = await connect({ port: broker.port });
  const cursor = connection.cursor();
  const raws = await Promise.all(
    Array.from({ length: 450 }, () => RawClient.open(broker.port, "one of many")),
  );
  const listed = await cursor.getConnections();
  assertEquals(new Set(listed.map(({ id }) => id)).size, 451);
  for (const { id, client } of listed) {
    if (client === "one of many" && id % 2 === 0) assert(await cursor.closeConnection(id));
  }
  await until("half of them are gone", async () => (await cursor.getConnections()).length < 230);
  for (const raw of raws) raw.close();
});
