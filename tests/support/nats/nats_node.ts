import { deadline } from "@std/async/deadline";
import { delay } from "@std/async/delay";

/** Nothing that works takes so long, in milliseconds. */
const PATIENCE_MS = 60_000;

/** So long between two questions, in milliseconds. */
const PAUSE_MS = 50;

/** How a node is started. */
export interface NatsNodePlan {
  readonly name: string;
  /** The program with its arguments; something before it may be a program that runs it elsewhere. */
  readonly command: readonly string[];
  readonly host: string;
  readonly port: number;
  /** The port for the other nodes. */
  readonly routePort: number;
  /** The port of the monitoring address. */
  readonly monitorPort: number;
  /** Its messages and its store are here. */
  readonly logFile: string;
  readonly storeDirectory: string;
  /** Whether Ctrl-C in a terminal does not reach it. */
  readonly isApart: boolean;
}

/** One `nats-server` as a process of its own. */
export class NatsNode {
  readonly #plan: NatsNodePlan;
  #child: Deno.ChildProcess | undefined;
  #isPaused = false;

  constructor(plan: NatsNodePlan) {
    this.#plan = plan;
  }

  get name(): string {
    return this.#plan.name;
  }

  get port(): number {
    return this.#plan.port;
  }

  get routePort(): number {
    return this.#plan.routePort;
  }

  get storeDirectory(): string {
    return this.#plan.storeDirectory;
  }

  /** Where clients reach it, as the setting `cluster.nats` has it. */
  get address(): string {
    return `${this.#plan.host}:${this.#plan.port}`;
  }

  /** Where it tells of itself, as the setting `cluster.monitoring` has it. */
  get monitoring(): string {
    return `http://${this.#plan.host}:${this.#plan.monitorPort}`;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  get pid(): number {
    if (this.#child === undefined) throw new Error(`The node ${this.name} does not run`);
    return this.#child.pid;
  }

  /** Starts it, with what it has stored; does not wait until it answers. */
  start(): void {
    if (this.#child !== undefined) return;
    const [program = "", ...args] = this.#plan.command;
    const child = new Deno.Command(program, {
      args,
      detached: this.#plan.isApart,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#child = child;
    void child.status.then(() => {
      if (this.#child === child) this.#child = undefined;
    });
  }

  /** Ends it and waits for its end: `SIGKILL` as a crash, `SIGTERM` as an operator does. */
  async kill(signal: Deno.Signal = "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.resume();
    child.kill(signal);
    await child.status;
  }

  /** Ends it without a wait. */
  endNow(): void {
    this.#child?.kill("SIGKILL");
  }

  /** Lets it do nothing at all, until it is resumed; its sockets stay open. */
  pause(): void {
    this.#child?.kill("SIGSTOP");
    this.#isPaused = true;
  }

  resume(): void {
    if (this.#isPaused) this.#child?.kill("SIGCONT");
    this.#isPaused = false;
  }

  /** Resolves when it says that it is well: it knows who leads, and has what it is to have. */
  async waitUntilHealthy(): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    while (!await this.#isHealthy()) {
      if (!this.isRunning || performance.now() > end) {
        throw new Error(`The node ${this.name} does not get well:\n${await this.readLog()}`);
      }
      await delay(PAUSE_MS);
    }
  }

  /** Asks its monitoring address, such as for `/jsz`. */
  async ask(path: string): Promise<Record<string, unknown>> {
    const response = await deadline(fetch(`${this.monitoring}${path}`), PATIENCE_MS);
    return await response.json();
  }

  /** The end of what it has written to its log. */
  async readLog(): Promise<string> {
    const text = await Deno.readTextFile(this.#plan.logFile).catch(() => "");
    return text.split("\n").slice(-30).join("\n");
  }

  async #isHealthy(): Promise<boolean> {
    try {
      return (await this.ask("/healthz")).status === "ok";
    } catch {
      return false;
    }
  }
}
