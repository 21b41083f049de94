/**
 * Connections over TLS: which certificates are refused and how that is told, and what a handshake that
 * does not end costs.
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
import { BrokerError, connect, type ConnectOptions, type TlsOptions } from "@simplemq/simplemq";
import { startBroker, until } from "../../support/broker/broker.ts";
import { TestCertificates, validFor } from "../../support/certificates/test_certificates.ts";
import { TlsFront } from "../../support/wire/tls_front.ts";
import { PATIENCE_MS, takeOne } from "../support.ts";

/** A broker behind a port with TLS, and the certificates for it. */
class Scene implements AsyncDisposable {
  readonly #parts = new AsyncDisposableStack();
  readonly certificates = this.#parts.use(new TestCertificates());
  readonly foreign = this.#parts.use(new TestCertificates("foreign authority"));
  readonly client = this.certificates.makeClient("orders-app");
  brokerPort = 0;

  static async start(): Promise<Scene> {
    const scene = new Scene();
    const broker = scene.#parts.use(await startBroker());
    scene.brokerPort = broker.port;
    return scene;
  }

  /** Opens a port with a certificate; by default one for this machine. */
  async open(
    pair: { certificate: string; key: string } = this.certificates.makeServer(),
    more: { ca?: string; requestCert?: boolean; rejectUnauthorized?: boolean } = {},
  ): Promise<TlsFront> {
    const { certificate: cert, key } = pair;
    const options = { cert, key, ALPNProtocols: ["smq/1"], ...more };
    return this.#parts.use(await TlsFront.open(this.brokerPort, options));
  }

  /** The two ways to connect: without and with a certificate of the client. */
  get ways(): readonly TlsOptions[] {
    const { certificate: cert, key } = this.client;
    return [{ ca: this.certificates.ca }, { ca: this.certificates.ca, cert, key }];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }
}

/** Connects in vain; resolves to the error, which tells the address. */
async function fail(port: number, options: ConnectOptions): Promise<Error> {
  const error = await assertRejects(
    () => deadline(connect({ hostname: "localhost", port, ...options }), PATIENCE_MS),
    Error,
  );
  const start = `Cannot connect to a broker at localhost:${port}: `;
  assert(error.message.startsWith(start), error.message);
  assert(error.cause instanceof Error, "the cause is not told");
  return new Error(error.message.slice(start.length), { cause: error });
}

Deno.test("a broker's certificate that is not good is refused, and why is told in a sentence", async () => {
  await using scene = await Scene.start();
  const { certificates, foreign } = scene;
  const good = await scene.open();
  const named = await scene.open(
    certificates.makeServer({ names: ["broker.example", "b.example"] }),
  );
  const expired = await scene.open(certificates.makeServer({ validity: validFor(-1) }));
  const unknown = "its certificate is signed by an unknown authority";
  assertEquals(
    (await fail(good.port, { tls: true })).message,
    `${unknown}; give its authority as tls.ca`,
  );
  for (const tls of scene.ways) {
    const { message } = await fail(good.port, { tls: { ...tls, ca: foreign.ca } });
    assert(message.startsWith(unknown), message);
    assert(message.endsWith("; give its authority as tls.ca"), message);
    assertEquals(
      (await fail(named.port, { tls })).message,
      'its certificate is not for "localhost", but for broker.example, b.example; ' +
        "give a name that it is for as tls.serverName",
    );
    const { message: other } = await fail(good.port, { tls: { ...tls, serverName: "10.0.0.1" } });
    assertStringIncludes(other, 'its certificate is not for "10.0.0.1"');
    assertStringIncludes((await fail(expired.port, { tls })).message, "has expired");
  }
  const authority = await scene.open(scene.certificates.authority);
  using namesake = new TestCertificates();
  for (const tls of scene.ways) {
    const { message } = await fail(good.port, { tls: { ...tls, ca: namesake.ca } });
    assert(message.startsWith(unknown), message);
  }
  assertEquals(
    (await fail(authority.port, { tls: scene.ways[0]! })).message,
    "its certificate is that of an authority, not that of a server",
  );
  // Nobody was told a token.
  for (const { receivedBytes } of [good, named, expired, authority]) assertEquals(receivedBytes, 0);
});

Deno.test("the name to be checked can be told, and a broker can be reached by its address", async () => {
  await using scene = await Scene.start();
  const named = await scene.open(scene.certificates.makeServer({ names: ["broker.example"] }));
  const good = await scene.open();
  for (const tls of scene.ways) {
    const way = { ...tls, serverName: "broker.example" };
    await using _one = await connect({ port: named.port, tls: way });
    await using _other = await connect({ hostname: "127.0.0.1", port: good.port, tls });
  }
});

Deno.test("a port that does not speak TLS is told of, and one that does and should not", async () => {
  await using scene = await Scene.start();
  const { port } = await scene.open();
  for (const tls of scene.ways) {
    assertEquals(
      (await fail(scene.brokerPort, { tls })).message,
      "its port does not speak TLS; leave tls out, or use smq:// in place of smqs://",
    );
  }
  const servers = [`smqs://token@localhost:${scene.brokerPort}`];
  await assertRejects(() => connect({ servers }), Error, "its port does not speak TLS");
  const error = await fail(port, {});
  assertEquals(
    error.message,
    "its port speaks TLS, and this client does not; use smqs://, or give tls",
  );
  // Waiting for a broker would be waiting for ever.
  const inVain: ConnectOptions[] = [
    { port: scene.brokerPort, tls: true },
    { port, tls: true },
    { port, tls: { ca: scene.certificates.ca, serverName: "other.example" } },
    { servers: [`smqs://localhost:${port}`, `smqs://localhost:${scene.brokerPort}`] },
  ];
  for (const options of inVain) {
    const { message } = await assertRejects(
      () => deadline(connect({ ...options, waitForBroker: true }), PATIENCE_MS),
      Error,
    );
    assert(message.startsWith("Cannot connect to a broker at localhost:"), message);
  }
  const waiting = connect({ port, waitForBroker: true });
  assertInstanceOf(await assertRejects(() => deadline(waiting, PATIENCE_MS)), BrokerError);
});

Deno.test("a connection that ends during the handshake of TLS, or behind it, is told of", async () => {
  using certificates = new TestCertificates();
  using listener = Deno.listen({ hostname: "localhost", port: 0 });
  const closing = (async () => {
    for await (const socket of listener) {
      // Not before it has spoken.
      await socket.read(new Uint8Array(1000));
      socket.close();
    }
  })();
  const { certificate: cert, key } = certificates.makeClient("app");
  const { port } = listener.addr;
  for (const tls of [{ ca: certificates.ca }, { ca: certificates.ca, cert, key }]) {
    assertEquals(
      (await fail(port, { tls })).message,
      "the connection ended during the handshake of TLS; does its port speak TLS?",
    );
  }
  assertEquals(
    (await fail(port, {})).message,
    "the connection ended before the broker's answer; " +
      "if its port speaks TLS, use smqs:// or give tls",
  );
  listener.close();
  await closing;
});

Deno.test("a broker that asks for certificates of clients gets them, and refusals are told", async () => {
  await using scene = await Scene.start();
  const { certificates, foreign } = scene;
  const front = await scene.open(undefined, {
    ca: certificates.ca,
    requestCert: true,
    rejectUnauthorized: true,
  });
  const { ca } = certificates;
  assertEquals(
    (await fail(front.port, { tls: { ca } })).message,
    "it requires a certificate of the client; give tls.cert and tls.key",
  );
  const { certificate: cert, key } = foreign.makeClient("orders-app");
  assertStringIncludes(
    (await fail(front.port, { tls: { ca, cert, key } })).message,
    "the client's certificate",
  );
  for (const tls of scene.ways.slice(1)) {
    await using connection = await connect({ port: front.port, tls });
    assertEquals(connection.broker.engine, "memory");
    assertEquals(front.clients.at(-1), "orders-app");
  }
});

Deno.test("a handshake of TLS that does not end is given up, by time and by signal", async () => {
  await using scene = await Scene.start();
  using silent = Deno.listen({ hostname: "localhost", port: 0 });
  const { port } = silent.addr;
  for (const tls of scene.ways) {
    const accepted = silent.accept();
    const { message } = await fail(port, { tls, connectTimeoutMs: 50 });
    assertEquals(message, "no connection within 50 ms");
    (await accepted).close();

    const controller = new AbortController();
    const again = silent.accept();
    const connecting = connect({ port, tls, signal: controller.signal });
    const socket = await again;
    controller.abort(new Error("enough"));
    assertEquals((await assertRejects(() => connecting, Error)).message, "enough");
    socket.close();
  }
  const controller = new AbortController();
  controller.abort(new Error("before"));
  await assertRejects(
    () => connect({ port, tls: true, signal: controller.signal }),
    Error,
    "before",
  );
});

Deno.test("of all the handshakes that a client gives up, at most one keeps its connection", async () => {
  await using scene = await Scene.start();
  using silent = Deno.listen({ hostname: "localhost", port: 0 });
  const { port } = silent.addr;
  for (const tls of scene.ways) {
    const controller = new AbortController();
    const { signal } = controller;
    const connecting = connect({ port, tls, signal, waitForBroker: true, connectTimeoutMs: 50 });
    const first = await silent.accept();
    for (let count = 0; count < 2; count++) {
      await expectEnd(await deadline(silent.accept(), PATIENCE_MS));
    }
    controller.abort(new Error("enough"));
    await assertRejects(() => connecting, Error, "enough");
    first.close();
  }
});

/** Waits until the client has closed its connection. */
async function expectEnd(socket: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(1024);
  try {
    while (await deadline(socket.read(buffer), PATIENCE_MS) !== null);
  } catch (error) {
    assertInstanceOf(error, Deno.errors.ConnectionReset);
  } finally {
    socket.close();
  }
}

Deno.test("a certificate that is not good any more is told, and does not end a connection", async () => {
  await using scene = await Scene.start();
  const front = await scene.open();
  const [tls] = scene.ways;
  await using connection = await connect({ port: front.port, tls: tls! });
  const events = connection.status();
  const { certificate, key } = scene.certificates.makeServer({ validity: validFor(-1) });
  front.renew({ cert: certificate, key });
  front.cut();
  let told: Error | undefined;
  while (told === undefined) {
    const { value } = await deadline(events.next(), PATIENCE_MS);
    if (value?.type === "reconnecting") told = value.error;
  }
  const address = `Cannot connect to a broker at localhost:${front.port}`;
  assertEquals(told.message, `${address}: its certificate has expired`);
  const { certificate: cert, key: itsKey } = scene.certificates.makeServer();
  front.renew({ cert, key: itsKey });
  assertEquals(await deadline(connection.cursor().getStreams(), PATIENCE_MS), []);
});

Deno.test("messages of all sizes go through TLS, and a cut connection is restored", async () => {
  await using scene = await Scene.start();
  const front = await scene.open();
  for (const [index, tls] of scene.ways.entries()) {
    await using connection = await connect({ servers: [`smqs://localhost:${front.port}`], tls });
    const stream = `work${index}`;
    await connection.cursor().createStream(stream);
    const publisher = connection.publisher(stream);
    const follower = connection.follower<Uint8Array>(stream);
    const bodies = [1, 4096, 65_536, 1_000_000].map((size) =>
      new Uint8Array(size).fill(size % 251)
    );
    for (const body of bodies) await publisher.sendMessage(body);
    for (const body of bodies) {
      const message = await takeOne(follower);
      assertEquals(message.body, body);
      await message.ack({ confirm: true });
    }
    const { acceptedCount } = front;
    front.cut();
    const receipt = await deadline(publisher.sendMessage("after"), PATIENCE_MS);
    assertEquals(receipt.streams, [{ stream, id: 5 }]);
    assert(front.acceptedCount > acceptedCount);
    assert(front.receivedBytes > 1_000_000);
  }
  await until("all connections have ended", () => front.endedCount === front.acceptedCount);
});
