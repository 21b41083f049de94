import type { Duplex } from "../../transport/duplex.ts";

/** Where a broker is. */
export interface BrokerAddress {
  readonly hostname: string;
  readonly port: number;
}

/** A broker that a connection may use. */
export interface Target {
  /** The beginning of error messages: `Cannot connect to a broker at localhost:9090`. */
  readonly action: string;
  /** Reads the token to show; without it there is none. */
  readonly readToken?: ((signal?: AbortSignal) => Promise<string | undefined>) | undefined;
  /** Opens a connection. */
  dial(signal: AbortSignal): Promise<Duplex>;
  /** Where it is, unless it is in this process. */
  readonly address?: BrokerAddress;
  /** Whether it is reached by TLS. */
  readonly isEncrypted?: boolean;
  /** Makes the error of a failed attempt, unless the broker has refused the client. */
  explain?(cause: unknown): Error;
  /**
   * Another broker of the same cluster, which is reached in the same way: with TLS or without, with the same
   * certificates and the same token.
   *
   * @param address What a broker has told: `host:port`.
   * @returns The broker; `undefined` if the text is no address.
   */
  findSibling?(address: string): Target | undefined;
}
