import {
  Bind,
  connect,
  type Connection,
  type Cursor,
  type Follower,
  type FollowerOptions,
  type GetBatchesOptions,
  type Publisher,
  type SendBatchOptions,
} from "@simplemq/simplemq";
import { HOSTNAME } from "./broker_process.ts";
import type { PeerClient, PeerFollower, PeerPublisher } from "./peer_client.ts";

/** How SimpleMQ is driven, if not by default. */
export interface SimpleOptions {
  /** Options of all batches. */
  readonly batch?: SendBatchOptions;
  readonly prefetch?: FollowerOptions["prefetch"];
  /** How followers take batches; messages one by one if not set. */
  readonly taking?: GetBatchesOptions;
  /** Whether the connection is somebody else's: then only the members are closed. */
  readonly isShared?: boolean;
}

/** Connects to SimpleMQ. */
export async function openClient(port: number): Promise<PeerClient> {
  return new SimpleClient(await connect({ hostname: HOSTNAME, port, name: "bench" }));
}

/** Drives SimpleMQ the way its README shows. */
export class SimpleClient implements PeerClient {
  readonly #connection: Connection;
  readonly #cursor: Cursor;
  readonly #options: SimpleOptions;
  readonly #members: AsyncDisposable[] = [];

  constructor(connection: Connection, options: SimpleOptions = {}) {
    this.#connection = connection;
    this.#cursor = connection.cursor();
    this.#options = options;
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

  async countStored(stream: string): Promise<number> {
    return (await this.#cursor.getStream(stream)).nextId - 1;
  }

  openPublisher(streams: readonly string[]): Promise<PeerPublisher> {
    const publisher = this.#connection.publisher(bindTo(streams));
    this.#members.push(publisher);
    return Promise.resolve(new SimplePublisher(publisher, this.#options.batch));
  }

  openFollower(streams: readonly string[]): Promise<PeerFollower> {
    const { prefetch = "auto" } = this.#options;
    const follower = this.#connection.follower(bindTo(streams), { prefetch });
    this.#members.push(follower);
    return Promise.resolve(
      new SimpleFollower(
        [follower],
        () => this.#cursor.getStream(streams[0]!),
        this.#options.taking,
      ),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.#members) await member[Symbol.asyncDispose]();
    if (this.#options.isShared !== true) await this.#connection.close();
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
  readonly copiesBodies = true;
  readonly #publisher: Publisher;
  readonly #batch: SendBatchOptions | undefined;

  constructor(publisher: Publisher, batch: SendBatchOptions | undefined) {
    this.#publisher = publisher;
    this.#batch = batch;
  }

  async sendBatch(bodies: readonly Uint8Array[]): Promise<void> {
    await this.#publisher.sendMessages(bodies, this.#batch);
  }

  send(body: Uint8Array): Promise<unknown> {
    return this.#publisher.sendMessage(body);
  }

  post(body: Uint8Array): void {
    this.#publisher.sendMessage(body);
  }

  async flush(): Promise<void> {
    await this.#publisher.flush();
  }
}

/** One follower, or many that take the same messages and end together. */
export class SimpleFollower implements PeerFollower {
  readonly #followers: readonly Follower[];
  readonly #settle: () => Promise<unknown>;
  readonly #taking: GetBatchesOptions | undefined;
  #isStopped = false;

  /**
   * @param settle Asks the broker something: its answer comes after the last acknowledgements.
   * @param taking How batches are taken; messages one by one if not set.
   */
  constructor(
    followers: readonly Follower[],
    settle: () => Promise<unknown>,
    taking?: GetBatchesOptions,
  ) {
    this.#followers = followers;
    this.#settle = settle;
    this.#taking = taking;
  }

  async follow(take: (body: Uint8Array) => void): Promise<void> {
    await Promise.all(this.#followers.map((follower) => this.#follow(follower, take)));
    await this.#settle();
  }

  async #follow(follower: Follower, take: (body: Uint8Array) => void): Promise<void> {
    if (this.#taking === undefined) {
      for await (const message of follower.getMessages()) {
        take(message.bytes);
        await follower.ackMessage(message);
      }
      return;
    }
    for await (const batch of follower.getBatches(this.#taking)) {
      for (const { bytes } of batch.messages) take(bytes);
      await batch.ack();
    }
  }

  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    // The message in hand is acknowledged first.
    queueMicrotask(() => {
      for (const follower of this.#followers) void follower.close();
    });
  }
}
