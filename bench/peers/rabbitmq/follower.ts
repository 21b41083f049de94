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
    await Promise.all(
      this.#queues.map((queue) => this.#channel.consume(queue, handle)),
    );
    await this.#stopping.promise;
    this.#acknowledge();
    // Resolves when the queues have taken the acknowledgements, and have got back what has none.
    await this.#channel.close();
  }

  stop(): void {
    this.#stopping.resolve();
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
