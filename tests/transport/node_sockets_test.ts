// Sockets of node:net and node:tls as a client's connection, against real ports of this machine.

import { assert, assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { isConnectionEnd } from "../../src/transport/connection_end.ts";
import type { Duplex } from "../../src/transport/duplex.ts";
import { connectNodeSocket, connectTlsSocket } from "../../src/transport/node_sockets.ts";
import { Authority } from "../../src/server/certificates/authority.ts";
import { AUTHORITY, makeAcceptor } from "../support/certificates/tls_pair.ts";
import { validFor } from "../support/certificates/test_certificates.ts";
import { passTurns, until } from "../support/broker/broker.ts";

const PATIENCE_MS = 20_000;

/** By this variable node:tls checks nothing, unless it is told to. */
const VARIABLE = "NODE_TLS_REJECT_UNAUTHORIZED";

const never = new AbortController().signal;

/** A connection between two sockets: the client's is one of node:net or node:tls. */
class SocketPair implements Disposable {
  readonly here: Duplex;
  readonly there: Duplex;

  private constructor(here: Duplex, there: Duplex) {
    this.here = here;
    this.there = there;
  }

  static async open(hostname: string, serverName?: string): Promise<SocketPair> {
    using port = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const owner = { noteFailure: () => {}, answerPlain: () => undefined };
    const acceptor = makeAcceptor(AUTHORITY.certificate);
    const accepting = port.accept().then(async (socket) => {
      const there = acceptor.secure(socket, owner);
      await there.read(new Uint8Array(1));
      return there;
    });
    const { certificate: cert, key } = AUTHORITY.makeClient("app", validFor(1));
    const ca = AUTHORITY.certificate;
    const target = { hostname, port: port.addr.port, serverName, ca, cert, key };
    const here = await deadline(connectTlsSocket(target, never), PATIENCE_MS);
    await here.write(new Uint8Array(1));
    return new SocketPair(here, await deadline(accepting, PATIENCE_MS));
  }

  static async openPlain(): Promise<SocketPair> {
    using port = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepting = port.accept();
    const here = connectNodeSocket("localhost", port.addr.port, never);
    return new SocketPair(await deadline(here, PATIENCE_MS), await accepting);
  }

  [Symbol.dispose](): void {
    this.here.close();
    this.there.close();
  }
}

for (
  const [hostname, serverName] of [["localhost"], ["127.0.0.1"], ["127.0.0.1", "localhost"]] as [
    string,
    string?,
  ][]
) {
  Deno.test(`a name or an address is checked: ${serverName ?? hostname} at ${hostname}`, async () => {
    using pair = await SocketPair.open(hostname, serverName);
    await pair.there.write(new Uint8Array([1, 2]));
    assertEquals(await pair.here.read(new Uint8Array(9)), 2);
  });
}

for (const serverName of ["example.com", "127.0.0.2"]) {
  Deno.test(`another name or address is refused: ${serverName}`, async () => {
    using port = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const owner = { noteFailure: () => {}, answerPlain: () => undefined };
    const ca = AUTHORITY.certificate;
    const target = { hostname: "127.0.0.1", port: port.addr.port, serverName, ca };
    const refused = assertRejects(() => connectTlsSocket(target, never), Error, serverName);
    const there = makeAcceptor().secure(await port.accept(), owner);
    await there.read(new Uint8Array(1)).catch(() => {});
    await refused;
    there.close();
  });
}

const FOREIGN = Authority.create("foreign", validFor(1)).certificate;

for (const [what, trusted] of [["name", {}], ["authority", { ca: FOREIGN }]] as const) {
  Deno.test(`no variable of the environment lets another ${what} through`, async () => {
    const before = Deno.env.get(VARIABLE);
    Deno.env.set(VARIABLE, "0");
    try {
      using port = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const owner = { noteFailure: () => {}, answerPlain: () => undefined };
      const serverName = what === "name" ? "example.com" : "localhost";
      const way = { hostname: "127.0.0.1", port: port.addr.port, serverName };
      const target = { ...way, ca: AUTHORITY.certificate, ...trusted };
      const refused = assertRejects(() => connectTlsSocket(target, never));
      const there = makeAcceptor().secure(await port.accept(), owner);
      await there.read(new Uint8Array(1)).catch(() => {});
      await refused;
      there.close();
    } finally {
      if (before === undefined) Deno.env.delete(VARIABLE);
      else Deno.env.set(VARIABLE, before);
    }
  });
}

const WRITERS: [who: "broker" | "client", way: string, open: () => Promise<SocketPair>][] = [
  ["broker", "TLS", () => SocketPair.open("localhost")],
  ["client", "TLS", () => SocketPair.open("localhost")],
  ["broker", "TCP", () => SocketPair.openPlain()],
  ["client", "TCP", () => SocketPair.openPlain()],
];

for (const [who, way, open] of WRITERS) {
  Deno.test(`what the ${who} writes by ${way} waits for a slow reader, and all arrives`, async () => {
    using pair = await open();
    const [writer, reader] = who === "broker" ? [pair.there, pair.here] : [pair.here, pair.there];
    const piece = new Uint8Array(100_000);
    const total = 400 * piece.length;
    let written = 0;
    const writing = (async () => {
      while (written < total) {
        const at = written % piece.length;
        if (at === 0) piece.fill(written / piece.length);
        written += await writer.write(piece.subarray(at));
      }
    })();
    let before = -1;
    await until("the system takes no more", async () => {
      const isStill = before === written && written > 0;
      before = written;
      await passTurns();
      return isStill;
    });
    // The system keeps some megabytes.
    assertLess(written, total);
    const buffer = new Uint8Array(70_000);
    for (let read = 0; read < total;) {
      const count = await deadline(reader.read(buffer), PATIENCE_MS);
      assert(count !== null);
      assertGreater(count, 0);
      for (let at = 0; at < count;) {
        const end = Math.min(count, at + piece.length - (read + at) % piece.length);
        const expected = Math.floor((read + at) / piece.length) & 0xff;
        assert(buffer.subarray(at, end).every((byte) => byte === expected), `at ${read + at}`);
        at = end;
      }
      read += count;
    }
    await writing;
  });
}

for (const [who, way, open] of WRITERS) {
  if (who === "client") {
    Deno.test(`a socket of ${way} that is closed ends its read, its write, the other side`, async () => {
      using pair = await open();
      let failure: unknown;
      const writing = (async () => {
        for (let count = 0; count < 1000; count++) await pair.here.write(new Uint8Array(100_000));
      })().catch((error) => failure = error);
      const reading = pair.here.read(new Uint8Array(1));
      await passTurns();
      pair.here.close();
      assertEquals(await deadline(reading, PATIENCE_MS), null);
      await deadline(writing, PATIENCE_MS);
      assert(isConnectionEnd(failure), String(failure));
      for (const buffer = new Uint8Array(100_000);;) {
        const count = await pair.there.read(buffer).catch((error) => {
          assert(isConnectionEnd(error), String(error));
          return null;
        });
        if (count === null) break;
      }
    });
  }
}

Deno.test("connecting can be given up, before it begins and in the middle", async () => {
  using port = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const target = { hostname: "127.0.0.1", port: port.addr.port };
  await assertRejects(() => connectTlsSocket(target, AbortSignal.abort("before")));
  const giving = new AbortController();
  const connecting = connectTlsSocket(target, giving.signal);
  using socket = await port.accept();
  giving.abort(new Error("in the middle"));
  await assertRejects(() => connecting, Error, "in the middle");
  const { hostname, port: number } = target;
  await assertRejects(() => connectNodeSocket(hostname, number, AbortSignal.abort("before")));
  const buffer = new Uint8Array(1000);
  while (await socket.read(buffer).catch(() => null) !== null);
});

Deno.test("a port that nobody listens at is a refused connection", async () => {
  const port = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { addr } = port;
  port.close();
  const error = await assertRejects(() => connectNodeSocket("127.0.0.1", addr.port, never), Error);
  assertEquals("code" in error && error.code, "ECONNREFUSED");
  assert(!isConnectionEnd(error));
});
