/**
 * A publisher that writes down what it sends and what it is told about it.
 *
 * @module
 */

import {
  BrokerError,
  type Connection,
  type Publisher,
  type StoredRangeReceipt,
} from "../../client.ts";
import { turn } from "../support/broker/broker.ts";
import type { History, StoredIn } from "../support/checking/history.ts";
import type { Random } from "../support/random.ts";
import { hashBody, makeBody } from "./labelled_body.ts";

/** How a publisher sends: messages one by one without waiting, or many in one call. */
export type SendingWay = "singly" | "in batches";

/** What a recorded publisher is. */
export interface RecordedPublisherOptions {
  readonly connection: Connection;
  /** A name that no other one has. */
  readonly name: string;
  readonly bind: string | RegExp;
  /** The streams that the bind matches. */
  readonly targets: readonly string[];
  readonly way: SendingWay;
  readonly history: History;
  readonly random: Random;
  /** Chooses the size of a body. */
  readonly chooseBytes: () => number;
}

/** So many messages may be unconfirmed. */
const UNCONFIRMED_MAX = 200;

/** So many messages are sent in one go. */
const BATCH_MAX = 48;
const BURST_MAX = 12;

/** A batch with more bytes may be stored in parts; a little less than docs/delivery.md tells. */
const ATOMIC_BYTES_MAX = 100 * 1024;

/** How often a publisher is closed, and another one opened in its place. */
const REOPEN_CHANCE = 1 / 200;

/** A publisher that sends as many messages as it is allowed to. */
export class RecordedPublisher {
  readonly #options: RecordedPublisherOptions;
  readonly #running: Promise<void>;
  #publisher: Publisher;
  #number = 0;
  #call = 0;
  #allowed = 0;
  #unconfirmed = 0;
  #isStopping = false;
  #wake: () => void = () => {};

  /** Begins, with no message allowed. */
  constructor(options: RecordedPublisherOptions) {
    this.#options = options;
    this.#publisher = options.connection.publisher(options.bind);
    this.#running = this.#run();
  }

  /** Allows so many more messages. */
  allow(count: number): void {
    this.#allowed += count;
    this.#wake();
  }

  /** Sends no more, and resolves when it is known what became of everything. */
  async finish(): Promise<void> {
    this.#isStopping = true;
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { random } = this.#options;
    while (!this.#isStopping) {
      const count = Math.min(this.#allowed, UNCONFIRMED_MAX - this.#unconfirmed);
      if (count === 0) {
        await this.#wait();
        continue;
      }
      this.#send(count);
      if (random.chance(REOPEN_CHANCE)) await this.#reopen();
      await turn();
    }
    while (this.#unconfirmed > 0) await this.#wait();
    await this.#publisher.close();
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }

  #send(countMax: number): void {
    const { way, random } = this.#options;
    if (way === "in batches") this.#sendBatch(1 + random.below(Math.min(countMax, BATCH_MAX)));
    else this.#sendSingly(1 + random.below(Math.min(countMax, BURST_MAX)));
  }

  #sendSingly(count: number): void {
    for (let left = count; left > 0; left--) {
      this.#call++;
      const body = this.#makeNext(this.#options.chooseBytes());
      const number = this.#number;
      // A string arrives as the same bytes.
      const sent = number % 2 === 0 ? body : new TextDecoder().decode(body);
      this.#publisher.sendMessage(sent).then(
        ({ streams }) => this.#noteConfirmed(number, streams),
        (error) => this.#noteFailed(number, error),
      );
    }
  }

  #sendBatch(countMax: number): void {
    const first = this.#number + 1;
    const bodies: Uint8Array[] = [];
    this.#call++;
    for (let bytes = 0; bodies.length < countMax;) {
      const next = this.#options.chooseBytes();
      bytes += next;
      if (bodies.length > 0 && bytes > ATOMIC_BYTES_MAX) break;
      bodies.push(this.#makeNext(next));
    }
    const count = bodies.length;
    const each = (note: (number: number, index: number) => void) => {
      for (let index = 0; index < count; index++) note(first + index, index);
    };
    this.#publisher.sendMessages(bodies).then(
      ({ streams }) =>
        each((number, index) => this.#noteConfirmed(number, findPlaces(streams, { index, count }))),
      (error) => each((number) => this.#noteFailed(number, error)),
    );
  }

  #makeNext(bytes: number): Uint8Array {
    const { name: publisher, targets, history } = this.#options;
    const number = ++this.#number;
    const body = makeBody({ publisher, number }, bytes);
    const hash = hashBody(body);
    this.#allowed--;
    this.#unconfirmed++;
    history.record({ type: "attempted", publisher, number, targets, hash, call: this.#call });
    return body;
  }

  #noteConfirmed(number: number, storedIn: readonly StoredIn[]): void {
    const { name: publisher, history } = this.#options;
    history.record({ type: "confirmed", publisher, number, storedIn });
    this.#noteOutcome();
  }

  #noteFailed(number: number, error: unknown): void {
    const { name: publisher, history } = this.#options;
    const type = error instanceof BrokerError && !error.fatal ? "refused" : "unknown";
    history.record({ type, publisher, number });
    this.#noteOutcome();
  }

  #noteOutcome(): void {
    this.#unconfirmed--;
    this.#wake();
  }

  /** Goes on with another publisher, under the same name, when everything is confirmed. */
  async #reopen(): Promise<void> {
    const { connection, bind } = this.#options;
    await this.#publisher.close();
    this.#publisher = connection.publisher(bind);
  }
}

/** Where a message of a batch is, if the receipt tells of the whole batch. */
function findPlaces(
  streams: readonly StoredRangeReceipt[],
  { index, count }: { readonly index: number; readonly count: number },
): StoredIn[] {
  return streams
    .filter(({ firstId, lastId }) => lastId - firstId + 1 === count)
    .map(({ stream, firstId }) => ({ stream, id: firstId + index }));
}
