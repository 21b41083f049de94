/**
 * SimpleMQ in a given shape: what a work takes for one stream, one publisher and one follower may be
 * many of each.
 *
 * @module
 */

import {
  Bind,
  connect,
  type Connection,
  type Cursor,
  type Follower,
  type Publisher,
} from "@simplemq/simplemq";
import { HOSTNAME } from "../harness/broker_process.ts";
import type { OpenClient, PeerClient, PeerFollower, PeerPublisher } from "../peers/peer.ts";
import type { CpuMeter } from "./cpu_meter.ts";
import { planPieces, type Shape } from "./shape.ts";

/** So many streams are created, or connections opened, at a time. */
const AT_A_TIME = 50;

/**
 * Makes what connects.
 *
 * @param shape What one stream, one publisher and one follower stand for.
 * @param meter Counts from the beginning of each following to its end.
 */
export function makeOpenClient(shape: Shape, meter: CpuMeter): OpenClient {
  return async (port) => {
    const open = () => connect({ hostname: HOSTNAME, port, name: "bench-growth" });
    return new ShapedClient(await open(), { shape, meter, open });
  };
}

interface ClientOptions {
  readonly shape: Shape;
  readonly meter: CpuMeter;
  readonly open: () => Promise<Connection>;
}

class ShapedClient implements PeerClient {
  readonly #connections: Connection[];
  readonly #cursor: Cursor;
  readonly #options: ClientOptions;

  constructor(connection: Connection, options: ClientOptions) {
    this.#connections = [connection];
    this.#cursor = connection.cursor();
    this.#options = options;
  }

  async createStream(stream: string): Promise<void> {
    await doEach(this.#spread(stream), (name) => this.#cursor.createStream(name));
  }

  async deleteStream(stream: string): Promise<void> {
    await doEach(this.#spread(stream), (name) => this.#cursor.deleteStream(name));
  }

  async countLeft(stream: string): Promise<number> {
    const names = new Set(this.#spread(stream));
    let left = 0;
    for (const { name, ready, pending } of await this.#cursor.getStreams()) {
      if (names.has(name)) left += ready + pending;
    }
    return left;
  }

  openPublisher([stream = ""]: readonly string[]): Promise<PeerPublisher> {
    const publishers = this.#spread(stream).map((name) => this.#connections[0]!.publisher(name));
    return Promise.resolve(new ShapedPublisher(publishers, this.#options.shape));
  }

  async openFollower([stream = ""]: readonly string[]): Promise<PeerFollower> {
    const { shape, meter, open } = this.#options;
    const connections = this.#connections;
    while (connections.length < shape.connections) {
      const length = Math.min(AT_A_TIME, shape.connections - connections.length);
      connections.push(...await Promise.all(Array.from({ length }, open)));
    }
    const names = this.#spread(stream);
    const bind = names.length === 1 ? Bind.direct(stream) : Bind.regex(`^${stream}[.]`);
    const followers = Array.from({ length: shape.followers }, (_, index) => {
      return connections[index % connections.length]!.follower(bind);
    });
    const settle = () => doEach(connections, (one) => one.cursor().getStream(names[0]!));
    return new ShapedFollower(followers, { meter, settle });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await doEach(this.#connections, (connection) => connection.close());
  }

  /** The streams that one stands for. */
  #spread(stream: string): string[] {
    const { streams } = this.#options.shape;
    if (streams === 1) return [stream];
    return Array.from({ length: streams }, (_, index) => `${stream}.${index + 1}`);
  }
}

class ShapedPublisher implements PeerPublisher {
  readonly batchCount: number;
  readonly batchesInFlight: number;
  readonly #publishers: readonly Publisher[];
  readonly #callCount: number;
  #turn = 0;

  constructor(publishers: readonly Publisher[], shape: Shape) {
    const { pieceCount, piecesInFlight } = planPieces(shape);
    this.batchCount = pieceCount;
    this.batchesInFlight = piecesInFlight;
    this.#publishers = publishers;
    this.#callCount = shape.callCount;
  }

  async sendBatch(bodies: readonly Uint8Array[]): Promise<void> {
    const used = new Set<Publisher>();
    for (let from = 0; from < bodies.length; from += this.#callCount) {
      const publisher = this.#next();
      publisher.sendMessages(bodies.slice(from, from + this.#callCount));
      used.add(publisher);
    }
    // It rejects with what failed in the calls that nobody has awaited.
    for (const publisher of used) await publisher.flush();
  }

  async send(body: Uint8Array): Promise<void> {
    await this.#next().sendMessage(body);
  }

  #next(): Publisher {
    return this.#publishers[this.#turn++ % this.#publishers.length]!;
  }
}

class ShapedFollower implements PeerFollower {
  readonly #followers: readonly Follower[];
  readonly #meter: CpuMeter;
  readonly #settle: () => Promise<void>;
  #isStopped = false;

  constructor(
    followers: readonly Follower[],
    { meter, settle }: { meter: CpuMeter; settle: () => Promise<void> },
  ) {
    this.#followers = followers;
    this.#meter = meter;
    this.#settle = settle;
  }

  async follow(take: (body: Uint8Array) => void): Promise<void> {
    this.#meter.start();
    await Promise.all(this.#followers.map(async (follower) => {
      for await (const message of follower.getMessages()) {
        take(message.bytes);
        await follower.ackMessage(message);
      }
    }));
    // The broker answers after what was said before: the last acknowledgements are done then.
    await this.#settle();
    this.#meter.stop();
  }

  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    // The message in hand is acknowledged first.
    queueMicrotask(() => void doEach(this.#followers, (follower) => follower.close()));
  }
}

/** Does something with each of many, some at a time. */
async function doEach<T>(all: readonly T[], act: (one: T) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < all.length; from += AT_A_TIME) {
    await Promise.all(all.slice(from, from + AT_A_TIME).map(act));
  }
}
