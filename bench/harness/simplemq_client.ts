/**
 * Talks to SimpleMQ the way its README shows.
 *
 * @module
 */

import {
  Bind,
  connect,
  type Connection,
  type Cursor,
  type Follower,
  type Publisher,
} from "@simplemq/simplemq";
import type { PeerClient, PeerFollower, PeerPublisher } from "../peers/peer.ts";
import { HOSTNAME } from "../peers/server_process.ts";

/** Connects. */
export async function openClient(port: number): Promise<PeerClient> {
  return new SimpleClient(await connect({ hostname: HOSTNAME, port, name: "bench" }));
}

class SimpleClient implements PeerClient {
  readonly #connection: Connection;
  readonly #cursor: Cursor;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#cursor = connection.cursor();
  }

  async createStream(stream: string): Promise<void> {
    await this.#cursor.createStream(stream);
  }

  async deleteStream(stream: string): Promise<void> {
    await this.#cursor.deleteStream(stream);
  }

  async countLeft(stream: string): Promise<number> {
    const { ready, pending } = await this.#cursor.getStream(stream);
    return ready + pending;
  }

  openPublisher(streams: readonly string[]): Promise<PeerPublisher> {
    return Promise.resolve(new SimplePublisher(this.#connection.publisher(bindTo(streams))));
  }

  openFollower(streams: readonly string[]): Promise<PeerFollower> {
    return Promise.resolve(new SimpleFollower(this.#connection, bindTo(streams)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }
}

/** One stream by its name, many by a regular expression. */
function bindTo(streams: readonly string[]): Bind {
  const [first = ""] = streams;
  return streams.length === 1 ? Bind.direct(first) : Bind.regex("^bench-");
}

class SimplePublisher implements PeerPublisher {
  readonly batchCount = 256;
  readonly batchesInFlight = 32;
  readonly #publisher: Publisher;

  constructor(publisher: Publisher) {
    this.#publisher = publisher;
  }

  async sendBatch(bodies: readonly Uint8Array[]): Promise<void> {
    await this.#publisher.sendMessages(bodies);
  }

  async send(body: Uint8Array): Promise<void> {
    await this.#publisher.sendMessage(body);
  }

  post(body: Uint8Array): void {
    this.#publisher.sendMessage(body);
  }

  async flush(): Promise<void> {
    await this.#publisher.flush();
  }
}

class SimpleFollower implements PeerFollower {
  readonly #connection: Connection;
  readonly #follower: Follower;
  readonly #stopping = new AbortController();

  constructor(connection: Connection, bind: Bind) {
    this.#connection = connection;
    this.#follower = connection.follower(bind);
  }

  async follow(take: (body: Uint8Array) => void): Promise<void> {
    const { signal } = this.#stopping;
    try {
      for await (const message of this.#follower.getMessages({ signal })) {
        take(message.bytes);
        await this.#follower.ackMessage(message);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    await this.#follower.close();
    // The broker answers after what was said before: the last acknowledgements are done then.
    await this.#connection.cursor().getPels();
  }

  stop(): void {
    this.#stopping.abort();
  }
}
