import { readPackageVersion } from "../packages.ts";
import type { Peer } from "../peer.ts";
import { onPostgres, POSTGRES_SETTINGS } from "../postgres/server.ts";
import { describeServer, readRedisVersion, REDIS_PACKAGES, startRedis } from "../redis/server.ts";

/** BullMQ, a job queue in Redis, with Redis as its documentation advises for production. */
export const bullmq: Peer = {
  name: "bullmq",
  title: "BullMQ on Redis, everysec",
  durability: "written to the log, which is flushed once a second",
  flushed: "every second",
  packages: REDIS_PACKAGES,
  settings: [
    "Server: Redis with `appendfsync everysec` and `noeviction`, as “Going to production” advises.",
    ...describeServer("everysec"),
    "Bodies: base64 in a string of the job's data, because data is JSON and has no bytes.",
    "Publishing in batches: `addBulk`, 128 jobs or 128 KiB to a call, 2 calls in flight; 512 " +
    "jobs or 4 calls made no difference.",
    "Publishing to many streams: a queue for each, because a job is in one queue only, and " +
    "`addBulk` with 16 jobs to all of them at once; this is not atomic.",
    "Publishing one by one: `add`.",
    "Removal: `removeOnComplete: true`; all other options of jobs are the default ones.",
    "Following: a `Worker` for each queue with `concurrency` 256, or 4 where there are many; " +
    "“Parallelism and Concurrency” says that 100 to 300 is quite standard, and 16 to 128 took a " +
    "few percent more time.",
    "Stopping: `worker.close()`, which waits for the jobs in hand.",
    "Connections: one of ioredis with `maxRetriesPerRequest: null` that all share, as " +
    "“Connections” says, and the one that each worker adds to wait for jobs; with " +
    "`enableAutoPipelining`, which took a few percent less time.",
  ],
  client: new URL("./client.ts", import.meta.url),
  readVersion: async (servers) => {
    return `${await readPackageVersion("bullmq")} on Redis ${await readRedisVersion(servers)}`;
  },
  start: (directory, servers) => startRedis("everysec", directory, servers),
};

/** BullMQ in PostgreSQL. */
export const bullmqPostgres: Peer = {
  name: "bullmq-postgres",
  title: "BullMQ on PostgreSQL",
  ...onPostgres("bullmq"),
  settings: [
    ...POSTGRES_SETTINGS,
    "Each queue and each worker has a pool of 10 connections and one that listens, as it comes; the page on PostgreSQL advises to have enough of them for the concurrency.",
    "`concurrency` is 32, the most that page has figures for.",
    "Everything else as with Redis.",
  ],
  client: new URL("./postgres_client.ts", import.meta.url),
};
