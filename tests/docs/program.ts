/**
 * A program of a page, run in this process: its `connect`, `serve`, `console` and `Deno` are of a
 * world of its own, in which the page's broker is at port 9090.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { pathToFileURL } from "node:url";
import { connect, type Connection, type ConnectOptions } from "../../client.ts";
import { type BrokerServer, serve, type ServeOptions } from "../../server.ts";
import { ROOT, type ShownProgram } from "./page.ts";

/** A wait that takes so long has failed; nothing in a test that passes waits for it. */
export const PATIENCE_MS = 20_000;

/** The port of the broker of a page, as its programs see it. */
export const USUAL_PORT = 9090;

/** Where the programs of a page run. */
export interface ProgramPlace {
  /** The real port of the page's broker. */
  readonly port: number;
  /** A directory of the page's own. */
  readonly directory: string;
  /** All programs of the page: they may import each other. */
  readonly programs: readonly ShownProgram[];
}

/** What the programs of a directory see in the place of what there is. */
type World = Readonly<Record<"connect" | "serve" | "console" | "Deno", unknown>>;

/** The worlds, by the names of their directories. */
const worlds: Map<string, World> = new Map();
Object.assign(globalThis, { simplemqWorlds: worlds });

let runCount = 0;

/** Ends a program that calls `Deno.exit`. */
class Exit extends Error {}

/** A program that was started. */
export class RunningProgram {
  /** What it has printed. */
  readonly lines: string[] = [];
  readonly #place: ProgramPlace;
  readonly #connections: Connection[] = [];
  readonly #brokers: BrokerServer[] = [];
  readonly #tests: [name: string, run: () => unknown][] = [];
  readonly #signalHandlers: (() => void)[] = [];
  readonly #ended: Promise<unknown>;
  #isEnded = false;
  #isKilled = false;

  /** Starts the program of that name as `deno run` does, or as `deno test` does. */
  constructor(name: string, args: readonly string[], place: ProgramPlace, isTest = false) {
    this.#place = place;
    this.#ended = this.#run(name, args, isTest)
      .catch((error) => this.#isKilled || error instanceof Exit ? undefined : error)
      .finally(() => this.#isEnded = true);
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Resolves when all that the broker has sent to it by now has arrived: answers come in order. */
  async hearFromBroker(): Promise<void> {
    for (const connection of this.#connections) {
      await connection.cursor().getStreams().catch(() => {});
    }
  }

  /** Waits until it ends by itself; fails if it ended with an error. */
  async end(): Promise<void> {
    const error = await deadline(this.#ended, PATIENCE_MS).catch((cause) => {
      throw new Error(`It does not end; it has printed:\n${this.lines.join("\n")}`, { cause });
    });
    if (error !== undefined) throw error;
  }

  /** Sends it Ctrl-C: it does what it does then, or is over. */
  async interrupt(): Promise<void> {
    if (this.#signalHandlers.length > 0) {
      for (const handle of this.#signalHandlers) handle();
      return await this.end();
    }
    this.#isKilled = true;
    await Promise.all(this.#connections.map((connection) => connection.close({ drainMs: 0 })));
    await Promise.all(this.#brokers.map((broker) => broker.close()));
  }

  async #run(name: string, args: readonly string[], isTest: boolean): Promise<void> {
    const run = `run-${++runCount}`;
    const directory = `${this.#place.directory}/${run}`;
    worlds.set(run, this.#makeWorld(args));
    await writePrograms(directory, run, this.#place.programs);
    await import(pathToFileURL(`${directory}/${name}`).href);
    if (isTest) await this.#runTests(name);
  }

  #makeWorld(args: readonly string[]): World {
    const print = (...values: unknown[]) => void this.#print(values);
    return {
      connect: (options?: ConnectOptions) => this.#connect(options),
      serve: (options?: ServeOptions) => this.#serve(options),
      console: { log: print, info: print, warn: print, error: print },
      Deno: Object.create(Deno, {
        args: { value: args },
        // A reader runs everything in the directory of the repository.
        open: { value: (path: string, options?: Deno.OpenOptions) => Deno.open(at(path), options) },
        readTextFile: { value: (path: string) => Deno.readTextFile(at(path)) },
        addSignalListener: {
          value: (_signal: Deno.Signal, handle: () => void) => this.#signalHandlers.push(handle),
        },
        exit: {
          value: () => {
            throw new Exit();
          },
        },
        test: { value: (name: string, run: () => unknown) => this.#tests.push([name, run]) },
      }),
    };
  }

  #print(values: readonly unknown[]): void {
    if (this.#isKilled) return;
    const text = values.map((one) => typeof one === "string" ? one : Deno.inspect(one)).join(" ");
    this.lines.push(...text.replaceAll(`:${this.#place.port}`, `:${USUAL_PORT}`).split("\n"));
  }

  async #connect(options: ConnectOptions = {}): Promise<Connection> {
    const { port = USUAL_PORT, servers } = options;
    const real = port === USUAL_PORT ? this.#place.port : port;
    const there = servers === undefined ? { port: real } : {
      servers: servers.map((one) => one.replace(`:${USUAL_PORT}`, `:${this.#place.port}`)),
    };
    const connection = await connect({ ...options, ...there });
    this.#connections.push(connection);
    return connection;
  }

  async #serve(options: ServeOptions = {}): Promise<BrokerServer> {
    assert(!["info", "debug"].includes(options.logLevel ?? ""), "nobody checks what is logged");
    const { port = USUAL_PORT, storage = {} } = options;
    const directory = `${this.#place.directory}/served/${storage.directory ?? "data"}`;
    if (storage.engine !== "memory") await Deno.mkdir(directory, { recursive: true });
    const broker = await serve({
      ...options,
      port: port === USUAL_PORT ? 0 : port,
      storage: { ...storage, directory },
    });
    this.#brokers.push(broker);
    return broker;
  }

  async #runTests(name: string): Promise<void> {
    const count = this.#tests.length;
    this.lines.push(`running ${count} test${count === 1 ? "" : "s"} from ./${name}`);
    for (const [title, run] of this.#tests) {
      await run();
      this.lines.push(`${title} ... ok (0ms)`);
    }
    this.lines.push("", `ok | ${count} passed | 0 failed (0ms)`);
    assertEquals(count > 0, true, "no test is in it");
  }
}

/** A file that is named by a path from the root of the repository. */
function at(path: string): URL {
  return new URL(path, ROOT);
}

/** Writes programs to a directory, in which they see the world of that name. */
async function writePrograms(
  directory: string,
  world: string,
  programs: readonly ShownProgram[],
): Promise<void> {
  await Deno.mkdir(directory);
  const head = (names: string) => `const { ${names} } = globalThis.simplemqWorlds.get("${world}");`;
  const stands = (module: string, name: string) =>
    `export * from "${at(module)}";\nexport ${head(name)}\n`;
  await Deno.writeTextFile(`${directory}/-client.ts`, stands("mod.ts", "connect"));
  await Deno.writeTextFile(`${directory}/-server.ts`, stands("server.ts", "serve"));
  for (const { name, text } of programs) {
    const source = text.replaceAll(/(?<=\bfrom |^import )"([^"]+)"/gm, (_, module: string) => {
      if (module.startsWith(".")) return `"${module}"`;
      if (/^@simplemq\/simplemq(\/client)?$/.test(module)) return '"./-client.ts"';
      if (module === "@simplemq/simplemq/server") return '"./-server.ts"';
      return `"${import.meta.resolve(module)}"`;
    });
    await Deno.writeTextFile(`${directory}/${name}`, `${head("console, Deno")} ${source}`);
  }
}
