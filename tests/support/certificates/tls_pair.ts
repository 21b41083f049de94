/**
 * The two ends of a connection by TLS inside this process, both real: the broker's and a client's.
 *
 * @module
 */

import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { createPipe, type Duplex } from "../../../src/transport/duplex.ts";
import { DuplexStream } from "../../../src/transport/duplex_stream.ts";
import { NodeDuplex } from "../../../src/transport/node_duplex.ts";
import { TlsAcceptor, type TlsDuplex } from "../../../src/transport/tls_acceptor.ts";
import { Authority } from "../../../src/server/certificates/authority.ts";
import { LOCAL_NAMES, validFor } from "./test_certificates.ts";

/** Signs all certificates here. */
export const AUTHORITY: Authority = Authority.create("tls pair", validFor(30));

/** Makes the broker's end of connections. */
export function makeAcceptor(clientCa?: string): TlsAcceptor {
  return new TlsAcceptor({ ...AUTHORITY.makeServer(LOCAL_NAMES, validFor(10)), clientCa });
}

/** How to make a connection. */
export interface TlsPairOptions extends ConnectionOptions {
  readonly acceptor?: TlsAcceptor;
  /** Puts something between the ends of the pipe and TLS. */
  readonly wrap?: (duplex: Duplex) => Duplex;
  /** Whether the broker's memory for received bytes is short. */
  readonly isThrifty?: () => boolean;
  /** Puts something between the client's end and its TLS only. */
  readonly wrapHere?: (duplex: Duplex) => Duplex;
}

/** One connection. */
export class TlsPair implements Disposable {
  /** The broker's end. */
  readonly there: TlsDuplex;
  /** What the broker is told of a handshake that fails. */
  readonly failures: string[] = [];
  /** The client's end of the connection that is encrypted. */
  readonly plain: Duplex;
  readonly #options: TlsPairOptions;
  readonly #stream: DuplexStream;
  #socket: TLSSocket | undefined;

  constructor(options: TlsPairOptions = {}) {
    const { acceptor = makeAcceptor(), wrap = (duplex) => duplex } = options;
    const [here, there] = createPipe();
    this.#options = options;
    this.plain = wrap(here);
    this.#stream = new DuplexStream(options.wrapHere?.(this.plain) ?? this.plain);
    this.there = acceptor.secure(wrap(there), {
      ...options.isThrifty && { isThrifty: options.isThrifty },
      noteFailure: (why) => this.failures.push(why),
      answerPlain: (firstByte) => firstByte === 0x53 ? new Uint8Array([1, 2, 3]) : undefined,
    });
  }

  /** The client's socket; its handshake begins with the first call. */
  get socket(): TLSSocket {
    const { acceptor: _acceptor, wrap: _wrap, wrapHere: _wrapHere, isThrifty: _is, ...options } =
      this.#options;
    this.#socket ??= connect({
      socket: this.#stream,
      servername: "localhost",
      ca: AUTHORITY.certificate,
      ...options,
    });
    return this.#socket;
  }

  /** The client's end, after the handshake; the broker's must be reading. */
  async open(): Promise<NodeDuplex> {
    const { socket } = this;
    await new Promise<void>((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
    });
    return new NodeDuplex(socket, this.#stream);
  }

  [Symbol.dispose](): void {
    this.there.close();
    this.#socket?.destroy();
    this.plain.close();
  }
}
