import { type Channel, type ChannelModel, connect, type Options } from "amqplib";
import type { PeerClient, PeerFollower, PeerPublisher } from "../../harness/peer_client.ts";
import { HOSTNAME } from "../../harness/broker_process.ts";
import { RabbitFollower } from "./follower.ts";
import { RabbitPublisher } from "./publisher.ts";

/** What a queue is: both kinds are durable, and their messages are persistent. */
export type QueueKind = "classic" | "quorum";

/** Connects; queues will be as told. */
export async function openClientFor(kind: QueueKind, port: number): Promise<PeerClient> {
  const socketOptions = { noDelay: true };
  return new RabbitClient(kind, await connect(`amqp://${HOSTNAME}:${port}`, socketOptions));
}

/** Talks to RabbitMQ with amqplib. */
class RabbitClient implements PeerClient {
  readonly #kind: QueueKind;
  readonly #connection: ChannelModel;
  #channel: Promise<Channel> | undefined;

  constructor(kind: QueueKind, connection: ChannelModel) {
    this.#kind = kind;
    this.#connection = connection;
  }

  async createStream(stream: string): Promise<void> {
    const channel = await this.#openChannel();
    const options: Options.AssertQueue = {
      durable: true,
      arguments: { "x-queue-type": this.#kind },
    };
    await channel.assertQueue(stream, options);
  }

  async deleteStream(stream: string): Promise<void> {
    const channel = await this.#openChannel();
    await channel.deleteQueue(stream);
  }

  async countLeft(stream: string): Promise<number> {
    const channel = await this.#openChannel();
    // Messages without an acknowledgement are not counted here, but a follower that has ended has
    // closed its channel, and so there are none.
    return (await channel.checkQueue(stream)).messageCount;
  }

  async openPublisher(streams: readonly string[]): Promise<PeerPublisher> {
    const channel = await this.#connection.createConfirmChannel();
    const [first = ""] = streams;
    if (streams.length === 1) return new RabbitPublisher(channel, "", first);
    const exchange = `${first}-exchange`;
    await channel.assertExchange(exchange, "fanout", { durable: true, autoDelete: true });
    for (const stream of streams) await channel.bindQueue(stream, exchange, "");
    return new RabbitPublisher(channel, exchange, "");
  }

  async openFollower(streams: readonly string[]): Promise<PeerFollower> {
    return await RabbitFollower.open(await this.#connection.createChannel(), streams);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }

  /** The channel for what is neither published nor followed. */
  #openChannel(): Promise<Channel> {
    return this.#channel ??= this.#connection.createChannel();
  }
}
