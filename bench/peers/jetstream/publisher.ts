import type { JetStreamClient } from "@nats-io/jetstream";
import type { PeerPublisher } from "../../harness/peer_client.ts";

/** Publishes to a subject. */
export class JetStreamPublisher implements PeerPublisher {
  readonly batchCount = 1_000;
  readonly batchesInFlight = 2;
  readonly #client: JetStreamClient;
  readonly #subject: string;

  constructor(client: JetStreamClient, subject: string) {
    this.#client = client;
    this.#subject = subject;
  }

  /** Sends a batch that the server stores and answers as a whole. */
  async sendBatch(bodies: readonly Uint8Array[]): Promise<void> {
    const last = bodies.length - 1;
    if (last < 1) return await this.send(bodies[0]!);
    const batch = await this.#client.startBatch(this.#subject, bodies[0]);
    for (let index = 1; index < last; index++) batch.add(this.#subject, bodies[index]);
    await batch.commit(this.#subject, bodies[last]);
  }

  async send(body: Uint8Array): Promise<void> {
    await this.#client.publish(this.#subject, body);
  }
}
