import { Redis } from "ioredis";
import type { PeerClient, PeerFollower, PeerPublisher } from "../../harness/peer_client.ts";
import { HOSTNAME } from "../../harness/broker_process.ts";
import { GROUP, RedisFollower } from "./follower.ts";
import { RedisPublisher } from "./publisher.ts";

/** Connects. */
export async function openClient(port: number): Promise<PeerClient> {
  const redis = new Redis({
    host: HOSTNAME,
    port,
    lazyConnect: true,
    enableAutoPipelining: true,
    // While a server reads its log it is asked so often, in milliseconds, whether it is ready.
    maxLoadingRetryTime: 20,
  });
  await redis.connect();
  return new RedisClient(redis);
}

/** Talks to Redis Streams through ioredis. */
class RedisClient implements PeerClient {
  readonly #redis: Redis;
  /** The connections of its followers: one that waits for messages can do nothing else. */
  readonly #waiting: Redis[] = [];

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  async createStream(stream: string): Promise<void> {
    await this.#redis.xgroup("CREATE", stream, GROUP, "0", "MKSTREAM");
  }

  async deleteStream(stream: string): Promise<void> {
    await this.#redis.del(stream);
  }

  async countLeft(stream: string): Promise<number> {
    // XDEL takes an entry out of the stream, XACK out of the list of those that are pending.
    const kept = await this.#redis.xlen(stream);
    const [pending] = await this.#redis.xpending(stream, GROUP);
    return Math.max(kept, Number(pending));
  }

  async openPublisher(streams: readonly string[]): Promise<PeerPublisher> {
    return await RedisPublisher.open(this.#redis, streams);
  }

  async openFollower(streams: readonly string[]): Promise<PeerFollower> {
    const waiting = this.#redis.duplicate({ enableAutoPipelining: false });
    this.#waiting.push(waiting);
    await waiting.connect();
    return await RedisFollower.open(this.#redis, waiting, streams);
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const redis of [...this.#waiting, this.#redis]) redis.disconnect();
    return Promise.resolve();
  }
}
