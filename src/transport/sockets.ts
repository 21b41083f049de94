// The sockets of the runtime that this is: no layer above asks which one.

import { formatAddress } from "./address.ts";
import { connectDenoSocket, findOwnEnd } from "./deno_sockets.ts";
import type { Duplex } from "./duplex.ts";
import type { Link } from "./link.ts";

/** Connects; written data is sent at once. In Deno, its own sockets take a fifth less time than Node's. */
export async function connectSocket(
  hostname: string,
  port: number,
  signal: AbortSignal,
): Promise<Duplex> {
  if (typeof Deno !== "undefined") return await connectDenoSocket(hostname, port, signal);
  const { connectNodeSocket } = await import("./node_sockets.ts");
  return await connectNodeSocket(hostname, port, signal);
}

/** What the two ends of a connection compare, if both are in this process. */
export type Carried = Pick<
  Link,
  "isClosed" | "isCut" | "isHeldBack" | "outboundBytes" | "receivedBytes" | "sentBytes"
>;

/** The links over sockets that this process has connected. A broker on a virtual clock looks for its own among them. */
class ConnectedLinks {
  /** By the address of this end. */
  readonly #links = new Map<string, Carried>();

  /** Adds a link over a socket; returns a function that removes it. Other connections are left out. */
  add(duplex: Duplex, link: Carried): () => void {
    const end = findOwnEnd(duplex);
    if (end === undefined) return () => {};
    const address = formatAddress(readHostname(end.hostname), end.port);
    this.#links.set(address, link);
    return () => {
      if (this.#links.get(address) === link) this.#links.delete(address);
    };
  }

  /** Finds the link whose end has an address, as the other end sees it. */
  find(hostname: string, port: number): Carried | undefined {
    return this.#links.get(formatAddress(readHostname(hostname), port));
  }
}

export const connectedLinks: ConnectedLinks = new ConnectedLinks();

/** An end that speaks IPv6 sees addresses of IPv4 in a longer form. */
function readHostname(hostname: string): string {
  return hostname.replace(/^::ffff:/i, "");
}
