import type { WorkerUtils } from "graphile-worker";
import type { PeerPublisher } from "../../harness/peer_client.ts";
import { encodeBody } from "../json_body.ts";
import { splitBodies } from "../part.ts";

/** A call adds about so many bytes of bodies at most. */
const CALL_BYTES = 1024 * 1024;

/** Adds jobs for one task, or for many. */
export class GraphilePublisher implements PeerPublisher {
  readonly batchCount = 1_000;
  readonly batchesInFlight = 2;
  readonly #utils: WorkerUtils;
  readonly #streams: readonly string[];

  constructor(utils: WorkerUtils, streams: readonly string[]) {
    this.#utils = utils;
    this.#streams = streams;
  }

  async sendBatch(bodies: readonly Uint8Array[]): Promise<void> {
    for (const part of splitBodies(bodies, CALL_BYTES)) {
      await this.#utils.addJobs(part.flatMap((body) => {
        const payload = encodeBody(body);
        return this.#streams.map((identifier) => ({ identifier, payload }));
      }));
    }
  }

  async send(body: Uint8Array): Promise<void> {
    const payload = encodeBody(body);
    await Promise.all(this.#streams.map((stream) => this.#utils.addJob(stream, payload)));
  }
}
