/** A client of HTTP that sends exactly what a test says, and tells exactly what comes. */
import type { Duplex } from "../../../src/transport/duplex.ts";

/** An answer, taken apart. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** One connection of HTTP. */
export class RawHttp implements Disposable {
  readonly #duplex: Duplex;
  #text = "";
  #hasEnded = false;

  constructor(duplex: Duplex) {
    this.#duplex = duplex;
  }

  /** Connects by TCP. */
  static async open({ port, hostname = "localhost" }: {
    readonly port: number;
    readonly hostname?: string;
  }): Promise<RawHttp> {
    return new RawHttp(await Deno.connect({ hostname, port }));
  }

  /** Sends a text as it is. */
  async send(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    for (let sent = 0; sent < bytes.length;) sent += await this.#duplex.write(bytes.subarray(sent));
  }

  /** Sends a request without a body. */
  async request(
    method: string,
    target: string,
    headers: Record<string, string> = {},
  ): Promise<RawAnswer> {
    const lines = Object.entries({ Host: "localhost", ...headers })
      .map(([name, value]) => `${name}: ${value}\r\n`);
    await this.send(`${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`);
    return await this.receive(method);
  }

  /** Receives one answer; fails if the connection ends before it is whole. */
  async receive(method = "GET"): Promise<RawAnswer> {
    const head = await this.#take(() => {
      const end = this.#text.indexOf("\r\n\r\n");
      return end < 0 ? undefined : end + 4;
    });
    const [first = "", ...lines] = head.trimEnd().split("\r\n");
    const headers = new Headers(lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()] as [string, string];
    }));
    const status = Number(first.split(" ")[1]);
    const hasBody = method !== "HEAD" && status !== 204;
    return { status, headers, body: hasBody ? await this.#readBody(headers) : "" };
  }

  /** Receives everything until the end of the connection. */
  async receiveAll(): Promise<string> {
    while (!this.#hasEnded) await this.#read();
    return this.#text;
  }

  close(): void {
    this.#duplex.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #readBody(headers: Headers): Promise<string> {
    if (headers.get("transfer-encoding") !== "chunked") {
      const length = Number(headers.get("content-length") ?? 0);
      return await this.#take(() => this.#text.length >= length ? length : undefined);
    }
    let body = "";
    for (;;) {
      const line = await this.#take(() => {
        const end = this.#text.indexOf("\r\n");
        return end < 0 ? undefined : end + 2;
      });
      const length = parseInt(line, 16);
      const chunk = await this.#take(() =>
        this.#text.length >= length + 2 ? length + 2 : undefined
      );
      if (length === 0) return body;
      body += chunk.slice(0, length);
    }
  }

  /** Takes so many characters from what has come as a test of it says. */
  async #take(find: () => number | undefined): Promise<string> {
    for (;;) {
      const length = find();
      if (length !== undefined) {
        const text = this.#text.slice(0, length);
        this.#text = this.#text.slice(length);
        return text;
      }
      if (this.#hasEnded) throw new Error(`the connection has ended after ${this.#text}`);
      await this.#read();
    }
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      const count = await this.#duplex.read(buffer);
      if (count === null) this.#hasEnded = true;
      // Each byte is a character: what tests send and get is ASCII, or counted.
      else for (const byte of buffer.subarray(0, count)) this.#text += String.fromCharCode(byte);
    } catch {
      this.#hasEnded = true;
    }
  }
}
