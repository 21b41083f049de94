import type { PeerPublisher } from "../../harness/peer_client.ts";
import { splitBodies } from "../part.ts";
import { encodeBody } from "../json_body.ts";
import type { BullQueue } from "./store.ts";

/** The name of a job: BullMQ wants one, and a worker could tell by it what to do. */
const JOB_NAME = "message";

/** A call adds about so many bytes of bodies at most. */
const CALL_BYTES = 128 * 1024;

/** A publisher to one queue, or to many. */
export class BullPublisher implements PeerPublisher {
  readonly batchCount: number;
  readonly batchesInFlight = 2;
  readonly #queues: readonly BullQueue[];

  /** Makes a publisher to queues that are ready. */
  constructor(queues: readonly BullQueue[]) {
    this.#queues = queues;
    this.batchCount = queues.length > 1 ? 16 : 128;
  }

  async sendBatch(bodies: readonly Uint8Array[]): Promise<void> {
    for (const part of splitBodies(bodies, CALL_BYTES)) {
      const jobs = part.map((body) => ({ name: JOB_NAME, data: encodeBody(body) }));
      await Promise.all(this.#queues.map((queue) => queue.addBulk(jobs)));
    }
  }

  async send(body: Uint8Array): Promise<void> {
    const data = encodeBody(body);
    await Promise.all(this.#queues.map((queue) => queue.add(JOB_NAME, data)));
  }
}
