import {
  AckPolicy,
  jetstream,
  type JetStreamClient,
  type JetStreamManager,
  RetentionPolicy,
  type StorageType,
} from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import type { PeerClient, PeerFollower, PeerPublisher } from "../../harness/peer_client.ts";
import { HOSTNAME } from "../../harness/broker_process.ts";
import { JetStreamFollower } from "./follower.ts";
import { JetStreamPublisher } from "./publisher.ts";

/** So many messages of a consumer may be delivered and not acknowledged, by all its followers. */
const ACK_PENDING_MAX = 10_000;

/** A request must be answered within this time, in milliseconds: a full pipeline takes its time. */
const TIMEOUT_MS = 60_000;

/** Connects; streams will be stored as told, on so many nodes. */
export async function openClientFor(
  storage: StorageType,
  port: number,
  replicas: number = 1,
): Promise<PeerClient> {
  const connection = await connect({
    servers: `${HOSTNAME}:${port}`,
    noAsyncTraces: true,
  });
  const options = { timeout: TIMEOUT_MS };
  const client = jetstream(connection, options);
  const manager = await client.jetstreamManager(false);
  return new JetStreamPeerClient(storage, replicas, connection, client, manager);
}

/**
 * Talks to NATS JetStream with its own client.
 *
 * A stream of the bench is a durable consumer here, and it has a JetStream stream to itself that drops
 * what is acknowledged. To send every message to many of them, those consumers move to one JetStream
 * stream that they share: NATS stores a message once, however many consumers there are.
 */
class JetStreamPeerClient implements PeerClient {
  readonly #storage: StorageType;
  readonly #replicas: number;
  readonly #connection: NatsConnection;
  readonly #client: JetStreamClient;
  readonly #manager: JetStreamManager;

  constructor(
    storage: StorageType,
    replicas: number,
    connection: NatsConnection,
    client: JetStreamClient,
    manager: JetStreamManager,
  ) {
    this.#storage = storage;
    this.#replicas = replicas;
    this.#connection = connection;
    this.#client = client;
    this.#manager = manager;
  }

  async createStream(stream: string): Promise<void> {
    await this.#create(stream, [stream], RetentionPolicy.Workqueue);
  }

  async deleteStream(stream: string): Promise<void> {
    const home = await this.#findHome(stream);
    await this.#manager.consumers.delete(home, stream);
    const { state } = await this.#manager.streams.info(home);
    if (state.consumer_count === 0) await this.#manager.streams.delete(home);
  }

  async countLeft(stream: string): Promise<number> {
    const home = await this.#findHome(stream);
    const { num_pending, num_ack_pending } = await this.#manager.consumers.info(home, stream);
    return num_pending + num_ack_pending;
  }

  async openPublisher(streams: readonly string[]): Promise<PeerPublisher> {
    if (streams.length > 1) await this.#join(streams);
    return new JetStreamPublisher(this.#client, streams[0]!);
  }

  async openFollower(streams: readonly string[]): Promise<PeerFollower> {
    const home = await this.#findHome(streams[0]!);
    const { consumers } = this.#client;
    const all = await Promise.all(
      streams.map((stream) => consumers.get(home, stream)),
    );
    return new JetStreamFollower(all);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }

  /** Makes a JetStream stream for some of ours, with a consumer for each. */
  async #create(
    home: string,
    streams: readonly string[],
    retention: RetentionPolicy,
  ): Promise<void> {
    await this.#manager.streams.add({
      name: home,
      subjects: [...streams],
      retention,
      storage: this.#storage,
      num_replicas: this.#replicas,
      allow_atomic: true,
    });
    for (const stream of streams) {
      await this.#manager.consumers.add(home, {
        durable_name: stream,
        ack_policy: AckPolicy.Explicit,
        max_ack_pending: ACK_PENDING_MAX,
      });
    }
  }

  /** Moves empty streams to one JetStream stream, of which each gets all messages. */
  async #join(streams: readonly string[]): Promise<void> {
    for (const stream of streams) await this.#manager.streams.delete(stream);
    await this.#create(`${streams[0]}-joined`, streams, RetentionPolicy.Interest);
  }

  /** The JetStream stream that holds the messages of one of ours. */
  async #findHome(stream: string): Promise<string> {
    return await this.#manager.streams.find(stream);
  }
}
