import type { Job, PgBoss } from "pg-boss";
import type { PeerFollower } from "../../harness/peer_client.ts";
import { decodeBody, type JobData } from "../json_body.ts";

/** How a worker takes jobs. */
const OPTIONS = {
  batchSize: 1_000,
  localConcurrency: 2,
  burstWhenBatchFull: true,
  pollingIntervalSeconds: 0.5,
} as const;

/** Workers for some queues. */
export class BossFollower implements PeerFollower {
  readonly #boss: PgBoss;
  readonly #streams: readonly string[];
  readonly #failure: Promise<never>;
  readonly #stopped = Promise.withResolvers<void>();

  /** @param failure Rejects when the client says that something has gone wrong. */
  constructor(boss: PgBoss, streams: readonly string[], failure: Promise<never>) {
    this.#boss = boss;
    this.#streams = streams;
    this.#failure = failure;
  }

  async follow(take: (body: Uint8Array) => void): Promise<void> {
    const work = (jobs: Job<JobData>[]) => {
      try {
        for (const { data } of jobs) take(decodeBody(data));
      } catch (error) {
        this.#stopped.reject(error);
      }
      return Promise.resolve();
    };
    for (const stream of this.#streams) await this.#boss.work<JobData>(stream, OPTIONS, work);
    await Promise.race([this.#stopped.promise, this.#failure]);
    // Waits until the jobs in hand are completed.
    for (const stream of this.#streams) await this.#boss.offWork(stream);
  }

  stop(): void {
    this.#stopped.resolve();
  }
}
