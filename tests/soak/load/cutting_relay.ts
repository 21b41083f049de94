/**
 * A way to a broker on which connections do not last: each is cut after some bytes, mostly in the middle of a
 * frame, on one side first or on both, and is slow at times.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import type { Random } from "../../support/random.ts";

/** How often a connection does not get beyond its handshake, and after how many bytes it is cut then. */
const EARLY_CHANCE = 0.12;
const EARLY_BYTES = 3000;

/** After how many bytes the others are cut, at least and at most. */
const BYTES_MIN = 15_000;
const BYTES_MAX = 300_000;

/** How long a piece is kept back at most, on a slow connection, in milliseconds. */
const SLOW_MS = 20;

/** What becomes of a connection. */
interface Fate {
  bytesLeft: number;
  readonly isSlow: boolean;
  /** Whether the broker may go on hearing nothing for a while, before it hears of the end. */
  readonly isHalf: boolean;
}

/** Passes connections on to a port. */
export class CuttingRelay implements AsyncDisposable {
  readonly #random: Random;
  readonly #findTarget: () => number;
  readonly #listener: Deno.TcpListener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #sockets = new Set<Deno.TcpConn>();
  readonly #passing = new Set<Promise<void>>();
  readonly #running: Promise<void>;
  #cutCount = 0;
  #isHealed = false;

  /** @param findTarget Gives the port that connections are passed on to. */
  constructor(random: Random, findTarget: () => number) {
    this.#random = random;
    this.#findTarget = findTarget;
    this.#running = this.#accept();
  }

  /** The port to connect to. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** How many connections were cut in the midst. */
  get cutCount(): number {
    return this.#cutCount;
  }

  /** Lets all later connections last, so that what is under way comes to an end; or cuts them again. */
  set isHealed(isHealed: boolean) {
    this.#isHealed = isHealed;
  }

  /** Cuts all connections, and waits until nothing is left of them. */
  async cut(): Promise<void> {
    for (const socket of this.#sockets) close(socket);
    await Promise.all(this.#passing);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.cut();
    await this.#running;
  }

  #chooseBytes(): number {
    if (this.#isHealed) return Infinity;
    const random = this.#random;
    if (random.chance(EARLY_CHANCE)) return random.below(EARLY_BYTES);
    return BYTES_MIN + random.below(BYTES_MAX - BYTES_MIN);
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      const passing: Promise<void> = this.#pass(client).finally(() => {
        this.#passing.delete(passing);
      });
      this.#passing.add(passing);
    }
  }

  async #pass(client: Deno.TcpConn): Promise<void> {
    const random = this.#random;
    const fate: Fate = {
      bytesLeft: this.#chooseBytes(),
      isSlow: random.chance(0.2),
      isHalf: random.chance(0.3),
    };
    this.#sockets.add(client);
    const broker = await Deno.connect({ port: this.#findTarget() }).catch(() => undefined);
    if (broker !== undefined) {
      this.#sockets.add(broker);
      client.setNoDelay(true);
      broker.setNoDelay(true);
      const back = this.#forward(broker, client, fate);
      await Promise.race([this.#forward(client, broker, fate), back]);
      if (fate.isHalf) {
        // The client is gone, and the broker has not heard of it yet.
        close(client);
        await delay(random.below(SLOW_MS));
      }
      close(broker);
      this.#sockets.delete(broker);
      close(client);
      await back;
    }
    close(client);
    this.#sockets.delete(client);
  }

  async #forward(from: Deno.TcpConn, to: Deno.TcpConn, fate: Fate): Promise<void> {
    const buffer = new Uint8Array(16 * 1024);
    try {
      for (;;) {
        const count = await from.read(buffer);
        if (count === null) return;
        if (fate.isSlow) await delay(this.#random.below(SLOW_MS));
        // The rest of what has come is part of a frame that nobody will ever have as a whole.
        const passed = Math.min(count, fate.bytesLeft);
        fate.bytesLeft -= passed;
        for (let sent = 0; sent < passed;) sent += await to.write(buffer.subarray(sent, passed));
        if (passed < count) {
          this.#cutCount++;
          return;
        }
      }
    } catch {
      // Closed, from one side or the other.
    }
  }
}

function close(socket: Deno.TcpConn): void {
  try {
    socket.close();
  } catch {
    // Closed before.
  }
}
