import { formatAddress } from "../../transport/address.ts";
import { connectEncrypted, connectSocket } from "../../transport/deno_sockets.ts";
import type { Duplex } from "../../transport/duplex.ts";
import { explainDialFault } from "./dial_fault.ts";
import type { ReadToken } from "./token.ts";
import type { ResolvedTls } from "./tls_options.ts";

/** A broker's address and the way to it. */
export interface TargetOptions {
  readonly hostname: string;
  readonly port: number;
  /** How to encrypt; `undefined` for not at all. */
  readonly tls: ResolvedTls | undefined;
  readonly readToken: ReadToken | undefined;
}

/** A broker that is reached over a socket. */
export class BrokerTarget {
  readonly action: string;
  readonly readToken: ReadToken | undefined;
  readonly #hostname: string;
  readonly #port: number;
  readonly #tls: ResolvedTls | undefined;

  constructor({ hostname, port, tls, readToken }: TargetOptions) {
    this.action = `Cannot connect to a broker at ${formatAddress(hostname, port)}`;
    this.readToken = readToken;
    this.#hostname = hostname;
    this.#port = port;
    this.#tls = tls;
  }

  async dial(signal: AbortSignal): Promise<Duplex> {
    const hostname = this.#hostname;
    const port = this.#port;
    if (this.#tls === undefined) return await connectSocket(hostname, port, signal);
    const { ca, pair, serverName = hostname } = this.#tls;
    if (pair === undefined) {
      return await connectEncrypted(hostname, port, { ca, serverName }, signal);
    }
    // Deno's own sockets show no certificate.
    const { connectTlsSocket } = await import("../../transport/node_sockets.ts");
    const target = { hostname, port, serverName, ca: ca?.join("\n"), ...pair };
    return await connectTlsSocket(target, signal);
  }

  /** The error of an attempt, in a sentence with address and reason. */
  explain(cause: unknown): Error {
    const { serverName = this.#hostname, pair } = this.#tls ?? {};
    const way = { serverName, isEncrypted: this.#tls !== undefined, hasPair: pair !== undefined };
    return new Error(`${this.action}: ${explainDialFault(cause, way)}`, { cause });
  }
}
