import type { JetStreamClient } from "@nats-io/jetstream";
import type { PeerPublisher } from "../../harness/peer_client.ts";

/** Publishes to a subject; each message is answered when it is stored. */
export class JetStreamPublisher implements PeerPublisher {
  readonly batchCount = 256;
  readonly batchesInFlight = 4;
  readonly #client: JetStreamClient;
  readonly #subject: string;

  constructor(client: JetStreamClient, subject: string) {
    this.#client = client;
    this.#subject = subject;
  }

  async sendBatch(bodies: readonly Uint8Array[]): Promise<void> {
    await Promise.all(
      bodies.map((body) => this.#client.publish(this.#subject, body)),
    );
  }

  async send(body: Uint8Array): Promise<void> {
    await this.#client.publish(this.#subject, body);
  }
}
