import type { PgBoss } from "pg-boss";
import type { PeerPublisher } from "../../harness/peer_client.ts";
import { encodeBody } from "../json_body.ts";
import { splitBodies } from "../part.ts";

/** A call inserts about so many bytes of bodies at most. */
const CALL_BYTES = 1024 * 1024;

/** Sends to one queue, or to many. */
export class BossPublisher implements PeerPublisher {
  readonly batchCount = 1_000;
  readonly batchesInFlight = 2;
  readonly #boss: PgBoss;
  readonly #streams: readonly string[];

  constructor(boss: PgBoss, streams: readonly string[]) {
    this.#boss = boss;
    this.#streams = streams;
  }

  async sendBatch(bodies: readonly Uint8Array[]): Promise<void> {
    for (const part of splitBodies(bodies, CALL_BYTES)) {
      const jobs = part.map((body) => ({ data: encodeBody(body) }));
      await Promise.all(this.#streams.map((stream) => this.#boss.insert(stream, jobs)));
    }
  }

  async send(body: Uint8Array): Promise<void> {
    const data = encodeBody(body);
    await Promise.all(this.#streams.map((stream) => this.#boss.send(stream, data)));
  }
}
