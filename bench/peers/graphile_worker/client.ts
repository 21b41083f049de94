import { makeWorkerUtils, type WorkerUtils } from "graphile-worker";
import pg from "pg";
import type { PeerClient, PeerFollower, PeerPublisher } from "../../harness/peer_client.ts";
import { locatePostgres } from "../postgres/connection.ts";
import { GraphileFollower } from "./follower.ts";
import { QUIET } from "./logger.ts";
import { GraphilePublisher } from "./publisher.ts";

/** So many connections a client has: as many jobs as a worker has in hand, and one more. */
const POOL_SIZE = 25;

/** Connects; the first one makes the tables. */
export async function openClient(port: number): Promise<PeerClient> {
  const pool = new pg.Pool({ ...locatePostgres(port), max: POOL_SIZE });
  // The pool tells of connections that a server has closed; who uses one is told by itself.
  pool.on("error", () => {});
  const utils = await makeWorkerUtils({ pgPool: pool, logger: QUIET });
  await utils.migrate();
  return new GraphileClient(pool, utils);
}

/** Talks to graphile-worker: a stream is a task, a message is a job. */
class GraphileClient implements PeerClient {
  readonly #pool: pg.Pool;
  readonly #utils: WorkerUtils;

  constructor(pool: pg.Pool, utils: WorkerUtils) {
    this.#pool = pool;
    this.#utils = utils;
  }

  createStream(_stream: string): Promise<void> {
    // A task is there as soon as somebody adds a job for it.
    return Promise.resolve();
  }

  deleteStream(_stream: string): Promise<void> {
    // Jobs that are done are deleted, and nothing else is left of a stream.
    return Promise.resolve();
  }

  async countLeft(stream: string): Promise<number> {
    const text =
      "select count(*)::int as count from graphile_worker.jobs where task_identifier = $1";
    const { rows } = await this.#pool.query(text, [stream]);
    return rows[0].count;
  }

  openPublisher(streams: readonly string[]): Promise<PeerPublisher> {
    return Promise.resolve(new GraphilePublisher(this.#utils, streams));
  }

  openFollower(streams: readonly string[]): Promise<PeerFollower> {
    return Promise.resolve(new GraphileFollower(this.#pool, streams));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#utils.release();
    await this.#pool.end();
  }
}
