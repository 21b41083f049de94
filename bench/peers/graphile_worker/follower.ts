import { run } from "graphile-worker";
import type pg from "pg";
import type { PeerFollower } from "../../harness/peer_client.ts";
import { decodeBody, type JobData } from "../json_body.ts";
import { QUIET } from "./logger.ts";

/** So many jobs a worker has in hand at a time. */
const CONCURRENCY = 24;

/** How jobs are fetched and released: many at a time, as the page on performance shows. */
const BATCHING = {
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
};

/** A worker with a task for each stream. */
export class GraphileFollower implements PeerFollower {
  readonly #pool: pg.Pool;
  readonly #streams: readonly string[];
  readonly #stopped = Promise.withResolvers<void>();

  constructor(pool: pg.Pool, streams: readonly string[]) {
    this.#pool = pool;
    this.#streams = streams;
  }

  async follow(take: (body: Uint8Array) => void): Promise<void> {
    const work = (payload: unknown) => {
      try {
        take(decodeBody(payload as JobData));
      } catch (error) {
        this.#stopped.reject(error);
      }
    };
    const worker = await run({
      pgPool: this.#pool,
      logger: QUIET,
      noHandleSignals: true,
      concurrency: CONCURRENCY,
      taskList: Object.fromEntries(this.#streams.map((stream) => [stream, work])),
      preset: { worker: BATCHING },
    });
    await Promise.race([this.#stopped.promise, worker.promise]);
    // Waits for the jobs in hand, and gives back what was only fetched.
    await worker.stop();
  }

  stop(): void {
    this.#stopped.resolve();
  }
}
