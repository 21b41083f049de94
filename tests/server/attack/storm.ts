/**
 * Attackers over sockets, many at a time.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { connect, type Socket } from "node:net";

/** How many connections of one storm are open at a time. */
const AT_ONCE = 16;

/** What one attacker says, and for how many attacks it counts. */
export interface Attack {
  readonly bytes: Uint8Array;
  readonly count?: number;
}

/** A port, and where attackers come from. */
export interface Front {
  readonly port: number;
  /** Gives an address of this machine for each connection; by default all have the usual one. */
  readonly makeAddress?: (() => string) | undefined;
}

/** Gives one address of this machine after the other: on Linux there are sixteen million. */
export function manyAddresses(): (() => string) | undefined {
  if (Deno.build.os !== "linux") return undefined;
  let number = 0;
  return () => {
    number++;
    return `127.${1 + (number >> 16) % 250}.${(number >> 8) % 256}.${1 + number % 250}`;
  };
}

/** Opens a connection; whatever happens to it, it just ends. */
function open({ port, makeAddress }: Front): { socket: Socket; closed: Promise<void> } {
  const localAddress = makeAddress?.();
  const socket = connect({
    port,
    host: "localhost",
    family: 4,
    ...localAddress && { localAddress },
  });
  socket.on("error", () => {});
  socket.resume();
  const closed = new Promise<void>((resolve) => void socket.on("close", () => resolve()));
  return { socket, closed };
}

/** Says something over one connection; unless it is rude, reads what comes back until the end. */
async function say(front: Front, bytes: Uint8Array, isRude: boolean): Promise<void> {
  const { socket, closed } = open(front);
  if (isRude) socket.write(bytes, () => socket.destroy());
  else socket.end(bytes);
  await closed;
}

/** Makes attacks over so many connections at a time, until there were enough; resolves to their number. */
export async function storm(
  front: Front,
  make: () => Attack,
  isOver: (count: number) => boolean,
): Promise<number> {
  let count = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async (_, index) => {
    while (!isOver(count)) {
      const attack = make();
      count += attack.count ?? 1;
      await say(front, attack.bytes, index % 4 === 0);
    }
  }));
  return count;
}

/** Opens connections that say a little now and then, and keeps as many open until it is stopped. */
export class Slowloris implements AsyncDisposable {
  readonly #front: Front;
  readonly #stopping = new AbortController();
  readonly #running: Promise<unknown>;
  /** How many connections it has opened. */
  openedCount = 0;

  /** @param bytes What each connection says, a byte at a time. */
  constructor(front: Front, connectionCount: number, bytes: Uint8Array) {
    this.#front = front;
    this.#running = Promise.all(Array.from({ length: connectionCount }, async () => {
      while (!this.#stopping.signal.aborted) await this.#drip(bytes);
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #drip(bytes: Uint8Array): Promise<void> {
    const { signal } = this.#stopping;
    const { socket, closed } = open(this.#front);
    this.openedCount++;
    const end = () => void socket.destroy();
    signal.addEventListener("abort", end, { once: true });
    for (let at = 0; at < bytes.length && !socket.destroyed; at++) {
      socket.write(bytes.subarray(at, at + 1));
      await this.#pause();
    }
    await closed;
    signal.removeEventListener("abort", end);
    await this.#pause();
  }

  /** Waits for a moment, or until it is stopped. */
  async #pause(): Promise<void> {
    await delay(20, { signal: this.#stopping.signal }).catch(() => {});
  }
}
