/**
 * A real Prometheus that scrapes a broker, with the configuration of `ops/prometheus/`.
 *
 * @module
 */

import { deadline } from "@std/async/deadline";
import { delay } from "@std/async/delay";

export const OPS: URL = new URL("../../ops/", import.meta.url);

/** Nothing that works takes so long, in milliseconds. */
const PATIENCE_MS = 60_000;

/** How to reach the broker. */
export interface Target {
  readonly port: number;
  /** The authority of its certificate, and a token, if it needs them. */
  readonly secure?: { readonly ca: string; readonly token: string };
}

/** What a query finds: the labels and the value of each series. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

/** A Prometheus as a process. */
export class Prometheus implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #log: Promise<string>;
  readonly #folder: string;
  readonly #origin: string;

  private constructor(process: Deno.ChildProcess, folder: string, port: number) {
    this.#process = process;
    this.#log = new Response(process.stderr).text();
    this.#folder = folder;
    this.#origin = `http://127.0.0.1:${port}`;
  }

  /** Starts it; resolves when it answers. */
  static async start(program: string, target: Target): Promise<Prometheus> {
    const folder = await Deno.makeTempDir({ prefix: "prometheus-" });
    await configure(folder, target);
    const port = findFreePort();
    const process = new Deno.Command(program, {
      args: [
        `--config.file=${folder}/prometheus.yaml`,
        `--storage.tsdb.path=${folder}/data`,
        `--web.listen-address=127.0.0.1:${port}`,
        "--log.level=warn",
      ],
      cwd: folder,
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const prometheus = new Prometheus(process, folder, port);
    await prometheus.waitFor("it answers", async () => (await prometheus.query("1")).length === 0);
    return prometheus;
  }

  /** Asks for the series that an expression finds. */
  async query(expression: string): Promise<Series[]> {
    const { resultType, result } = await this.#get("query", { query: expression });
    return resultType === "vector" ? result as Series[] : [];
  }

  /** Asks for the rules, with how their evaluation went. */
  async getRules(): Promise<{ readonly name: string; readonly health: string }[]> {
    const { groups } = await this.#get("rules", {});
    return (groups as { rules: { name: string; health: string }[] }[]).flatMap(({ rules }) =>
      rules
    );
  }

  /** Waits until something is true. */
  async waitFor(what: string, isTrue: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        if (await isTrue()) return;
      } catch (error) {
        // It may just not listen yet.
        if (performance.now() > end) throw error;
      }
      if (performance.now() > end) {
        this.#process.kill("SIGKILL");
        throw new Error(`waited in vain until ${what}; Prometheus says:\n${await this.#log}`);
      }
      await delay(100);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGTERM");
    } catch {
      // It has ended already.
    }
    await this.#process.status;
    await this.#log;
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #get(what: string, parameters: Record<string, string>): Promise<Record<string, unknown>> {
    const query = new URLSearchParams(parameters);
    const response = await deadline(fetch(`${this.#origin}/api/v1/${what}?${query}`), PATIENCE_MS);
    const { status, data, error } = await response.json();
    if (status !== "success") throw new Error(`Cannot ask Prometheus for ${what}: ${error}`);
    return data;
  }
}

/** Writes the configuration of `ops/prometheus/` with the place of the broker, and faster. */
async function configure(folder: string, { port, secure }: Target): Promise<void> {
  const read = (name: string) => Deno.readTextFile(new URL(`prometheus/${name}`, OPS));
  let text = (await read("prometheus.yaml"))
    .replaceAll("localhost:9190", `localhost:${port}`)
    .replaceAll("_interval: 15s", "_interval: 1s");
  if (secure !== undefined) {
    text = text.replaceAll(/^( +)# (scheme|tls_config|authorization): /gm, "$1$2: ");
    await Deno.writeTextFile(`${folder}/ca.pem`, secure.ca);
    await Deno.writeTextFile(`${folder}/token`, secure.token);
  }
  await Deno.writeTextFile(`${folder}/prometheus.yaml`, text);
  await Deno.writeTextFile(`${folder}/alerts.yaml`, await read("alerts.yaml"));
}

function findFreePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
