import type { PeerFollower } from "../../harness/peer_client.ts";
import { decodeBody, type JobData } from "../json_body.ts";
import type { BullStore, BullWorker } from "./store.ts";

/** So many jobs a worker has in hand at a time where there are many workers. */
const CONCURRENCY_OF_MANY = 4;

/** A follower with a worker for each queue. */
export class BullFollower implements PeerFollower {
  readonly #workers: readonly BullWorker[];
  readonly #stopped = Promise.withResolvers<void>();
  #take: (body: Uint8Array) => void = () => {};

  private constructor(store: BullStore, streams: readonly string[]) {
    const concurrency = streams.length > 1 ? CONCURRENCY_OF_MANY : store.concurrency;
    const fail = (error: unknown) => this.#stopped.reject(error);
    // Where nobody follows, nobody needs to know.
    this.#stopped.promise.catch(() => {});
    this.#workers = streams.map((stream) => {
      const work = ({ data }: { data: JobData }) => {
        try {
          this.#take(decodeBody(data));
        } catch (error) {
          fail(error);
        }
        return Promise.resolve();
      };
      return store.openWorker(stream, work, concurrency, fail);
    });
  }

  /** Makes a follower; its workers are ready, and do not work yet. */
  static async open(store: BullStore, streams: readonly string[]): Promise<BullFollower> {
    const follower = new BullFollower(store, streams);
    await Promise.all(follower.#workers.map((worker) => worker.waitUntilReady()));
    return follower;
  }

  async follow(take: (body: Uint8Array) => void): Promise<void> {
    this.#take = take;
    for (const worker of this.#workers) worker.run().catch(this.#stopped.reject);
    await this.#stopped.promise;
    await this.close();
  }

  stop(): void {
    this.#stopped.resolve();
  }

  /** Ends the workers, after what they have in hand. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }
}
