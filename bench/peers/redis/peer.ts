import type { Peer } from "../peer.ts";
import {
  describeServer,
  type FlushTime,
  readRedisVersion,
  REDIS_PACKAGES,
  startRedis,
} from "./server.ts";

const settings: readonly string[] = [
  "Publishing in batches: one EVALSHA with a script that calls XADD for each body, 128 bodies or " +
  "64 KiB to a call, 8 calls in flight. Redis' page on pipelining says under “Pipelining vs " +
  "Scripting” that scripts can be more efficient; here, pipelines of 64 to 1024 XADDs, or " +
  "`enableAutoPipelining`, took almost twice the client's time for each message.",
  "Publishing to many streams: the same script, which sends each body once and is atomic; MULTI " +
  "with one XADD for each stream took twice the client's time.",
  "Publishing one by one: XADD, with `enableAutoPipelining`, as the README of ioredis advises.",
  "Following: XREADGROUP with COUNT 256, or 16 for each of many streams, or fewer so that an " +
  "answer has about 256 KiB of a stream at most, and BLOCK, on a connection of its own, because " +
  "a blocked connection can do nothing else; in the meantime XACK and XDEL, each with all ids " +
  "of an answer, on another one, up to 4 answers behind.",
  "Stopping: CLIENT UNBLOCK, so that nothing waits for the end of BLOCK.",
];

const FLUSHED: Readonly<Record<FlushTime, Peer["flushed"]>> = {
  never: "never",
  everysec: "every second",
  always: "before each confirm",
};

/** Redis Streams with a log that is flushed every second, as most people use it. */
export const redisEverySecond: Peer = describe(
  "redis-everysec",
  "Redis Streams, everysec",
  "written to the log, which is flushed once a second",
  "everysec",
);

/** Redis Streams with a log that is flushed before the confirm. */
export const redisAlways: Peer = describe(
  "redis-always",
  "Redis Streams, always",
  "flushed with fdatasync before the confirm",
  "always",
);

/** Redis Streams without a disk. */
export const redisMemory: Peer = describe(
  "redis-memory",
  "Redis Streams, memory",
  "nothing",
  "never",
);

function describe(name: string, title: string, durability: string, flushTime: FlushTime): Peer {
  return {
    name,
    title,
    durability,
    flushed: FLUSHED[flushTime],
    packages: REDIS_PACKAGES,
    settings: [...describeServer(flushTime), ...settings],
    client: new URL("./client.ts", import.meta.url),
    readVersion: readRedisVersion,
    start: (directory, servers) => startRedis(flushTime, directory, servers),
  };
}
