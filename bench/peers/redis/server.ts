import type { PeerServer } from "../peer.ts";
import { HOSTNAME } from "../../harness/broker_process.ts";
import { findFreePort, ServerProcess } from "../server_process.ts";

export const PROGRAM = "redis-server";

export const INSTALL = "apt-get install redis-server";

/** When the log, the append only file, is flushed; `never`: there is none. */
export type FlushTime = "never" | "everysec" | "always";

/** Describes the settings of the server and their reasons. */
export function describeServer(flushTime: FlushTime): string[] {
  const persistence = flushTime === "never" ? ["Server: `appendonly no`."] : [
    `Server: \`appendonly yes\`, \`appendfsync ${flushTime}\`.`,
    "Server: `auto-aof-rewrite-min-size 1gb`; with the default, 64 MB, these rates would have " +
    "the append only file rewritten every second or two, which cost a tenth of the server's time.",
  ];
  return [
    ...persistence,
    'Server: `save ""`, no snapshots: they would be a second copy of everything, or a first one ' +
    "where nothing is to be on disk.",
    "Server: `maxmemory-policy noeviction`, the default: no message is dropped to make room.",
    "Server: no `io-threads`, which redis.conf suggests for machines with four cores or more only.",
  ];
}

/** Starts Redis with these settings; all others are the defaults. */
export async function startRedis(flushTime: FlushTime, directory: string): Promise<PeerServer> {
  const port = findFreePort();
  const persistence = flushTime === "never" ? ["--appendonly", "no"] : [
    ...["--appendonly", "yes"],
    ...["--appendfsync", flushTime],
    ...["--auto-aof-rewrite-min-size", "1gb"],
  ];
  const args = [
    ...["--bind", HOSTNAME],
    ...["--port", String(port)],
    ...["--dir", directory],
    ...["--save", ""],
    ...["--maxmemory-policy", "noeviction"],
    ...persistence,
  ];
  return await ServerProcess.start({ program: PROGRAM, args, port, directory });
}

/** Asks the program for its version. */
export async function readRedisVersion(): Promise<string> {
  const { stdout } = await new Deno.Command(PROGRAM, { args: ["--version"] }).output();
  const version = /\bv=(\S+)/.exec(new TextDecoder().decode(stdout))?.[1];
  if (version === undefined) throw new Error(`${PROGRAM} does not tell its version`);
  return version;
}
