import { Buffer } from "node:buffer";
import type { Redis } from "ioredis";
import type { PeerPublisher } from "../../harness/peer_client.ts";
import { splitBodies } from "../part.ts";

/** The only field of an entry. */
const FIELD = "b";

/** A call of the script adds about so many bytes of bodies at most, once to each stream. */
const CALL_BYTES = 64 * 1024;

/** Adds each of the bodies to each of the streams; Redis does and logs it in one transaction. */
const ADD_SCRIPT = `
for body = 1, #ARGV do
  for stream = 1, #KEYS do
    redis.call("XADD", KEYS[stream], "*", "${FIELD}", ARGV[body])
  end
end
`;

/** Adds entries to one Redis stream, or to many. */
export class RedisPublisher implements PeerPublisher {
  readonly batchCount: number;
  readonly batchesInFlight: number;
  readonly #redis: Redis;
  readonly #streams: readonly string[];
  /** What Redis calls the script. */
  readonly #script: string;

  private constructor(redis: Redis, streams: readonly string[], script: string) {
    this.#redis = redis;
    this.#streams = streams;
    this.#script = script;
    const isFanOut = streams.length > 1;
    this.batchCount = isFanOut ? 8 : 128;
    this.batchesInFlight = isFanOut ? 4 : 8;
  }

  /** Makes a publisher; Redis has its script then. */
  static async open(redis: Redis, streams: readonly string[]): Promise<RedisPublisher> {
    const script = await redis.script("LOAD", ADD_SCRIPT);
    if (typeof script !== "string") throw new Error("Redis does not tell the script's name");
    return new RedisPublisher(redis, streams, script);
  }

  async sendBatch(bodies: readonly Uint8Array[]): Promise<void> {
    for (const part of splitBodies(bodies, CALL_BYTES)) await this.#add(part);
  }

  async send(body: Uint8Array): Promise<void> {
    const [stream = ""] = this.#streams;
    if (this.#streams.length > 1) await this.#add([body]);
    else await this.#redis.xadd(stream, "*", FIELD, toBuffer(body));
  }

  async #add(bodies: readonly Uint8Array[]): Promise<void> {
    const streams = this.#streams;
    await this.#redis.evalsha(this.#script, streams.length, ...streams, ...bodies.map(toBuffer));
  }
}

/** The same bytes, not a copy. */
function toBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
