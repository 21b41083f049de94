/**
 * TLS in front of a port: what a test wants of certificates, and silence.
 *
 * @module
 */

import { connect, type Socket } from "node:net";
import { createServer, type TlsOptions, type TLSSocket } from "node:tls";

/** A port that speaks TLS, and forwards what is inside to another port. */
export class TlsFront implements AsyncDisposable {
  readonly #server = createServer({});
  readonly #open = new Set<Socket>();
  /** The common names of the clients' certificates; those that were refused are not in it. */
  readonly clients: (string | undefined)[] = [];
  /** How many connections have come so far, and how many of them have ended. */
  acceptedCount = 0;
  endedCount = 0;
  /** What clients have sent inside of TLS, in bytes. */
  receivedBytes = 0;
  port = 0;

  private constructor(options: TlsOptions, use: (socket: TLSSocket) => void) {
    this.#server = createServer(options, (socket) => {
      this.clients.push(socket.getPeerCertificate()?.subject?.CN);
      socket.on("data", (bytes) => this.receivedBytes += bytes.length);
      use(socket);
    });
    this.#server.on("tlsClientError", () => {});
    this.#server.on("connection", (socket: Socket) => {
      this.acceptedCount++;
      this.#keep(socket);
      socket.once("close", () => this.endedCount++);
    });
  }

  /** Opens a port in front of the one of a broker. */
  static open(target: number, options: TlsOptions): Promise<TlsFront> {
    const front: TlsFront = new TlsFront(options, (socket) => {
      const inner = connect({ port: target, host: "localhost" });
      for (const [from, to] of [[socket, inner], [inner, socket]] as const) {
        from.setNoDelay(true);
        front.#keep(from);
        from.pipe(to);
        from.on("close", () => to.destroy());
      }
    });
    return front.#listen();
  }

  /** Shows another certificate from now on. */
  renew(options: { readonly cert: string; readonly key: string }): void {
    this.#server.setSecureContext(options);
  }

  /** Lets nothing through to the clients any more, and ends their connections. */
  cut(): void {
    for (const socket of this.#open) socket.destroy();
    this.#open.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #keep(socket: Socket): void {
    this.#open.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => this.#open.delete(socket));
  }

  async #listen(): Promise<TlsFront> {
    await new Promise<void>((resolve) => this.#server.listen(0, "localhost", resolve));
    this.port = (this.#server.address() as { port: number }).port;
    return this;
  }
}
