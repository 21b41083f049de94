import { join } from "node:path";
import { type Chroot, INSIDE, NOBODY } from "../servers/chroot.ts";
import { findFreePort } from "../servers/server_process.ts";
import { HOSTNAME } from "../../harness/broker_process.ts";
import { readPackageVersion } from "../packages.ts";
import type { Peer, PeerServer } from "../peer.ts";
import { USER } from "./connection.ts";

/** Where the package has the programs. */
const PROGRAMS = "/usr/lib/postgresql/18/bin";

/** What is set, and why. */
export const POSTGRES_SETTINGS: readonly string[] = [
  "Server: `fsync` and `synchronous_commit` are on, as they come: a transaction is on disk before it is confirmed.",
  "Server: `shared_buffers` is 1 GB and `max_wal_size` 4 GB; the defaults, 128 MB and 1 GB, are meant to fit any machine, and at these rates would have it write checkpoints all the time.",
  "Server: `max_connections` is 300, so that every pool gets what it asks for; everything else as it comes.",
];

const SETTINGS: readonly string[] = [
  `listen_addresses=${HOSTNAME}`,
  "unix_socket_directories=",
  "max_connections=300",
  "shared_buffers=1GB",
  "max_wal_size=4GB",
];

/** Asks the program for its version. */
async function readPostgresVersion(servers: Chroot): Promise<string> {
  return await servers.readVersion(`${PROGRAMS}/postgres`, ["--version"]);
}

/** Starts PostgreSQL; makes its files first where there are none. */
async function startPostgres(directory: string, servers: Chroot): Promise<PeerServer> {
  const data = "postgres";
  const isNew = await makeDirectory(join(directory, data));
  // It does not run as root, and must get to its files.
  await Deno.chmod(directory, 0o711);
  const own = { directory, user: NOBODY };
  if (isNew) {
    const layout = ["--encoding", "UTF8", "--no-locale", "--no-sync", "--no-instructions"];
    const access = ["--auth", "trust", "--username", USER];
    const args = ["--pgdata", `${INSIDE}/${data}`, ...layout, ...access];
    await servers.run({ program: `${PROGRAMS}/initdb`, args, ...own });
  }
  const port = findFreePort();
  const settings = SETTINGS.flatMap((setting) => ["-c", setting]);
  const args = ["-D", `${INSIDE}/${data}`, "-p", String(port), ...settings];
  const program = `${PROGRAMS}/postgres`;
  // It takes SIGTERM as a wish to wait until the last client has gone.
  return await servers.start({ program, args, port, ...own, stopSignal: "SIGINT" });
}

async function makeDirectory(path: string): Promise<boolean> {
  try {
    await Deno.mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw error;
  }
  await Deno.chown(path, NOBODY, NOBODY);
  return true;
}

/** What is the same for all peers on PostgreSQL: server, packages of Debian, durability. */
export function onPostgres(
  npmPackage: string,
): Pick<Peer, "durability" | "flushed" | "packages" | "readVersion" | "start"> {
  return {
    durability: "flushed with fdatasync before the confirm",
    flushed: "before each confirm",
    packages: ["postgresql-18"],
    readVersion: async (servers) => {
      const versions = [await readPackageVersion(npmPackage), await readPostgresVersion(servers)];
      return versions.join(" on PostgreSQL ");
    },
    start: startPostgres,
  };
}
