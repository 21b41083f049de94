import { Bind, connect, type Connection, type Publisher } from "@simplemq/simplemq";
import { HOSTNAME } from "../harness/broker_process.ts";
import type { Open, PeerClient, PeerFollower, PeerPublisher } from "../harness/peer_client.ts";
import { SimpleFollower } from "../harness/simplemq_client.ts";
import type { CpuMeter } from "../harness/process/cpu_meter.ts";
import { planPieces, type Shape } from "./shape.ts";

/** So many streams are created, or connections opened, at a time. */
const AT_A_TIME = 50;

/** How a client is made. */
interface ShapedOptions {
  readonly shape: Shape;
  /** Counts from the beginning of each following to its end. */
  readonly meter: CpuMeter;
  readonly open: () => Promise<Connection>;
}

/** Makes the function that connects SimpleMQ in a given shape. */
export function makeOpen(port: number, shape: Shape, meter: CpuMeter): Open {
  const open = () => connect({ hostname: HOSTNAME, port, name: "bench-growth" });
  return async () => new ShapedClient(await open(), { shape, meter, open });
}

/** One stream, one publisher and one follower of a transfer stand for as many as a shape has of each. */
class ShapedClient implements PeerClient {
  readonly #connections: Connection[];
  readonly #options: ShapedOptions;

  constructor(connection: Connection, options: ShapedOptions) {
    this.#connections = [connection];
    this.#options = options;
  }

  async createStream(stream: string): Promise<void> {
    const cursor = this.#connection.cursor();
    await doEach(this.#spread(stream), (name) => cursor.createStream(name));
  }

  async deleteStream(stream: string): Promise<void> {
    const cursor = this.#connection.cursor();
    await doEach(this.#spread(stream), (name) => cursor.deleteStream(name));
  }

  async countLeft(stream: string): Promise<number> {
    const names = new Set(this.#spread(stream));
    let left = 0;
    for (const { name, ready, pending } of await this.#connection.cursor().getStreams()) {
      if (names.has(name)) left += ready + pending;
    }
    return left;
  }

  openPublisher([stream = ""]: readonly string[]): Promise<PeerPublisher> {
    const publishers = this.#spread(stream).map((name) => this.#connection.publisher(name));
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
    return new MeteredFollower(new SimpleFollower(followers, settle), meter);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await doEach(this.#connections, (connection) => connection.close());
  }

  get #connection(): Connection {
    return this.#connections[0]!;
  }

  /** The streams that one stands for. */
  #spread(stream: string): string[] {
    const { streams } = this.#options.shape;
    if (streams === 1) return [stream];
    return Array.from({ length: streams }, (_, index) => `${stream}.${index + 1}`);
  }
}

class MeteredFollower implements PeerFollower {
  readonly #follower: PeerFollower;
  readonly #meter: CpuMeter;

  constructor(follower: PeerFollower, meter: CpuMeter) {
    this.#follower = follower;
    this.#meter = meter;
  }

  async follow(take: (body: Uint8Array) => void): Promise<void> {
    this.#meter.start();
    await this.#follower.follow(take);
    this.#meter.stop();
  }

  stop(): void {
    this.#follower.stop();
  }
}

class ShapedPublisher implements PeerPublisher {
  readonly batchCount: number;
  readonly batchesInFlight: number;
  readonly copiesBodies = true;
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

/** Does something with each of many, some at a time. */
async function doEach<T>(all: readonly T[], act: (one: T) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < all.length; from += AT_A_TIME) {
    await Promise.all(all.slice(from, from + AT_A_TIME).map(act));
  }
}
