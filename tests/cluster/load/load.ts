/**
 * What is asked of a cluster while bad things happen to it, at a steady rate that waits for nobody.
 *
 * | stream   | publishers                                | followers                                     |
 * | -------- | ----------------------------------------- | --------------------------------------------- |
 * | `steady` | `single`, one by one                      | one, plainly; standstills are measured here   |
 * | `work`   | `batch`, many in a call; `everyone`       | two that compete, plainly and confirmed       |
 * | `keyed`  | `keys`, with a few keys; `everyone`       | two that compete, confirmed, working slowly   |
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { Random } from "../../support/random.ts";
import type { ClusterHistory } from "../checking/history.ts";
import { RecordedFollower } from "./recorded_follower.ts";
import { SteadyPublisher } from "./steady_publisher.ts";
import { type FindReign, WatchedConnection } from "./watched_connection.ts";

/** All streams. */
const STREAMS = ["steady", "work", "keyed"];

/** The publisher and the follower whose standstills are measured. */
export const MEASURED = { publisher: "single", follower: "steady-plain" } as const;

/** Calls a second of the measured publisher: standstills are known to a hundredth of a second. */
const MEASURED_RATE = 100;

/** Publishers: name, bind, the streams it means, calls a second, messages in a call, keys. */
const PUBLISHERS = [
  [MEASURED.publisher, "steady", ["steady"], MEASURED_RATE, 1, 0],
  ["batch", "work", ["work"], 10, 20, 0],
  ["keys", "keyed", ["keyed"], 40, 1, 8],
  ["everyone", /^(work|keyed)$/, ["work", "keyed"], 5, 5, 0],
] as const;

/** Followers: name, bind, whether acknowledgements are confirmed, how long they work at most. */
const FOLLOWERS = [
  [MEASURED.follower, "steady", false, 0],
  ["work-plain", "work", false, 5],
  ["work-confirmed", "work", true, 5],
  ["keyed-one", "keyed", true, 20],
  ["keyed-two", /^key/, true, 20],
] as const;

/** So long something may take until nothing is left, in milliseconds. */
const PATIENCE_MS = 60_000;

/** How to load a cluster. */
export interface LoadOptions {
  readonly servers: readonly string[];
  readonly history: ClusterHistory;
  readonly findReign: FindReign;
  readonly seed: number;
  /** Comes before the names of publishers, so that they are not those of another load. */
  readonly prefix: string;
}

/** Publishers and followers at work. */
export class Load implements AsyncDisposable {
  readonly #history: ClusterHistory;
  readonly #connections: readonly WatchedConnection[];
  readonly #publishers: readonly SteadyPublisher[];
  readonly #followers: readonly RecordedFollower[];

  private constructor(options: LoadOptions, connections: readonly WatchedConnection[]) {
    const { history, prefix, seed } = options;
    this.#history = history;
    this.#connections = connections;
    const random = new Random(seed);
    // Each follower has a connection of its own; publishers share theirs with some of them.
    this.#publishers = PUBLISHERS.map(([name, bind, targets, rate, batch, keys], index) =>
      new SteadyPublisher({
        connection: connections[index % 2]!,
        name: `${prefix}${name}`,
        bind,
        targets,
        rate,
        batch,
        keys,
        history,
        random,
      })
    );
    this.#followers = FOLLOWERS.map(([name, bind, confirms, workMs], index) =>
      new RecordedFollower({
        connection: connections[1 + index]!,
        name,
        bind,
        confirms,
        workMs,
        history,
        random,
      })
    );
  }

  /** Connects, creates the streams, and begins. */
  static async start(options: LoadOptions): Promise<Load> {
    const connections: WatchedConnection[] = [];
    for (let index = 0; index <= FOLLOWERS.length; index++) {
      connections.push(await WatchedConnection.open({ ...options, name: `client-${index}` }));
    }
    const cursor = connections[0]!.connection.cursor();
    for (const name of STREAMS) await cursor.createStream(name);
    return new Load(options, connections);
  }

  /** Sends no more, and waits until everything is confirmed and acknowledged. */
  async drain(): Promise<void> {
    const cursor = this.#connections[0]!.connection.cursor();
    await Promise.all(this.#publishers.map((publisher) => publisher.finish()));
    let progress = -1;
    let end = 0;
    for (;;) {
      if (this.#history.progress !== progress) end = performance.now() + PATIENCE_MS;
      progress = this.#history.progress;
      const streams = (await cursor.getStreams()).filter(({ name }) => STREAMS.includes(name));
      const left = streams.reduce(
        (sum, { ready, pending, delayed }) => sum + ready + pending + delayed,
        0,
      );
      if (left === 0) return;
      if (performance.now() > end) throw new Error(`Nothing comes of ${JSON.stringify(streams)}`);
      await delay(50);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#followers.map((follower) => follower.close()));
    await Promise.all(this.#connections.map((connection) => connection[Symbol.asyncDispose]()));
  }
}
