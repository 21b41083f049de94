/**
 * Publishers and followers that write down all that they see, on streams that only they use. What they have seen is
 * checked in the end: what was confirmed is there, once, and in order, whatever was cut or killed.
 *
 * | stream  | publishers                 | followers                                             |
 * | ------- | -------------------------- | ----------------------------------------------------- |
 * | `alpha` | one by one, `everyone`     | one, directly and plainly: its order is looked at      |
 * | `beta`  | in batches, `everyone`     | two on a way that is cut, confirmed and later          |
 *
 * @module
 */

import { delay } from "@std/async/delay";
import type { Connection } from "../../../client.ts";
import { RecordedFollower } from "../../crash/recorded_follower.ts";
import { RecordedPublisher } from "../../crash/recorded_publisher.ts";
import { Checker } from "../../support/checking/checker.ts";
import { History } from "../../support/checking/history.ts";
import type { Verdict } from "../../support/checking/verdict.ts";
import type { Random } from "../../support/random.ts";
import type { Place } from "./place.ts";

/** Each publisher may send so many messages in each step. */
const STEP_COUNT = 12;
const STEP_MS = 40;

/** Large bodies, in bytes, and how often they are. */
const LARGE_BYTES = 64 * 1024;
const LARGE_SHARE = 1 / 100;

/** Nothing comes for so long only if nothing comes any more, in milliseconds. */
const STANDSTILL_MS = 120_000;

/** The load of one round of one broker. */
export class ToldLoad {
  readonly #checker = new Checker();
  readonly #history = new History({
    hear: (event) => this.#checker.note(event),
    keepsEvents: false,
  });
  readonly #place: Place;
  readonly #streams: readonly string[];
  readonly #connections: Connection[] = [];
  readonly #publishers: RecordedPublisher[] = [];
  readonly #followers: RecordedFollower[] = [];

  private constructor(place: Place, id: string) {
    this.#place = place;
    this.#streams = ["alpha", "beta"].map((name) => `told-${name}-${id}`);
  }

  /** Connects, and creates the streams; nothing is sent yet. */
  static async start(place: Place, id: string, random: Random): Promise<ToldLoad> {
    const load = new ToldLoad(place, id);
    await load.#open(id, random);
    return load;
  }

  /** Sends until a signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const publisher of this.#publishers) publisher.allow(STEP_COUNT);
      await delay(STEP_MS, { signal }).catch(() => {});
    }
  }

  /** Kills the broker, and starts it again. */
  async kill(): Promise<void> {
    const { broker } = this.#place;
    this.#history.record({ type: "faultBegun", kind: "kill" });
    await broker.kill();
    this.#history.record({ type: "faultStruck" });
    this.#history.record({ type: "faultEnded" });
    await broker.restart();
  }

  /** Sends no more, waits until everything is acknowledged, leaves, and tells what it comes to. */
  async finish(): Promise<Verdict> {
    for (const publisher of this.#publishers) await publisher.finish();
    for (const follower of this.#followers) follower.letGo();
    await this.#drain();
    for (const follower of this.#followers) await follower.close();
    const [first] = this.#connections;
    for (const stream of this.#streams) await first!.cursor().deleteStream(stream);
    for (const connection of this.#connections) await connection.close();
    return this.#checker.finish();
  }

  async #open(id: string, random: Random): Promise<void> {
    const [alpha, beta] = this.#streams as [string, string];
    const history = this.#history;
    const direct = await this.#connect(false);
    for (const stream of this.#streams) await direct.cursor().createStream(stream);
    const cut = await this.#connect(true);
    const chooseBytes = () => random.below(random.chance(LARGE_SHARE) ? LARGE_BYTES : 300);
    const common = { history, random, chooseBytes };
    const both = new RegExp(`^told-(alpha|beta)-${id}$`);
    this.#publishers.push(
      ...([
        [direct, "single", alpha, [alpha], "singly"],
        [cut, "batch", beta, [beta], "in batches"],
        [cut, "everyone", both, this.#streams, "in batches"],
      ] as const).map(([connection, name, bind, targets, way]) =>
        new RecordedPublisher({ ...common, connection, name, bind, targets, way })
      ),
    );
    const far = await this.#connect(true);
    this.#followers.push(
      ...([
        // On a way that is cut, the broker may not know yet that an earlier session of it has gone.
        [direct, "alpha-plain", alpha, "plainly"],
        [far, "beta-confirmed", beta, "confirmed"],
        [far, "beta-later", new RegExp(`^told-b.*-${id}$`), "later"],
      ] as const).map(([connection, name, bind, way]) =>
        new RecordedFollower({ ...common, connection, name: `${name}-${id}`, bind, way })
      ),
    );
  }

  async #connect(isCut: boolean): Promise<Connection> {
    const connection = await this.#place.connect({ isCut, name: "told" });
    this.#connections.push(connection);
    return connection;
  }

  /** Resolves when nothing is left; rejects when nothing has come for too long. */
  async #drain(): Promise<void> {
    const cursor = this.#connections[0]!.cursor();
    let progress = -1;
    let end = 0;
    for (;;) {
      if (this.#history.progress !== progress) end = performance.now() + STANDSTILL_MS;
      progress = this.#history.progress;
      const infos = await Promise.all(this.#streams.map((name) => cursor.getStream(name)));
      if (infos.every(({ ready, pending }) => ready + pending === 0)) return;
      if (performance.now() > end) throw new Error(`Nothing comes of ${JSON.stringify(infos)}`);
      await delay(STEP_MS);
    }
  }
}
