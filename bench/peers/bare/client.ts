import type { PeerClient, PeerFollower, PeerPublisher } from "../../harness/peer_client.ts";
import { HOSTNAME } from "../../harness/broker_process.ts";

/** How many bytes say how long a body is. */
const HEAD_BYTES = 4;

/** So much is read at a time. */
const READ_BYTES = 256 * 1024;

/** Talks to the bare program; it connects when its side is known: publisher or follower. */
export function openClient(port: number): Promise<PeerClient> {
  return Promise.resolve(new BareClient(port));
}

/** Sends and takes bodies, each with its length before it. */
class BareClient implements PeerClient {
  readonly #port: number;
  #connection: Deno.TcpConn | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  createStream(): Promise<void> {
    return Promise.resolve();
  }

  deleteStream(): Promise<void> {
    return Promise.resolve();
  }

  /** It keeps nothing. */
  countLeft(): Promise<number> {
    return Promise.resolve(0);
  }

  async openPublisher(): Promise<PeerPublisher> {
    return new BarePublisher(await this.#connect("P"));
  }

  async openFollower(): Promise<PeerFollower> {
    return new BareFollower(await this.#connect("F"));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#connection?.close();
    return Promise.resolve();
  }

  async #connect(kind: string): Promise<Deno.TcpConn> {
    const connection = await Deno.connect({
      hostname: HOSTNAME,
      port: this.#port,
    });
    connection.setNoDelay(true);
    await connection.write(new TextEncoder().encode(kind));
    return this.#connection = connection;
  }
}

/** A batch that is on its way. */
interface Batch extends PromiseWithResolvers<void> {
  bytes: number;
}

class BarePublisher implements PeerPublisher {
  readonly batchCount = 256;
  readonly batchesInFlight = 32;
  readonly #connection: Deno.Conn;
  readonly #unconfirmed: Batch[] = [];
  #writing: Promise<void> = Promise.resolve();

  constructor(connection: Deno.Conn) {
    this.#connection = connection;
    this.#readConfirms().catch(() => {
      // The connection is closed when the work is done.
    });
  }

  async sendBatch(bodies: readonly Uint8Array[]): Promise<void> {
    const bytes = pack(bodies);
    const batch: Batch = {
      ...Promise.withResolvers<void>(),
      bytes: bytes.length,
    };
    this.#unconfirmed.push(batch);
    this.#writing = this.#writing.then(() => writeAll(this.#connection, bytes));
    await batch.promise;
  }

  async send(body: Uint8Array): Promise<void> {
    await this.sendBatch([body]);
  }

  async #readConfirms(): Promise<void> {
    const buffer = new Uint8Array(HEAD_BYTES);
    const view = new DataView(buffer.buffer);
    while (await readFull(this.#connection, buffer)) {
      let done = view.getUint32(0);
      while (done > 0) {
        const batch = this.#unconfirmed[0]!;
        const part = Math.min(done, batch.bytes);
        batch.bytes -= part;
        done -= part;
        if (batch.bytes === 0) this.#unconfirmed.shift()!.resolve();
      }
    }
  }
}

class BareFollower implements PeerFollower {
  readonly #connection: Deno.Conn;
  #isStopped = false;

  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  async follow(take: (body: Uint8Array) => void): Promise<void> {
    let buffer = new Uint8Array(READ_BYTES);
    let filled = 0;
    while (!this.#isStopped) {
      const count = await this.#connection.read(buffer.subarray(filled));
      if (count === null) throw new Error("The bare program has hung up");
      filled += count;
      const used = takeAll(buffer.subarray(0, filled), take);
      buffer.copyWithin(0, used, filled);
      filled -= used;
      if (filled === buffer.length) buffer = grow(buffer);
    }
  }

  stop(): void {
    this.#isStopped = true;
  }
}

/** Hands over all complete bodies; gives how many bytes they took. */
function takeAll(bytes: Uint8Array, take: (body: Uint8Array) => void): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let offset = 0;
  while (offset + HEAD_BYTES <= bytes.length) {
    const end = offset + HEAD_BYTES + view.getUint32(offset);
    if (end > bytes.length) break;
    take(bytes.subarray(offset + HEAD_BYTES, end));
    offset = end;
  }
  return offset;
}

function pack(bodies: readonly Uint8Array[]): Uint8Array {
  const length = bodies.reduce(
    (sum, body) => sum + HEAD_BYTES + body.length,
    0,
  );
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (const body of bodies) {
    view.setUint32(offset, body.length);
    bytes.set(body, offset + HEAD_BYTES);
    offset += HEAD_BYTES + body.length;
  }
  return bytes;
}

function grow(buffer: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(buffer.length * 2);
  larger.set(buffer);
  return larger;
}

async function writeAll(
  connection: Deno.Conn,
  bytes: Uint8Array,
): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await connection.write(bytes.subarray(written));
  }
}

async function readFull(
  connection: Deno.Conn,
  buffer: Uint8Array,
): Promise<boolean> {
  for (let filled = 0; filled < buffer.length;) {
    const count = await connection.read(buffer.subarray(filled));
    if (count === null) return false;
    filled += count;
  }
  return true;
}
