import type { PeerServer } from "../peer.ts";
import { HOSTNAME } from "../../harness/broker_process.ts";
import { findFreePort, ServerProcess } from "../server_process.ts";

/**
 * Where the package has the script. The `rabbitmq-server` on the path would switch to a user of its
 * own, who cannot write where we want it to.
 */
const SCRIPT = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/** Where the package has the program, in a directory with its version in the name. */
const LIBRARY = "/usr/lib/rabbitmq/lib";

/** Reads its version without starting anything: even `rabbitmqctl version` leaves a process behind. */
export async function readNodeVersion(): Promise<string> {
  for await (const { name } of Deno.readDir(LIBRARY)) {
    const [, version] = /^rabbitmq_server-(.+)$/.exec(name) ?? [];
    if (version !== undefined) return version;
  }
  throw new Error(`There is no RabbitMQ in ${LIBRARY}`);
}

/**
 * Starts a node, and the name service that it cannot do without. Everything they write is in one
 * directory, and they listen on this machine only.
 */
export async function startNode(directory: string): Promise<PeerServer> {
  await using stack = new AsyncDisposableStack();
  const names = stack.use(await startNameService(directory));
  const port = findFreePort();
  const node = stack.use(
    await ServerProcess.start({
      program: SCRIPT,
      args: [],
      env: await writeSettings(directory, port, names.port),
      port,
      directory,
    }),
  );
  const servers = stack.move();
  return {
    port,
    pid: node.pid,
    [Symbol.asyncDispose]: () => servers.disposeAsync(),
  };
}

/** Erlang's name service, which a node would start and leave behind if there was none. */
async function startNameService(directory: string): Promise<ServerProcess> {
  const port = findFreePort();
  const args = ["-address", HOSTNAME, "-port", String(port)];
  return await ServerProcess.start({ program: "epmd", args, port, directory });
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
    HOME: directory,
    // The script becomes the node then, instead of waiting for it.
    RUNNING_UNDER_SYSTEMD: "true",
    RABBITMQ_NODENAME: `bench-${port}@localhost`,
    RABBITMQ_CONF_ENV_FILE: `${directory}/rabbitmq-env.conf`,
    RABBITMQ_CONFIG_FILE: `${directory}/rabbitmq.conf`,
    RABBITMQ_ENABLED_PLUGINS_FILE: `${directory}/enabled_plugins`,
    RABBITMQ_MNESIA_BASE: `${directory}/mnesia`,
    RABBITMQ_LOG_BASE: `${directory}/log`,
    RABBITMQ_PID_FILE: `${directory}/pid`,
    RABBITMQ_DIST_PORT: String(findFreePort()),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-kernel inet_dist_use_interface {127,0,0,1}",
    ERL_EPMD_ADDRESS: HOSTNAME,
    ERL_EPMD_PORT: String(namePort),
  };
}
