import type { Buffer } from "node:buffer";
import { delay } from "@std/async/delay";
import type { Redis } from "ioredis";
import { InFlight } from "../../harness/in_flight.ts";
import type { PeerFollower } from "../../harness/peer_client.ts";
import { countPerPart } from "../part.ts";

/** The consumer group that all followers of a stream share. */
export const GROUP = "bench";

/** An answer has so many entries of a stream at most. */
const READ_COUNT = 256;

/** The same where many streams are followed: the number is one for each stream. */
const READ_MANY_COUNT = 16;

/** An answer should not have more than about so many bytes of a stream. */
const READ_BYTES = 256 * 1024;

/** So long Redis waits for entries, in milliseconds; stopping does not wait for that. */
const BLOCK_MS = 5_000;

/** So many answers may be unacknowledged while the next one is read. */
const ACKS_IN_FLIGHT = 4;

/** What XREADGROUP answers: by stream, the entries with their ids and fields. */
type Answer = [stream: Buffer, entries: [id: Buffer, fields: Buffer[]][]][] | null;

/**
 * Takes entries from Redis streams as one of a consumer group, with two connections: one that waits for
 * entries, and one for all else.
 */
export class RedisFollower implements PeerFollower {
  readonly #redis: Redis;
  readonly #waiting: Redis;
  /** What Redis calls the connection that waits. */
  readonly #waitingId: number;
  readonly #streams: readonly string[];
  /** How long the latest body was. */
  #length = 0;
  #isReading = false;
  #isStopped = false;
  #unblocking: Promise<void> | undefined;

  private constructor(redis: Redis, waiting: Redis, waitingId: number, streams: readonly string[]) {
    this.#redis = redis;
    this.#waiting = waiting;
    this.#waitingId = waitingId;
    this.#streams = streams;
  }

  /**
   * Makes a follower.
   *
   * @param redis Acknowledges.
   * @param waiting Waits for entries, and does nothing else.
   * @param streams What to follow.
   */
  static async open(
    redis: Redis,
    waiting: Redis,
    streams: readonly string[],
  ): Promise<RedisFollower> {
    return new RedisFollower(redis, waiting, await waiting.client("ID"), streams);
  }

  async follow(take: (body: Uint8Array) => void): Promise<void> {
    const acks = new InFlight(ACKS_IN_FLIGHT);
    while (!this.#isStopped) {
      const answer = await this.#read();
      if (answer === null) continue;
      for (const [, entries] of answer) {
        for (const [, [, body]] of entries) {
          this.#length = body!.length;
          take(body!);
        }
      }
      await acks.add(this.#acknowledge(answer));
    }
    await acks.end();
    await this.#unblocking;
  }

  stop(): void {
    this.#isStopped = true;
    this.#unblocking ??= this.#unblock();
  }

  async #read(): Promise<Answer> {
    const streams = this.#streams;
    const countMax = streams.length > 1 ? READ_MANY_COUNT : READ_COUNT;
    const count = Math.min(countMax, countPerPart(this.#length, READ_BYTES));
    this.#isReading = true;
    try {
      return await this.#waiting.xreadgroupBuffer(
        ...["GROUP", GROUP, `follower-${this.#waitingId}`] as const,
        ...["COUNT", count] as const,
        ...["BLOCK", BLOCK_MS] as const,
        "STREAMS",
        ...streams,
        ...streams.map(() => ">"),
      ) as Answer;
    } finally {
      this.#isReading = false;
    }
  }

  async #acknowledge(answer: NonNullable<Answer>): Promise<void> {
    const pipeline = this.#redis.pipeline();
    for (const [stream, entries] of answer) {
      const ids = entries.map(([id]) => id.toString("latin1"));
      pipeline.xack(stream, GROUP, ...ids).xdel(stream, ...ids);
    }
    for (const [error] of await pipeline.exec() ?? []) {
      if (error !== null) throw error;
    }
  }

  /** Tells Redis to answer at once. It may not have the question yet: then it is told again. */
  async #unblock(): Promise<void> {
    while (this.#isReading) {
      await this.#redis.client("UNBLOCK", this.#waitingId);
      await delay(1);
    }
  }
}
