/**
 * A client and a broker that speak TLS with each other, with all that both of them are.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { BrokerError, connect, type ConnectOptions, type ErrorCode } from "@simplemq/simplemq";
import type { BrokerServer, TlsSettings } from "@simplemq/simplemq/server";
import { startBroker, until } from "../../support/broker/broker.ts";
import { TestCertificates } from "../../support/certificates/test_certificates.ts";
import { PATIENCE_MS, runClient, takeOne } from "../support.ts";

/** Starts a broker whose port speaks TLS. */
function startEncrypted(
  certificates: TestCertificates,
  clientCertificates: TlsSettings["clientCertificates"] = "off",
): Promise<BrokerServer> {
  const { certificateFile: certificate, keyFile: key } = certificates.makeServer();
  const clientCa = clientCertificates === "off" ? "" : certificates.caFile;
  return startBroker({ tls: { certificate, key, clientCa, clientCertificates } });
}

/** Connects in vain; the broker's refusal must have that code. */
async function expectRefusal(options: ConnectOptions, code: ErrorCode): Promise<BrokerError> {
  const error = await assertRejects(() => deadline(connect(options), PATIENCE_MS));
  assertInstanceOf(error, BrokerError);
  assertEquals(error.code, code);
  return error;
}

Deno.test("a client without TLS is told so by the broker, and does not wait for another answer", async () => {
  using certificates = new TestCertificates();
  await using broker = await startEncrypted(certificates);
  const error = await expectRefusal({ port: broker.port, waitForBroker: true }, "BAD_MAGIC");
  assert(error.message.includes("this port speaks TLS"), error.message);
});

Deno.test("certificates of clients are taken as the broker is told, and refusals are told", async () => {
  using certificates = new TestCertificates();
  using foreign = new TestCertificates("foreign authority");
  const { ca } = certificates;
  const own = certificates.makeClient("orders-app");
  const other = foreign.makeClient("orders-app");
  const ways = {
    none: { ca },
    good: { ca, cert: own.certificate, key: own.key },
    foreign: { ca, cert: other.certificate, key: other.key },
  };
  const cases = [
    ["off", ["none", "good", "foreign"], []],
    ["optional", ["none", "good"], ["foreign"]],
    ["required", ["good"], ["none", "foreign"]],
  ] as const;
  // All at once: each refusal is answered after a second.
  await Promise.all(cases.map(async ([mode, taken, refused]) => {
    await using broker = await startEncrypted(certificates, mode);
    const { port } = broker;
    await Promise.all(
      refused.map((way) => expectRefusal({ port, tls: ways[way] }, "UNAUTHORIZED")),
    );
    for (const way of taken) {
      await using connection = await connect({ port, tls: ways[way] });
      assertEquals(connection.broker.user, "local");
    }
  }));
});

Deno.test("messages of all sizes go both ways over TLS, together", async () => {
  using certificates = new TestCertificates();
  await using broker = await startEncrypted(certificates, "optional");
  const { certificate: cert, key } = certificates.makeClient("orders-app");
  for (const pair of [{}, { cert, key }]) {
    const tls = { ca: certificates.ca, ...pair };
    const servers = [`smqs://localhost:${broker.port}`];
    await using connection = await connect({ servers, tls });
    await connection.cursor().createStream("work");
    const sizes = [0, 1, 100, 4096, 65_536, 1_000_000];
    const bodies = Array.from({ length: 60 }, (_, index) => {
      return new Uint8Array(sizes[index % sizes.length]!).fill(index);
    });
    const publisher = connection.publisher("work");
    const sent = Promise.all(bodies.map((body) => publisher.sendMessage(body)));
    const follower = connection.follower<Uint8Array>("work");
    const messages = follower.getMessages({ autoAck: true });
    for (const body of bodies) {
      const { value } = await deadline(messages.next(), PATIENCE_MS);
      assertEquals(value!.body.length, body.length);
      assert(value!.body.every((byte: number) => byte === body[0]));
    }
    await sent;
    const answering = takeOne(follower).then((request) =>
      request.reply(request.body as Uint8Array)
    );
    const reply = await publisher.request<Uint8Array>(new Uint8Array(65_536).fill(7));
    assertEquals(reply.body.length, 65_536);
    await answering;
    await follower.close({ drainMs: 0 });
    await connection.cursor().deleteStream("work");
  }
});

Deno.test("what a client has sent over TLS before it closes arrives", async () => {
  using certificates = new TestCertificates();
  await using broker = await startEncrypted(certificates, "optional");
  await using watcher = await broker.connect();
  await watcher.cursor().createStream("work");
  const { certificate: cert, key } = certificates.makeClient("orders-app");
  for (const pair of [{}, { cert, key }]) {
    for (const size of [1, 50_000, 300_000]) {
      const tls = { ca: certificates.ca, ...pair };
      const connection = await connect({ port: broker.port, tls });
      await watcher.publisher("work").sendMessage("in hand");
      const message = await takeOne(connection.follower("work"));
      // Neither of them is waited for.
      const sent = connection.publisher("work").sendMessage(new Uint8Array(size));
      message.ack();
      await deadline(connection.close(), PATIENCE_MS);
      await sent;
      const left = await takeOne<unknown>(watcher.follower("work"));
      assertEquals((left.body as Uint8Array).length, size);
      assertEquals(left.attempts, 1);
      await left.ack({ confirm: true });
    }
  }
  await until("all are gone", () => broker.connectionCount === 1);
});

Deno.test("a client with TLS needs no permission but the one to connect", async () => {
  using certificates = new TestCertificates();
  await using broker = await startEncrypted(certificates, "optional");
  const { certificate: cert, key } = certificates.makeClient("orders-app");
  for (const pair of [{}, { cert, key }]) {
    const options = { port: broker.port, tls: { ca: certificates.ca, ...pair } };
    const shown = await runClient(
      `await using connection = await connect(${JSON.stringify(options)});
      console.log(await connection.cursor().getStreams());`,
    );
    assertEquals(shown, "[]\n");
  }
});

Deno.test("a connection over TLS comes back when its broker does", async () => {
  using certificates = new TestCertificates();
  const first = await startEncrypted(certificates);
  const { port } = first;
  await using connection = await connect({ port, tls: { ca: certificates.ca } });
  await first.close();
  const { certificateFile: certificate, keyFile: key } = certificates.makeServer();
  await using _second = await startBroker({ port, tls: { certificate, key } });
  assertEquals(await deadline(connection.cursor().getStreams(), PATIENCE_MS), []);
});

Deno.test("the first request over TLS, and large ones, are not delayed", async () => {
  using certificates = new TestCertificates();
  await using broker = await startBroker();
  await using door = await startEncrypted(certificates, "optional");
  const plain = await measureFirst({ port: broker.port });
  const { certificate: cert, key } = certificates.makeClient("orders-app");
  for (const pair of [{}, { cert, key }]) {
    const tls = { ca: certificates.ca, ...pair };
    const encrypted = await measureFirst({ port: door.port, tls });
    // What Nagle's algorithm and late acknowledgements add is 40 ms and more.
    assert(encrypted < plain * 10 + 25, `${encrypted} ms over TLS, ${plain} ms without`);
  }
});

/** The shortest time of a first request with a large message in new connections, in milliseconds. */
async function measureFirst(options: ConnectOptions): Promise<number> {
  let shortest = Infinity;
  for (let count = 0; count < 5; count++) {
    await using connection = await connect(options);
    const start = performance.now();
    await connection.cursor().createStream("first");
    await connection.publisher("first").sendMessage(new Uint8Array(65_536));
    shortest = Math.min(shortest, performance.now() - start);
  }
  return shortest;
}
