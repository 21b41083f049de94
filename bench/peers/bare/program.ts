/**
 * A program that only receives bytes from one socket, writes and fdatasyncs them in groups, and sends
 * them to another one: what a broker on this platform cannot beat. It knows no messages, no streams,
 * no acknowledgements, and checks nothing.
 *
 * ```text
 * deno run -A program.ts <port> <directory>
 * ```
 *
 * A connection says with its first byte what it is: `P` sends, `F` gets. One of each at a time.
 *
 * @module
 */

/** So much is read at a time, and so much may wait to be written. */
const BUFFER_BYTES = 4 * 1024 * 1024;

/**
 * The file is written around when it has this size: a file that has its blocks is flushed sooner than
 * one that grows.
 */
const FILE_BYTES = 64 * 1024 * 1024;

/** Bytes that have come, and where they go. */
class Pump {
  readonly #file: Deno.FsFile;
  /** What has come; the other one is being written and sent. */
  #filling = new Uint8Array(BUFFER_BYTES);
  #emptying = new Uint8Array(BUFFER_BYTES);
  #filled = 0;
  #hasEnded = false;
  #arrived = Promise.withResolvers<void>();
  #taken = Promise.withResolvers<void>();

  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /** Reads to the end of a connection. */
  async receive(from: Deno.Conn): Promise<void> {
    for (;;) {
      while (this.#filled === BUFFER_BYTES) await this.#taken.promise;
      // The buffer may be exchanged while the read is under way: then it must not be read into.
      const buffer = new Uint8Array(
        Math.min(256 * 1024, BUFFER_BYTES - this.#filled),
      );
      const count = await from.read(buffer);
      if (count === null) break;
      this.#filling.set(buffer.subarray(0, count), this.#filled);
      this.#filled += count;
      this.#arrived.resolve();
    }
    this.#hasEnded = true;
    this.#arrived.resolve();
  }

  /** Writes, flushes and sends group after group; tells the sender how many bytes are done. */
  async send(to: Deno.Conn, sender: Deno.Conn): Promise<void> {
    const done = new DataView(new ArrayBuffer(4));
    while (await this.#waitForBytes()) {
      const group = this.#takeGroup();
      if (this.#file.seekSync(0, Deno.SeekMode.Current) > FILE_BYTES) {
        this.#file.seekSync(0, Deno.SeekMode.Start);
      }
      for (let written = 0; written < group.length;) {
        written += this.#file.writeSync(group.subarray(written));
      }
      await this.#file.syncData();
      done.setUint32(0, group.length);
      await writeAll(sender, new Uint8Array(done.buffer));
      await writeAll(to, group);
    }
  }

  async #waitForBytes(): Promise<boolean> {
    while (this.#filled === 0 && !this.#hasEnded) {
      await this.#arrived.promise;
      this.#arrived = Promise.withResolvers();
    }
    return this.#filled > 0;
  }

  #takeGroup(): Uint8Array {
    const group = this.#filling.subarray(0, this.#filled);
    [this.#filling, this.#emptying] = [this.#emptying, this.#filling];
    this.#filled = 0;
    this.#taken.resolve();
    this.#taken = Promise.withResolvers();
    return group;
  }
}

async function writeAll(to: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await to.write(bytes.subarray(written));
  }
}

/** Waits for one connection of each kind. */
async function acceptPair(
  listener: Deno.Listener,
): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  const pair: { P?: Deno.TcpConn; F?: Deno.TcpConn } = {};
  while (pair.P === undefined || pair.F === undefined) {
    const connection = await listener.accept() as Deno.TcpConn;
    const first = new Uint8Array(1);
    const kind = await connection.read(first) === 1 ? String.fromCharCode(first[0]!) : "";
    if (kind === "P" || kind === "F") {
      connection.setNoDelay(true);
      pair[kind] = connection;
    } else connection.close();
  }
  return [pair.P, pair.F];
}

if (import.meta.main) {
  const [port, directory] = Deno.args;
  const listener = Deno.listen({ hostname: "127.0.0.1", port: Number(port) });
  for (;;) {
    const [sender, receiver] = await acceptPair(listener);
    const path = `${directory}/bytes`;
    using file = await Deno.open(path, {
      write: true,
      create: true,
      truncate: true,
    });
    const pump = new Pump(file);
    await Promise.allSettled([
      pump.receive(sender),
      pump.send(receiver, sender),
    ]);
    sender.close();
    receiver.close();
  }
}
