import type { Peer } from "../peer.ts";
import { findFreePort, ServerProcess } from "../servers/server_process.ts";

/**
 * A bare program that only receives bytes, writes and flushes them in groups, and sends them on: what a
 * broker on this platform and this machine cannot beat.
 */
export const bareProgram: Peer = {
  name: "bare",
  title: "bare Deno program",
  durability: "flushed with fdatasync before the confirm",
  flushed: "before each confirm",
  settings: [
    "Reads 256 KiB at a time, writes and flushes all that has come meanwhile in one go, tells how much that was, and sends it on.",
    "It knows no messages and no acknowledgements: the share of it that a broker reaches which flushes before it confirms tells what the broker itself costs.",
  ],
  client: new URL("./client.ts", import.meta.url),
  readVersion: () => Promise.resolve(Deno.version.deno),
  start: async (directory) => {
    const port = findFreePort();
    const program = new URL("./program.ts", import.meta.url).href;
    const args = ["run", "-A", program, String(port), directory];
    return await ServerProcess.start({
      program: Deno.execPath(),
      args,
      port,
      directory,
    });
  },
};
