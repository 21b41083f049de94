import { configureStream, nameLog } from "../../../src/engine/replicated/jetstream/log_stream.ts";

/** A node of NATS that says what a test wants: it knows the log of a cluster, or is cut off from the others. */
export class PretendedNode implements AsyncDisposable {
  /** Whether it knows of no leader, as a node that is cut off from the others. */
  isCutOff = false;
  readonly name: string;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #bytesMax: number;
  readonly #info: string;
  readonly #serving: Promise<void>;

  /** @param bytesMax The most bytes of a message that it takes. */
  constructor(name: string, cluster: string, bytesMax: number = 1024 * 1024) {
    this.name = name;
    this.#bytesMax = bytesMax;
    this.#info = JSON.stringify({
      config: configureStream(nameLog(cluster), { replicas: 1, bytesMax: 0 }),
      state: { "first_seq": 1, "last_seq": 0, bytes: 0 },
    });
    this.#serving = this.#serve();
  }

  get address(): string {
    return `127.0.0.1:${this.#listener.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) connection.close();
    await this.#serving;
  }

  async #serve(): Promise<void> {
    const clients: Promise<void>[] = [];
    try {
      for await (const connection of this.#listener) clients.push(this.#hear(connection));
    } catch {
      // It is closed.
    }
    await Promise.all(clients);
  }

  async #hear(connection: Deno.TcpConn): Promise<void> {
    this.#connections.add(connection);
    const { port } = this.#listener.addr;
    const info = {
      "server_id": this.name,
      "server_name": this.name,
      version: "2.15.1",
      headers: true,
      "max_payload": this.#bytesMax,
      host: "127.0.0.1",
      port,
    };
    try {
      await this.#say(connection, `INFO ${JSON.stringify(info)}\r\n`);
      let text = "";
      const decoder = new TextDecoder();
      for await (const bytes of connection.readable) {
        text += decoder.decode(bytes, { stream: true });
        for (let end = text.indexOf("\r\n"); end >= 0; end = text.indexOf("\r\n")) {
          const [what, ...words] = text.slice(0, end).split(" ");
          const isMessage = what === "PUB" || what === "HPUB";
          const rest = end + 2 + (isMessage ? Number(words.at(-1)) + 2 : 0);
          if (text.length < rest) break;
          text = text.slice(rest);
          if (what === "PING") await this.#say(connection, "PONG\r\n");
          if (isMessage && words.length > 2) await this.#answer(connection, words[1]!);
        }
      }
    } catch {
      // The client has left, or the node is closed.
    }
    this.#connections.delete(connection);
  }

  /** Answers a question; all that a client subscribes to has the number 1. */
  #answer(connection: Deno.TcpConn, inbox: string): Promise<void> {
    const head = "NATS/1.0 503\r\n\r\n";
    return this.#say(
      connection,
      this.isCutOff
        ? `HMSG ${inbox} 1 ${head.length} ${head.length}\r\n${head}\r\n`
        : `MSG ${inbox} 1 ${this.#info.length}\r\n${this.#info}\r\n`,
    );
  }

  async #say(connection: Deno.TcpConn, text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    for (let done = 0; done < bytes.length;) done += await connection.write(bytes.subarray(done));
  }
}
