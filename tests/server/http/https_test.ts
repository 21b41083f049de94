/**
 * HTTPS with the certificate of the broker: reload, client certificates, and clients without TLS.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async/delay";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { serve } from "../../../server.ts";
import { TestCertificates } from "../../support/certificates/test_certificates.ts";
import type { CertificatePair } from "../../../src/server/certificates/authority.ts";
import type { Duplex } from "../../../src/transport/duplex.ts";
import { connectTlsSocket } from "../../../src/transport/node_sockets.ts";
import { RawHttp } from "./raw_http.ts";

/** Nothing that works takes so long, in milliseconds. */
const PATIENCE_MS = 10_000;

/** Settings of a broker with HTTPS. */
function settings(made: TestCertificates, mode: "off" | "optional" | "required" = "off") {
  const { certificateFile: certificate, keyFile: key } = made.makeServer();
  const clients = mode === "off" ? {} : { clientCa: made.caFile, clientCertificates: mode };
  return {
    port: 0,
    storage: { engine: "memory" },
    http: { port: 0 },
    logLevel: "error",
    tls: { certificate, key, ...clients },
  } as const;
}

/** Connects as browsers do: they offer HTTP/2, too. */
function dial(port: number, ca: string, pair?: CertificatePair): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const socket = connectTls({
    host: "localhost",
    port,
    servername: "localhost",
    ca,
    ...pair && { cert: pair.certificate, key: pair.key },
    ALPNProtocols: ["h2", "http/1.1"],
  });
  socket.on("secureConnect", () => resolve(socket));
  socket.on("error", reject);
  return promise;
}

/** A socket of TLS as a test's client needs it. */
class TlsClient implements Duplex {
  readonly #socket: TLSSocket;
  readonly #chunks: AsyncIterator<Uint8Array>;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    this.#chunks = socket[Symbol.asyncIterator]();
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    const { done, value } = await this.#chunks.next();
    if (done) return null;
    buffer.set(value);
    return value.length;
  }

  write(bytes: Uint8Array): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#socket.write(bytes, () => resolve(bytes.length));
    return promise;
  }

  close(): void {
    this.#socket.destroy();
  }
}

async function open(port: number, ca: string, pair?: CertificatePair) {
  const socket = await dial(port, ca, pair);
  return { socket, client: new RawHttp(new TlsClient(socket)) };
}

Deno.test("HTTPS shows a new certificate to new connections, and keeps the old ones", async () => {
  using made = new TestCertificates();
  await using broker = await serve(settings(made));
  const { port } = broker.http!;
  const old = await open(port, made.ca);
  assertEquals(old.socket.alpnProtocol, "http/1.1");
  assertEquals((await old.client.request("GET", "/livez")).status, 200);
  const serial = () => old.socket.getPeerCertificate().serialNumber;
  const before = serial();
  const expiry = async (client: RawHttp) => {
    const { body } = await client.request("GET", "/metrics");
    return Number(/certificate_expiry_timestamp_seconds (\d+)/.exec(body)?.[1]);
  };
  const ends = await expiry(old.client);
  made.makeServer({
    validity: { from: new Date(Date.now() - 1000), until: new Date(Date.now() + 1e8) },
  });
  const end = performance.now() + PATIENCE_MS;
  let next = await open(port, made.ca);
  while (next.socket.getPeerCertificate().serialNumber === before) {
    assert(performance.now() < end, "the old certificate is still shown");
    next.client.close();
    // The files are looked at once a second; handshakes meanwhile would only take processor time.
    await delay(50);
    next = await open(port, made.ca);
  }
  assertEquals((await next.client.request("GET", "/livez")).status, 200);
  assert(await expiry(next.client) < ends);
  next.client.close();
  assertEquals((await old.client.request("GET", "/livez")).status, 200);
  old.client.close();
});

Deno.test("a client that does not speak TLS is told to, and half a handshake has a deadline", async () => {
  using made = new TestCertificates();
  await using broker = await serve({ ...settings(made), handshakeTimeoutMs: 100 });
  using plain = await RawHttp.open(broker.http!);
  const { status, body } = await plain.request("GET", "/livez");
  assertEquals([status, body], [400, "This port speaks HTTPS.\n"]);
  using half = await RawHttp.open(broker.http!);
  await half.send("\x16\x03\x01");
  await half.receiveAll();
  using silent = await RawHttp.open(broker.http!);
  await silent.receiveAll();
});

Deno.test("a client certificate is a login, and health needs none", async () => {
  using made = new TestCertificates();
  const users = `${made.directory}/users.yaml`;
  await Deno.writeTextFile(
    users,
    "users:\n  watcher: { certificate: watcher, permissions: { metrics: true } }\n",
    { mode: 0o600 },
  );
  const good = made.makeClient("watcher");
  using other = new TestCertificates("another authority");
  const foreign = other.makeClient("watcher");
  await Promise.all((["optional", "required"] as const).map(async (mode) => {
    await using broker = await serve({ ...settings(made, mode), users });
    const { port } = broker.http!;
    const cases = [
      [good, 200, ""],
      [foreign, 401, "the certificate of the client is not valid"],
      [undefined, 401, mode === "required" ? "no certificate" : "none was shown"],
    ] as const;
    // Refusals are told late: at the same time.
    await Promise.all(cases.map(async ([pair, status, detail]) => {
      const { client } = await open(port, made.ca, pair);
      const found = await client.request("GET", "/metrics");
      assertEquals(found.status, status);
      assertStringIncludes(found.body, detail);
      assertEquals((await client.request("GET", "/readyz")).status, 200);
      client.close();
    }));
  }));
});

Deno.test("HTTPS is not the protocol of the broker", async () => {
  using made = new TestCertificates();
  await using broker = await serve(settings(made));
  const target = { hostname: "localhost", port: broker.http!.port, ca: made.ca };
  const error = await connectTlsSocket(target, AbortSignal.timeout(5000))
    .then(() => undefined, (error) => error);
  assert(error instanceof Error, "a client of the broker finds no protocol that both speak");
});
