/**
 * Asking brokers whether they are well: what is answered, and what is told if nothing is.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { BrokerError, ping } from "@simplemq/simplemq";
import { startBroker, until } from "../support/broker/broker.ts";
import { TestCertificates } from "../support/certificates/test_certificates.ts";
import { TlsBroker } from "../support/certificates/tls_broker.ts";
import { TestDirectory } from "../support/disk/journals.ts";
import { openSocket } from "../support/wire/duplex_client.ts";

/** Takes one connection and answers what it likes, or nothing. */
function listenOnce(answer?: string): { port: number; [Symbol.asyncDispose](): Promise<void> } {
  const listener = Deno.listen({ hostname: "localhost", port: 0 });
  const served = (async () => {
    const socket = await listener.accept();
    if (answer !== undefined) {
      await socket.write(new TextEncoder().encode(answer));
      socket.close();
    } else {
      // It ends when the client gives up.
      const buffer = new Uint8Array(100);
      while (await socket.read(buffer).catch(() => null) !== null);
      socket.close();
    }
  })().catch(() => {});
  return {
    port: (listener.addr as Deno.NetAddr).port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await served;
    },
  };
}

Deno.test("ping: a broker with users answers who has nothing to show", async () => {
  await using directory = await TestDirectory.create();
  const users = `${directory.path}/users.yaml`;
  await Deno.writeTextFile(users, "users: { app: { permissions: { admin: true } } }", {
    mode: 0o600,
  });
  await using broker = await startBroker({ users });
  const { version, problems, ms } = await ping({ port: broker.port });
  assertEquals(problems, []);
  assert(/^\d+\.\d+\.\d+/.test(version), version);
  assert(ms > 0 && ms < 20_000, `${ms}`);
  await until("it is gone", () => broker.connectionCount === 0);
});

Deno.test("ping: over TLS the certificate of the broker is checked, and none is shown", async () => {
  await using broker = await TlsBroker.start("required");
  const { hostname, port, tls } = broker.options();
  assertEquals((await ping({ hostname: hostname!, port: port!, tls: tls! })).problems, []);
  assertEquals((await ping({ servers: [`smqs://localhost:${port}`], tls: tls! })).problems, []);
  using foreign = new TestCertificates("foreign authority");
  const wrong = () => ping({ hostname: "localhost", port: port!, tls: { ca: foreign.ca } });
  await assertRejects(wrong, Error, "unknown authority");
  const error = await assertRejects(() => ping({ port: port! }), BrokerError);
  assertEquals(error.code, "BAD_MAGIC");
});

Deno.test("ping: of several servers the first that answers counts", async () => {
  await using broker = await startBroker();
  const servers = ["localhost:1", `smq://some-token@localhost:${broker.port}`];
  assertEquals((await ping({ servers })).problems, []);
  const error = await assertRejects(() => ping({ servers: ["localhost:1", "localhost:2"] }));
  assert(error instanceof AggregateError);
  assert(/localhost:1:.*localhost:2:/.test(error.message), error.message);
});

Deno.test("ping: a token file that cannot be read does not matter", async () => {
  await using broker = await startBroker();
  Deno.env.set("SIMPLEMQ_TOKEN_FILE", "/nowhere/token");
  try {
    assertEquals((await ping({ port: broker.port })).problems, []);
  } finally {
    Deno.env.delete("SIMPLEMQ_TOKEN_FILE");
  }
});

Deno.test("ping: who does not answer, or not as a broker does, is told of", async () => {
  await assertRejects(() => ping({ port: 1 }), Error, "Cannot connect to a broker at localhost:1");
  await using silent = listenOnce();
  const late = () => ping({ port: silent.port, timeoutMs: 50 });
  await assertRejects(late, Error, "no answer within 50 ms");
  await using web = listenOnce("HTTP/1.1 400 Bad Request\r\n\r\n");
  const foreign = await assertRejects(() => ping({ port: web.port }), BrokerError);
  assert(foreign.message.includes("is this the port of a broker?"), foreign.message);
  await using closed = listenOnce("");
  await assertRejects(() => ping({ port: closed.port }), Error, "ended before");
});

Deno.test("ping: a broker without room for connections says so", async () => {
  await using broker = await startBroker({ limits: { connections: 1 } });
  await using connection = await broker.connect();
  const error = await assertRejects(() => ping({ port: broker.port }), BrokerError);
  assertEquals(error.code, "TOO_MANY_CONNECTIONS");
  assertEquals(connection.broker.user, "local");
});

Deno.test("ping: a signal stops it, before and meanwhile", async () => {
  await using silent = listenOnce();
  const { port } = silent;
  const signal = AbortSignal.abort(new Error("enough"));
  await assertRejects(() => ping({ port, signal }), Error, "enough");
  const controller = new AbortController();
  const socket = await openSocket(port);
  const waiting = assertRejects(() => ping({ port, signal: controller.signal }), Error, "enough");
  controller.abort(new Error("enough"));
  await waiting;
  socket.close();
});

Deno.test("ping: options that do not exist, or are out of range, are refused", async () => {
  const wrong = { token: "secret" } as Record<string, unknown>;
  await assertRejects(() => ping(wrong), TypeError, "token");
  for (const timeoutMs of [0, -1, NaN, 2 ** 31, "1"]) {
    await assertRejects(() => ping({ timeoutMs: timeoutMs as number }), Error, "timeoutMs");
  }
  await assertRejects(() => ping({ port: 0 }), RangeError, "port");
});
