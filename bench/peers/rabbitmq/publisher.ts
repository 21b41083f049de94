import { Buffer } from "node:buffer";
import type { ConfirmChannel } from "amqplib";
import type { PeerPublisher } from "../../harness/peer_client.ts";

const PERSISTENT = { persistent: true };

/** Publishes to an exchange on a channel with publisher confirms. */
export class RabbitPublisher implements PeerPublisher {
  readonly batchCount = 256;
  readonly batchesInFlight = 4;
  readonly #channel: ConfirmChannel;
  readonly #exchange: string;
  readonly #key: string;

  constructor(channel: ConfirmChannel, exchange: string, key: string) {
    this.#channel = channel;
    this.#exchange = exchange;
    this.#key = key;
  }

  sendBatch(bodies: readonly Uint8Array[]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let left = bodies.length;
    const confirm = (error: unknown) => {
      if (error !== null) reject(error);
      if (--left === 0) resolve();
    };
    for (const { buffer, byteOffset, length } of bodies) {
      const content = Buffer.from(buffer, byteOffset, length);
      this.#channel.publish(this.#exchange, this.#key, content, PERSISTENT, confirm);
    }
    return promise;
  }

  send(body: Uint8Array): Promise<void> {
    return this.sendBatch([body]);
  }
}
