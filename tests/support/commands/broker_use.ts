/**
 * Commands that talk to a broker, in this process, with a real broker behind a socket.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Connection, Cursor, MessageBody } from "../../../client.ts";
import type { BrokerServer, ServeOptions } from "../../../server.ts";
import { startBroker } from "../broker/broker.ts";
import type { CommandOutcome } from "./command_use.ts";
import { runTyped, type Surroundings } from "./typed.ts";

/** A broker, and the command line beside it. */
export class BrokerUse implements AsyncDisposable {
  readonly broker: BrokerServer;
  /** A connection that may do everything, to arrange what commands find. */
  readonly connection: Connection;

  private constructor(broker: BrokerServer, connection: Connection) {
    this.broker = broker;
    this.connection = connection;
  }

  static async start(options?: ServeOptions): Promise<BrokerUse> {
    const broker = await startBroker(options);
    return new BrokerUse(broker, await broker.connect());
  }

  get cursor(): Cursor {
    return this.connection.cursor();
  }

  /** Its address, as commands take it. */
  get server(): string {
    return `localhost:${this.broker.port}`;
  }

  /** Creates a stream with these messages. */
  async fill(stream: string, ...bodies: MessageBody[]): Promise<void> {
    await this.cursor.createStream(stream);
    if (bodies.length > 0) await this.connection.publisher(stream).sendMessages(bodies);
  }

  /** Makes each message of a stream a dead letter. */
  async reject(stream: string, reason: string, count: number): Promise<void> {
    let left = count;
    for await (const message of this.connection.follower(stream, { name: "judge" }).getMessages()) {
      await message.reject(reason, { confirm: true });
      if (--left === 0) break;
    }
  }

  /** Runs a command, with the broker in the environment. */
  run(args: readonly string[], surroundings: Surroundings = {}): Promise<CommandOutcome> {
    const env = { SIMPLEMQ_SERVER: this.server, ...surroundings.env };
    return runTyped(args, { ...surroundings, env });
  }

  /** Runs a command line without spaces in its words; it must be done. Returns what it prints. */
  async print(line: string, surroundings?: Surroundings): Promise<string> {
    const { code, stdout, lines } = await this.run(line.split(" "), surroundings);
    assertEquals(code, 0, lines.join("\n"));
    return stdout;
  }

  /** Runs a command line that is done; returns what it tells people. */
  async tell(line: string, surroundings?: Surroundings): Promise<readonly string[]> {
    const { code, lines } = await this.run(line.split(" "), surroundings);
    assertEquals(code, 0, lines.join("\n"));
    return lines;
  }

  /** Runs a command line that must fail with this code; returns what it says. */
  async fail(code: number, line: string, surroundings?: Surroundings): Promise<string> {
    const outcome = await this.run(line.split(" "), surroundings);
    assertEquals([outcome.code, outcome.stdout], [code, ""], outcome.lines.join("\n"));
    return outcome.lines.join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection.close();
    await this.broker.close();
  }
}
