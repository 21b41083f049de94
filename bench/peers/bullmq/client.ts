import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import type { PeerClient } from "../../harness/peer_client.ts";
import { HOSTNAME } from "../../harness/broker_process.ts";
import { BullClient, JOB_OPTIONS } from "./bull_client.ts";
import type { BullQueue, BullStore, BullWorker, Work } from "./store.ts";

/** Connects to BullMQ in Redis. */
export async function openClient(port: number): Promise<PeerClient> {
  const redis = new Redis({
    host: HOSTNAME,
    port,
    lazyConnect: true,
    maxRetriesPerRequest: null,
    enableAutoPipelining: true,
    // While a server reads its log it is asked so often, in milliseconds, whether it is ready.
    maxLoadingRetryTime: 20,
  });
  await redis.connect();
  return new BullClient(new RedisStore(redis));
}

/** All queues share a connection, and the workers share it for all but waiting. */
class RedisStore implements BullStore {
  readonly concurrency = 256;
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
    // Each queue and each worker listens to it.
    redis.setMaxListeners(0);
  }

  openQueue(name: string): BullQueue {
    return new Queue(name, { connection: this.#redis, defaultJobOptions: JOB_OPTIONS });
  }

  openWorker(
    name: string,
    work: Work,
    concurrency: number,
    fail: (error: unknown) => void,
  ): BullWorker {
    const options = { connection: this.#redis, concurrency, autorun: false };
    return new Worker(name, work, options).on("error", fail);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#redis.disconnect();
    return Promise.resolve();
  }
}
