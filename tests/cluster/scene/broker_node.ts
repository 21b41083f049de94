import { fileURLToPath } from "node:url";
import type { Connection } from "../../../client.ts";
import type { ClusterStatus } from "../../../protocol.ts";
import { ClientConnection } from "../../../src/client/client_connection.ts";
import { resolveTargets } from "../../../src/client/dialing/connect_options.ts";
import type { Reign } from "../checking/history.ts";

const SERVER = fileURLToPath(new URL("../../../server.ts", import.meta.url));

/** So many lines of a broker's log are kept. */
const LINES_MAX = 500;

/** A broker that is asked about itself has so long to answer, in milliseconds. */
const ANSWER_MS = 1500;

/** How to start a broker. */
export interface BrokerNodePlan {
  readonly id: string;
  /** Where it listens. */
  readonly host: string;
  readonly port: number;
  /** Where clients reach it, and what it tells others of itself. */
  readonly address: string;
  /** Its settings, without those that are named here; in YAML. */
  readonly settings: string;
  /** Its journal and its settings are here. */
  readonly directory: string;
  /** What the command begins with. */
  readonly before: readonly string[];
}

/** One process of a broker. */
interface Turn {
  readonly child: Deno.ChildProcess;
  readonly number: number;
  /** The code that it has ended with, as soon as it has. */
  readonly ended: Promise<number>;
  code: number | undefined;
}

/** A broker of a cluster: one process at a time, on one directory. */
export class BrokerNode implements AsyncDisposable {
  readonly id: string;
  /** Where clients reach it. */
  readonly address: string;
  readonly #plan: BrokerNodePlan;
  readonly #lines: string[] = [];
  #turn: Turn | undefined;
  #turns = 0;
  #isPaused = false;
  #asking: Connection | undefined;
  /** Called when a process has ended, with its code, whoever has ended it. */
  onEnd: (code: number) => void = () => {};

  constructor(plan: BrokerNodePlan) {
    this.#plan = plan;
    this.id = plan.id;
    this.address = plan.address;
  }

  /** The time in which the present process, or the last one, has been there without a change of its role. */
  get reign(): Reign {
    return `${this.id}#${this.#turns}`;
  }

  get isRunning(): boolean {
    return this.#turn !== undefined && this.#turn.code === undefined;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get pid(): number {
    if (this.#turn === undefined) throw new Error(`The broker ${this.id} does not run`);
    return this.#turn.child.pid;
  }

  /** Where its copy of the log is. */
  get data(): string {
    return `${this.#plan.directory}/data`;
  }

  /** The end of its log, over all of its processes. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Starts a process; does not wait until it listens. */
  async start(): Promise<void> {
    if (this.isRunning) return;
    const { directory, settings, host, port, before } = this.#plan;
    await Deno.mkdir(directory, { recursive: true });
    const text = `host: ${host}\nport: ${port}\n${settings}`;
    await Deno.writeTextFile(`${directory}/settings.yaml`, text);
    const [program = "", ...args] = [...before, Deno.execPath(), "run", "-A", "--no-lock", SERVER];
    const child = new Deno.Command(program, {
      args,
      cwd: directory,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#turns++;
    this.#isPaused = false;
    const turn: Turn = {
      child,
      number: this.#turns,
      code: undefined,
      ended: this.#follow(child).then((code) => turn.code = code),
    };
    this.#turn = turn;
    void turn.ended.then((code) => this.onEnd(code));
  }

  /** Another reign may begin: the same process is a standby now. */
  noteStandby(): void {
    this.#turns++;
  }

  /** Sends a signal; resolves to the exit code when the process is gone. */
  async end(signal: Deno.Signal): Promise<number> {
    const turn = this.#turn;
    if (turn === undefined) return 0;
    if (turn.code === undefined) {
      this.resume();
      turn.child.kill(signal);
    }
    return await turn.ended;
  }

  /** Resolves to the exit code when the process has ended by itself. */
  async waitForEnd(): Promise<number> {
    return await this.#turn?.ended ?? 0;
  }

  /** Lets it do nothing at all, until it is resumed; its sockets stay open. */
  pause(): void {
    if (!this.isRunning) return;
    this.#turn!.child.kill("SIGSTOP");
    this.#isPaused = true;
  }

  resume(): void {
    if (this.#isPaused && this.isRunning) this.#turn!.child.kill("SIGCONT");
    this.#isPaused = false;
  }

  /** What it says of its cluster; nothing if it does not answer. */
  async ask(): Promise<ClusterStatus | undefined> {
    if (!this.isRunning || this.#isPaused) return undefined;
    try {
      const signal = AbortSignal.timeout(ANSWER_MS);
      this.#asking ??= await this.#connect(signal);
      const status = await this.#asking.cursor().getCluster({ signal });
      // A client goes where brokers are: this may be another one.
      if (status.id === this.id) return status;
      throw new Error(`${status.id} has answered`);
    } catch {
      const asking = this.#asking;
      this.#asking = undefined;
      void asking?.close({ drainMs: 0 }).catch(() => {});
      return undefined;
    }
  }

  /** Has it give the lead to another broker. */
  async handOver(): Promise<void> {
    await using connection = await this.#connect(AbortSignal.timeout(ANSWER_MS));
    await connection.cursor().handOver();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.onEnd = () => {};
    await this.end("SIGKILL");
    await this.#asking?.close({ drainMs: 0 }).catch(() => {});
  }

  /**
   * Connects past everything that can be cut between clients and brokers. A session that is lost is over: the
   * client would go to another broker, which clients must not be told from.
   */
  async #connect(signal: AbortSignal): Promise<Connection> {
    const { host, port } = this.#plan;
    const targets = () => resolveTargets({ servers: [`${host}:${port}`] });
    const connection = await ClientConnection.open(targets, {
      name: "observer",
      standby: true,
      connectTimeoutMs: ANSWER_MS,
      signal,
    });
    void closeWhenLost(connection);
    return connection;
  }

  /** Keeps the end of a process's log, and writes all of it to a file: somebody may want to read it. */
  async #follow(child: Deno.ChildProcess): Promise<number> {
    const path = `${this.#plan.directory}/log.txt`;
    using file = await Deno.open(path, { append: true, create: true });
    const decoder = new TextDecoder();
    let rest = "";
    for await (const bytes of child.stderr) {
      await file.write(bytes);
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      this.#lines.push(...lines);
      this.#lines.splice(0, this.#lines.length - LINES_MAX);
    }
    return (await child.status).code;
  }
}

async function closeWhenLost(connection: Connection): Promise<void> {
  for await (const { type } of connection.status()) {
    if (type === "lost") await connection.close({ drainMs: 0 }).catch(() => {});
  }
}
