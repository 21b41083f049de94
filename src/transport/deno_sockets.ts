// Sockets of Deno; node_sockets.ts has those of other runtimes.

import { ALPN } from "./tls_wire.ts";
import type { Duplex } from "./duplex.ts";

/** A connection that was accepted. */
export type AcceptedSocket = Deno.TcpConn;

/** An open port as a listener needs it. */
export type OpenPort = Pick<Deno.TcpListener, "addr" | "accept" | "close">;

/** What the certificate of the other side must be. */
export interface CertificateCheck {
  /** The name that it must have. */
  readonly serverName: string;
  /** Authorities to trust beside those that Deno trusts; `undefined` for none. */
  readonly ca: readonly string[] | undefined;
}

/** Connects, and encrypts the connection; its certificate has been checked then. */
export async function connectEncrypted(
  hostname: string,
  port: number,
  check: CertificateCheck,
  signal: AbortSignal,
): Promise<Duplex> {
  // Deno.connectTls leaves Nagle's algorithm on, which delays the first request by 40 ms or more.
  const socket = await connectDenoSocket(hostname, port, signal);
  const encrypted = await startTls(socket, check);
  // The handshake takes no signal; it ends with its connection.
  const { promise: whenAborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    signal.throwIfAborted();
    await Promise.race([encrypted.handshake(), whenAborted]);
    return encrypted;
  } catch (error) {
    encrypted.close();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function startTls(socket: Deno.TcpConn, check: CertificateCheck): Promise<Deno.TlsConn> {
  const { serverName: hostname, ca } = check;
  const caCerts = ca && [...ca];
  try {
    return await Deno.startTls(socket, {
      hostname,
      ...caCerts && { caCerts },
      alpnProtocols: [ALPN],
    });
  } catch (error) {
    try {
      socket.close();
    } catch {
      // It was taken over before the call failed.
    }
    throw error;
  }
}

/** Connects; written data is sent at once. */
export async function connectDenoSocket(
  hostname: string,
  port: number,
  signal: AbortSignal,
): Promise<Deno.TcpConn> {
  const socket = await connectUntil(hostname, port, signal);
  try {
    signal.throwIfAborted();
    socket.setNoDelay(true);
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** Connects; a signal that is aborted when the connection is there already is up to the caller. */
async function connectUntil(
  hostname: string,
  port: number,
  signal: AbortSignal,
): Promise<Deno.TcpConn> {
  signal.throwIfAborted();
  // When a signal is aborted as the connection comes, Deno throws, and nobody can close the connection.
  const own = new AbortController();
  own.signal.throwIfAborted = () => {};
  const abort = () => own.abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Deno.connect({ hostname, port, signal: own.signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** Finds the address of this end of a connection; there is none if it is no socket of Deno. */
export function findOwnEnd(
  connection: Duplex & { readonly localAddr?: Partial<Deno.NetAddr> },
): { hostname: string; port: number } | undefined {
  const { hostname, port } = connection.localAddr ?? {};
  return hostname === undefined || port === undefined ? undefined : { hostname, port };
}

/** Opens a port; throws what Deno throws. */
export function openPort(address: { hostname: string; port: number }): OpenPort {
  return Deno.listen(address);
}

/** Makes an accepted connection send written data at once, and notice that its other end is gone. */
export function prepareSocket(socket: AcceptedSocket): void {
  socket.setNoDelay(true);
  // Clients of JSON lines send no heartbeats; only the system can find out that one is gone.
  socket.setKeepAlive(true);
}

const SHORTAGES: ReadonlySet<unknown> = new Set(["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"]);

/** Whether accepting failed because the system is out of resources for connections. */
export function isShortage(error: unknown): boolean {
  return error instanceof Error && "code" in error && SHORTAGES.has(error.code);
}

/** Whether a port could not be opened because it is taken. */
export function isPortTaken(error: unknown): boolean {
  return error instanceof Deno.errors.AddrInUse;
}
