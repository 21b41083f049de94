import { formatAddress } from "../../transport/address.ts";
import { connectEncrypted } from "../../transport/deno_sockets.ts";
import type { Duplex } from "../../transport/duplex.ts";
import type { TlsTarget } from "../../transport/node_sockets.ts";
import { connectSocket } from "../../transport/sockets.ts";
import type { BrokerAddress, Target } from "../uplink/target.ts";
import { DialError } from "../uplink/dial_error.ts";
import { explainDialFault } from "./dial_fault.ts";
import { readToldAddress } from "./server_address.ts";
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
export class BrokerTarget implements Target {
  readonly action: string;
  readonly readToken: ReadToken | undefined;
  readonly address: BrokerAddress;
  readonly #tls: ResolvedTls | undefined;
  /**
   * Whether an attempt was given up. Deno keeps the socket of an unfinished handshake until the other side
   * closes it; so that there is one at most, later attempts use node:tls, which takes more time.
   */
  #wasGivenUp = false;

  constructor({ hostname, port, tls, readToken }: TargetOptions) {
    this.action = `Cannot connect to a broker at ${formatAddress(hostname, port)}`;
    this.readToken = readToken;
    this.address = { hostname, port };
    this.#tls = tls;
  }

  async dial(signal: AbortSignal): Promise<Duplex> {
    const { hostname, port } = this.address;
    if (this.#tls === undefined) return await connectSocket(hostname, port, signal);
    const { ca, pair, serverName = hostname } = this.#tls;
    const target = { hostname, port, serverName, ca: ca?.join("\n"), ...pair };
    // Deno's own sockets show no certificate, and other runtimes have none of Deno's.
    const needsNode = typeof Deno === "undefined" || pair !== undefined || this.#wasGivenUp;
    if (needsNode) return await connectByNode(target, signal);
    try {
      return await connectEncrypted(hostname, port, { ca, serverName }, signal);
    } finally {
      this.#wasGivenUp ||= signal.aborted;
    }
  }

  get isEncrypted(): boolean {
    return this.#tls !== undefined;
  }

  /** The certificate must be for the name that is told, unless `tls.serverName` names another one. */
  findSibling(told: string): BrokerTarget | undefined {
    const address = readToldAddress(told);
    if (address === undefined) return undefined;
    return new BrokerTarget({ ...address, tls: this.#tls, readToken: this.readToken });
  }

  /** The error of an attempt, in a sentence with address and reason. */
  explain(cause: unknown): DialError {
    const { serverName = this.address.hostname, pair } = this.#tls ?? {};
    const way = { serverName, isEncrypted: this.isEncrypted, hasPair: pair !== undefined };
    const { why, isMistake } = explainDialFault(cause, way);
    return new DialError(`${this.action}: ${why}`, isMistake, cause);
  }
}

/** Loads node:tls only where it is needed. */
async function connectByNode(target: TlsTarget, signal: AbortSignal): Promise<Duplex> {
  const { connectTlsSocket } = await import("../../transport/node_sockets.ts");
  return await connectTlsSocket(target, signal);
}
