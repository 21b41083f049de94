import type { Consumer, JsMsg } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import type { PeerFollower } from "../../harness/peer_client.ts";

/** So many messages of each consumer may be on their way here. */
const MESSAGES_MAX = 500;

/** Takes the messages of some consumers. */
export class JetStreamFollower implements PeerFollower {
  readonly #connection: NatsConnection;
  readonly #consumers: readonly Consumer[];
  readonly #stopping = Promise.withResolvers<void>();

  /** Makes one. */
  constructor(connection: NatsConnection, consumers: readonly Consumer[]) {
    this.#connection = connection;
    this.#consumers = consumers;
  }

  async follow(take: (body: Uint8Array) => void): Promise<void> {
    const callback = (message: JsMsg) => {
      try {
        take(message.data);
        message.ack();
      } catch (error) {
        this.#stopping.reject(error);
      }
    };
    const consuming = await Promise.all(
      this.#consumers.map((consumer) => consumer.consume({ max_messages: MESSAGES_MAX, callback })),
    );
    await this.#stopping.promise;
    await Promise.all(consuming.map((one) => one.close()));
    await this.#connection.flush();
    for (const consumer of this.#consumers) await waitForAcks(consumer);
  }

  stop(): void {
    this.#stopping.resolve();
  }
}

/** The server has the acknowledgements, but takes them in its own time. */
async function waitForAcks(consumer: Consumer): Promise<void> {
  while ((await consumer.info()).num_ack_pending > 0);
}
