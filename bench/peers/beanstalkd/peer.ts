import type { Peer, PeerServer } from "../peer.ts";
import { HOSTNAME } from "../../harness/broker_process.ts";
import { findFreePort, ServerProcess } from "../server_process.ts";

const client = new URL("./client.ts", import.meta.url);

const program = "beanstalkd";

const install = "apt install beanstalkd";

/** The longest body that it takes. */
const BODY_BYTES_MAX = 1024 * 1024;

/** beanstalkd with its binlog, at its default settings. */
export const beanstalkdBinlog: Peer = {
  name: "beanstalkd-binlog",
  title: "beanstalkd, binlog",
  durability: "in the page cache; flushed with fsync every 50 ms at most",
  program,
  install,
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
  start: async (directory) => {
    const binlog = `${directory}/binlog`;
    await Deno.mkdir(binlog);
    return await start(directory, ["-b", binlog]);
  },
};

/** beanstalkd in memory. */
export const beanstalkdMemory: Peer = {
  name: "beanstalkd-memory",
  title: "beanstalkd, memory",
  durability: "nothing",
  program,
  install,
  settings: ["Started without `-b`; everything else as above."],
  client,
  readVersion,
  start: (directory) => start(directory, []),
};

async function readVersion(): Promise<string> {
  const { stdout } = await new Deno.Command(program, { args: ["-v"] }).output();
  return new TextDecoder().decode(stdout).trim().replace(/^beanstalkd /, "");
}

async function start(
  directory: string,
  args: readonly string[],
): Promise<PeerServer> {
  const port = findFreePort();
  const address = ["-l", HOSTNAME, "-p", String(port)];
  return await ServerProcess.start({
    program,
    args: [...address, "-z", String(BODY_BYTES_MAX), ...args],
    port,
    directory,
  });
}
