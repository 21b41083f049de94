import type { PeerServer } from "../peer.ts";
import { HOSTNAME } from "../../harness/broker_process.ts";
import { type Chroot, INSIDE } from "../servers/chroot.ts";
import { findFreePort } from "../servers/server_process.ts";

const PROGRAM = "redis-server";

/** The packages of Debian that it is in. */
export const REDIS_PACKAGES: readonly string[] = ["redis-server"];

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
export async function startRedis(
  flushTime: FlushTime,
  directory: string,
  servers: Chroot,
): Promise<PeerServer> {
  const port = findFreePort();
  const persistence = flushTime === "never" ? ["--appendonly", "no"] : [
    ...["--appendonly", "yes"],
    ...["--appendfsync", flushTime],
    ...["--auto-aof-rewrite-min-size", "1gb"],
  ];
  const args = [
    ...["--bind", HOSTNAME],
    ...["--port", String(port)],
    ...["--dir", INSIDE],
    ...["--save", ""],
    ...["--maxmemory-policy", "noeviction"],
    ...persistence,
  ];
  return await servers.start({ program: PROGRAM, args, port, directory });
}

/** Asks the program for its version. */
export async function readRedisVersion(servers: Chroot): Promise<string> {
  return await servers.readVersion(PROGRAM, ["--version"]);
}
