import { Account } from "./account.ts";
import { LatencyLog } from "./latency_log.ts";
import { readNumber } from "./numbered_body.ts";
import type { Open, PeerClient, PeerFollower, PeerPublisher } from "./peer_client.ts";
import type { Way } from "./sending.ts";
import { watchForStall } from "./stall.ts";

/**
 * So many bytes of bodies the publishers may be ahead of the followers: a lasting rate is one at which
 * nothing piles up.
 */
const LEAD_BYTES_MAX = 64 * 1024 * 1024;

/** Who moves messages. */
export interface TransferPlan {
  readonly bodyBytes: number;
  /** How many streams get each message; 1 if not set. */
  readonly streams?: number;
  /** How many publishers, each with a connection of its own; 1 if not set. */
  readonly publishers?: number;
  /** How many followers, each with a connection of its own; 1 if not set. */
  readonly followers?: number;
  /** Whether each message must have the number after the one before. */
  readonly isOrdered?: boolean;
}

/** What it took to move some messages. */
export interface Pass {
  readonly count: number;
  readonly seconds: number;
  /** Messages a second. */
  readonly rate: number;
  /** How long single messages took, if the way of sending is timed. */
  readonly latency: LatencyLog;
}

/** Follows for as long as it is asked to. */
type Following = (latency: LatencyLog | undefined) => Promise<void>;

let streamCount = 0;

/**
 * Moves messages from publishers to followers over streams of its own, and accounts for every one. All
 * benches measure with it.
 */
export class Transfer implements AsyncDisposable {
  readonly #plan: TransferPlan;
  readonly #open: Open;
  readonly #clients = new AsyncDisposableStack();
  readonly #streams: readonly string[];
  readonly #account: Account;
  readonly #publishers: PeerPublisher[] = [];
  /** The first publisher's connection: it creates, counts and deletes. */
  #cursor: PeerClient | undefined;

  private constructor(open: Open, plan: TransferPlan) {
    const { streams = 1 } = plan;
    this.#plan = plan;
    this.#open = open;
    this.#streams = Array.from({ length: streams }, () => `bench-${++streamCount}`);
    this.#account = new Account(streams);
  }

  /** Creates the streams, and opens the publishers. */
  static async open(open: Open, plan: TransferPlan): Promise<Transfer> {
    const transfer = new Transfer(open, plan);
    const { publishers = 1 } = plan;
    try {
      while (transfer.#publishers.length < publishers) {
        const client = await transfer.#connect("publishing");
        if (transfer.#cursor === undefined) {
          transfer.#cursor = client;
          for (const stream of transfer.#streams) await client.createStream(stream);
        }
        transfer.#publishers.push(await client.openPublisher(transfer.#streams));
      }
      return transfer;
    } catch (error) {
      await transfer[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** How many messages were sent and not taken yet. */
  get backlog(): number {
    return this.#account.backlog / this.#streams.length;
  }

  /** Sends messages; the time ends with the last confirm. */
  async send(way: Way, count: number): Promise<Pass> {
    const leadMax = Infinity;
    return await this.#measure(count, (latency) => this.#send(way, { count, leadMax, latency }));
  }

  /** Takes messages; the time ends when the broker has all acknowledgements. */
  async follow(count: number): Promise<Pass> {
    const follow = await this.#openFollowers(count);
    return await this.#measure(count, () => follow(undefined));
  }

  /** Sends messages, and takes as many at the same time. */
  async move(way: Way, count: number): Promise<Pass> {
    const follow = await this.#openFollowers(count);
    const leadMax = this.#account.backlog + LEAD_BYTES_MAX / this.#plan.bodyBytes;
    return await this.#measure(count, async (latency) => {
      const sending = this.#send(way, { count, leadMax, latency });
      await Promise.all([follow(way.isTimed ? latency : undefined), sending]);
    });
  }

  /**
   * Checks that everything is accounted for, and deletes the streams.
   *
   * @throws {Error} If anything is missing, or there is too much of anything.
   */
  async finish(): Promise<void> {
    const cursor = this.#cursor!;
    let left = 0;
    let stored: number | undefined;
    for (const stream of this.#streams) {
      left += await cursor.countLeft(stream);
      if (cursor.countStored === undefined) continue;
      stored = (stored ?? 0) + await cursor.countStored(stream);
    }
    this.#account.check(left, stored);
    for (const stream of this.#streams) await cursor.deleteStream(stream);
  }

  /** Closes all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#clients.disposeAsync();
  }

  async #connect(side: Parameters<Open>[0]): Promise<PeerClient> {
    return this.#clients.use(await this.#open(side));
  }

  async #measure(count: number, work: (latency: LatencyLog) => Promise<void>): Promise<Pass> {
    const latency = new LatencyLog(this.#account.sentCount + 1);
    const begin = performance.now();
    await watchForStall(work(latency), () => this.#account.progress);
    const seconds = (performance.now() - begin) / 1000;
    return { count, seconds, rate: count / seconds, latency };
  }

  /** Divides messages among the publishers. */
  async #send(
    way: Way,
    { count, leadMax, latency }: { count: number; leadMax: number; latency: LatencyLog },
  ): Promise<void> {
    const { bodyBytes } = this.#plan;
    const account = this.#account;
    const first = account.send(count);
    const { length } = this.#publishers;
    await Promise.all(this.#publishers.map((publisher, index) => {
      const from = Math.floor(count * index / length);
      const part = { first: first + from, count: Math.floor(count * (index + 1) / length) - from };
      return way.send({ publisher, ...part, bodyBytes, account, latency, leadMax });
    }));
  }

  /** Opens followers that stop after so many messages. */
  async #openFollowers(count: number): Promise<Following> {
    const { followers: length = 1, bodyBytes, isOrdered = false } = this.#plan;
    const account = this.#account;
    const goal = account.takenCount + count * this.#streams.length;
    const followers: PeerFollower[] = [];
    while (followers.length < length) {
      const client = await this.#connect("following");
      followers.push(await client.openFollower(this.#streams));
    }
    return async (latency) => {
      const take = (body: Uint8Array) => {
        const number = readNumber(body, bodyBytes);
        latency?.delivered(number);
        account.take(number);
        if (isOrdered && number !== account.takenCount) {
          throw new Error(`Message ${number} has come, but ${account.takenCount} is the next one`);
        }
        if (account.takenCount >= goal) { for (const one of followers) one.stop(); }
      };
      await Promise.all(followers.map((follower) => follower.follow(take)));
    };
  }
}

/**
 * Moves messages over streams that go afterwards.
 *
 * @throws {Error} If not everything is accounted for, or nothing goes on any more.
 */
export async function transfer(
  open: Open,
  { way, count, ...plan }: TransferPlan & { readonly way: Way; readonly count: number },
): Promise<Pass> {
  await using transfer = await Transfer.open(open, plan);
  const pass = await transfer.move(way, count);
  await transfer.finish();
  return pass;
}
