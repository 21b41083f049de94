/**
 * Brokers with a journal, and the commands that copy and restore it.
 *
 * @module
 */

import { type BrokerServer, serve } from "../../../../server.ts";
import type { CommandOutcome } from "../../../support/commands/command_use.ts";
import { runTyped, type Surroundings } from "../../../support/commands/typed.ts";
import { TestDirectory } from "../../../support/disk/journals.ts";

/** A broker on a journal with a few messages, and room for copies. */
export class BackupUse implements AsyncDisposable {
  readonly broker: BrokerServer;
  readonly #directory: TestDirectory;

  private constructor(broker: BrokerServer, directory: TestDirectory) {
    this.broker = broker;
    this.#directory = directory;
  }

  /** Starts one with two messages in a stream. */
  static async start(): Promise<BackupUse> {
    const directory = await TestDirectory.create();
    const storage = { directory: `${directory.path}/data` };
    const broker = await serve({ port: 0, storage, logLevel: "error" });
    const use = new BackupUse(broker, directory);
    await using connection = await broker.connect();
    await connection.cursor().createStream("orders");
    await connection.publisher("orders").sendMessages(["one", "two"]);
    return use;
  }

  /** A path in the directory of the test. */
  path(name: string): string {
    return `${this.#directory.path}/${name}`;
  }

  /** Runs a command on the broker. */
  run(args: readonly string[], surroundings?: Surroundings): Promise<CommandOutcome> {
    return runTyped([...args, "--server", `localhost:${this.broker.port}`], surroundings);
  }

  /** Makes an archive. */
  async archive(): Promise<Uint8Array<ArrayBuffer>> {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    const writeBytes = (bytes: Uint8Array) => {
      pieces.push(bytes.slice());
      return Promise.resolve();
    };
    await this.run(["backup", "--to", "-"], { terminal: { writeBytes } });
    return await new Blob(pieces).bytes();
  }

  /** Restores an archive. */
  restoreArchive(bytes: Uint8Array<ArrayBuffer>, to: string): Promise<CommandOutcome> {
    const readInput = () => new Blob([bytes]).stream();
    return runTyped(["restore", "-", "--to", to], { terminal: { readInput } });
  }

  /** The names in a directory, sorted; nothing if it is not there. */
  list(name: string): string[] {
    try {
      return [...Deno.readDirSync(this.path(name))].map(({ name }) => name).sort();
    } catch {
      return [];
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.broker.close();
    await this.#directory[Symbol.asyncDispose]();
  }
}

/** The bodies of a stream's messages in a journal. */
export async function readBodies(directory: string): Promise<unknown[]> {
  await using broker = await serve({ port: 0, storage: { directory }, logLevel: "error" });
  await using connection = await broker.connect();
  return (await connection.cursor().peek("orders")).map(({ body }) => body);
}
