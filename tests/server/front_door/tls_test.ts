// The port speaks TLS: who comes in, who does not, and what both are told.

import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { deadline } from "@std/async/deadline";
import { connect, type ConnectOptions } from "../../../client.ts";
import { serve } from "../../../server.ts";
import { isConnectionEnd } from "../../../src/transport/connection_end.ts";
import { connectTlsSocket } from "../../../src/transport/node_sockets.ts";
import { TlsAcceptor } from "../../../src/transport/tls_acceptor.ts";
import { startBroker, until } from "../../support/broker/broker.ts";
import {
  type CertificateFiles,
  TestCertificates,
  validFor,
} from "../../support/certificates/test_certificates.ts";
import { type Mode, TlsBroker } from "../../support/certificates/tls_broker.ts";
import { PATIENCE_MS } from "../../support/wire/duplex_client.ts";
import { RawClient } from "../../support/wire/raw_client.ts";

/** Sends a message through the broker, and takes it. */
async function exchange(options: ConnectOptions): Promise<void> {
  await using connection = await connect(options);
  await connection.cursor().createStream("orders");
  await connection.publisher("orders").sendMessage("pizza");
  for await (const message of connection.follower("orders").getMessages()) {
    assertEquals(message.body, "pizza");
    await message.ack({ confirm: true });
    break;
  }
}

Deno.test("a client publishes and follows over TLS, by its own sockets and by those of Node", async () => {
  await using broker = await TlsBroker.start("optional");
  await exchange(broker.options());
  await exchange(broker.options(broker.made.makeClient("app")));
});

// Certificates of clients.

/** What a client shows. */
type Shown = "none" | "good" | "foreign" | "expired" | "a server's";

const NO_CERTIFICATE = "the client has shown no certificate, and the broker requires one";
const FOREIGN = "no authority in tls.client_ca has signed it for a client";

/** What each is told, in each mode; nothing if it is welcome. */
const table: Record<Mode, Record<Shown, string | undefined>> = {
  off: {
    none: undefined,
    good: undefined,
    foreign: undefined,
    expired: undefined,
    "a server's": undefined,
  },
  optional: {
    none: undefined,
    good: undefined,
    foreign: FOREIGN,
    expired: "it ended at ",
    "a server's": FOREIGN,
  },
  required: {
    none: NO_CERTIFICATE,
    good: undefined,
    foreign: FOREIGN,
    expired: "it ended at ",
    "a server's": FOREIGN,
  },
};

for (const mode of ["off", "optional", "required"] as const) {
  Deno.test(`certificates of clients are ${mode}: each client is taken, or told why not`, async () => {
    await using broker = await TlsBroker.start(mode);
    using others = new TestCertificates("another authority");
    const pairs: Record<Shown, CertificateFiles | undefined> = {
      none: undefined,
      good: broker.made.makeClient("app"),
      foreign: others.makeClient("app"),
      expired: broker.made.makeClient("app", validFor(-1)),
      "a server's": broker.made.makeServer({ file: "other" }),
    };
    // Refusals are told late: at the same time.
    await Promise.all((Object.keys(pairs) as Shown[]).map(async (shown) => {
      const told = table[mode][shown];
      await using client = await broker.raw(pairs[shown]);
      await client.hello();
      if (told === undefined) return void await client.expect("welcome");
      const { message } = await client.expectFatalError("UNAUTHORIZED");
      assertStringIncludes(message, told, `${shown}, ${mode}`);
    }));
  });
}

Deno.test("sessions end when their certificate does, or its authority is no longer trusted", async () => {
  await using broker = await TlsBroker.start("optional");
  using others = new TestCertificates("another authority");
  const { made } = broker;
  const second = Math.ceil(Date.now() / 1000) * 1000 + 1000;
  const short = { from: new Date(second - 1e6), until: new Date(second) };
  await using brief = await broker.raw(made.makeClient("brief", short));
  await using long = await broker.raw(made.makeClient("app"));
  await using bare = await broker.raw();
  for (const client of [brief, long, bare]) {
    await client.hello();
    await client.expect("welcome");
  }
  const told = 'The session is ended: user "local" has shown a certificate that is no longer valid';
  assertEquals((await brief.expectFatalError("UNAUTHORIZED")).message, told);
  assertGreaterOrEqual(Date.now(), second);
  await Deno.writeTextFile(made.caFile, others.ca);
  assertEquals((await long.expectFatalError("UNAUTHORIZED")).message, told);
  await bare.ask("getStreams");
});

Deno.test("a line of JSON is answered over TLS, and tells of a missing certificate", async () => {
  for (const [mode, told] of [["optional", "sender_type"], ["required", NO_CERTIFICATE]] as const) {
    await using broker = await TlsBroker.start(mode);
    const { ca } = broker.made;
    const target = { hostname: "localhost", port: broker.server.port, ca };
    const duplex = await connectTlsSocket(target, AbortSignal.timeout(PATIENCE_MS));
    await duplex.write(new TextEncoder().encode('{"type":"ping"}\n'));
    const buffer = new Uint8Array(1000);
    const count = await deadline(duplex.read(buffer), PATIENCE_MS);
    assertStringIncludes(new TextDecoder().decode(buffer.subarray(0, count!)), told);
    duplex.close();
  }
});

// What the client checks.

Deno.test("a client refuses a broker with another name, or of another authority", async () => {
  await using broker = await TlsBroker.start();
  using others = new TestCertificates("another authority");
  const { ca } = broker.made;
  const { port } = broker.server;
  const pair = broker.made.makeClient("app");
  // Without and with a certificate of the client: two libraries check the broker's.
  for (const shown of [{}, { cert: pair.certificate, key: pair.key }]) {
    const open = (tls: ConnectOptions["tls"] & object, hostname = "localhost") =>
      connect({ hostname, port, tls: { ...tls, ...shown } });
    await assertRejects(() => open({ ca, serverName: "example.com" }), Error, "example.com");
    await assertRejects(() => open({ ca: others.ca }), Error, "unknown authority");
    await assertRejects(() => open({}), Error, "unknown authority");
    await (await open({ ca }, "127.0.0.1")).close();
  }
  await until("all have left", () => broker.server.connectionCount === 0);
});

Deno.test("a client refuses a broker whose certificate has ended", async () => {
  using made = new TestCertificates();
  // No broker starts with such a certificate, but one may be in use when it ends.
  const acceptor = new TlsAcceptor(made.makeServer({ validity: validFor(-1) }));
  const failures: string[] = [];
  using port = Deno.listen({ hostname: "localhost", port: 0 });
  const options = { hostname: "localhost", port: port.addr.port };
  const pair = made.makeClient("app");
  for (const shown of [{}, { cert: pair.certificate, key: pair.key }]) {
    const refused = assertRejects(
      () => connect({ ...options, tls: { ca: made.ca, ...shown } }),
      Error,
      "expired",
    );
    const owner = {
      noteFailure: (why: string) => failures.push(why),
      answerPlain: () => undefined,
    };
    const duplex = acceptor.secure(await port.accept(), owner);
    assertEquals(await duplex.read(new Uint8Array(1)), null);
    await refused;
    duplex.close();
  }
  assertEquals(failures.length, 2);
});

// Who does not speak TLS, or nothing else.

Deno.test("a client of TLS is told at a plain port that it is one, and so is the log", async () => {
  await using broker = await startBroker();
  using made = new TestCertificates();
  const tls = { ca: made.ca };
  await assertRejects(
    () => connect({ hostname: "localhost", port: broker.port, tls }),
    Error,
    "does not speak TLS",
  );
  await until("it has left", () => broker.connectionCount === 0);
});

Deno.test("a plain client is told at a port with TLS what to do", async () => {
  await using broker = await TlsBroker.start();
  await using client = await RawClient.connect(broker.server.port);
  await client.hello();
  const { message } = await client.expectFatalError("BAD_MAGIC");
  assertStringIncludes(message, "this port speaks TLS");
  await assertRejects(() => connect({ port: broker.server.port }), Error, "this port speaks TLS");
});

Deno.test("a plain client of JSON lines is told at a port with TLS what to do", async () => {
  await using broker = await TlsBroker.start();
  using socket = await Deno.connect({ port: broker.server.port });
  await socket.write(new TextEncoder().encode('{"token":"smq_none"}\n'));
  const answer = await deadline(new Response(socket.readable).json(), PATIENCE_MS);
  assertStringIncludes(answer.error.message, "this port speaks TLS");
});

Deno.test("garbage and silence at a port with TLS count as connections, until their time is over", async () => {
  await using broker = await TlsBroker.start("off", { handshakeTimeoutMs: 1000 });
  const { port } = broker.server;
  const begun = performance.now();
  const says: Uint8Array[] = [
    new Uint8Array(),
    new Uint8Array([0x16]),
    new Uint8Array([0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]),
  ];
  const sockets: Deno.Conn[] = await Promise.all(says.map(async (bytes) => {
    const socket = await Deno.connect({ hostname: "localhost", port });
    if (bytes.length > 0) await socket.write(bytes);
    return socket;
  }));
  // One has made the handshake of TLS, and says nothing in it.
  sockets.push(
    await Deno.startTls(await Deno.connect({ hostname: "localhost", port }), {
      hostname: "localhost",
      caCerts: [broker.made.ca],
    }),
  );
  await until("all four are counted", () => broker.server.connectionCount === 4);
  const ends = sockets.map(async (socket) => {
    for (const buffer = new Uint8Array(1000);;) {
      const count = await socket.read(buffer).catch((error) => {
        if (isConnectionEnd(error)) return null;
        throw error;
      });
      if (count === null) return performance.now() - begun;
    }
  });
  for (const ms of await deadline(Promise.all(ends), PATIENCE_MS)) {
    assert(ms >= 900, `${ms} ms are too early`);
  }
  await until("none of them is counted", () => broker.server.connectionCount === 0);
  for (const socket of sockets) socket.close();
  await exchange(broker.options());
});

Deno.test("a connection too many is closed before its handshake", async () => {
  using made = new TestCertificates();
  const { certificateFile: certificate, keyFile: key } = made.makeServer();
  await using broker = await startBroker({ tls: { certificate, key }, limits: { connections: 1 } });
  const options = { hostname: "localhost", port: broker.port, tls: { ca: made.ca } };
  const first = await connect(options);
  await using client = await RawClient.connect(broker.port);
  await client.expectEnd();
  await first.close();
  await until("the first has left", () => broker.connectionCount === 0);
  await (await connect(options)).close();
});

Deno.test("serve() says why a certificate cannot be used", async () => {
  using made = new TestCertificates();
  const { certificateFile: certificate } = made.makeServer();
  const { keyFile: key } = made.makeServer({ file: "other" });
  await assertRejects(
    () => serve({ port: 0, storage: { engine: "memory" }, tls: { certificate, key } }),
    Error,
    "Cannot use the certificate: file",
  );
});
