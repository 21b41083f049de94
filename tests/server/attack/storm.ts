/**
 * Attackers over sockets, many at a time.
 *
 * @module
 */

import { openSocket } from "../../support/wire/duplex_client.ts";

/** How many connections of one storm are open at a time. */
const AT_ONCE = 16;

/** What one attacker says, and for how many attacks it counts. */
export interface Attack {
  readonly bytes: Uint8Array;
  readonly count?: number;
}

/**
 * Says something over one connection, and reads what comes back until the end.
 *
 * @param isRude Whether it goes away without reading.
 */
export async function say(port: number, bytes: Uint8Array, isRude = false): Promise<void> {
  let socket: Deno.TcpConn | undefined;
  try {
    socket = await openSocket(port);
    for (let sent = 0; sent < bytes.length;) sent += await socket.write(bytes.subarray(sent));
    if (isRude) return;
    await socket.closeWrite();
    const buffer = new Uint8Array(16 * 1024);
    while (await socket.read(buffer) !== null);
  } catch (error) {
    ignoreEnd(error);
  } finally {
    close(socket);
  }
}

/** The broker may end a connection at any time. */
function ignoreEnd(error: unknown): void {
  const { ConnectionReset, BrokenPipe, NotConnected, ConnectionRefused } = Deno.errors;
  const ends = [ConnectionReset, BrokenPipe, NotConnected, ConnectionRefused];
  if (!ends.some((end) => error instanceof end)) throw error;
}

function close(socket: Deno.TcpConn | undefined): void {
  try {
    socket?.close();
  } catch {
    // It is closed already.
  }
}

/** Makes attacks over so many connections at a time, until there were enough; resolves to their number. */
export async function storm(
  port: number,
  make: () => Attack,
  isOver: (count: number) => boolean,
): Promise<number> {
  let count = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async (_, index) => {
    while (!isOver(count)) {
      const attack = make();
      count += attack.count ?? 1;
      await say(port, attack.bytes, index % 4 === 0);
    }
  }));
  return count;
}

/** Opens connections that say a little now and then, and keeps as many open until it is stopped. */
export class Slowloris implements AsyncDisposable {
  readonly #sockets = new Set<Deno.TcpConn>();
  readonly #stop = Promise.withResolvers<void>();
  readonly #running: Promise<unknown>;
  #isStopped = false;
  /** How many connections it has opened. */
  openedCount = 0;

  /** @param bytes What each connection says, a byte at a time. */
  constructor(port: number, connectionCount: number, bytes: Uint8Array) {
    this.#running = Promise.all(Array.from({ length: connectionCount }, async () => {
      while (!this.#isStopped) await this.#drip(port, bytes);
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    this.#stop.resolve();
    for (const socket of this.#sockets) close(socket);
    await this.#running;
  }

  async #drip(port: number, bytes: Uint8Array): Promise<void> {
    let socket: Deno.TcpConn | undefined;
    try {
      socket = await openSocket(port);
      this.#sockets.add(socket);
      this.openedCount++;
      const ended = socket.read(new Uint8Array(256)).catch(() => null);
      for (let at = 0; at < bytes.length && !this.#isStopped; at++) {
        await socket.write(bytes.subarray(at, at + 1));
        if (await Promise.race([ended.then(() => true), wait(20), this.#stop.promise])) break;
      }
      await Promise.race([ended, this.#stop.promise]);
    } catch (error) {
      if (!this.#isStopped) ignoreEnd(error);
      await Promise.race([wait(20), this.#stop.promise]);
    } finally {
      if (socket !== undefined) this.#sockets.delete(socket);
      close(socket);
    }
  }
}

/** An attacker's pause. */
function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
