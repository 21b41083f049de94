import type { Channel, ConsumeMessage } from "amqplib";
import type { PeerFollower } from "../../harness/peer_client.ts";

/** So many messages of each queue may be delivered here and not acknowledged. */
const PREFETCH_COUNT = 1000;

/** So many messages are acknowledged at once, if as many come at once. */
const ACK_COUNT = 100;

/** Takes the messages of some queues. */
export class RabbitFollower implements PeerFollower {
  readonly #channel: Channel;
  readonly #queues: readonly string[];
  readonly #stopping = Promise.withResolvers<void>();
  #last: ConsumeMessage | undefined;
  #count = 0;

  private constructor(channel: Channel, queues: readonly string[]) {
    this.#channel = channel;
    this.#queues = queues;
  }

  /** Makes one on a channel of its own. */
  static async open(channel: Channel, queues: readonly string[]): Promise<RabbitFollower> {
    await channel.prefetch(PREFETCH_COUNT);
    return new RabbitFollower(channel, queues);
  }

  async follow(take: (body: Uint8Array) => void): Promise<void> {
    this.#channel.on("error", this.#stopping.reject);
    const handle = (message: ConsumeMessage | null) => {
      if (message === null) {
        return this.#stopping.reject(new Error("The queue is gone"));
      }
      try {
        take(message.content);
        this.#note(message);
      } catch (error) {
        this.#stopping.reject(error);
      }
    };
    const consumers = await Promise.all(
      this.#queues.map((queue) => this.#channel.consume(queue, handle)),
    );
    await this.#stopping.promise;
    this.#acknowledge();
    for (const { consumerTag } of consumers) await this.#channel.cancel(consumerTag);
    for (const queue of this.#queues) await this.#waitForAcks(queue);
    // What has no acknowledgement goes back to the queues.
    await this.#channel.close();
  }

  stop(): void {
    this.#stopping.resolve();
  }

  /**
   * Asks for one more message: a queue takes what comes on a channel in its order, and so has taken the
   * acknowledgements when it answers.
   */
  async #waitForAcks(queue: string): Promise<void> {
    const message = await this.#channel.get(queue);
    if (message !== false) this.#channel.nack(message, false, true);
  }

  /** Acknowledges at the end of what comes at once, and in between if that is much. */
  #note(message: ConsumeMessage): void {
    if (this.#last === undefined) setImmediate(() => this.#acknowledge());
    this.#last = message;
    if (++this.#count >= ACK_COUNT) this.#acknowledge();
  }

  /** Acknowledges all that was handed over. */
  #acknowledge(): void {
    if (this.#last !== undefined) this.#channel.ack(this.#last, true);
    this.#last = undefined;
    this.#count = 0;
  }
}
