/**
 * A proxy in front of a broker whose connections a test can cut.
 *
 * @module
 */

import { joinBytes } from "../../../src/protocol/bytes.ts";

/** Forwards connections to a port, until it cuts them. */
export class Proxy implements AsyncDisposable {
  /** The port that new connections are forwarded to. */
  target: number;
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<Deno.TcpConn>();
  readonly #running: Promise<void>;
  readonly #forwards = new Set<Promise<void>>();
  #acceptedCount = 0;
  /** Called with what a client sends, before it is forwarded; `false` cuts the connection instead. */
  onClientBytes: (bytes: Uint8Array) => boolean = () => true;
  /** Called with what the broker sends, before it is forwarded; `false` cuts the connection instead. */
  onBrokerBytes: (bytes: Uint8Array) => boolean = () => true;
  /** What the broker sends is swallowed while this is set; connections stay open. */
  isStalled = false;
  /** What the broker has sent while that is kept back, by connection. */
  #kept: Map<Deno.TcpConn, Uint8Array[]> | undefined;
  #arrival = Promise.withResolvers<void>();

  constructor(target: number) {
    this.target = target;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#running = this.#acceptAll();
  }

  /** The port to connect to. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** How many connections have come so far. */
  get acceptedCount(): number {
    return this.#acceptedCount;
  }

  /** Resolves when the next connection comes. */
  nextConnection(): Promise<void> {
    return this.#arrival.promise;
  }

  /** Keeps back what the broker sends; gives what lets it go, all of it in one piece. */
  keepBack(): () => Promise<void> {
    const kept = this.#kept = new Map<Deno.TcpConn, Uint8Array[]>();
    return async () => {
      this.#kept = undefined;
      for (const [to, parts] of kept) await to.write(joinBytes(parts));
    };
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.#open) closeQuietly(socket);
    this.#open.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await this.#running;
    await Promise.all(this.#forwards);
  }

  async #acceptAll(): Promise<void> {
    for await (const client of this.#listener) {
      this.#acceptedCount++;
      this.#arrival.resolve();
      this.#arrival = Promise.withResolvers();
      const broker = await connectTo(this.target);
      if (broker === undefined) {
        closeQuietly(client);
        continue;
      }
      client.setNoDelay(true);
      broker.setNoDelay(true);
      this.#open.add(client);
      this.#open.add(broker);
      this.#start(this.#forward(client, broker, (bytes) => this.onClientBytes(bytes)));
      const toClient = (bytes: Uint8Array) => this.onBrokerBytes(bytes);
      this.#start(
        this.#forward(
          broker,
          client,
          toClient,
          (bytes) => this.isStalled || this.#keep(client, bytes),
        ),
      );
    }
  }

  /** Keeps bytes for a client, if they are kept back; tells whether they are. */
  #keep(client: Deno.TcpConn, bytes: Uint8Array): boolean {
    if (this.#kept === undefined) return false;
    const parts = this.#kept.get(client);
    if (parts === undefined) this.#kept.set(client, [bytes]);
    else parts.push(bytes);
    return true;
  }

  #start(forward: Promise<void>): void {
    this.#forwards.add(forward);
    forward.finally(() => this.#forwards.delete(forward));
  }

  async #forward(
    from: Deno.TcpConn,
    to: Deno.TcpConn,
    isAllowed: (bytes: Uint8Array) => boolean,
    isSwallowed: (bytes: Uint8Array) => boolean = () => false,
  ): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
        const bytes = buffer.slice(0, count);
        if (!isAllowed(bytes)) break;
        if (isSwallowed(bytes)) continue;
        for (let sent = 0; sent < count;) sent += await to.write(bytes.subarray(sent));
      }
    } catch {
      // Cut, from one side or the other.
    }
    for (const socket of [from, to]) {
      closeQuietly(socket);
      this.#open.delete(socket);
    }
  }
}

/** Connects to a broker, if there is one now. */
async function connectTo(port: number): Promise<Deno.TcpConn | undefined> {
  try {
    return await Deno.connect({ hostname: "localhost", port });
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
    return undefined;
  }
}

function closeQuietly(socket: Deno.TcpConn): void {
  try {
    socket.close();
  } catch {
    // Closed before.
  }
}
