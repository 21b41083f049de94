import type { Socket } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { NodeTransport } from "@nats-io/transport-node/lib/node_transport.js";

const dial = NodeTransport.prototype.dial;

/**
 * Has the sockets of NATS heard for good. Now and then the package listens to nothing: while a connection is
 * being made, and after its end. An error that comes then, such as a reset by a node that is killed, or its
 * word that our certificate is refused, would be thrown to nobody and end the process.
 */
export function useSafeSockets(): void {
  NodeTransport.prototype.dial = async function (address) {
    const socket = await dial.call(this, address);
    hearErrors(socket, () => {});
    return socket;
  };
  NodeTransport.prototype.startTLS = startTls;
}

/** As the package does it, but heard from the beginning: an error may come with the end of the handshake. */
function startTls(this: NodeTransport): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const { ca, cert, key } = this.options.tls ?? {};
  const socket = connect({
    socket: this.socket,
    servername: this.tlsName,
    rejectUnauthorized: true,
    ...ca !== undefined && { ca },
    ...cert !== undefined && { cert },
    ...key !== undefined && { key },
  }, () => resolve(socket));
  hearErrors(socket, reject);
  socket.on("close", () => reject(new Error("TLS was refused")));
  return promise;
}

/** Hears the errors of a socket, whoever removes all of its listeners. */
function hearErrors(socket: Socket, hear: (error: Error) => void): void {
  const removeAll = socket.removeAllListeners.bind(socket);
  socket.removeAllListeners = (...events) => removeAll(...events).on("error", hear);
  socket.on("error", hear);
}
