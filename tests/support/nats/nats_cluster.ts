/**
 * Clusters of real `nats-server` nodes on this machine, each in a temporary folder.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { NatsNode } from "./nats_node.ts";

/** Ports below those that the system gives to connections: a node gets its own again when it comes back. */
const PORTS = { first: 12_000, last: 31_000 };

/** So long until the stream's leader is asked for again, in milliseconds, and so often. */
const ASK_MS = 50;
const ASKS_MAX = 1_200;

/** What nodes demand of connections, with paths of files in PEM. */
export interface NatsTls {
  readonly certificate: string;
  readonly key: string;
  /** Who signs certificates of clients; without it they need none. */
  readonly clientCa?: string;
}

/** How a cluster is started. */
export interface NatsClusterOptions {
  /** The program, from `findNatsServer()`. */
  readonly program: string;
  /** How many nodes: 3, or 1. */
  readonly nodes?: number;
  /** When they flush: `always`, or a time such as `2m`; `undefined` for what NATS does by itself. */
  readonly sync?: string | undefined;
  readonly tls?: NatsTls;
  /** Lines for the configuration of each node, such as who may log in. */
  readonly lines?: string;
  /** Where files are; a temporary folder, which is removed, if nothing is said. */
  readonly folder?: string;
  /** The ports of a cluster that was here before; free ones if nothing is said. */
  readonly ports?: readonly number[];
  /** Where a node listens. */
  readonly host?: (index: number) => string;
  /** What runs a node elsewhere, such as `ip netns exec`. */
  readonly before?: (index: number) => readonly string[];
  /** Whether Ctrl-C in a terminal does not reach the nodes. */
  readonly isApart?: boolean;
  /** How one node reaches another one's port for nodes: through a proxy, if that is not its own address. */
  readonly route?: (from: number, to: number, address: string) => string;
}

/** Some nodes that know each other. */
export class NatsCluster implements AsyncDisposable {
  readonly nodes: readonly NatsNode[];
  readonly #folder: string;
  readonly #isOwnFolder: boolean;

  private constructor(nodes: readonly NatsNode[], folder: string, isOwnFolder: boolean) {
    this.nodes = nodes;
    this.#folder = folder;
    this.#isOwnFolder = isOwnFolder;
  }

  /** Writes the configuration of nodes, and starts none of them. */
  static prepare(options: NatsClusterOptions): NatsCluster {
    const count = options.nodes ?? 3;
    const folder = options.folder ?? Deno.makeTempDirSync({ prefix: "nats-" });
    const ports = options.ports ?? findFreePorts(3 * count);
    const host = options.host ?? (() => "127.0.0.1");
    const addresses = Array.from({ length: count }, (_, at) => `${host(at)}:${ports[3 * at + 1]}`);
    const nodes = addresses.map((_, at) => {
      const name = `n${at + 1}`;
      const files = `${folder}/${name}`;
      const [port = 0, routePort = 0, monitorPort = 0] = ports.slice(3 * at);
      const place = { name, host: host(at), port, routePort, monitorPort };
      const storage = { logFile: `${files}.log`, storeDirectory: `${files}/store` };
      Deno.mkdirSync(storage.storeDirectory, { recursive: true });
      const routes = addresses.flatMap((address, to) =>
        to === at ? [] : [options.route?.(at, to, address) ?? address]
      );
      const text = configure({ ...options, ...place, ...storage, routes });
      Deno.writeTextFileSync(`${files}.conf`, text, { mode: 0o600 });
      const command = [...options.before?.(at) ?? [], options.program, "-c", `${files}.conf`];
      const { isApart = false } = options;
      return new NatsNode({ ...place, ...storage, command, isApart });
    });
    return new NatsCluster(nodes, folder, options.folder === undefined);
  }

  /** Starts a cluster; resolves when all nodes are well. */
  static async start(options: NatsClusterOptions): Promise<NatsCluster> {
    const cluster = NatsCluster.prepare(options);
    try {
      await cluster.startAll();
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  /** The addresses of all nodes, as the setting `cluster.nats` has them. */
  get addresses(): string[] {
    return this.nodes.map(({ address }) => address);
  }

  /** The monitoring addresses of all nodes, as the setting `cluster.monitoring` has them. */
  get monitoring(): string[] {
    return this.nodes.map(({ monitoring }) => monitoring);
  }

  /** Starts all nodes that do not run; resolves when all are well. */
  async startAll(): Promise<void> {
    for (const node of this.nodes) node.start();
    await this.waitUntilHealthy();
  }

  /** Resolves when all nodes that run are well. */
  async waitUntilHealthy(): Promise<void> {
    const running = this.nodes.filter(({ isRunning }) => isRunning);
    await Promise.all(running.map((node) => node.waitUntilHealthy()));
  }

  /** Resolves to the node that leads a stream, as a node says that runs; waits for an election. */
  async findLeader(stream: string): Promise<NatsNode> {
    for (let asks = 0; asks < ASKS_MAX; asks++) {
      for (const node of this.nodes.filter(({ isRunning }) => isRunning)) {
        const leader = await readLeader(node, stream).catch(() => undefined);
        const found = this.nodes.find(({ name, isRunning }) => name === leader && isRunning);
        if (found !== undefined) return found;
      }
      await delay(ASK_MS);
    }
    throw new Error(`No node leads ${stream}`);
  }

  /** Ends all nodes as crashes do. */
  async killAll(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
  }

  /** Ends all nodes when the process of the tests ends, which waits for nothing. */
  endNow(): void {
    for (const node of this.nodes) node.endNow();
    if (this.#isOwnFolder) Deno.removeSync(this.#folder, { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.killAll();
    if (this.#isOwnFolder) await Deno.remove(this.#folder, { recursive: true });
  }
}

/** What `/jsz` says of streams. */
interface JetStreamState {
  readonly "account_details"?: readonly {
    readonly "stream_detail"?: readonly {
      readonly name: string;
      readonly cluster?: { readonly leader?: string };
    }[];
  }[];
}

async function readLeader(node: NatsNode, stream: string): Promise<string | undefined> {
  const state: JetStreamState = await node.ask("/jsz?accounts=true&streams=true");
  const streams = state["account_details"]?.flatMap((account) => account["stream_detail"] ?? []) ??
    [];
  const found = streams.find(({ name }) => name === stream);
  // One node alone says nothing of a leader.
  return found && (found.cluster?.leader ?? node.name);
}

/** Ports on which nobody listens now, all of them different. */
export function findFreePorts(count: number): number[] {
  const listeners: Deno.Listener[] = [];
  while (listeners.length < count) {
    const port = PORTS.first + Math.floor(Math.random() * (PORTS.last - PORTS.first));
    try {
      listeners.push(Deno.listen({ hostname: "127.0.0.1", port }));
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  const ports = listeners.map(({ addr }) => (addr as Deno.NetAddr).port);
  for (const listener of listeners) listener.close();
  return ports;
}

type Configuration =
  & Pick<NatsClusterOptions, "sync" | "tls" | "lines">
  & {
    readonly name: string;
    readonly host: string;
    readonly port: number;
    readonly routePort: number;
    readonly monitorPort: number;
    readonly logFile: string;
    readonly storeDirectory: string;
    readonly routes: readonly string[];
  };

function configure(
  { name, host, port, routePort, monitorPort, logFile, storeDirectory, routes, ...more }:
    Configuration,
): string {
  const { tls, lines = "" } = more;
  const sync = "sync" in more ? more.sync : "always";
  const flush = sync === undefined ? "" : `, sync_interval: ${sync}`;
  const parts = [
    `server_name: ${name}`,
    `host: ${host}`,
    `port: ${port}`,
    `http: "${host}:${monitorPort}"`,
    `log_file: ${JSON.stringify(logFile)}`,
    `jetstream { store_dir: ${
      JSON.stringify(storeDirectory)
    }, max_mem: 256MB, max_file: 64GB${flush} }`,
    lines,
  ];
  if (routes.length > 0) {
    // Nodes reach each other by these routes only: somebody may have put a proxy there.
    const list = routes.map((address) => JSON.stringify(`nats://${address}`)).join(", ");
    parts.push(
      `cluster { name: nodes, host: ${host}, port: ${routePort}, no_advertise: true, routes: [${list}] }`,
    );
  }
  if (tls !== undefined) {
    const { certificate, key, clientCa } = tls;
    const files = `cert_file: ${JSON.stringify(certificate)}, key_file: ${JSON.stringify(key)}`;
    const clients = clientCa && `, ca_file: ${JSON.stringify(clientCa)}, verify: true`;
    parts.push(`tls { ${files}${clients ?? ""} }`);
  }
  return `${parts.join("\n")}\n`;
}
