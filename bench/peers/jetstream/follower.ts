import type { Consumer, JsMsg } from "@nats-io/jetstream";
import type { PeerFollower } from "../../harness/peer_client.ts";

/** So many messages of each consumer may be on their way here. */
const MESSAGES_MAX = 500;

/** Takes the messages of some consumers. */
export class JetStreamFollower implements PeerFollower {
  readonly #consumers: readonly Consumer[];
  readonly #stopping = Promise.withResolvers<void>();

  /** Makes one. */
  constructor(consumers: readonly Consumer[]) {
    this.#consumers = consumers;
  }

  async follow(take: (body: Uint8Array) => void): Promise<void> {
    const lasts = this.#consumers.map(() => new LastMessage());
    const consuming = await Promise.all(this.#consumers.map((consumer, index) => {
      const callback = (message: JsMsg) => {
        try {
          take(message.data);
          lasts[index]!.replace(message);
        } catch (error) {
          this.#stopping.reject(error);
        }
      };
      return consumer.consume({ max_messages: MESSAGES_MAX, callback });
    }));
    await this.#stopping.promise;
    await Promise.all(consuming.map((one) => one.close()));
    await Promise.all(lasts.map((last) => last.end()));
  }

  stop(): void {
    this.#stopping.resolve();
  }
}

/**
 * The last message of a consumer. It is acknowledged when the next one is here, and in the end with an
 * answer: the server takes acknowledgements in its own time, but one after the other.
 */
class LastMessage {
  #message: JsMsg | undefined;

  replace(message: JsMsg): void {
    this.#message?.ack();
    this.#message = message;
  }

  /** Resolves when the server has taken all acknowledgements. */
  async end(): Promise<void> {
    if (this.#message === undefined) return;
    if (!await this.#message.ackAck()) throw new Error("An acknowledgement was not taken");
  }
}
