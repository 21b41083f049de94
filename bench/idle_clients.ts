/**
 * A program of its own: connects so many clients to a broker, says so, and keeps them idle until its
 * standard input ends, which it does when whoever has started it is gone.
 *
 * ```text
 * deno run -A bench/idle_clients.ts <host> <port> <count>
 * ```
 *
 * @module
 */

import { connect, type Connection } from "@simplemq/simplemq";
import { print } from "./harness/print.ts";

/** So many connect at a time: fewer than a system lets wait to be accepted. */
const AT_A_TIME = 50;

/** Connects clients, some at a time. */
async function connectMany(
  address: { readonly hostname: string; readonly port: number },
  count: number,
): Promise<Connection[]> {
  const connections: Connection[] = [];
  while (connections.length < count) {
    const length = Math.min(AT_A_TIME, count - connections.length);
    const more = Array.from({ length }, () => connect({ ...address, name: "bench-idle" }));
    connections.push(...await Promise.all(more));
  }
  return connections;
}

if (import.meta.main) {
  const [hostname = "", port, count] = Deno.args;
  const connections = await connectMany({ hostname, port: Number(port) }, Number(count));
  print(`${connections.length} connected`);
  await Deno.stdin.readable.pipeTo(new WritableStream());
  await Promise.all(connections.map((connection) => connection.close()));
}
