import { connect, type Connection, type ConnectOptions } from "@simplemq/simplemq";
import { Child, type ChildPlan } from "./process/child.ts";
import { readResidentBytes } from "./process/process_meter.ts";
import { makeWorkspace, type Workspace } from "./process/workspace.ts";

/** The only address that is used: nobody else can connect. */
export const HOSTNAME = "127.0.0.1";

const PROGRAM = new URL("../../server.ts", import.meta.url);

/** The line with which a broker says that it is ready. */
const READY = /is listening address=\S*:(\d+)/;

/** What holds a broker's streams. */
export type EngineName = "journal" | "memory";

/** The engines that are measured side by side. */
export const ENGINES: readonly EngineName[] = ["journal", "memory"];

/** Flags that make Deno tell how it goes, and who gets what it tells. */
export type Watching = Pick<ChildPlan, "flags" | "onOther">;

/** What a broker asks of its clients, and what they show it. */
export interface Door {
  /** More flags of the broker. */
  readonly flags: readonly string[];
  /** More options of those who connect. */
  readonly options: Pick<ConnectOptions, "tls" | "token">;
}

/** Neither TLS nor users. */
const PLAIN: Door = { flags: [], options: {} };

/** A broker as users run it, `deno run -A server.ts`, on a free port of this machine. */
export class BrokerProcess implements AsyncDisposable {
  readonly port: number;
  /** Where its journal is. */
  readonly directory: string;
  readonly pid: number;
  readonly #child: Child;
  readonly #workspace: Workspace;
  readonly #door: Door;
  #isStopping = false;

  private constructor(child: Child, port: number, workspace: Workspace, door: Door) {
    this.#door = door;
    this.#child = child;
    this.#workspace = workspace;
    this.pid = child.pid;
    this.port = port;
    this.directory = workspace.directory;
  }

  /**
   * Starts a broker; resolves when it says that it is listening. All settings but its address, its
   * engine and its directory come from the file and the environment, as for anybody who starts it here.
   * The directory goes with the broker.
   *
   * @param parent Where to make its directory, if not here.
   * @param watching How to watch it work.
   * @param door Who may connect, and how.
   */
  static async start(
    engine: EngineName,
    parent?: string,
    watching: Watching = {},
    door: Door = PLAIN,
  ): Promise<BrokerProcess> {
    const workspace = await makeWorkspace(parent);
    const args = ["--host", HOSTNAME, "--port", "0", "--log-level", "info"]
      .concat("--storage-engine", engine, "--storage-directory", workspace.directory)
      .concat(door.flags);
    const child = new Child({ program: PROGRAM, args, output: "stderr", ...watching });
    try {
      const [, port] = await child.findLine(READY);
      return new BrokerProcess(child, Number(port), workspace, door);
    } catch (cause) {
      await child.stop("SIGKILL");
      await workspace[Symbol.asyncDispose]();
      throw new Error("The broker did not start", { cause });
    }
  }

  /** Connects to it; the connection can be disposed of. */
  async connect(): Promise<Connection> {
    const { options } = this.#door;
    return await connect({ hostname: HOSTNAME, port: this.port, name: "bench", ...options });
  }

  /** Does something; rejects if the broker ends meanwhile. */
  async during<T>(work: Promise<T>): Promise<T> {
    return await Promise.race([work, this.#watch()]);
  }

  /** How many bytes of memory it occupies, where the system tells. */
  readResidentBytes(): number | undefined {
    return readResidentBytes(this.pid);
  }

  /** Stops it as an operator would. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    await this.#child.stop();
    await this.#workspace[Symbol.asyncDispose]();
  }

  async #watch(): Promise<never> {
    const { code, signal } = await this.#child.ended;
    if (this.#isStopping) return await new Promise<never>(() => {});
    throw new Error(`The broker ended, with ${signal ?? `exit code ${code}`}`);
  }
}
