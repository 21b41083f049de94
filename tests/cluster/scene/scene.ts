/**
 * A whole cluster on this machine: nodes of NATS, brokers, and what lies between them.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import type { ClusterStatus } from "../../../protocol.ts";
import { findFreePorts, NatsCluster } from "../../support/nats/nats_cluster.ts";
import type { NatsNode } from "../../support/nats/nats_node.ts";
import type { ClusterHistory, Reign } from "../checking/history.ts";
import { NamespacedNetwork } from "../network/namespaced_network.ts";
import { CLIENTS, type Network, type Place } from "../network/network.ts";
import { ProxiedNetwork } from "../network/proxied_network.ts";
import { BrokerNode } from "./broker_node.ts";
import { compareCopies } from "./copies.ts";
import { Door } from "./door.ts";
import { readStream } from "./stream_state.ts";
import { Watch } from "./watch.ts";

/** How to make a cluster. */
export interface SceneOptions {
  readonly way: Network["way"];
  readonly brokers: number;
  readonly leaseMs: number;
  readonly history: ClusterHistory;
  /** The program `nats-server`. */
  readonly program: string;
  /** Everything is in here. */
  readonly folder: string;
  /** Hears what is worth a line. */
  readonly tell: (line: string) => void;
}

/** The name of the cluster. */
const NAME = "faults";

/** How many nodes of NATS there are. */
const NODES = 3;

/** Nothing gets well that is not after so long, in milliseconds. */
const PATIENCE_MS = 90_000;
const PAUSE_MS = 50;

/** Nodes that can elect a leader have done so after so long, in milliseconds. */
const ELECTION_MS = 10_000;

/** A standby is not behind if it misses no more records than these. */
const LAG_MAX = 50;

/** A broker that was deposed ends with this code. */
export const DEPOSED = 3;

/** A broker that was deposed has so long to end, once it can know, in milliseconds. */
const END_MS = 30_000;

/** A broker that has ended by itself is started again after so long, in milliseconds. */
const RESTART_MS = 200;

/** Nodes, brokers, and what lies between them. */
export class Scene implements AsyncDisposable {
  readonly network: Network;
  readonly nats: NatsCluster;
  readonly brokers: readonly BrokerNode[];
  readonly watch: Watch;
  readonly leaseMs: number;
  /** Hears what is worth a line. */
  readonly tell: (line: string) => void;
  /** What brokers have done that they must not, with the ends of their logs. */
  readonly problems: string[] = [];
  readonly #doors: readonly Door[];
  readonly #history: ClusterHistory;
  /** Brokers whose end is expected, and who are not started again. */
  readonly #down = new Set<BrokerNode>();
  /** Brokers that must end by themselves, and those to whose old links somebody listens. */
  readonly #deposed: { readonly broker: BrokerNode; readonly ended: Promise<number> }[] = [];
  readonly #listened = new Set<BrokerNode>();
  #isOver = false;

  private constructor(options: SceneOptions, network: Network) {
    const { history, leaseMs, tell } = options;
    this.#history = history;
    this.tell = tell;
    this.leaseMs = leaseMs;
    this.network = network;
    this.nats = NatsCluster.prepare({
      program: options.program,
      folder: options.folder,
      host: (at) => network.host(nodeAt(at)),
      before: (at) => network.before(nodeAt(at)),
      route: (from, to, address) => network.route(nodeAt(from), nodeAt(to), address),
    });
    const ports = findFreePorts(options.brokers);
    const places = ports.map((_, index) => `b${index + 1}`);
    this.#doors = ports.map((port, index) =>
      new Door({
        target: `${network.host(places[index]!)}:${port}`,
        reign: () => this.brokers[index]!.reign,
        worked: (reign, what) => this.watch.noteWork(reign, what),
      })
    );
    this.brokers = places.map((id, index) => {
      const host = network.host(id);
      const address = `127.0.0.1:${this.#doors[index]!.port}`;
      const directory = `${options.folder}/${id}`;
      const settings = this.#write(id, address);
      return new BrokerNode({
        ...{ id, host, port: ports[index]!, address, settings, directory },
        before: network.before(id),
      });
    });
    if (network instanceof ProxiedNetwork) {
      this.#doors.forEach((door, index) => network.adopt(CLIENTS, places[index]!, door));
    }
    for (const broker of this.brokers) broker.onEnd = (code) => this.#noteEnd(broker, code);
    this.watch = new Watch(this.brokers, history, leaseMs);
  }

  /** Makes a cluster; resolves when it is well. */
  static async start(options: SceneOptions): Promise<Scene> {
    const nodes = Array.from({ length: NODES }, (_, at) => nodeAt(at));
    const brokers = Array.from({ length: options.brokers }, (_, at) => `b${at + 1}`);
    const network = options.way === "proxies"
      ? new ProxiedNetwork()
      : await NamespacedNetwork.create([...nodes, ...brokers]);
    const scene = new Scene(options, network);
    try {
      await scene.nats.startAll();
      for (const broker of scene.brokers) await broker.start();
      await scene.settle();
      return scene;
    } catch (error) {
      await scene[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Where clients find brokers. */
  get servers(): string[] {
    return this.brokers.map(({ address }) => address);
  }

  /** The name of the log's stream. */
  get stream(): string {
    return `SMQ_${NAME}_0`;
  }

  /** The broker that was the last one to take over. */
  get active(): BrokerNode {
    const { active } = this.watch;
    if (active === undefined) throw new Error("No broker has ever been active");
    return active;
  }

  /** The other brokers. */
  get standbys(): BrokerNode[] {
    return this.brokers.filter((broker) => broker !== this.active);
  }

  /** Which reign it is that a client is in that has a session at an address. */
  findReign(address: string | undefined): Reign {
    const port = address?.slice(address.lastIndexOf(":"));
    const found = this.brokers.find((broker) => port && broker.address.endsWith(port));
    return (found ?? this.active).reign;
  }

  /** The node that leads the log; waits for an election. Any node, if there is none: too many may be gone. */
  async findLeader(): Promise<NatsNode> {
    const { nodes } = this.nats;
    for (const end = performance.now() + ELECTION_MS; performance.now() < end;) {
      const leader = (await readStream(nodes, this.stream))?.leader;
      const found = nodes.find(({ name, isRunning }) => name === leader && isRunning);
      if (found !== undefined) return found;
      await delay(PAUSE_MS);
    }
    return nodes.find(({ isRunning }) => isRunning) ?? nodes[0]!;
  }

  /** The other nodes. */
  others(node: NatsNode): NatsNode[] {
    return this.nats.nodes.filter((other) => other !== node);
  }

  /** Ends a broker for a while. */
  async endBroker(broker: BrokerNode, signal: Deno.Signal): Promise<number> {
    this.#down.add(broker);
    const code = await broker.end(signal);
    this.#history.record({ type: "reignEnded", reign: broker.reign });
    return code;
  }

  /** Starts a broker that was ended. */
  async startBroker(broker: BrokerNode): Promise<void> {
    this.#down.delete(broker);
    await broker.start();
  }

  /** Keeps a broker's side of links that clients leave, to hear what it still says. */
  linger(broker: BrokerNode): void {
    this.#doors[this.brokers.indexOf(broker)]!.linger();
    this.#listened.add(broker);
    this.noteSilence(broker);
  }

  /** Another broker has taken over: this one must end by itself, as soon as it reads that. */
  expectEnd(broker: BrokerNode): void {
    this.#deposed.push({ broker, ended: broker.waitForEnd() });
  }

  /** To a broker its clients may look silent now. */
  noteSilence({ reign }: BrokerNode): void {
    this.#history.record({ type: "silenced", reign });
  }

  /** A broker has done what it must not. */
  noteProblem({ id, lines }: BrokerNode, what: string): void {
    this.problems.push(`${id} ${what}:\n${lines.slice(-15).join("\n")}`);
    this.tell(`${id} ${what}`);
  }

  /** Resolves when brokers have ended that must, and nobody listens any more to what they still say. */
  async #awaitEnds(): Promise<void> {
    for (const { broker, ended } of this.#deposed.splice(0)) {
      if (await Promise.race([ended, delay(END_MS)]) !== undefined) continue;
      this.noteProblem(broker, "was deposed and has not ended");
      await this.endBroker(broker, "SIGKILL");
      await this.startBroker(broker);
    }
    for (const broker of this.#listened) {
      this.#doors[this.brokers.indexOf(broker)]!.lingerNoMore();
      this.noteSilence(broker);
    }
    this.#listened.clear();
  }

  /** Resolves when all nodes and brokers run, one broker serves, and nobody is behind. */
  async settle(): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    await this.#awaitEnds();
    await this.nats.waitUntilHealthy();
    for (;;) {
      const [stream, ...statuses] = await Promise.all([
        readStream(this.nats.nodes, this.stream),
        ...this.brokers.map((broker) => broker.ask()),
      ]);
      const why = stream?.isWhole !== true
        ? `the log: ${JSON.stringify(stream)}`
        : findTrouble(statuses);
      if (why === undefined) return;
      if (performance.now() > end) {
        const said = statuses.map((status) => JSON.stringify(status)).join("\n");
        throw new Error(`The cluster does not get well: ${why}\n${said}`);
      }
      await delay(PAUSE_MS);
    }
  }

  /** Looks whether brokers have the same in their segments. */
  async compareCopies(): Promise<void> {
    const faults = await compareCopies(this.brokers.map(({ data }) => data));
    this.problems.push(...faults);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.watch[Symbol.asyncDispose]();
    for (const broker of this.brokers) await broker[Symbol.asyncDispose]();
    for (const node of this.nats.nodes) node.resume();
    await this.nats[Symbol.asyncDispose]();
    for (const door of this.#doors) await door[Symbol.asyncDispose]();
    await this.network[Symbol.asyncDispose]();
  }

  /** The settings of a broker. */
  #write(id: string, address: string): string {
    const reach = (at: number, to: string) => this.network.route(id, nodeAt(at), to);
    const nats = this.nats.nodes.map((node, at) => reach(at, node.address));
    return [
      "log_level: info",
      "insecure: true",
      "http: { enabled: false }",
      `storage: { engine: cluster, directory: ./data }`,
      "cluster:",
      `  name: ${NAME}`,
      `  id: ${id}`,
      `  address: ${JSON.stringify(address)}`,
      `  nats: ${JSON.stringify(nats.join(","))}`,
      `  monitoring: ${JSON.stringify(this.nats.monitoring.join(","))}`,
      `  lease_ms: ${this.leaseMs}`,
    ].join("\n");
  }

  /** A broker that ends by itself is started again, as a service manager would. */
  #noteEnd(broker: BrokerNode, code: number): void {
    if (this.#isOver || this.#down.has(broker)) return;
    this.#history.record({ type: "reignEnded", reign: broker.reign });
    if (code === DEPOSED) this.tell(`${broker.id} was deposed`);
    else this.noteProblem(broker, `has ended with ${code}`);
    setTimeout(() => {
      if (!this.#isOver && !this.#down.has(broker)) void broker.start();
    }, RESTART_MS);
  }
}

/** Names a node by its place. */
function nodeAt(index: number): Place {
  return `n${index + 1}`;
}

/** What is wrong with brokers, by what they say; nothing if all is well. */
function findTrouble(statuses: readonly (ClusterStatus | undefined)[]): string | undefined {
  const roles = statuses.map((status) => status?.role ?? "silent").join(", ");
  const known = statuses.filter((status) => status !== undefined);
  const active = known.filter(({ role, serving }) => role === "active" && serving);
  if (known.length < statuses.length || active.length !== 1) return roles;
  for (const { id, brokers } of known) {
    const own = brokers.find((broker) => broker.id === id)?.sequence ?? 0;
    const missing = active[0]!.lastSequence - own;
    if (missing > LAG_MAX) return `${roles}; ${id} misses ${missing} records`;
  }
  return undefined;
}
