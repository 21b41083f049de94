/**
 * What an attacker says: handshakes, frames, lines, TLS records and names, all of them from a seed.
 *
 * @module
 */

import { createServer } from "node:net";
import { connect } from "node:tls";
import { FrameType, MAGIC, writeControlFrame } from "../../../protocol.ts";
import { mutateBytes, Mutator, Random } from "../../support/wire/frame_mutator.ts";
import { cursorLine, giveMeLine, publishLine } from "../../support/wire/line_client.ts";
import { bytesOf, helloBytes } from "../../support/wire/raw_client.ts";

const encoder = new TextEncoder();

/** What begins connections of other protocols. */
const STRANGERS = [
  "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
  "SSH-2.0-OpenSSH_9.2\r\n",
  "*1\r\n$4\r\nPING\r\n",
  "CONNECT {}\r\n",
  "AMQP\u0000\u0000\u0009\u0001",
  "\u0000",
  "",
];

/** Texts that mean something somewhere. */
const MEANINGFUL = [
  "..",
  "../../etc/passwd",
  "/etc/passwd",
  "a/b",
  "C:\\x",
  "a\0b",
  "a\nb level=error",
  "\u001b[2J",
  "\u202e",
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "CON",
  ".",
  "$reply.x",
  "a.dead.dead",
  "%2e%2e%2f",
  "${jndi:ldap://x}",
  "'; DROP TABLE streams; --",
  "<script>",
  "131072",
  "NaN",
  "-1",
];

/** What asks whether a broker is well. */
const PING = bytesOf((writer) => {
  writer.bytes(MAGIC);
  writer.begin(FrameType.ping);
  writer.end();
});

/** How many sessions of frames are made at a time. */
const FRAMES_PER_SCRIPT = 16;

/** Makes what attackers say; the same seed makes the same. */
export class Arsenal {
  readonly #random: Random;
  readonly #mutator: Mutator;
  readonly #tlsHello: Uint8Array;

  /** @param tlsHello The first record of a client that speaks TLS. */
  constructor(seed: number, tlsHello: Uint8Array) {
    this.#random = new Random(seed);
    this.#mutator = new Mutator(this.#random);
    this.#tlsHello = tlsHello;
  }

  /** A handshake with something wrong in it. */
  handshake(): Uint8Array {
    const random = this.#random;
    switch (random.below(7)) {
      case 0:
        return encoder.encode(random.pick(STRANGERS));
      case 1: {
        const depth = random.below(3000);
        return this.#hello(`${"[".repeat(depth)}${"]".repeat(random.below(2) * depth)}`);
      }
      case 2: {
        const fields = Array.from({ length: random.below(300) }, () => JSON.stringify(this.name()));
        return this.#hello(`{"client":"x","capabilities":[${fields.join(",")}]}`);
      }
      case 3: {
        const pairs = Array.from({ length: random.below(200) }, () => {
          return `${JSON.stringify(this.name())}:${JSON.stringify(this.name())}`;
        });
        return this.#hello(`{"client":"x","token":"smq_${"A".repeat(43)}",${pairs.join(",")}}`);
      }
      case 4:
        // Whoever pings has half a kilobyte more to say.
        return mutateBytes(random, new Uint8Array([...PING, ...new Uint8Array(random.below(512))]));
      default:
        return mutateBytes(random, helloBytes(this.name().slice(0, 100)));
    }
  }

  /** A session of frames, most of them with something wrong in it. */
  frames(): { readonly bytes: Uint8Array; readonly count: number } {
    const script = this.#mutator.makeScript(FRAMES_PER_SCRIPT);
    const bytes = new Uint8Array(script.reduce((sum, { bytes }) => sum + bytes.length, 0));
    let offset = 0;
    for (const frame of script) {
      bytes.set(frame.bytes, offset);
      offset += frame.bytes.length;
    }
    return { bytes, count: script.filter(({ isMutated }) => isMutated).length };
  }

  /** A line with something wrong in it. */
  line(): Uint8Array {
    const name = this.name();
    const line = this.#random.pick([
      () => cursorLine("GET_STREAM", name),
      () => cursorLine("CREATE_STREAM", name),
      () => giveMeLine(name, name),
      () => publishLine("a", JSON.stringify({ [name]: name })),
    ])();
    const bytes = encoder.encode(line);
    return this.#random.once(3) ? bytes : mutateBytes(this.#random, bytes);
  }

  /** The beginning of TLS, with something wrong in it. */
  tlsRecords(): Uint8Array {
    let bytes = mutateBytes(this.#random, this.#tlsHello);
    if (this.#random.once(4)) bytes = mutateBytes(this.#random, bytes);
    if (this.#random.once(8)) bytes[0] = this.#random.below(256);
    return bytes;
  }

  /** A name that nobody should have. */
  name(): string {
    const random = this.#random;
    if (random.once(2)) return random.pick(MEANINGFUL);
    const length = random.once(20) ? 200 + random.below(300) : random.below(12);
    const code = () => random.once(3) ? random.below(0x10000) : 0x20 + random.below(0x60);
    return String.fromCharCode(...Array.from({ length }, code));
  }

  /** A `hello` with any text in place of its JSON. */
  #hello(text: string): Uint8Array {
    const bytes = bytesOf((writer) => {
      writer.bytes(MAGIC);
      writeControlFrame(writer, "hello", { client: "", capabilities: [] });
    });
    const type = bytes[MAGIC.length + 4]!;
    const json = encoder.encode(text);
    const frame = new Uint8Array(MAGIC.length + 5 + json.length);
    frame.set(MAGIC);
    new DataView(frame.buffer).setUint32(MAGIC.length, json.length + 1);
    frame[MAGIC.length + 4] = type;
    frame.set(json, MAGIC.length + 5);
    return frame;
  }
}

/** Records what a client says first that speaks TLS. */
export function recordTlsHello(): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.once("data", (bytes: Uint8Array) => {
        resolve(Uint8Array.from(bytes));
        socket.destroy();
        server.close();
      });
    });
    server.listen(0, "localhost", () => {
      const { port } = server.address() as { port: number };
      connect({ port, host: "localhost", ALPNProtocols: ["smq/1"] }).on("error", () => {});
    });
    server.on("error", reject);
  });
}
