/**
 * The development authority: what it makes is taken by both TLS libraries, and what it must not make
 * is refused by them.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { Buffer } from "node:buffer";
import { createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import type { AddressInfo, Socket } from "node:net";
import tls from "node:tls";
import { Authority, type CertificatePair } from "../../../src/server/certificates/authority.ts";
import { findHostMistake } from "../../../src/server/certificates/certificate_names.ts";
import { LOCAL_NAMES, validFor } from "../../support/certificates/test_certificates.ts";

/** Nothing in a test that passes waits for so long, in milliseconds. */
const PATIENCE_MS = 20_000;

const authority = Authority.create("an authority", validFor(30));

/** What a server has learnt of a client. */
interface Met {
  readonly isAuthorized: boolean;
  readonly name: string | undefined;
}

/** Runs a server of node with a certificate, which asks clients for theirs. */
async function withServer<T>(
  pair: CertificatePair,
  use: (port: number, met: Promise<Met>) => Promise<T>,
): Promise<T> {
  const { promise: met, resolve } = Promise.withResolvers<Met>();
  const server = tls.createServer({
    cert: pair.certificate,
    key: pair.key,
    ca: [authority.certificate],
    requestCert: true,
    rejectUnauthorized: false,
  }, (socket) => {
    resolve({ isAuthorized: socket.authorized, name: socket.getPeerCertificate()?.subject?.CN });
    socket.on("error", () => {});
    socket.end("hello");
  });
  server.on("tlsClientError", () => {});
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await use((server.address() as AddressInfo).port, deadline(met, PATIENCE_MS));
  } finally {
    // Who did not wait for it must not hear of its deadline, much later.
    resolve({ isAuthorized: false, name: undefined });
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** What a client of rustls reads that trusts only an authority. */
async function readAsDeno(port: number, ca: string, hostname = "localhost"): Promise<string> {
  // A test is no part of the broker, and looks at it with other eyes.
  const socket = await Deno.connect({ hostname: "127.0.0.1", port });
  const encrypted = await Deno.startTls(socket, { hostname, caCerts: [ca] });
  try {
    await encrypted.handshake();
    return await new Response(encrypted.readable).text();
  } finally {
    try {
      encrypted.close();
    } catch {
      // Reading to the end has closed it.
    }
  }
}

/** What a client of node reads. */
function readAsNode(port: number, options: tls.ConnectionOptions): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  const socket = tls.connect({ port, host: "127.0.0.1", servername: "localhost", ...options });
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.on("end", () => socket.end());
  socket.on("close", () => resolve(Buffer.concat(chunks).toString()));
  socket.on("error", reject);
  return promise;
}

// Refused.

for (
  const name of [
    "",
    "a b",
    "-a",
    "a-",
    "a..b",
    ".a",
    "a.",
    "a.*.b",
    "*",
    "broker:9090",
    "[::1]",
    "fe80::1%eth0",
    "1.2.3",
    "1.2.3.256",
    "größe.example",
    "a\0b",
    "a/b",
    "x".repeat(64),
    `${"abcdefgh.".repeat(30)}com`,
  ]
) {
  Deno.test(`authority: ${JSON.stringify(name).slice(0, 30)} is no name of a machine`, () => {
    assert(findHostMistake(name)?.includes("allowed a host name, such as"));
    const error = assertThrows(() => authority.makeServer([name], validFor(1)), TypeError);
    assert(error.message.startsWith("Cannot make a certificate: found "), error.message);
    assert(error.message.length < 300);
  });
}

Deno.test("authority: what is no pair of an authority is not taken for one", () => {
  const { certificate, key } = authority;
  const other = Authority.create("another one", validFor(1));
  const leaf = authority.makeServer(["localhost"], validFor(1));
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const pairs: [CertificatePair, string][] = [
    [{ certificate: "", key: "" }, "found no certificate and key in PEM"],
    [{ certificate, key: certificate }, "found no certificate and key in PEM"],
    [{ certificate: certificate.slice(0, 200), key }, "found no certificate and key in PEM"],
    [{ certificate, key: other.key }, "the certificate has another key"],
    [
      { certificate: leaf.certificate, key: leaf.key },
      "the certificate is not one of an authority",
    ],
    [
      { certificate, key: String(rsa.export({ type: "pkcs8", format: "pem" })) },
      "found a key of another kind, allowed one of the curve P-256",
    ],
  ];
  for (const [pair, message] of pairs) {
    assertThrows(() => Authority.read(pair), TypeError, message);
  }
});

Deno.test("authority: clients refuse other names, other authorities, and what is not valid now", async () => {
  const good = authority.makeServer(["localhost"], validFor(1));
  const other = Authority.create("an authority", validFor(30));
  await withServer(good, async (port) => {
    await assertRejects(
      () => readAsDeno(port, authority.certificate, "example.com"),
      Error,
      "not valid for name",
    );
    await assertRejects(
      () => readAsDeno(port, other.certificate),
      Error,
      "invalid peer certificate",
    );
    await assertRejects(() => readAsNode(port, { ca: other.certificate }), Error);
  });
  const tomorrow = { from: validFor(1).until, until: validFor(2).until };
  for (
    const [validity, message] of [[validFor(-1), "certificate expired"], [
      tomorrow,
      "certificate not valid yet",
    ]] as const
  ) {
    await withServer(authority.makeServer(["localhost"], validity), async (port) => {
      await assertRejects(() => readAsDeno(port, authority.certificate), Error, message);
    });
  }
});

Deno.test("authority: a client's certificate is none of a server, and the other way round", async () => {
  const client = authority.makeClient("localhost", validFor(1));
  await withServer(client, async (port) => {
    await assertRejects(
      () => readAsDeno(port, authority.certificate),
      Error,
      "invalid peer certificate",
    );
  });
  const server = authority.makeServer(["localhost"], validFor(1));
  await withServer(server, async (port, met) => {
    const { certificate: cert, key } = server;
    await readAsNode(port, { ca: authority.certificate, cert, key }).catch(() => {});
    assertEquals((await met).isAuthorized, false);
  });
});

// Taken.

Deno.test("authority: both TLS libraries take its certificates, by name and by address", async () => {
  const pair = authority.makeServer([...LOCAL_NAMES, "*.example.com", "FD00::7"], validFor(1));
  await withServer(pair, async (port) => {
    for (const name of [...LOCAL_NAMES, "broker.example.com", "fd00::7"]) {
      assertEquals(await readAsDeno(port, authority.certificate, name), "hello");
    }
    assertEquals(await readAsNode(port, { ca: authority.certificate }), "hello");
  });
  const found = new X509Certificate(pair.certificate);
  assertEquals(found.subject, "CN=localhost");
  assert(found.checkPrivateKey(createPrivateKey(pair.key)));
  assert(found.checkIP("::1") !== undefined && found.checkIP("::2") === undefined);
});

Deno.test("authority: a server learns the name of a client", async () => {
  const server = authority.makeServer(["localhost"], validFor(1));
  for (const name of ["orders-app", "Größe 7", "x".repeat(128)]) {
    const { certificate: cert, key } = authority.makeClient(name, validFor(1));
    await withServer(server, async (port, met) => {
      assertEquals(await readAsNode(port, { ca: authority.certificate, cert, key }), "hello");
      assertEquals(await met, { isAuthorized: true, name });
    });
  }
});

Deno.test("authority: read again it makes certificates that the old certificate vouches for", async () => {
  const { certificate, key } = authority;
  const again = Authority.read({ certificate, key });
  assertEquals(again.until.getTime(), authority.until.getTime());
  await withServer(again.makeServer(["localhost"], validFor(1)), async (port) => {
    assertEquals(await readAsDeno(port, certificate), "hello");
  });
});

Deno.test("authority: validity is to the second, also after 2049, and serials differ", () => {
  const validity = {
    from: new Date("2026-01-02T03:04:05Z"),
    until: new Date("2051-06-07T08:09:10Z"),
  };
  const [one, other] = [1, 2].map(() =>
    new X509Certificate(
      authority.makeServer(["localhost"], validity).certificate,
    )
  );
  assertEquals(new Date(one!.validFrom), validity.from);
  assertEquals(new Date(one!.validTo), validity.until);
  assert(one!.serialNumber !== other!.serialNumber);
  assertEquals(one!.serialNumber.length, 32);
});
