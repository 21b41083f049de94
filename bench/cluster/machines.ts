import { connect, type Connection } from "@simplemq/simplemq";
import { BrokerProcess, HOSTNAME } from "../harness/broker_process.ts";
import { Child } from "../harness/process/child.ts";
import { makeWorkspace, type Workspace } from "../harness/process/workspace.ts";
import { findFreePorts, NatsCluster } from "../../tests/support/nats/nats_cluster.ts";

const PROGRAM = new URL("../../server.ts", import.meta.url);

/** With which a broker says that it decides, and that it follows. */
const ACTIVE = /this broker is active/;
const FOLLOWS = /this broker follows/;

/** A broker of a cluster, as a process. */
export class Member {
  readonly port: number;
  readonly #child: Child;

  constructor(id: string, port: number, workspace: Workspace, nats: NatsCluster) {
    this.port = port;
    this.#child = new Child({
      program: PROGRAM,
      args: ["--host", HOSTNAME, "--port", String(port), "--no-http", "--log-level", "info"]
        .concat("--storage-engine", "cluster")
        .concat("--storage-directory", `${workspace.directory}/${id}`)
        .concat("--cluster-name", "bench", "--cluster-id", id)
        .concat("--cluster-address", `${HOSTNAME}:${port}`)
        .concat("--cluster-nats", nats.addresses.join(","))
        .concat("--cluster-monitoring", nats.monitoring.join(",")),
      output: "stderr",
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  async waitFor(pattern: RegExp): Promise<void> {
    await this.#child.findLine(pattern);
  }

  /** Connects to it, whatever it does. */
  async connect(): Promise<Connection> {
    // What the command line says of connections that ask a standby about itself.
    const options = { hostname: HOSTNAME, port: this.port, name: "bench", standby: true };
    return await connect(options);
  }

  async stop(): Promise<void> {
    await this.#child.stop();
  }
}

/** Three nodes of NATS that flush always, two brokers on them, and a broker with a journal of its own. */
export class Machines implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;

  private constructor(
    readonly nats: NatsCluster,
    readonly active: Member,
    readonly standby: Member,
    readonly local: BrokerProcess,
    readonly directory: string,
    stack: AsyncDisposableStack,
  ) {
    this.#stack = stack;
  }

  /** Starts all; resolves when the brokers do what they are to do. */
  static async start(program: string): Promise<Machines> {
    await using stack = new AsyncDisposableStack();
    const workspace = stack.use(await makeWorkspace());
    const folder = `${workspace.directory}/nats`;
    const nats = stack.use(await NatsCluster.start({ program, folder }));
    const [one = 0, other = 0] = findFreePorts(2);
    const active = new Member("a", one, workspace, nats);
    stack.defer(() => active.stop());
    await active.waitFor(ACTIVE);
    const standby = new Member("b", other, workspace, nats);
    stack.defer(() => standby.stop());
    await standby.waitFor(FOLLOWS);
    const local = stack.use(await BrokerProcess.start("journal", workspace.directory));
    const { directory } = workspace;
    return new Machines(nats, active, standby, local, directory, stack.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
