import type { Peer } from "../peer.ts";
import { onPostgres, POSTGRES_SETTINGS } from "../postgres/server.ts";

/** graphile-worker, a job queue in PostgreSQL. */
export const graphileWorker: Peer = {
  name: "graphile-worker",
  title: "graphile-worker",
  ...onPostgres("graphile-worker"),
  settings: [
    ...POSTGRES_SETTINGS,
    "Bodies: base64 in a string of the payload, because a payload is JSON and has no bytes.",
    "Publishing in batches: `addJobs`, 1,000 jobs or 1 MiB to a call, 2 calls in flight; one by one: `addJob`.",
    "Following: as its page on performance does for the highest rate: 24 jobs at a time and a pool of 25, a `localQueue` of 500, and `completeJobBatchDelay` and `failJobBatchDelay` 0.",
    "A stream is a task; jobs that are done are deleted, as it comes.",
  ],
  client: new URL("./client.ts", import.meta.url),
};
