/**
 * What is asked of a broker while bad things happen to it: publishers and followers of all kinds, on
 * three streams that are there from the beginning and one that comes later.
 *
 * | stream  | publishers                    | followers                                           |
 * | ------- | ----------------------------- | --------------------------------------------------- |
 * | `alpha` | `single`, `batch`, `everyone` | one, plainly                                        |
 * | `beta`  | `single-b`, `everyone`        | three that compete: plainly, confirmed, later       |
 * | `gamma` | `batch-g`, `everyone`         | one with a regex bind, confirmed                    |
 * | `delta` | `early`, refused at first     | the same                                            |
 *
 * @module
 */

import { connect, type Connection } from "../../client.ts";
import { turn } from "../support/broker/broker.ts";
import type { History } from "../support/checking/history.ts";
import type { Random } from "../support/random.ts";
import { BODY_BYTES_MAX } from "./labelled_body.ts";
import { type AckWay, HELD_MAX, RecordedFollower } from "./recorded_follower.ts";
import { RecordedPublisher, type SendingWay } from "./recorded_publisher.ts";

/** The streams that are there from the beginning. */
const STREAMS = ["alpha", "beta", "gamma"];

/** The stream that comes later. */
const LATE_STREAM = "delta";

/** Publishers: name, bind, the streams it means, how they send. */
const PUBLISHERS: readonly [string, string | RegExp, readonly string[], SendingWay][] = [
  ["single", "alpha", ["alpha"], "singly"],
  ["batch", "alpha", ["alpha"], "in batches"],
  ["single-b", "beta", ["beta"], "singly"],
  ["batch-g", "gamma", ["gamma"], "in batches"],
  ["everyone", /^(alpha|beta|gamma)$/, STREAMS, "in batches"],
  ["early", LATE_STREAM, [LATE_STREAM], "singly"],
];

/** Followers: name, bind, how they acknowledge. */
const FOLLOWERS: readonly [string, string | RegExp, AckWay][] = [
  ["alpha-plain", "alpha", "plainly"],
  ["beta-plain", "beta", "plainly"],
  ["beta-confirmed", "beta", "confirmed"],
  ["beta-later", /^b.t/, "later"],
  ["gamma-delta-confirmed", /^(gamma|delta)$/, "confirmed"],
];

/** Nothing that comes at all is waited for so long, in milliseconds. */
const PATIENCE_MS = 20_000;

/** How to load a broker. */
export interface LoadOptions {
  readonly port: number;
  readonly history: History;
  readonly random: Random;
  /** Which part of the bodies is large, up to 128 KiB; the others have some hundred bytes. */
  readonly largeShare: number;
}

/** Publishers and followers at work. */
export class Load implements AsyncDisposable {
  readonly #history: History;
  readonly #port: number;
  readonly #created = [...STREAMS];
  readonly #connections: readonly Connection[];
  readonly #publishers: readonly RecordedPublisher[];
  readonly #followers: readonly RecordedFollower[];

  private constructor(options: LoadOptions, connections: readonly Connection[]) {
    const { history, random, largeShare, port } = options;
    this.#history = history;
    this.#port = port;
    this.#connections = connections;
    const connectionOf = (index: number) => connections[index % connections.length]!;
    const chooseBytes = () => random.below(random.chance(largeShare) ? BODY_BYTES_MAX : 300);
    this.#publishers = PUBLISHERS.map(([name, bind, targets, way], index) => {
      const connection = connectionOf(index);
      const options = { connection, name, bind, targets, way, history, random, chooseBytes };
      return new RecordedPublisher(options);
    });
    this.#followers = FOLLOWERS.map(([name, bind, way], index) => {
      return new RecordedFollower({
        connection: connectionOf(index),
        name,
        bind,
        way,
        history,
        random,
      });
    });
  }

  /** Connects, and creates the streams; nothing is sent yet. */
  static async start(options: LoadOptions): Promise<Load> {
    const { port } = options;
    const connections: Connection[] = [];
    for (const name of ["first", "second", "third"]) {
      connections.push(await connect({ port, name, connectTimeoutMs: PATIENCE_MS }));
    }
    for (const name of STREAMS) await connections[0]!.cursor().createStream(name);
    return new Load(options, connections);
  }

  /** So many confirms and deliveries come at least if each publisher may send so many messages. */
  static leastProgress(each: number): number {
    const direct = PUBLISHERS.filter(([, , targets]) => !targets.includes(LATE_STREAM));
    const copies = direct.reduce((sum, [, , targets]) => sum + 1 + targets.length, 0);
    return Math.max(1, each * copies - FOLLOWERS.length * HELD_MAX);
  }

  /** Creates the stream that comes later. */
  async createLateStream(): Promise<void> {
    this.#created.push(LATE_STREAM);
    await this.#connections[0]!.cursor().createStream(LATE_STREAM);
  }

  /** Creates those streams that should be there and are not; returns how many. */
  async createStreamsAgain(): Promise<number> {
    await using connection = await connect({ port: this.#port, connectTimeoutMs: PATIENCE_MS });
    const cursor = connection.cursor();
    const found = new Set((await cursor.getStreams()).map(({ name }) => name));
    const missing = this.#created.filter((name) => !found.has(name));
    for (const name of missing) await cursor.createStream(name);
    return missing.length;
  }

  /** Allows each publisher so many more messages. */
  allow(count: number): void {
    for (const publisher of this.#publishers) publisher.allow(count);
  }

  /** Has handlers acknowledge what they hold, and hold nothing. */
  letGo(): void {
    for (const follower of this.#followers) follower.letGo();
  }

  /** Lets handlers hold messages again. */
  hold(): void {
    for (const follower of this.#followers) follower.hold();
  }

  /** Sends no more, and waits until everything is confirmed and acknowledged. */
  async drain(): Promise<void> {
    for (const publisher of this.#publishers) await publisher.finish();
    this.letGo();
    await this.catchUp(0);
  }

  /**
   * Resolves when so many messages are left at most, ready or with a follower; rejects when nothing has
   * come for too long.
   */
  async catchUp(leftMax: number): Promise<void> {
    const cursor = this.#connections[0]!.cursor();
    let progress = -1;
    let end = 0;
    for (;;) {
      if (this.#history.progress !== progress) end = performance.now() + PATIENCE_MS;
      progress = this.#history.progress;
      const streams = await cursor.getStreams();
      const left = streams.reduce((sum, { ready, pending }) => sum + ready + pending, 0);
      if (left <= leftMax) return;
      if (performance.now() > end) throw new Error(`Nothing comes of ${JSON.stringify(streams)}`);
      await turn();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const follower of this.#followers) await follower.close();
    for (const connection of this.#connections) await connection.close();
  }
}
