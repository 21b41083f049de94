// Sockets of node:net and node:tls: all of those of Node and Bun; in Deno, what its own cannot do.

import { connect as connectTcp, isIP, type Socket } from "node:net";
import { checkServerIdentity, connect as connectTls, type ConnectionOptions } from "node:tls";
import { ALPN } from "./tls_wire.ts";
import { connectDenoSocket } from "./deno_sockets.ts";
import type { Duplex } from "./duplex.ts";
import { DuplexStream } from "./duplex_stream.ts";
import { NodeDuplex } from "./node_duplex.ts";

/** Connects; written data is sent at once. */
export async function connectNodeSocket(
  hostname: string,
  port: number,
  signal: AbortSignal,
): Promise<Duplex> {
  signal.throwIfAborted();
  const socket = connectTcp({ host: hostname, port, noDelay: true });
  return await open(socket, signal, (resolve) => {
    socket.on("connect", () => resolve(new NodeDuplex(socket)));
  });
}

/** Where and how to connect; certificates and keys are texts in PEM. */
export interface TlsTarget {
  readonly hostname: string;
  readonly port: number;
  /** The name that the certificate of the other side must have; by default `hostname`. */
  readonly serverName?: string | undefined;
  /** The authorities to trust, in place of those of the system. */
  readonly ca?: string | undefined;
  /** The certificate to show, with its chain. */
  readonly cert?: string | undefined;
  /** Its key. */
  readonly key?: string | undefined;
}

/** Connects by TLS, with a certificate if there is one; written data is sent at once. */
export function connectTlsSocket(target: TlsTarget, signal: AbortSignal): Promise<Duplex> {
  return typeof Deno === "undefined"
    ? connectTlsDirectly(target, signal)
    : connectTlsOverDeno(target, signal);
}

/** Node's own socket under TLS: bytes do not pass through JavaScript before they are decrypted. */
async function connectTlsDirectly(target: TlsTarget, signal: AbortSignal): Promise<Duplex> {
  signal.throwIfAborted();
  const { port } = target;
  const socket = connectTls({ ...describe(target), port });
  socket.setNoDelay(true);
  return await open(socket, signal, (resolve) => {
    socket.on("secureConnect", () => resolve(new NodeDuplex(socket)));
  });
}

/** Deno's socket, which takes less time, under TLS of Node. */
async function connectTlsOverDeno(target: TlsTarget, signal: AbortSignal): Promise<Duplex> {
  const { hostname, port } = target;
  const stream = new DuplexStream(await connectDenoSocket(hostname, port, signal));
  try {
    signal.throwIfAborted();
    const socket = connectTls({ ...describe(target), socket: stream });
    return await open(socket, signal, (resolve, reject) => {
      stream.on("error", reject);
      socket.on("secureConnect", () => resolve(new NodeDuplex(socket, stream)));
    });
  } catch (error) {
    stream.destroy();
    throw error;
  }
}

function describe(target: TlsTarget): ConnectionOptions {
  const { hostname, serverName = hostname, ca, cert, key } = target;
  return {
    host: hostname,
    // An address may not be sent as a name, but is checked like one.
    ...isIP(serverName) === 0 && { servername: serverName },
    checkServerIdentity: (_host, certificate) => checkServerIdentity(serverName, certificate),
    ...ca !== undefined && { ca },
    ...cert !== undefined && { cert },
    ...key !== undefined && { key },
    ALPNProtocols: [ALPN],
    minVersion: "TLSv1.2",
    // Without it, NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment would turn the checks off.
    rejectUnauthorized: true,
  };
}

/** Waits until a socket is open, or cannot be opened, or is wanted no more. */
async function open(
  socket: Socket,
  signal: AbortSignal,
  listen: (resolve: (duplex: NodeDuplex) => void, reject: (error: unknown) => void) => void,
): Promise<NodeDuplex> {
  const { promise, resolve, reject } = Promise.withResolvers<NodeDuplex>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  socket.on("error", reject);
  socket.on("close", () => reject(new Error("the connection ended before it was open")));
  listen(resolve, reject);
  try {
    return await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
