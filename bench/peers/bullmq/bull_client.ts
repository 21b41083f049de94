import type { PeerClient, PeerFollower, PeerPublisher } from "../../harness/peer_client.ts";
import { BullFollower } from "./follower.ts";
import { BullPublisher } from "./publisher.ts";
import type { BullQueue, BullStore } from "./store.ts";

/** Options of all jobs: those that are done are removed. */
export const JOB_OPTIONS = { removeOnComplete: true };

/** Talks to BullMQ: a stream is a queue, a message is a job. */
export class BullClient implements PeerClient {
  readonly #store: BullStore;
  readonly #queues = new Map<string, BullQueue>();
  readonly #followers: BullFollower[] = [];

  constructor(store: BullStore) {
    this.#store = store;
  }

  async createStream(stream: string): Promise<void> {
    await this.#openQueue(stream);
  }

  async deleteStream(stream: string): Promise<void> {
    const queue = await this.#openQueue(stream);
    await queue.obliterate({ force: true });
  }

  async countLeft(stream: string): Promise<number> {
    const queue = await this.#openQueue(stream);
    // Of all states, `completed` included: jobs that are done are to be removed.
    return Object.values(await queue.getJobCounts()).reduce((sum, count) => sum + count, 0);
  }

  async openPublisher(streams: readonly string[]): Promise<PeerPublisher> {
    return new BullPublisher(await Promise.all(streams.map((stream) => this.#openQueue(stream))));
  }

  async openFollower(streams: readonly string[]): Promise<PeerFollower> {
    const follower = await BullFollower.open(this.#store, streams);
    this.#followers.push(follower);
    return follower;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#followers.map((follower) => follower.close()));
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
    await this.#store[Symbol.asyncDispose]();
  }

  async #openQueue(stream: string): Promise<BullQueue> {
    let queue = this.#queues.get(stream);
    if (queue === undefined) {
      queue = this.#store.openQueue(stream);
      this.#queues.set(stream, queue);
    }
    await queue.waitUntilReady();
    return queue;
  }
}
