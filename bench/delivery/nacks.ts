/**
 * What messages that fail again and again cost the others: how many messages go through one stream
 * while those of another one are given back so many times a second.
 *
 * @module
 */

import type { Connection } from "@simplemq/simplemq";

/** What is measured. */
export interface NackPlan {
  /** Messages that go through the stream of the others. */
  readonly count: number;
  /** Messages that fail: each comes back after {@linkcode NackPlan.delayMs}. */
  readonly failing: number;
  /** How long each of them is held back, in milliseconds. */
  readonly delayMs: number;
}

/** What was found. */
export interface NackCost {
  /** Messages a second of the others, while nothing fails. */
  readonly alone: number;
  /** Messages a second of the others, while messages fail. */
  readonly beside: number;
  /** How many messages were given back in a second meanwhile. */
  readonly nacksPerSecond: number;
}

const BODY = "x".repeat(92);

/** So many are sent before it is waited for their confirms. */
const WINDOW = 20_000;

/** Measures the same without and with messages that fail beside it. */
export async function measureNackCost(
  connection: Connection,
  failingConnection: Connection,
  plan: NackPlan,
): Promise<NackCost> {
  const alone = await pass(connection, plan.count);
  const failing = await Failing.start(failingConnection, plan);
  const from = { at: performance.now(), count: failing.count };
  const beside = await pass(connection, plan.count);
  const seconds = (performance.now() - from.at) / 1000;
  const nacksPerSecond = (failing.count - from.count) / seconds;
  await failing.end();
  return { alone, beside, nacksPerSecond };
}

/** Messages that fail, for as long as nobody ends it. */
class Failing {
  /** How often one has failed. */
  count = 0;
  readonly #connection: Connection;
  readonly #ending = new AbortController();
  #ended: Promise<void> = Promise.resolve();

  private constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Sends messages, and has them fail. */
  static async start(connection: Connection, { failing, delayMs }: NackPlan): Promise<Failing> {
    const cursor = connection.cursor();
    await cursor.createStream("failing", { maxDeliveries: 65_535 });
    await connection.publisher("failing").sendMessages(new Array<string>(failing).fill(BODY));
    const work = new Failing(connection);
    work.#ended = work.#run(delayMs);
    return work;
  }

  async end(): Promise<void> {
    this.#ending.abort();
    await this.#ended;
    await this.#connection.cursor().deleteStream("failing");
  }

  async #run(delayMs: number): Promise<void> {
    await using follower = this.#connection.follower("failing", { prefetch: 1024 });
    try {
      for await (const message of follower.getMessages({ signal: this.#ending.signal })) {
        message.nack({ delayMs, reason: "the bench says so" });
        this.count++;
      }
    } catch (error) {
      if (!this.#ending.signal.aborted) throw error;
    }
  }
}

/** Has messages go through a stream; returns how many a second. */
async function pass(connection: Connection, count: number): Promise<number> {
  await connection.cursor().createStream("others");
  const from = performance.now();
  const sent = send(connection, count);
  let taken = 0;
  await using follower = connection.follower("others");
  for await (const message of follower.getMessages()) {
    message.ack();
    if (++taken === count) break;
  }
  await sent;
  const seconds = (performance.now() - from) / 1000;
  await connection.cursor().deleteStream("others");
  return count / seconds;
}

async function send(connection: Connection, count: number): Promise<void> {
  await using publisher = connection.publisher("others");
  for (let index = 0; index < count; index++) {
    publisher.sendMessage(BODY);
    if (index % WINDOW === WINDOW - 1) await publisher.flush();
  }
}
