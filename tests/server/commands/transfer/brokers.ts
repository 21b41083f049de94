/**
 * Two brokers in memory, from one of which messages are exported, and imported into the other.
 *
 * @module
 */

import type { Connection, Cursor } from "../../../../client.ts";
import { type BrokerServer, serve } from "../../../../server.ts";
import type { CommandOutcome } from "../../../support/commands/command_use.ts";
import { runTyped, type Surroundings } from "../../../support/commands/typed.ts";

/** An export that has been read. */
export interface Exported {
  readonly text: string;
  readonly outcome: CommandOutcome;
}

/** A broker with a connection. */
export class TransferBroker implements AsyncDisposable {
  readonly connection: Connection;
  readonly cursor: Cursor;
  readonly #server: BrokerServer;

  private constructor(server: BrokerServer, connection: Connection) {
    this.#server = server;
    this.connection = connection;
    this.cursor = connection.cursor();
  }

  /** Starts one. */
  static async start(): Promise<TransferBroker> {
    const server = await serve({ port: 0, storage: { engine: "memory" }, logLevel: "error" });
    return new TransferBroker(server, await server.connect());
  }

  /** Exports. */
  async export(...args: readonly string[]): Promise<Exported> {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    const writeBytes = (bytes: Uint8Array) => {
      pieces.push(bytes.slice());
      return Promise.resolve();
    };
    const outcome = await this.#run(["export", ...args], { terminal: { writeBytes } });
    return { text: await new Blob(pieces).text(), outcome };
  }

  /** Imports a text. */
  import(input: string, ...args: readonly string[]): Promise<CommandOutcome> {
    return this.#run(["import", ...args], { input });
  }

  /** The bodies of a stream's messages. */
  async bodies(stream: string): Promise<unknown[]> {
    return (await this.cursor.peek(stream)).map(({ body }) => body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection.close();
    await this.#server.close();
  }

  #run(args: readonly string[], surroundings: Surroundings): Promise<CommandOutcome> {
    return runTyped([...args, "--server", `localhost:${this.#server.port}`], surroundings);
  }
}

/** The lines of an export, without what differs from broker to broker: ids, times, attempts. */
export function comparable(text: string): Record<string, unknown>[] {
  return text.trimEnd().split("\n").map((line) => {
    const { id, at, storedAt, nextId, attempts, state, dueAt, follower, ...rest } = JSON.parse(
      line,
    );
    void [id, at, storedAt, nextId, attempts, state, dueAt, follower];
    return rest;
  });
}
