import type { Connection } from "@simplemq/simplemq";
import { type Clients, runRound } from "../harness/round.ts";
import { PIPELINED } from "../harness/sending.ts";

/** Messages that go through one stream while those of another one are given back. */
export interface NackPlan {
  /** Messages that go through the stream of the others. */
  readonly count: number;
  /** Messages that fail: each comes back after {@linkcode NackPlan.delayMs}. */
  readonly failing: number;
  /** How long each of them is held back, in milliseconds. */
  readonly delayMs: number;
}

/** What messages that fail again and again cost the others. */
export interface NackCost {
  /** Messages a second of the others, while nothing fails. */
  readonly alone: number;
  /** Messages a second of the others, while messages fail. */
  readonly beside: number;
  /** How many messages were given back in a second meanwhile. */
  readonly nacksPerSecond: number;
}

const BODY_BYTES = 92;

/** Measures the same without and with messages that fail beside it. */
export async function measureNackCost(
  clients: Clients,
  failingConnection: Connection,
  plan: NackPlan,
): Promise<NackCost> {
  const round = { way: PIPELINED, bodyBytes: BODY_BYTES, count: plan.count };
  const alone = await runRound(clients, round);
  const failing = await Failing.start(failingConnection, plan);
  const before = failing.count;
  const beside = await runRound(clients, round);
  const nacksPerSecond = (failing.count - before) / beside.seconds;
  await failing.end();
  return { alone: alone.rate, beside: beside.rate, nacksPerSecond };
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
    const bodies = new Array<Uint8Array>(failing).fill(new Uint8Array(BODY_BYTES));
    await connection.publisher("failing").sendMessages(bodies);
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
