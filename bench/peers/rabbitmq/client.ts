import { type Channel, type ChannelModel, connect, type Options } from "amqplib";
import type { PeerClient, PeerFollower, PeerPublisher } from "../../harness/peer_client.ts";
import { HOSTNAME } from "../../harness/broker_process.ts";
import { RabbitFollower } from "./follower.ts";
import { RabbitPublisher } from "./publisher.ts";

/** Whether queues and messages outlive the broker. */
export type Durability = "durable" | "transient";

const DURABLE: Options.AssertQueue = { durable: true, arguments: { "x-queue-mode": "lazy" } };

const TRANSIENT: Options.AssertQueue = { durable: false };

/** Connects; queues and messages will be as told. */
export async function openClientFor(durability: Durability, port: number): Promise<PeerClient> {
  const socketOptions = { noDelay: true };
  return new RabbitClient(durability, await connect(`amqp://${HOSTNAME}:${port}`, socketOptions));
}

/** Talks to RabbitMQ with amqplib. */
class RabbitClient implements PeerClient {
  readonly #isDurable: boolean;
  readonly #connection: ChannelModel;
  #channel: Promise<Channel> | undefined;

  constructor(durability: Durability, connection: ChannelModel) {
    this.#isDurable = durability === "durable";
    this.#connection = connection;
  }

  async createStream(stream: string): Promise<void> {
    const channel = await this.#openChannel();
    await channel.assertQueue(stream, this.#isDurable ? DURABLE : TRANSIENT);
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
    const persistent = this.#isDurable;
    if (streams.length === 1) {
      return new RabbitPublisher(channel, "", first, persistent);
    }
    const exchange = `${first}-exchange`;
    await channel.assertExchange(exchange, "fanout", {
      durable: this.#isDurable,
      autoDelete: true,
    });
    for (const stream of streams) await channel.bindQueue(stream, exchange, "");
    return new RabbitPublisher(channel, exchange, "", persistent);
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
