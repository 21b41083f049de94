import type { PeerServer } from "../peer.ts";
import { HOSTNAME } from "../../harness/broker_process.ts";
import { type Chroot, INSIDE } from "../servers/chroot.ts";
import { findFreePort, type ServerProcess } from "../servers/server_process.ts";

/**
 * Where the package has the script. The `rabbitmq-server` on the path would switch to a user of its
 * own, who cannot write where we want it to.
 */
const SCRIPT = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/** Where the package has the program, in a directory with its version in the name. */
const LIBRARY = "/usr/lib/rabbitmq/lib";

/** The packages of Debian that it is in. */
export const RABBIT_PACKAGES: readonly string[] = ["rabbitmq-server"];

/** Reads its version without starting anything: even `rabbitmqctl version` leaves a process behind. */
export async function readNodeVersion(servers: Chroot): Promise<string> {
  for await (const { name } of Deno.readDir(servers.resolve(LIBRARY))) {
    const [, version] = /^rabbitmq_server-(.+)$/.exec(name) ?? [];
    if (version !== undefined) return version;
  }
  throw new Error(`There is no RabbitMQ in ${LIBRARY}`);
}

/**
 * Starts a node, and the name service that it cannot do without. Everything they write is in one
 * directory, and they listen on this machine only.
 */
export async function startNode(directory: string, servers: Chroot): Promise<PeerServer> {
  await using stack = new AsyncDisposableStack();
  const names = stack.use(await startNameService(directory, servers));
  const port = findFreePort();
  const env = await writeSettings(directory, port, names.port);
  const node = stack.use(
    await servers.start({ program: SCRIPT, args: [], env, port, directory }),
  );
  const running = stack.move();
  return {
    port,
    pid: node.pid,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** Erlang's name service, which a node would start and leave behind if there was none. */
async function startNameService(directory: string, servers: Chroot): Promise<ServerProcess> {
  const port = findFreePort();
  const args = ["-address", HOSTNAME, "-port", String(port)];
  return await servers.start({ program: "epmd", args, port, directory });
}

/** Writes its configuration; gives its environment. */
async function writeSettings(
  directory: string,
  port: number,
  namePort: number,
): Promise<Record<string, string>> {
  const configuration = [
    `listeners.tcp.1 = ${HOSTNAME}:${port}`,
    // Publishers must not be stopped while a backlog is built up.
    "vm_memory_high_watermark.relative = 0.8",
    "disk_free_limit.absolute = 100MB",
    "log.file.level = warning",
    "",
  ];
  await Deno.writeTextFile(`${directory}/rabbitmq.conf`, configuration.join("\n"));
  await Deno.writeTextFile(`${directory}/enabled_plugins`, "[].\n");
  return {
    HOME: INSIDE,
    // The script becomes the node then, instead of waiting for it.
    RUNNING_UNDER_SYSTEMD: "true",
    RABBITMQ_NODENAME: `bench@localhost`,
    RABBITMQ_CONF_ENV_FILE: `${INSIDE}/rabbitmq-env.conf`,
    RABBITMQ_CONFIG_FILE: `${INSIDE}/rabbitmq.conf`,
    RABBITMQ_ENABLED_PLUGINS_FILE: `${INSIDE}/enabled_plugins`,
    RABBITMQ_MNESIA_BASE: `${INSIDE}/mnesia`,
    RABBITMQ_LOG_BASE: `${INSIDE}/log`,
    RABBITMQ_PID_FILE: `${INSIDE}/pid`,
    RABBITMQ_DIST_PORT: String(findFreePort()),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-kernel inet_dist_use_interface {127,0,0,1}",
    ERL_EPMD_ADDRESS: HOSTNAME,
    ERL_EPMD_PORT: String(namePort),
  };
}
