// The broker's end of TLS, over connections that behave as they like.

import { assert, assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import { deadline } from "@std/async/deadline";
import fc from "fast-check";
import { isConnectionEnd } from "../../src/transport/connection_end.ts";
import type { Duplex } from "../../src/transport/duplex.ts";
import { AUTHORITY, makeAcceptor, TlsPair } from "../support/certificates/tls_pair.ts";
import { validFor } from "../support/certificates/test_certificates.ts";
import { passTurns, until } from "../support/broker/broker.ts";
import { chooseLength } from "../support/length.ts";
import { fuzz } from "../support/wire/fuzz.ts";

const PATIENCE_MS = 20_000;

/** A connection that reads and writes in pieces of given sizes, over and over. */
class Piecemeal implements Duplex {
  readonly #duplex: Duplex;
  readonly #sizes: readonly number[];
  #count = 0;

  constructor(duplex: Duplex, sizes: readonly number[]) {
    this.#duplex = duplex;
    this.#sizes = sizes;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#duplex.read(buffer.subarray(0, this.#size()));
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#duplex.write(bytes.subarray(0, this.#size()));
  }

  close(): void {
    this.#duplex.close();
  }

  #size(): number {
    return this.#sizes[this.#count++ % this.#sizes.length]!;
  }
}

/** Bytes that tell their place. */
function counting(count: number, from = 0): Uint8Array {
  return Uint8Array.from({ length: count }, (_, index) => (from + index) * 31 >> 3);
}

/** Writes bytes as a link does: one buffer, which is filled again as soon as a write is over. */
async function writeCounting(duplex: Duplex, count: number, pieceBytes: number): Promise<void> {
  const buffer = new Uint8Array(pieceBytes);
  for (let done = 0; done < count; done += pieceBytes) {
    buffer.set(counting(pieceBytes, done));
    for (let sent = 0; sent < pieceBytes;) sent += await duplex.write(buffer.subarray(sent));
    buffer.fill(0xee);
  }
}

/** Reads so many bytes, and checks that they are the right ones. */
async function readCounting(duplex: Duplex, count: number, bufferBytes: number): Promise<void> {
  const all = new Uint8Array(count);
  for (let done = 0; done < count;) {
    const buffer = all.subarray(done, Math.min(count, done + bufferBytes));
    const read = await deadline(duplex.read(buffer), PATIENCE_MS);
    assert(read !== null, `it ended after ${done} of ${count} bytes`);
    assertGreater(read, 0);
    done += read;
  }
  const wrong = all.findIndex((byte, index) => byte !== (index * 31 >> 3 & 0xff));
  assertEquals(wrong, -1, "the first wrong byte");
}

Deno.test("TlsDuplex carries all bytes both ways, in pieces of any size", async () => {
  const acceptor = makeAcceptor();
  const sizes = fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 5 });
  const property = fc.asyncProperty(
    sizes,
    fc.integer({ min: 1, max: 100_000 }),
    fc.integer({ min: 1, max: 100_000 }),
    async (pieces, writeBytes, readBytes) => {
      // With one byte at a time the handshake alone has thousands of steps.
      const steps = [...pieces, 5000];
      using pair = new TlsPair({ acceptor, wrap: (duplex) => new Piecemeal(duplex, steps) });
      const count = writeBytes * 2;
      const reading = readCounting(pair.there, count, readBytes);
      const here = await pair.open();
      await Promise.all([
        writeCounting(here, count, writeBytes),
        reading,
      ]);
      await Promise.all([
        writeCounting(pair.there, count, writeBytes),
        readCounting(here, count, readBytes),
      ]);
      assertEquals(pair.failures, []);
    },
  );
  await fc.assert(property, fuzz(chooseLength({ short: 3, long: 20 })));
});

/** A connection after its handshake: one byte has gone each way. */
async function opened(options?: ConstructorParameters<typeof TlsPair>[0]) {
  const pair = new TlsPair(options);
  const reading = pair.there.read(new Uint8Array(1));
  const here = await pair.open();
  await here.write(new Uint8Array([1]));
  assertEquals(await reading, 1);
  return Object.assign(pair, { here });
}

for (const who of ["broker", "client"] as const) {
  Deno.test(`the ${who} writes no further than a slow reader takes, and all arrives`, async () => {
    using pair = await opened();
    const [writer, reader] = who === "broker" ? [pair.there, pair.here] : [pair.here, pair.there];
    const count = 8 * 1024 * 1024;
    let written = 0;
    const counted: Duplex = {
      read: (buffer) => writer.read(buffer),
      write: async (bytes) => {
        const sent = await writer.write(bytes);
        written += sent;
        return sent;
      },
      close: () => writer.close(),
    };
    const writing = writeCounting(counted, count, 64 * 1024);
    let before = -1;
    await until("nothing moves any more", async () => {
      const isStill = before === written;
      before = written;
      await passTurns();
      return isStill;
    });
    // What waits unread, on its way through the pipe, and in the streams between.
    assertLess(written, 1024 * 1024);
    await Promise.all([writing, readCounting(reader, count, 129 * 1024)]);
  });
}

Deno.test("TlsDuplex.close() ends the read and the write that wait, and tells the other side", async () => {
  using pair = await opened();
  const reading = pair.there.read(new Uint8Array(1));
  pair.there.close();
  assertEquals(await reading, null);
  assertEquals(await pair.here.read(new Uint8Array(1)), null);
  const error = await assertRejects(() => pair.there.write(new Uint8Array(1)), Error);
  assert(isConnectionEnd(error), String(error));
});

Deno.test("TlsDuplex.close() lets a write fail that nobody takes", async () => {
  using pair = await opened();
  let failure: unknown;
  const writing = (async () => {
    for (let count = 0; count < 64; count++) await pair.there.write(new Uint8Array(256 * 1024));
  })().catch((error) => failure = error);
  await passTurns();
  assertEquals(failure, undefined);
  pair.there.close();
  await deadline(writing, PATIENCE_MS);
  assert(isConnectionEnd(failure), String(failure));
});

Deno.test("a client that has ended its side is answered still", async () => {
  using pair = await opened();
  pair.socket.end(new Uint8Array([7]));
  const buffer = new Uint8Array(10);
  assertEquals(await pair.there.read(buffer), 1);
  assertEquals(await pair.there.read(buffer), null);
  await pair.there.write(new Uint8Array([8, 9]));
  assertEquals(await pair.here.read(buffer), 2);
});

Deno.test("a connection that is cut in the middle ends as one of TCP does", async () => {
  using pair = await opened();
  const reading = pair.there.read(new Uint8Array(1));
  pair.plain.close();
  const end = await reading.catch((error) => isConnectionEnd(error) ? null : error);
  assertEquals(end, null);
});

Deno.test("bytes that cannot be decrypted end the connection like a failure of the network", async () => {
  using pair = await opened();
  const reading = pair.there.read(new Uint8Array(1));
  await pair.plain.write(new Uint8Array([0x17, 3, 3, 0, 20, ...new Uint8Array(20)]));
  const error = await assertRejects(() => reading, Error);
  assert(isConnectionEnd(error), String(error));
});

// Who does not get through the handshake.

Deno.test("plain text is refused with the answer of its protocol, and the connection ends", async () => {
  using pair = new TlsPair();
  const reading = pair.there.read(new Uint8Array(100));
  await pair.plain.write(new TextEncoder().encode("SMQ"));
  assertEquals(await reading, null);
  assertEquals(pair.failures, ["the client does not speak TLS"]);
  const buffer = new Uint8Array(10);
  assertEquals(await pair.plain.read(buffer), 3);
  assertEquals(await pair.plain.read(buffer), null);
});

/** The greeting of a client that knows nothing newer than TLS 1.1. */
const OLD_HELLO = [0x16, 3, 1, 0, 47, 1, 0, 0, 43, 3, 2, ...new Uint8Array(32)]
  .concat(0, 0, 4, 0xc0, 0x13, 0, 0x2f, 1, 0);

for (
  const [what, bytes, told] of [
    ["plain text of strangers", [...new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n")], "speak"],
    ["garbage that begins like TLS", [0x16, 1, 2, 3, 4, 5, 6, 7, 8, 9], "corrupt message"],
    ["a version before 1.2", OLD_HELLO, "peer is incompatible"],
  ] as const
) {
  Deno.test(`a handshake fails with a reason: ${what}`, async () => {
    using pair = new TlsPair();
    const reading = pair.there.read(new Uint8Array(100));
    await pair.plain.write(new Uint8Array(bytes));
    assertEquals(await deadline(reading, PATIENCE_MS), null);
    assertEquals(pair.failures.length, 1);
    assert(pair.failures[0]!.match(told), pair.failures[0]);
    const rest = await pair.plain.read(new Uint8Array(100));
    assert(rest === null || await pair.plain.read(new Uint8Array(100)) === null);
  });
}

for (const count of [0, 1, 6]) {
  Deno.test(`a client that leaves after ${count} bytes of its greeting is over`, async () => {
    using pair = new TlsPair();
    const reading = pair.there.read(new Uint8Array(100));
    if (count > 0) await pair.plain.write(new Uint8Array([0x16, 3, 1, 0, 200, 1].slice(0, count)));
    await passTurns();
    pair.plain.close();
    assertEquals(await deadline(reading, PATIENCE_MS), null);
    assertEquals(pair.failures.length, count === 0 ? 0 : 1);
  });

  Deno.test(`TlsDuplex.close() ends a handshake after ${count} bytes, and is no failure`, async () => {
    using pair = new TlsPair();
    const reading = pair.there.read(new Uint8Array(100));
    if (count > 0) await pair.plain.write(new Uint8Array([0x16, 3, 1, 0, 200, 1].slice(0, count)));
    await passTurns();
    pair.there.close();
    assertEquals(await deadline(reading, PATIENCE_MS), null);
    assertEquals(await pair.plain.read(new Uint8Array(1)), null);
    assertEquals(pair.failures, []);
  });
}

Deno.test("nothing is sent before the handshake, and closing does not wait for one", async () => {
  using pair = new TlsPair();
  const error = await assertRejects(() => pair.there.write(new Uint8Array(1)), Error);
  assert(isConnectionEnd(error), String(error));
  pair.there.close();
  assertEquals(await pair.plain.read(new Uint8Array(1)), null);
});

// What both sides show.

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  Deno.test(`a client may speak ${version}`, async () => {
    using pair = await opened({ minVersion: version, maxVersion: version });
    assertEquals(pair.socket.getProtocol(), version);
  });
}

Deno.test("the protocol is chosen by its name, by who asks", async () => {
  using pair = await opened({ ALPNProtocols: ["smq/1"] });
  assertEquals(pair.socket.alpnProtocol, "smq/1");
  using other = new TlsPair({ ALPNProtocols: ["h2"] });
  const reading = other.there.read(new Uint8Array(1));
  await assertRejects(() => other.open(), Error);
  assertEquals(await reading, null);
  assertEquals(other.failures.length, 1);
});

Deno.test("TlsAcceptor.renew() is for new connections; open ones go on", async () => {
  const acceptor = makeAcceptor();
  using before = await opened({ acceptor });
  acceptor.renew(AUTHORITY.makeServer(["localhost"], validFor(3)));
  using after = await opened({ acceptor });
  const [old, young] = [before, after].map(({ socket }) => socket.getPeerCertificate());
  assert(old!.serialNumber !== young!.serialNumber);
  await before.there.write(new Uint8Array([5]));
  assertEquals(await before.here.read(new Uint8Array(1)), 1);
});

Deno.test("TlsDuplex.certificate is what the client has shown, with its fault", async () => {
  const acceptor = makeAcceptor(AUTHORITY.certificate);
  const good = AUTHORITY.makeClient("good", validFor(1));
  const old = AUTHORITY.makeClient("old", validFor(-1));
  const server = AUTHORITY.makeServer(["localhost"], validFor(1));
  const show = async (pair?: { certificate: string; key: string }) => {
    const shown = pair && { cert: pair.certificate, key: pair.key };
    using connection = await opened({ acceptor, ...shown });
    return connection.there.certificate;
  };
  assertEquals(await show(), undefined);
  const certificate = await show(good);
  assertEquals(certificate?.fault, undefined);
  assertEquals(new TextDecoder("latin1").decode(certificate!.der).includes("good"), true);
  assertEquals(typeof (await show(old))?.fault, "string");
  assertEquals(typeof (await show(server))?.fault, "string");
});

// What comes in one piece with the end of the handshake.

/** Adds bytes to the client's second write, which ends its handshake. */
function appendToHandshake(added: readonly number[]): (duplex: Duplex) => Duplex {
  let writeCount = 0;
  return (duplex) => ({
    read: (buffer) => duplex.read(buffer),
    write: async (bytes) => {
      if (++writeCount !== 2) return await duplex.write(bytes);
      await duplex.write(new Uint8Array([...bytes, ...added]));
      return bytes.length;
    },
    close: () => duplex.close(),
  });
}

for (
  const [what, added] of [
    ["a record that cannot be decrypted", [0x17, 3, 3, 0, 20, ...new Array(20).fill(7)]],
    ["an alert", [0x15, 3, 3, 0, 2, 2, 40]],
    ["another greeting", OLD_HELLO],
    ["garbage", new Array(100).fill(0)],
  ] as const
) {
  Deno.test(`a handshake that ends with ${what} ends the connection, and nothing else`, async () => {
    using pair = new TlsPair({ wrapHere: appendToHandshake(added) });
    const reading = pair.there.read(new Uint8Array(1));
    pair.socket.on("error", () => {});
    const end = await deadline(reading, PATIENCE_MS).catch((error) => {
      assert(isConnectionEnd(error), String(error));
      return null;
    });
    assertEquals(end, null);
  });
}
