import { delay } from "@std/async/delay";
import { BrokerError, type Publisher, type StoredRangeReceipt } from "../../../client.ts";
import { hashBody, makeBody } from "../../crash/labelled_body.ts";
import type { Random } from "../../support/random.ts";
import type { ClusterHistory, StoredIn } from "../checking/history.ts";
import type { WatchedConnection } from "./watched_connection.ts";

/** What a publisher is. */
export interface SteadyPublisherOptions {
  readonly connection: WatchedConnection;
  /** A name that no other one has. */
  readonly name: string;
  readonly bind: string | RegExp;
  /** The streams that the bind matches. */
  readonly targets: readonly string[];
  /** How many calls a second, whether earlier ones are confirmed or not. */
  readonly rate: number;
  /** The most messages of a call: 1 sends single messages. */
  readonly batch: number;
  /** How many keys its messages have; none if nothing is said. */
  readonly keys?: number;
  readonly history: ClusterHistory;
  readonly random: Random;
}

/** The longest body. */
const BYTES_MAX = 300;

/** Sends messages at a rate, and writes down what it is told about them. */
export class SteadyPublisher {
  readonly #options: SteadyPublisherOptions;
  readonly #publisher: Publisher;
  readonly #running: Promise<void>;
  readonly #open = new Set<Promise<void>>();
  #number = 0;
  #call = 0;
  #isStopping = false;

  /** Begins. */
  constructor(options: SteadyPublisherOptions) {
    this.#options = options;
    this.#publisher = options.connection.connection.publisher(options.bind);
    this.#running = this.#run();
  }

  /** Sends no more, and resolves when it is known what became of everything. */
  async finish(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
    while (this.#open.size > 0) await Promise.all(this.#open);
    await this.#publisher.close();
  }

  async #run(): Promise<void> {
    const { rate } = this.#options;
    const start = performance.now();
    for (let calls = 0; !this.#isStopping;) {
      const due = Math.floor((performance.now() - start) * rate / 1000);
      for (; calls <= due; calls++) this.#send();
      await delay(Math.max(1, start + calls * 1000 / rate - performance.now()));
    }
  }

  #send(): void {
    const { batch, random } = this.#options;
    this.#call++;
    const sending = batch === 1 ? this.#sendOne() : this.#sendBatch(1 + random.below(batch));
    this.#open.add(sending);
    void sending.finally(() => this.#open.delete(sending));
  }

  async #sendOne(): Promise<void> {
    const { keys = 0, random } = this.#options;
    const key = keys > 0 ? `k${random.below(keys)}` : undefined;
    const body = this.#makeNext();
    const number = this.#number;
    try {
      const { streams } = await this.#publisher.sendMessage(body, key === undefined ? {} : { key });
      this.#noteConfirmed(number, streams);
    } catch (error) {
      this.#noteFailed(number, error);
    }
  }

  async #sendBatch(count: number): Promise<void> {
    const first = this.#number + 1;
    const bodies = Array.from({ length: count }, () => this.#makeNext());
    try {
      const { streams } = await this.#publisher.sendMessages(bodies);
      for (let index = 0; index < count; index++) {
        this.#noteConfirmed(first + index, findPlaces(streams, index, count));
      }
    } catch (error) {
      for (let index = 0; index < count; index++) this.#noteFailed(first + index, error);
    }
  }

  #makeNext(): Uint8Array<ArrayBuffer> {
    const { name: publisher, targets, history, random } = this.#options;
    const number = ++this.#number;
    const body = makeBody({ publisher, number }, random.below(BYTES_MAX));
    const hash = hashBody(body);
    history.record({ type: "sent", publisher, number, targets, hash, call: this.#call });
    return body;
  }

  #noteConfirmed(number: number, storedIn: readonly StoredIn[]): void {
    const { name: publisher, history } = this.#options;
    history.record({ type: "confirmed", publisher, number, storedIn });
  }

  #noteFailed(number: number, error: unknown): void {
    const { name: publisher, history } = this.#options;
    const type = error instanceof BrokerError && !error.fatal ? "refused" : "unknown";
    history.record({ type, publisher, number });
  }
}

/** Where a message of a batch is, if the receipt tells of the whole batch. */
function findPlaces(
  streams: readonly StoredRangeReceipt[],
  index: number,
  count: number,
): StoredIn[] {
  return streams
    .filter(({ firstId, lastId }) => lastId - firstId + 1 === count)
    .map(({ stream, firstId }) => ({ stream, id: firstId + index }));
}
