/**
 * How it goes with the number of messages that are queued already.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { Account } from "../../harness/account.ts";
import { LatencyLog } from "../../harness/latency_log.ts";
import { readNumber, writeNumber } from "../../harness/numbered_body.ts";
import type { Host } from "../../peers/host.ts";
import type { PeerClient } from "../../peers/peer.ts";
import { nameStreams, send } from "../../harness/transfer.ts";
import { readResidentBytes } from "../../harness/process/resident_memory.ts";
import { watchForStall } from "../../harness/stall.ts";
import type { CpuMeter } from "../cpu_meter.ts";
import type { Dimension, Pace } from "./dimension.ts";
import { withHost } from "../host.ts";
import { measureLatency, measureRate, shareTime } from "../line.ts";
import type { Figures, Reading } from "../reading.ts";
import { SHAPE } from "../shape.ts";

/** So many messages are published and followed first, to learn the size of the rate. */
const FIRST_COUNT = 100_000;

/** Filling or draining fewer messages than these is over before it can be measured. */
const COUNT_MIN = 1_000_000;

/** Messages per second when latencies are measured. */
const STEADY_RATE = 1000;

const { bodyBytes } = SHAPE;

/** Queues that get longer. */
export const backlog: Dimension = {
  name: "backlog",
  title: "Messages that are queued already",
  description:
    "One stream with so many messages of 100 bytes in it. Then a publisher adds to its " +
    "end as many as a follower takes from its beginning, so that it keeps its length. A pair on " +
    "another stream of the same broker shows what the queue costs those who have nothing to do " +
    "with it. Filling and draining is one side alone. Latencies at 1,000 messages/s.",
  label: "messages queued",
  zeroAt: 1000,
  throughput: "published and followed; filling and draining is one side alone",
  latency: "to the confirm; of the pair on another stream, from due to the follower",
  points: [0, 10_000, 100_000, 1_000_000, 10_000_000],
  async *measure(x, pace) {
    yield* await withHost({ engine: "journal", shape: SHAPE, pace }, async (host, meter) => {
      await using queue = await Queue.open(host, meter);
      return await measureQueue(queue, { x, host, meter, pace });
    });
  },
};

async function measureQueue(
  queue: Queue,
  { x, host, meter, pace }: { x: number; host: Host; meter: CpuMeter; pace: Pace },
): Promise<Reading[]> {
  const readings: Reading[] = [];
  const read = (line: string, figures: Figures) => readings.push({ line, x, figures });
  const filled = await queue.publish(x);
  if (x >= COUNT_MIN) read("filling it", filled);
  const memory = readResidentBytes(host.pid);
  const moved = await queue.move(FIRST_COUNT);
  const rates = await queue.move(Math.round(moved.rate! * pace.seconds));
  const latencies = await queue.confirmSteadily(pace.seconds);
  read("publishing and following it", {
    ...rates,
    ...latencies,
    ...(memory !== undefined && { memoryMiB: memory / 2 ** 20 }),
  });
  const steady = { rate: STEADY_RATE };
  read("a pair on another stream", {
    ...await measureRate(host, meter, { shape: SHAPE, pace }),
    ...await measureLatency(host, { shape: SHAPE, pace, steady }),
  });
  const drained = await queue.follow(queue.length);
  if (x >= COUNT_MIN) read("draining it", drained);
  return readings;
}

/** A stream that messages are left in; all of them are accounted for when it is disposed of. */
class Queue implements AsyncDisposable {
  readonly #host: Host;
  readonly #meter: CpuMeter;
  readonly #client: PeerClient;
  readonly #streams: readonly string[];
  #publishedCount = 0;
  #takenCount = 0;

  private constructor(host: Host, meter: CpuMeter, client: PeerClient) {
    this.#host = host;
    this.#meter = meter;
    this.#client = client;
    this.#streams = nameStreams(1);
  }

  /** Makes an empty one. */
  static async open(host: Host, meter: CpuMeter): Promise<Queue> {
    const queue = new Queue(host, meter, await host.openClient(host.port));
    await queue.#client.createStream(queue.#streams[0]!);
    return queue;
  }

  /** How many messages are in it. */
  get length(): number {
    return this.#publishedCount - this.#takenCount;
  }

  /** Adds messages at its end; who takes others meanwhile is not left behind too far. */
  async publish(count: number, taking?: Account): Promise<Figures> {
    const publisher = await this.#client.openPublisher(this.#streams);
    const first = this.#publishedCount + 1;
    const account = taking ?? new Account(count);
    const plan = {
      bodyBytes,
      count,
      streams: 1,
      publishers: 1,
      followers: 1,
      way: "batch",
      ...(taking === undefined && { leadBytesMax: Infinity }),
    } as const;
    const begin = performance.now();
    const sending = send({ publisher, first, end: first + count }, account, plan);
    await watchForStall(sending, () => account.progress);
    this.#publishedCount += count;
    return { rate: count / secondsSince(begin) };
  }

  /** Takes messages from its beginning. */
  async follow(count: number, account: Account = new Account(count)): Promise<Figures> {
    if (count === 0) return {};
    await using client = await this.#host.openClient(this.#host.port);
    const follower = await client.openFollower(this.#streams);
    const begin = performance.now();
    const following = follower.follow((body) => {
      const number = readNumber(body, bodyBytes);
      if (number !== ++this.#takenCount) {
        throw new Error(`Message ${number} has come, but ${this.#takenCount} is the next one`);
      }
      account.take(number);
      if (account.isComplete) follower.stop();
    });
    await watchForStall(following, () => account.progress);
    return { rate: count / secondsSince(begin) };
  }

  /** Adds messages at its end while as many are taken from its beginning. */
  async move(count: number): Promise<Figures> {
    const account = new Account(count);
    const begin = performance.now();
    await Promise.all([this.publish(count, account), this.follow(count, account)]);
    return { rate: count / secondsSince(begin), ...shareTime(this.#meter, count) };
  }

  /** Adds messages steadily; tells how long the confirms take. */
  async confirmSteadily(seconds: number): Promise<Figures> {
    const publisher = await this.#client.openPublisher(this.#streams);
    const log = new LatencyLog();
    const count = Math.round(STEADY_RATE * seconds);
    const first = this.#publishedCount + 1;
    const begin = performance.now();
    const sendOne = async (index: number) => {
      const body = new Uint8Array(bodyBytes);
      writeNumber(body, first + index);
      log.sent(index, begin + index * 1000 / STEADY_RATE);
      await publisher.send(body);
      log.confirmed(index);
    };
    const sending: Promise<void>[] = [];
    while (sending.length < count) {
      const dueCount = Math.floor((performance.now() - begin) * STEADY_RATE / 1000) + 1;
      while (sending.length < Math.min(count, dueCount)) sending.push(sendOne(sending.length));
      await delay(1);
    }
    await Promise.all(sending);
    this.#publishedCount += count;
    return { p50Ms: log.confirm.p50, p99Ms: log.confirm.p99 };
  }

  /** Checks that nothing is left in it but what was not taken, and removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await using client = this.#client;
    const stream = this.#streams[0]!;
    const left = await client.countLeft(stream);
    await client.deleteStream(stream);
    if (left === this.length) return;
    throw new Error(`The queue does not add up: ${left} messages are left, not ${this.length}`);
  }
}

function secondsSince(begin: number): number {
  return (performance.now() - begin) / 1000;
}
