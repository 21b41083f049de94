/**
 * Logging in: which token is shown to which broker, what a refusal ends, and that no token is shown
 * anywhere else.
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
import { deadline } from "@std/async/deadline";
import {
  BrokerError,
  connect,
  type Connection,
  ConnectionClosedError,
  type ErrorCode,
} from "@simplemq/simplemq";
import { startBroker } from "../../support/broker/broker.ts";
import { PlayedBroker } from "../../support/wire/played_broker.ts";
import { PATIENCE_MS } from "../support.ts";

/** A port that was free a moment ago. */
function findFreePort(): number {
  using listener = Deno.listen({ hostname: "localhost", port: 0 });
  return listener.addr.port;
}

/** A file with a token, which a test can replace. */
class TokenFile implements AsyncDisposable {
  readonly path: string;
  readonly #directory: string;

  constructor(token: string) {
    this.#directory = Deno.makeTempDirSync();
    this.path = `${this.#directory}/token`;
    Deno.writeTextFileSync(this.path, `${token}\n`);
  }

  async replace(token: string): Promise<void> {
    await Deno.writeTextFile(`${this.path}.new`, `${token}\n`);
    await Deno.rename(`${this.path}.new`, this.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#directory, { recursive: true });
  }
}

/** Connects in vain; resolves to the code of the refusal. */
async function refused(connecting: Promise<Connection>): Promise<ErrorCode> {
  const error = await assertRejects(() => deadline(connecting, PATIENCE_MS));
  assertInstanceOf(error, BrokerError);
  return error.code;
}

/** Waits until a connection is closed for good; resolves to the code of the error. */
async function closedBy(connection: Connection): Promise<ErrorCode> {
  const { error } = await deadline(connection.closed, PATIENCE_MS);
  assertInstanceOf(error, BrokerError);
  return error.code;
}

const letIn = (...tokens: readonly string[]) => ({ token }: { readonly token?: string }) =>
  tokens.includes(token ?? "") ? undefined : "UNAUTHORIZED";

Deno.test("a refused token ends connect(), even if it waits for a broker", async () => {
  await using broker = await startBroker();
  await using door = new PlayedBroker(broker.port, letIn("good"));
  const { port } = door;
  assertEquals(await refused(connect({ port })), "UNAUTHORIZED");
  assertEquals(await refused(connect({ port, token: "bad", waitForBroker: true })), "UNAUTHORIZED");
  await using file = new TokenFile("bad");
  const tokenFile = file.path;
  assertEquals(await refused(connect({ port, tokenFile, waitForBroker: true })), "UNAUTHORIZED");
  assertEquals(door.tokens, [undefined, "bad", "bad"]);
  await file.replace("good");
  await using connection = await connect({ port, tokenFile });
  assertEquals(await connection.cursor().getStreams(), []);
});

Deno.test("a token that is refused later ends the connection for good", async () => {
  await using broker = await startBroker();
  await using door = new PlayedBroker(broker.port);
  // In the middle of a session.
  await using first = await connect({ port: door.port, token: "good" });
  const asked = first.cursor().getStreams();
  await asked;
  await door.end("UNAUTHORIZED");
  assertEquals(await closedBy(first), "UNAUTHORIZED");
  assertEquals(door.tokens, ["good"]);
  // At a reconnect.
  const second = await connect({ port: door.port, token: "good" });
  const seen: string[] = [];
  const watching = (async () => {
    for await (const { type } of second.status()) seen.push(type);
  })();
  door.decide = letIn();
  door.cut();
  assertEquals(await closedBy(second), "UNAUTHORIZED");
  await watching;
  assertEquals(seen, ["connected", "lost", "reconnecting", "closed"]);
  assertEquals(door.tokens, ["good", "good", "good"]);
  await assertRejects(() => second.cursor().getStreams(), Error, "the connection is closed");
  await second.close();
});

Deno.test("what waits for a confirm or an answer fails when a token is refused", async () => {
  await using broker = await startBroker();
  await using door = new PlayedBroker(broker.port);
  const connection = await connect({ port: door.port, token: "good" });
  await connection.cursor().createStream("full", { maxMessages: 1 });
  const publisher = connection.publisher("full", { whenFull: "wait" });
  await publisher.sendMessage("first");
  const calls = [
    publisher.sendMessage("waits for room"),
    publisher.request("waits for room"),
    publisher.flush(),
    connection.follower("empty").getMessages().next(),
  ];
  const results = Promise.allSettled(calls);
  await connection.cursor().getStreams();
  await door.end("UNAUTHORIZED");
  const settled = await deadline(results, PATIENCE_MS);
  const reasons = settled.map((result) => result.status === "rejected" ? result.reason : undefined);
  const [message, request, flush, loop] = reasons;
  for (const reason of [message, request, loop]) assertInstanceOf(reason, ConnectionClosedError);
  for (const { cause } of [message, loop]) {
    assertInstanceOf(cause, BrokerError);
    assertEquals(cause.code, "UNAUTHORIZED");
  }
  // The calls themselves report the failures.
  assertEquals(flush, undefined);
  await deadline(connection.close(), PATIENCE_MS);
});

Deno.test("a token of a file is read at each attempt, and a new one is tried after a refusal", async () => {
  await using broker = await startBroker();
  await using door = new PlayedBroker(broker.port);
  await using file = new TokenFile("one");
  const connection = await connect({ port: door.port, tokenFile: file.path });
  // Replaced before the old one is refused: within a session, and at a reconnect.
  await file.replace("two");
  door.decide = letIn("two");
  await door.end("UNAUTHORIZED");
  await deadline(connection.cursor().getStreams(), PATIENCE_MS);
  assertEquals(door.tokens, ["one", "two"]);
  // Replaced while the old one is refused: it is tried at once, and once.
  door.decide = ({ token }) => {
    if (token === "three") return undefined;
    Deno.writeTextFileSync(file.path, "three");
    return "UNAUTHORIZED";
  };
  door.cut();
  await deadline(connection.cursor().getStreams(), PATIENCE_MS);
  assertEquals(door.tokens, ["one", "two", "two", "three"]);
  let count = 3;
  door.decide = () => {
    Deno.writeTextFileSync(file.path, String(++count));
    return "UNAUTHORIZED";
  };
  door.cut();
  assertEquals(await closedBy(connection), "UNAUTHORIZED");
  assertEquals(door.tokens.slice(4), ["three", "4"]);
});

Deno.test("a file that is gone for a while does not end a connection", async () => {
  await using broker = await startBroker();
  await using door = new PlayedBroker(broker.port);
  await using file = new TokenFile("one");
  await using connection = await connect({ port: door.port, tokenFile: file.path });
  await Deno.remove(file.path);
  const attempts = connection.status();
  door.cut();
  for (;;) {
    const { value } = await deadline(attempts.next(), PATIENCE_MS);
    if (value?.type === "reconnecting" && value.attempt === 2) break;
  }
  assertEquals(door.tokens, ["one"]);
  await file.replace("two");
  await deadline(connection.cursor().getStreams(), PATIENCE_MS);
  assertEquals(door.tokens, ["one", "two"]);
});

Deno.test("other refusals of a broker are waited out, and end connect() without waiting", async () => {
  await using broker = await startBroker();
  await using door = new PlayedBroker(broker.port, () => "TOO_MANY_CONNECTIONS");
  assertEquals(await refused(connect({ port: door.port })), "TOO_MANY_CONNECTIONS");
  let count = 0;
  door.decide = () => ++count < 3 ? "TOO_MANY_CONNECTIONS" : undefined;
  await using _connection = await connect({ port: door.port, waitForBroker: true });
  assertEquals(count, 3);
});

Deno.test("several servers are tried in turn, each with its token; first the one used last", async () => {
  await using broker = await startBroker();
  await using one = new PlayedBroker(broker.port, letIn("a"));
  await using other = new PlayedBroker(broker.port, letIn("b"));
  const free = findFreePort();
  const servers = [`localhost:${free}`, `smq://bad@localhost:${one.port}`];
  // A refused token is told, whatever else has failed.
  assertEquals(await refused(connect({ servers })), "UNAUTHORIZED");
  servers.push(`smq://b@localhost:${other.port}`);
  await using connection = await connect({ servers });
  assertEquals([one.tokens, other.tokens], [["bad", "bad"], ["b"]]);
  other.cut();
  await deadline(connection.cursor().getStreams(), PATIENCE_MS);
  assertEquals([one.tokens, other.tokens], [["bad", "bad"], ["b", "b"]]);
});

Deno.test("if no server can be reached, all of them and the reasons are told", async () => {
  const ports = [findFreePort(), findFreePort()];
  const servers = [`smq://smq_canary@localhost:${ports[0]}`, `[::1]:${ports[1]}`];
  const error = await assertRejects(() => connect({ servers }), AggregateError);
  assertStringIncludes(error.message, `Cannot connect to a broker at localhost:${ports[0]}: `);
  assertStringIncludes(error.message, `; Cannot connect to a broker at [::1]:${ports[1]}: `);
  assertEquals(error.errors.length, 2);
  assertEquals(error.cause, error.errors[0]);
  assert(!Deno.inspect(error).includes("canary"));
});

Deno.test("a token of a URL is shown to its broker and nowhere else", async () => {
  await using broker = await startBroker();
  await using door = new PlayedBroker(broker.port);
  const token = "smq_canary-canary-canary-canary-canary-canary12";
  const servers = [`smq://${token}@localhost:${door.port}`];
  const connection = await connect({ servers });
  const statuses: unknown[] = [];
  const watching = (async () => {
    for await (const status of connection.status()) statuses.push(status);
  })();
  const shown: unknown[] = [connection, connection.broker, connection.cursor()];
  const publisher = connection.publisher("nowhere");
  const follower = connection.follower("nowhere");
  shown.push(publisher, follower);
  shown.push(await publisher.sendMessage("x").catch((error) => error));
  shown.push(await connection.cursor().getStream("nowhere").catch((error) => error));
  door.cut();
  await deadline(connection.cursor().getStreams(), PATIENCE_MS);
  door.decide = letIn();
  const loop = follower.getMessages().next().catch((error) => error);
  door.cut();
  shown.push(await connection.closed, await deadline(loop, PATIENCE_MS));
  await watching;
  shown.push(statuses);
  shown.push(await connect({ servers }).catch((error) => error));
  shown.push(await connect({ servers: [...servers, "x:1"] }).catch((error) => error));
  assertEquals(new Set(door.tokens), new Set([token]));
  for (const one of shown) {
    const text = Deno.inspect(one, { depth: 100, showHidden: true, iterableLimit: Infinity });
    assert(!text.includes("canary"), "a token is shown");
    if (one instanceof Error) assert(!`${one.stack}${one.message}`.includes("canary"));
    assert(!JSON.stringify(one)?.includes("canary"), "a token is shown");
  }
});

Deno.test("options of a connection inside the broker's process are checked", async () => {
  await using broker = await startBroker();
  const fail = async (options: object, text: string) => {
    const { message } = await assertRejects(() => broker.connect(options), Error);
    assert(message.startsWith(`Cannot connect: ${text}`), message);
  };
  await fail({ port: 1 }, 'there is no option "port"');
  await fail({ user: "a", token: "b" }, "user and token exclude each other");
  await fail({ user: "" }, "user: a name must have");
  await fail({ user: 1 }, "user: a name must be a string");
  await fail({ token: "a b" }, "character 2 of token is not allowed");
  await using connection = await broker.connect();
  assertEquals(connection.broker.user, "local");
});
