/** Writes a host and a port as one text; IPv6 addresses are put into brackets. */
export function formatAddress(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** The name of the protocol, where TLS chooses one. */
export const ALPN = "smq/1";

/** The first byte that a client of TLS sends: a record of the handshake. */
export const FIRST_BYTE_OF_TLS = 0x16;
