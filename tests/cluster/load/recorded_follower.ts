import { delay } from "@std/async/delay";
import type { Follower, Message } from "../../../client.ts";
import { hashBody, readLabel } from "../../crash/labelled_body.ts";
import type { Random } from "../../support/random.ts";
import type { ClusterHistory } from "../checking/history.ts";
import type { WatchedConnection } from "./watched_connection.ts";

/** What a follower is. */
export interface RecordedFollowerOptions {
  readonly connection: WatchedConnection;
  readonly name: string;
  readonly bind: string | RegExp;
  /** Whether acknowledgements are confirmed. */
  readonly confirms: boolean;
  /** The longest time that a message is worked on, in milliseconds. */
  readonly workMs: number;
  readonly history: ClusterHistory;
  readonly random: Random;
}

/** How often a message is given back. */
const RELEASE_CHANCE = 1 / 200;

/** So many messages are worked on at a time. */
const CONCURRENCY = 8;

/** Each delivery of all followers has a number. */
let lastDelivery = 0;

/** Takes messages, works on them for a while, acknowledges them, and writes all of that down. */
export class RecordedFollower {
  readonly #options: RecordedFollowerOptions;
  readonly #follower: Follower;
  readonly #running: Promise<void>;
  readonly #working = new Set<Promise<void>>();

  /** Begins. */
  constructor(options: RecordedFollowerOptions) {
    const { connection, bind, name } = options;
    this.#options = options;
    this.#follower = connection.connection.follower(bind, { name });
    this.#running = this.#run();
  }

  /** Takes no more; resolves when everything is acknowledged. */
  async close(): Promise<void> {
    await this.#follower.close();
    await this.#running;
    await Promise.all(this.#working);
  }

  async #run(): Promise<void> {
    try {
      for await (const message of this.#follower.getMessages()) {
        const working: Promise<void> = this.#work(message).finally(() => {
          this.#working.delete(working);
        });
        this.#working.add(working);
        while (this.#working.size >= CONCURRENCY) await Promise.race(this.#working);
      }
    } catch {
      // The connection was closed for good.
    }
  }

  async #work(message: Message): Promise<void> {
    const { name: follower, history, confirms, workMs, random, connection } = this.#options;
    const { stream, id, bytes } = message;
    const delivery = ++lastDelivery;
    history.record({
      type: "delivered",
      delivery,
      follower,
      session: connection.session,
      key: message.key,
      stream,
      id,
      label: readLabel(bytes),
      hash: hashBody(bytes),
    });
    if (workMs > 0) await delay(random.below(workMs));
    // What was taken back meanwhile is somebody else's; to say something of it is no mistake.
    if (random.chance(RELEASE_CHANCE)) {
      history.record({ type: "returned", delivery });
      await message.release().catch(() => {});
      return;
    }
    history.record({ type: "acked", delivery });
    const acked = message.ack({ confirm: confirms });
    if (!confirms) return await acked.catch(() => {});
    await acked.then(
      () => history.record({ type: "ackConfirmed", delivery }),
      () => history.record({ type: "ackUnknown", delivery }),
    );
  }
}
