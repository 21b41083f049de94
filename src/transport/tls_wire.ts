/** The name of the protocol, where TLS chooses one. */
export const ALPN = "smq/1";

/** The first byte that a client of TLS sends: a record of the handshake. */
export const FIRST_BYTE_OF_TLS = 0x16;

/** The first two bytes of an alert of TLS; they are the same in all of its versions. */
export const TLS_ALERT: readonly [type: number, version: number] = [0x15, 0x03];
