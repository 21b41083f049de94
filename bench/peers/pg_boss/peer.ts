import type { Peer } from "../peer.ts";
import { onPostgres, POSTGRES_SETTINGS } from "../postgres/server.ts";

/** pg-boss, a job queue in PostgreSQL. */
export const pgBoss: Peer = {
  name: "pg-boss",
  title: "pg-boss",
  ...onPostgres("pg-boss"),
  settings: [
    ...POSTGRES_SETTINGS,
    "Bodies: base64 in a string of the job's data, because data is JSON and has no bytes.",
    "Publishing in batches: `insert`, 1,000 jobs or 1 MiB to a call, 2 calls in flight; one by one: `send`.",
    "Following: `work` with `batchSize` 1,000, `localConcurrency` 2 and `burstWhenBatchFull`, which fetches on without a pause while there is more.",
    "Polls every 0.5 s, the shortest that is allowed, without `notify`, as it comes: with it a job that comes alone is delivered within some milliseconds, but PostgreSQL commits what notifies one after the other, and 1,000 jobs a second, each sent by itself, were more than that took.",
    "A batch is completed when its handler is done; jobs that are done stay in the table for a week, as it comes.",
  ],
  client: new URL("./client.ts", import.meta.url),
};
