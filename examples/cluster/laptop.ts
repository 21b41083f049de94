/**
 * A cluster on one machine, to try it: three nodes of NATS and two brokers, in `./data/cluster`. Ctrl-C ends all.
 *
 * ```text
 * deno task cluster
 * ```
 *
 * A broker that is killed is started again, as a service manager would do it. `nats-server` is taken from the path,
 * from `SIMPLEMQ_NATS_SERVER`, or fetched from Debian.
 *
 * @module
 */

import { NatsCluster } from "../../tests/support/nats/nats_cluster.ts";
import { findNatsServer, NATS_VARIABLE } from "../../tests/support/nats/nats_program.ts";

const FOLDER = "data/cluster";
const SERVER = new URL("../../server.ts", import.meta.url).href;

/** Three for each node: for brokers, for other nodes, for its monitoring. */
const NATS_PORTS = [4222, 6222, 8222, 4223, 6223, 8223, 4224, 6224, 8224];
const BROKERS = [{ id: "a", port: 9090, http: 9190 }, { id: "b", port: 9091, http: 9191 }];

/** A service manager waits, too. */
const RESTART_MS = 2_000;

/** What a broker ends with that could not start: it could not the next time either. */
const START_FAILED = 2;

const NEXT = `
A cluster of two brokers is running. In other terminals:

  deno run -A cli.ts cluster status
  deno run -A cli.ts stream create orders --server 127.0.0.1:9090,127.0.0.1:9091
  deno run -A cli.ts bench --server 127.0.0.1:9090,127.0.0.1:9091
  kill -9 PID, with the number of a broker above: the other one takes over

Programs connect with { servers: ["127.0.0.1:9090", "127.0.0.1:9091"] }. Ctrl-C ends all.
`;

/** A variable for this program would be taken for a slip in a broker's setting. */
const { [NATS_VARIABLE]: _, ...ENVIRONMENT } = Deno.env.toObject();

const stopping = new AbortController();

/** Prints what a process writes, each line with its name. */
async function print(name: string, output: ReadableStream<Uint8Array>): Promise<void> {
  let rest = "";
  for await (const text of output.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) tell(`${name}  ${line}`);
  }
}

function tell(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}

/** The ports that another program has: nodes would be thought to run that are another one's. */
function findTakenPorts(ports: readonly number[]): readonly number[] {
  return ports.filter((port) => {
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return false;
    } catch (error) {
      if (error instanceof Deno.errors.AddrInUse) return true;
      throw error;
    }
  });
}

/** Runs a broker until all is to end. */
async function runBroker({ id, port, http }: typeof BROKERS[number], nats: NatsCluster) {
  while (!stopping.signal.aborted) {
    const broker = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", SERVER],
      clearEnv: true,
      env: {
        ...ENVIRONMENT,
        SIMPLEMQ_PORT: String(port),
        SIMPLEMQ_HTTP_PORT: String(http),
        SIMPLEMQ_STORAGE_ENGINE: "cluster",
        SIMPLEMQ_STORAGE_DIRECTORY: `${FOLDER}/broker-${id}`,
        SIMPLEMQ_CLUSTER_NAME: "laptop",
        SIMPLEMQ_CLUSTER_ID: id,
        SIMPLEMQ_CLUSTER_ADDRESS: `127.0.0.1:${port}`,
        SIMPLEMQ_CLUSTER_NATS: nats.addresses.join(","),
        SIMPLEMQ_CLUSTER_MONITORING: nats.monitoring.join(","),
      },
      // Ctrl-C reaches all processes of a terminal: these end in their order.
      detached: true,
      stdin: "null",
      stderr: "piped",
    }).spawn();
    tell(`broker ${id} is process ${broker.pid}`);
    const stop = () => broker.kill("SIGTERM");
    stopping.signal.addEventListener("abort", stop);
    void print(`broker ${id}`, broker.stderr);
    const { code } = await broker.status;
    stopping.signal.removeEventListener("abort", stop);
    if (stopping.signal.aborted) return;
    if (code === START_FAILED) {
      tell(`broker ${id} cannot start, as it says above: all ends`);
      return stopping.abort();
    }
    tell(`broker ${id} has ended with code ${code}; it is started again`);
    await new Promise((resolve) => setTimeout(resolve, RESTART_MS));
  }
}

const taken = findTakenPorts([...NATS_PORTS, ...BROKERS.flatMap(({ port, http }) => [port, http])]);
if (taken.length > 0) {
  tell(`Cannot start a cluster: other programs have the ports ${taken.join(", ")}; end them first`);
  Deno.exit(1);
}
const { program, missing } = await findNatsServer();
if (program === undefined) {
  tell(`Cannot start a cluster: ${missing}; install it, or name it in SIMPLEMQ_NATS_SERVER`);
  Deno.exit(1);
}
await Deno.mkdir(`${FOLDER}/nats`, { recursive: true });
await using nats = await NatsCluster.start({
  program,
  folder: `${await Deno.realPath(FOLDER)}/nats`,
  ports: NATS_PORTS,
  isApart: true,
});
tell(`three nodes of NATS are running: ${nats.addresses.join(", ")}`);
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => stopping.abort());
}
const brokers = BROKERS.map((broker) => runBroker(broker, nats));
tell(NEXT);
await Promise.all(brokers);
await Promise.all(nats.nodes.map((node) => node.kill("SIGTERM")));
tell("the cluster has ended");
Deno.exit(0);
