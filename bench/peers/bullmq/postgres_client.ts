import { createPostgresBackend, runMigrations, withBackend } from "bullmq";
import pg from "pg";
import type { PeerClient } from "../../harness/peer_client.ts";
import { locatePostgres, type PostgresAddress } from "../postgres/connection.ts";
import type { JobData } from "../json_body.ts";
import { BullClient, JOB_OPTIONS } from "./bull_client.ts";
import type { BullQueue, BullStore, BullWorker, Work } from "./store.ts";

const { Queue, Worker } = withBackend(createPostgresBackend);

/** Connects to BullMQ in PostgreSQL; the first one makes the tables. */
export async function openClient(port: number): Promise<PeerClient> {
  const address = locatePostgres(port);
  const client = new pg.Client(address);
  await client.connect();
  try {
    await runMigrations(client);
  } finally {
    await client.end();
  }
  return new BullClient(new PostgresStore(address));
}

/** Each queue and each worker has connections of its own. */
class PostgresStore implements BullStore {
  readonly concurrency = 32;
  readonly #connection: PostgresAddress;

  constructor(connection: PostgresAddress) {
    this.#connection = connection;
  }

  openQueue(name: string): BullQueue {
    const options = { connection: this.#connection, defaultJobOptions: JOB_OPTIONS };
    return new Queue<JobData>(name, options);
  }

  openWorker(
    name: string,
    work: Work,
    concurrency: number,
    fail: (error: unknown) => void,
  ): BullWorker {
    const options = { connection: this.#connection, concurrency, autorun: false };
    return new Worker<JobData>(name, work, options).on("error", fail);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
