// Sockets of Deno: no other file opens one, so that another runtime needs one file like this.

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

/** Connects; written data is sent at once. */
export function connectSocket(
  hostname: string,
  port: number,
  signal: AbortSignal,
): Promise<Duplex> {
  return openSocket(hostname, port, signal);
}

/** Connects, and encrypts the connection; its certificate has been checked then. */
export async function connectEncrypted(
  hostname: string,
  port: number,
  check: CertificateCheck,
  signal: AbortSignal,
): Promise<Duplex> {
  // Deno.connectTls leaves Nagle's algorithm on, which delays the first request by 40 ms or more.
  const socket = await openSocket(hostname, port, signal);
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

async function openSocket(
  hostname: string,
  port: number,
  signal: AbortSignal,
): Promise<Deno.TcpConn> {
  if (typeof Deno === "undefined") throw new Error("this client needs Deno");
  const socket = await Deno.connect({ hostname, port, signal });
  try {
    socket.setNoDelay(true);
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
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

/** The same as errors of Deno, as sockets of node:net and node:tls say it. */
const ENDS: ReadonlySet<unknown> = new Set([
  "ECANCELED",
  "ECONNABORTED",
  "ECONNRESET",
  "ENOTCONN",
  "EPIPE",
  "ERR_SOCKET_CLOSED",
  "ERR_STREAM_DESTROYED",
  "ERR_STREAM_PREMATURE_CLOSE",
  "ERR_STREAM_WRITE_AFTER_END",
  "ETIMEDOUT",
]);

/** A fault of TLS, or one that the other side tells, ends a connection like one of the network. */
function isEndCode(code: unknown): boolean {
  return ENDS.has(code) || (typeof code === "string" && /^ERR_(SSL|TLS)_/.test(code));
}

/** Whether an error only says that a connection has ended, from either side. */
export function isConnectionEnd(error: unknown): boolean {
  if (error instanceof Error && "code" in error && isEndCode(error.code)) return true;
  return error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.Interrupted || error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.UnexpectedEof || error instanceof Deno.errors.TimedOut;
}
