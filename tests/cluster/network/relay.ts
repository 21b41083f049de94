/**
 * A port whose connections go on to another one, until they are cut: then nothing passes, and nobody is
 * told.
 *
 * @module
 */

import { readAddress } from "./network.ts";

/** A connection that passes through. */
export interface RelayedLink {
  /** Hears what comes from the target, as soon as it comes, whether it passes or not. */
  readonly hear: (bytes: Uint8Array) => void;
}

/** How to make a relay. */
export interface RelayOptions {
  /** Where connections go on to, as `host:port`. */
  readonly target: string;
  /** Called for each connection. */
  readonly watch?: () => RelayedLink;
}

/** So many bytes are read at once. */
const PIECE_BYTES = 64 * 1024;

/** A port that passes connections on. */
export class Relay implements AsyncDisposable {
  /** The port to connect to. */
  readonly port: number;
  readonly #options: RelayOptions;
  readonly #listener: Deno.TcpListener;
  readonly #sockets = new Set<Deno.TcpConn>();
  readonly #running: Promise<void>;
  #gate: PromiseWithResolvers<void> | undefined;
  #cutting = Promise.withResolvers<void>();
  #lingering: PromiseWithResolvers<void> | undefined;
  #isClosed = false;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#running = this.#accept();
  }

  /** Lets nothing pass. */
  cut(): void {
    if (this.#gate !== undefined) return;
    this.#gate = Promise.withResolvers();
    this.#cutting.resolve();
  }

  /** Lets pass what has waited, and everything. */
  heal(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
    this.#cutting = Promise.withResolvers();
  }

  /** Keeps the target's side of connections open when the other side has left, and goes on to listen there. */
  linger(): void {
    this.#lingering ??= Promise.withResolvers();
  }

  /** Closes the target's side of connections that the other side has left. */
  lingerNoMore(): void {
    this.#lingering?.resolve();
    this.#lingering = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return await this.#running;
    this.#isClosed = true;
    this.#listener.close();
    this.heal();
    this.lingerNoMore();
    for (const socket of this.#sockets) close(socket);
    await this.#running;
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) void this.#pass(client);
  }

  async #pass(client: Deno.TcpConn): Promise<void> {
    this.#sockets.add(client);
    await this.#whenOpen();
    const target = await Deno.connect(readAddress(this.#options.target)).catch(() => undefined);
    if (target === undefined) return this.#drop(client);
    this.#sockets.add(target);
    client.setNoDelay(true);
    target.setNoDelay(true);
    const link = this.#options.watch?.();
    const back = this.#forward(target, client, (bytes) => link?.hear(bytes));
    await this.#forward(client, target, () => {});
    // The client has left. Somebody wants to know what the target does then, for a while.
    await Promise.race([back, this.#lingering?.promise]);
    await this.#whenOpen();
    this.#drop(target);
    await back;
    await this.#whenOpen();
    this.#drop(client);
  }

  /** Passes on what comes, until there is an end on either side. */
  async #forward(
    from: Deno.TcpConn,
    to: Deno.TcpConn,
    hear: (bytes: Uint8Array) => void,
  ): Promise<void> {
    let writing: Promise<unknown> = Promise.resolve();
    try {
      for (;;) {
        const buffer = new Uint8Array(PIECE_BYTES);
        const count = await from.read(buffer);
        if (count === null) break;
        const bytes = buffer.subarray(0, count);
        hear(bytes);
        writing = writing.then(() => this.#whenOpen()).then(() => writeAll(to, bytes));
        // While nothing passes, what comes is heard all the same, and kept.
        await Promise.race([writing, this.#cutting.promise]);
      }
    } catch {
      // Closed, from one side or the other.
    }
    await writing.catch(() => {});
    if (this.#lingering === undefined) {
      await this.#whenOpen();
      await to.closeWrite().catch(() => {});
    }
  }

  async #whenOpen(): Promise<void> {
    while (this.#gate !== undefined) await this.#gate.promise;
  }

  #drop(socket: Deno.TcpConn): void {
    close(socket);
    this.#sockets.delete(socket);
  }
}

async function writeAll(to: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) {
    // Where nobody is any more, it goes nowhere.
    const count = await to.write(bytes.subarray(sent)).catch(() => bytes.length - sent);
    sent += count;
  }
}

function close(socket: Deno.TcpConn): void {
  try {
    socket.close();
  } catch {
    // Closed before.
  }
}
