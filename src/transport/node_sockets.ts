// TLS of Node, over sockets of Deno, for what Deno's own cannot do: certificates of clients.

import { isIP } from "node:net";
import { setImmediate } from "node:timers";
import { checkServerIdentity, connect as connectTls, type TLSSocket } from "node:tls";
import { ALPN } from "./tls_wire.ts";
import { connectSocket } from "./deno_sockets.ts";
import type { Duplex } from "./duplex.ts";
import { DuplexStream } from "./duplex_stream.ts";

/** Above so many unread bytes nothing more is taken from the system, and below so many it is again. */
const PAUSE_BYTES = 64 * 1024;
const RESUME_BYTES = 16 * 1024;

/** The most bytes of one write: what a slow reader takes is noticed in steps of this size. */
const WRITE_BYTES_MAX = 256 * 1024;

/** A call of `read` that waits. */
interface Reader {
  readonly buffer: Uint8Array;
  readonly resolve: (count: number | null) => void;
  readonly reject: (error: unknown) => void;
}

/** An open socket of TLS, as a link needs it. */
export class NodeDuplex implements Duplex {
  readonly #socket: TLSSocket;
  readonly #stream: DuplexStream;
  /** What has come and was not read. */
  readonly #chunks: Uint8Array[] = [];
  /** The bytes of the first chunk that were read already. */
  #offset = 0;
  #bytes = 0;
  #isPaused = false;
  #hasEnded = false;
  #error: unknown;
  #reader: Reader | undefined;

  /**
   * @param socket A socket after the handshake, of which nothing has been read.
   * @param stream What it runs over. To pause the socket itself has no effect on that.
   */
  constructor(socket: TLSSocket, stream: DuplexStream) {
    this.#socket = socket;
    this.#stream = stream;
    socket.on("data", (chunk: Uint8Array) => this.#take(chunk));
    socket.on("end", () => this.#end());
    socket.on("error", (error) => {
      this.#error ??= error;
      this.#end();
    });
    socket.on("close", () => this.#end());
  }

  read(buffer: Uint8Array): Promise<number | null> {
    if (this.#bytes > 0) return Promise.resolve(this.#give(buffer));
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#hasEnded) return Promise.resolve(null);
    return new Promise((resolve, reject) => this.#reader = { buffer, resolve, reject });
  }

  write(bytes: Uint8Array): Promise<number> {
    const part = bytes.length > WRITE_BYTES_MAX ? bytes.subarray(0, WRITE_BYTES_MAX) : bytes;
    return new Promise((resolve, reject) => {
      this.#socket.write(part, (error) => error ? reject(error) : resolve(part.length));
    });
  }

  close(): void {
    this.#hasEnded = true;
    // The other side is told of the end, if that can be sent at once.
    this.#socket.end();
    setImmediate(() => this.#socket.destroy());
    this.#answer();
  }

  get heldBytes(): number {
    return this.#bytes + this.#stream.heldBytes;
  }

  #take(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const most = this.#stream.isThrifty ? 0 : PAUSE_BYTES;
    if (this.#bytes > most && !this.#isPaused) {
      this.#isPaused = true;
      this.#stream.hold();
    }
    this.#answer();
  }

  #end(): void {
    this.#hasEnded = true;
    this.#answer();
  }

  /** Ends the call that waits, if there is something to end it with. */
  #answer(): void {
    const reader = this.#reader;
    if (reader === undefined || (this.#bytes === 0 && !this.#hasEnded)) return;
    this.#reader = undefined;
    if (this.#bytes > 0) reader.resolve(this.#give(reader.buffer));
    else if (this.#error !== undefined) reader.reject(this.#error);
    else reader.resolve(null);
  }

  /** Moves as much as there is, and as fits, into a buffer. */
  #give(buffer: Uint8Array): number {
    let count = 0;
    let taken = 0;
    while (taken < this.#chunks.length && count < buffer.length) {
      const chunk = this.#chunks[taken]!;
      const end = Math.min(chunk.length, this.#offset + buffer.length - count);
      buffer.set(chunk.subarray(this.#offset, end), count);
      count += end - this.#offset;
      this.#offset = end;
      if (end < chunk.length) break;
      this.#offset = 0;
      taken++;
    }
    this.#chunks.splice(0, taken);
    this.#bytes -= count;
    if (this.#isPaused && this.#bytes < RESUME_BYTES) {
      this.#isPaused = false;
      this.#stream.release();
    }
    return count;
  }
}

/** Where and how to connect; certificates and keys are texts in PEM. */
export interface TlsTarget {
  readonly hostname: string;
  readonly port: number;
  /** The name that the certificate of the other side must have; by default `hostname`. */
  readonly serverName?: string | undefined;
  /** The authorities to trust, in place of those of the system. */
  readonly ca?: string | undefined;
  /** The certificate to show, with its chain. */
  readonly cert?: string | undefined;
  /** Its key. */
  readonly key?: string | undefined;
}

/** Connects by TLS, with a certificate if there is one; written data is sent at once. */
export async function connectTlsSocket(target: TlsTarget, signal: AbortSignal): Promise<Duplex> {
  const { hostname, port, serverName = hostname, ca, cert, key } = target;
  const stream = new DuplexStream(await connectSocket(hostname, port, signal));
  const handshake = Promise.withResolvers<NodeDuplex>();
  const abort = () => handshake.reject(signal.reason);
  try {
    signal.throwIfAborted();
    signal.addEventListener("abort", abort, { once: true });
    const socket = connectTls({
      socket: stream,
      host: hostname,
      // An address may not be sent as a name, but is checked like one.
      ...isIP(serverName) === 0 && { servername: serverName },
      checkServerIdentity: (_host, certificate) => checkServerIdentity(serverName, certificate),
      ...ca !== undefined && { ca },
      ...cert !== undefined && { cert },
      ...key !== undefined && { key },
      ALPNProtocols: [ALPN],
      minVersion: "TLSv1.2",
      // Without it, NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment would turn the checks off.
      rejectUnauthorized: true,
    });
    socket.on("error", handshake.reject);
    stream.on("error", handshake.reject);
    socket.on("close", () => handshake.reject(new Error("the connection ended in the handshake")));
    socket.on("secureConnect", () => handshake.resolve(new NodeDuplex(socket, stream)));
    return await handshake.promise;
  } catch (error) {
    stream.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
