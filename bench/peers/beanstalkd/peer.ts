import type { Peer, PeerServer } from "../peer.ts";
import { HOSTNAME } from "../../harness/broker_process.ts";
import { type Chroot, INSIDE } from "../servers/chroot.ts";
import { findFreePort } from "../servers/server_process.ts";

const client = new URL("./client.ts", import.meta.url);

const PROGRAM = "beanstalkd";

const packages = [PROGRAM];

/** The longest body that it takes. */
const BODY_BYTES_MAX = 1024 * 1024;

/** beanstalkd with its binlog, at its default settings. */
export const beanstalkdBinlog: Peer = {
  name: "beanstalkd-binlog",
  title: "beanstalkd, binlog",
  durability: "in the page cache; flushed with fsync every 50 ms at most",
  flushed: "every 50 ms",
  packages,
  settings: [
    "Started with `-b` for a binlog; `-f`, the time between two calls of fsync, is left at 50 ms, and `-s`, the size of a binlog file, at 10 MiB.",
    "`-z` allows bodies of 1 MiB, above the 64 KiB that it takes by itself.",
    "beanstalkd has no command for many jobs and answers each by itself, so the client pipelines as its protocol allows: 256 `put` commands to a write, 4 writes in flight; 64 or 1024 commands, and 2 or 16 writes, made no difference that was larger than the noise.",
    "Followers keep up to 64 `reserve-with-timeout 0` commands in flight, and send a `reserve` that waits only when there are no jobs, because a connection that waits does nothing else; 256 made no difference, 16 and 1000 took more of the server's time.",
    "Each job is removed by a `delete` of its own, sent as soon as the job was handed over and not waited for.",
    "For many streams a body is put into a tube for each, batch by batch, so that `use` is sent once per batch and tube: beanstalkd has no other way to send a message to many.",
    "TCP_NODELAY is set.",
  ],
  client,
  readVersion,
  start: async (directory, servers) => {
    await Deno.mkdir(`${directory}/binlog`, { recursive: true });
    return await start(directory, servers, ["-b", `${INSIDE}/binlog`]);
  },
};

/** beanstalkd in memory. */
export const beanstalkdMemory: Peer = {
  name: "beanstalkd-memory",
  title: "beanstalkd, memory",
  durability: "nothing",
  flushed: "never",
  packages,
  settings: ["Started without `-b`; everything else as above."],
  client,
  readVersion,
  start: (directory, servers) => start(directory, servers, []),
};

async function readVersion(servers: Chroot): Promise<string> {
  return await servers.readVersion(PROGRAM, ["-v"]);
}

async function start(
  directory: string,
  servers: Chroot,
  args: readonly string[],
): Promise<PeerServer> {
  const port = findFreePort();
  const address = ["-l", HOSTNAME, "-p", String(port)];
  const all = [...address, "-z", String(BODY_BYTES_MAX), ...args];
  return await servers.start({ program: PROGRAM, args: all, port, directory });
}
