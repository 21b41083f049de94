/**
 * A browser tab of the management page, as far as its requests go: it keeps cookies, and says where its
 * requests come from.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type BrokerServer, type PartialSettings, serve } from "../../../../server.ts";
import { TestDirectory } from "../../../support/disk/journals.ts";

/** An answer of the page's API. */
export interface PageAnswer {
  readonly status: number;
  readonly headers: Headers;
  // deno-lint-ignore no-explicit-any
  readonly body: any;
}

/** One browser. */
export class PageClient implements Disposable {
  readonly base: string;
  readonly #client: Deno.HttpClient | undefined;
  /** The cookie that it sends. */
  cookie: string | undefined;

  /** @param ca The authority of the broker's certificate, if it has one. */
  constructor({ http }: Pick<BrokerServer, "http">, ca?: string) {
    this.base = `${ca === undefined ? "http" : "https"}://localhost:${http!.port}`;
    this.#client = ca === undefined ? undefined : Deno.createHttpClient({ caCerts: [ca] });
  }

  /** Asks as the page does; `headers` are in place of its own. */
  async ask(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<PageAnswer> {
    const response = await fetch(`${this.base}${path}`, {
      ...this.#client && { client: this.#client },
      method,
      headers: {
        "sec-fetch-site": "same-origin",
        ...method !== "GET" && { origin: this.base, "content-type": "application/json" },
        ...this.cookie !== undefined && { cookie: this.cookie },
        ...headers,
      },
      ...body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) },
    });
    const [set] = response.headers.getSetCookie();
    if (set !== undefined) this.cookie = set.includes("Max-Age=0") ? undefined : set.split(";")[0];
    const text = await response.text();
    const isJson = /json/.test(response.headers.get("content-type") ?? "");
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? JSON.parse(text) : text,
    };
  }

  get(path: string): Promise<PageAnswer> {
    return this.ask("GET", path);
  }

  post(path: string, body: unknown = {}): Promise<PageAnswer> {
    return this.ask("POST", path, body);
  }

  /** Asks for what must be answered with 200. */
  async read(path: string): Promise<PageAnswer["body"]> {
    const { status, body } = await this.get(path);
    assertEquals(status, 200, JSON.stringify(body));
    return body;
  }

  [Symbol.dispose](): void {
    this.#client?.close();
  }

  /** Opens the live feed. */
  async openFeed(): Promise<PageFeed> {
    const headers = this.cookie === undefined ? {} : { cookie: this.cookie };
    const response = await fetch(`${this.base}/api/live`, { headers });
    assertEquals(response.status, 200);
    return new PageFeed(response.body!);
  }
}

/** The events of a live feed. */
export class PageFeed implements AsyncDisposable {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #text = "";

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
  }

  /** The next event of that name, whatever comes before; undefined if the feed ends. */
  // deno-lint-ignore no-explicit-any
  async next(name: string): Promise<any> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end < 0) {
        const { done, value } = await this.#reader.read();
        if (done) return undefined;
        this.#text += new TextDecoder().decode(value);
        continue;
      }
      const event = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 2);
      const [, found, data] = /^event: (\w+)\ndata: (.*)$/.exec(event) ?? [];
      if (found === name) return JSON.parse(data!);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel().catch(() => {});
  }
}

/** A broker with a page, and with users if there is a text of them. */
export class PageBroker implements AsyncDisposable {
  readonly broker: BrokerServer;
  readonly #directory: TestDirectory | undefined;

  private constructor(broker: BrokerServer, directory: TestDirectory | undefined) {
    this.broker = broker;
    this.#directory = directory;
  }

  static async start(users?: string, settings: PartialSettings = {}): Promise<PageBroker> {
    const directory = users === undefined ? undefined : await TestDirectory.create();
    if (directory !== undefined) await writeUsers(directory, users!);
    const broker = await serve({
      port: 0,
      logLevel: "error",
      storage: { engine: "memory" },
      http: { port: 0 },
      ...directory !== undefined && { users: `${directory.path}/users.yaml` },
      ...settings,
    });
    return new PageBroker(broker, directory);
  }

  /** Opens a browser; with TLS it trusts an authority. */
  browse(ca?: string): PageClient {
    return new PageClient(this.broker, ca);
  }

  /** Changes the file of users; the broker looks at it within a second. */
  async write(users: string): Promise<void> {
    await writeUsers(this.#directory!, users);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.broker.close();
    await this.#directory?.[Symbol.asyncDispose]();
  }
}

async function writeUsers({ path }: TestDirectory, users: string): Promise<void> {
  await Deno.writeTextFile(`${path}/users.tmp`, users, { mode: 0o600 });
  await Deno.rename(`${path}/users.tmp`, `${path}/users.yaml`);
}
