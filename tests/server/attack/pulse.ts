/**
 * A publisher and a follower that do their work, and how long it takes.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect, type Connection, type ConnectOptions } from "../../../client.ts";

/** Sends message after message, each when the one before has arrived and is acknowledged. */
export class Pulse implements AsyncDisposable {
  readonly #connections: readonly [Connection, Connection];
  readonly #stream: string;
  #times: number[] = [];
  #isStopped = false;
  #running: Promise<void> = Promise.resolve();

  private constructor(connections: readonly [Connection, Connection], stream: string) {
    this.#connections = connections;
    this.#stream = stream;
  }

  static async start(options: ConnectOptions, stream = "pulse"): Promise<Pulse> {
    const connections = [await connect(options), await connect(options)] as const;
    await connections[0].cursor().createStream(stream);
    const pulse = new Pulse(connections, stream);
    pulse.#running = pulse.#run();
    return pulse;
  }

  /** The time that 99 of 100 messages needed at most since the last call, in milliseconds. */
  takeP99(): { readonly p99: number; readonly count: number } {
    const times = this.#times.sort((one, other) => one - other);
    this.#times = [];
    return { p99: times[Math.floor(times.length * 0.99)] ?? Infinity, count: times.length };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    for (const connection of this.#connections) await connection.close();
  }

  async #run(): Promise<void> {
    const [one, other] = this.#connections;
    await using publisher = one.publisher(this.#stream);
    await using follower = other.follower(this.#stream);
    const messages = follower.getMessages();
    for (let number = 0; !this.#isStopped; number++) {
      const before = performance.now();
      await publisher.sendMessage(number);
      const { value } = await messages.next();
      assertEquals([value!.body, value!.attempts], [number, 1]);
      await value!.ack({ confirm: true });
      this.#times.push(performance.now() - before);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}
