import { PgBoss } from "pg-boss";
import type { PeerClient, PeerFollower, PeerPublisher } from "../../harness/peer_client.ts";
import { locatePostgres } from "../postgres/connection.ts";
import { BossFollower } from "./follower.ts";
import { BossPublisher } from "./publisher.ts";

/** Connects; the first one makes the tables. */
export async function openClient(port: number): Promise<PeerClient> {
  const boss = new PgBoss({ ...locatePostgres(port) });
  const failure = Promise.withResolvers<never>();
  // Where nobody follows, nobody needs to know.
  failure.promise.catch(() => {});
  boss.on("error", failure.reject);
  await boss.start();
  return new BossClient(boss, failure.promise);
}

/** Counts the jobs of a queue that are not done; none of ours is cancelled. */
const COUNT =
  "select count(*)::int as count from pgboss.job where name = $1 and state <> 'completed'";

/** Talks to pg-boss: a stream is a queue, a message is a job. */
class BossClient implements PeerClient {
  readonly #boss: PgBoss;
  readonly #failure: Promise<never>;

  constructor(boss: PgBoss, failure: Promise<never>) {
    this.#boss = boss;
    this.#failure = failure;
  }

  async createStream(stream: string): Promise<void> {
    await this.#boss.createQueue(stream);
  }

  async deleteStream(stream: string): Promise<void> {
    await this.#boss.deleteQueue(stream);
  }

  async countLeft(stream: string): Promise<number> {
    // The statistics of a queue may be a minute old. Jobs that are done stay for a week.
    const { rows } = await this.#boss.getDb().executeSql(COUNT, [stream]);
    return rows[0].count;
  }

  openPublisher(streams: readonly string[]): Promise<PeerPublisher> {
    return Promise.resolve(new BossPublisher(this.#boss, streams));
  }

  openFollower(streams: readonly string[]): Promise<PeerFollower> {
    return Promise.resolve(new BossFollower(this.#boss, streams, this.#failure));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#boss.stop({ graceful: false });
  }
}
