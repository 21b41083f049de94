import { Queue } from "bullmq";
import { Redis } from "ioredis";
import type { PeerClient, PeerFollower, PeerPublisher } from "../../harness/peer_client.ts";
import { HOSTNAME } from "../../harness/broker_process.ts";
import { BullFollower } from "./follower.ts";
import { BullPublisher } from "./publisher.ts";

/** Connects. */
export async function openClient(port: number): Promise<PeerClient> {
  const redis = new Redis({
    host: HOSTNAME,
    port,
    lazyConnect: true,
    maxRetriesPerRequest: null,
    enableAutoPipelining: true,
  });
  await redis.connect();
  return new BullClient(redis);
}

/**
 * Talks to BullMQ: a stream is a queue, a message is a job. All queues share a connection, and the
 * workers share it for all but waiting.
 */
class BullClient implements PeerClient {
  readonly #redis: Redis;
  readonly #queues = new Map<string, Queue>();
  readonly #followers: BullFollower[] = [];

  constructor(redis: Redis) {
    this.#redis = redis;
    // Each queue and each worker listens to it.
    redis.setMaxListeners(0);
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
    const follower = await BullFollower.open(this.#redis, streams);
    this.#followers.push(follower);
    return follower;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#followers.map((follower) => follower.close()));
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
    this.#redis.disconnect();
  }

  async #openQueue(stream: string): Promise<Queue> {
    let queue = this.#queues.get(stream);
    if (queue === undefined) {
      queue = new Queue(stream, {
        connection: this.#redis,
        defaultJobOptions: { removeOnComplete: true },
      });
      this.#queues.set(stream, queue);
    }
    await queue.waitUntilReady();
    return queue;
  }
}
