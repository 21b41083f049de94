/**
 * A follower that writes down what it is given and how it acknowledges it.
 *
 * @module
 */

import type { Connection, Follower, Message } from "../../client.ts";
import type { History } from "../support/checking/history.ts";
import type { Random } from "../support/random.ts";
import { hashBody, readLabel } from "./labelled_body.ts";

/**
 * How a follower acknowledges: at once, at once and waiting for the broker, or later, either way, in
 * any order.
 */
export type AckWay = "plainly" | "confirmed" | "later";

/** What a recorded follower is. */
export interface RecordedFollowerOptions {
  readonly connection: Connection;
  readonly name: string;
  readonly bind: string | RegExp;
  readonly way: AckWay;
  readonly history: History;
  readonly random: Random;
}

/** So many confirms of acknowledgements may be awaited. */
const AWAITED_MAX = 8;

/** So many messages are held before one is acknowledged. */
export const HELD_MAX = 20;

/** How often a follower is closed, and another one opened in its place. */
const REOPEN_CHANCE = 1 / 400;

/** A follower that takes everything it can get. */
export class RecordedFollower {
  readonly #options: RecordedFollowerOptions;
  readonly #running: Promise<void>;
  readonly #held: Message[] = [];
  readonly #awaited = new Set<Promise<void>>();
  #follower: Follower;
  #isHolding = true;
  #isClosing = false;

  /** Begins to take messages. */
  constructor(options: RecordedFollowerOptions) {
    this.#options = options;
    this.#follower = this.#open();
    this.#running = this.#run();
  }

  /** Acknowledges everything that it holds, and all that comes as soon as it comes. */
  letGo(): void {
    this.#isHolding = false;
    for (const message of this.#held.splice(0)) this.#ack(message);
  }

  /** Holds messages again, if that is its way. */
  hold(): void {
    this.#isHolding = true;
  }

  /** Takes no more; resolves when everything is acknowledged. */
  async close(): Promise<void> {
    this.letGo();
    this.#isClosing = true;
    await Promise.all(this.#awaited);
    await this.#follower.close();
    await this.#running;
  }

  #open(): Follower {
    const { connection, bind, name } = this.#options;
    return connection.follower(bind, { name });
  }

  async #run(): Promise<void> {
    const { random } = this.#options;
    while (!this.#isClosing) {
      // A loop that is left gives its last message back, which may be held; one that is aborted does not.
      const ending = new AbortController();
      const { signal } = ending;
      try {
        for await (const message of this.#follower.getMessages({ signal })) {
          this.#take(message);
          while (this.#awaited.size >= AWAITED_MAX) await Promise.race(this.#awaited);
          if (random.chance(REOPEN_CHANCE)) ending.abort();
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
      if (!this.#isClosing) await this.#reopen();
    }
  }

  /** Goes on with another follower; what the old one holds is given back. */
  async #reopen(): Promise<void> {
    await Promise.all(this.#awaited);
    for (const message of this.#held.splice(0)) this.#ack(message);
    await Promise.all(this.#awaited);
    await this.#follower.close();
    this.#follower = this.#open();
  }

  #take(message: Message): void {
    const { name: follower, history, way, random } = this.#options;
    const { stream, id, attempts, bytes } = message;
    const [label, hash] = [readLabel(bytes), hashBody(bytes)];
    history.record({ type: "delivered", follower, stream, id, attempts, label, hash });
    if (way !== "later" || !this.#isHolding) return this.#ack(message);
    this.#held.push(message);
    if (this.#held.length <= HELD_MAX) return;
    const [chosen] = this.#held.splice(random.below(this.#held.length), 1);
    this.#ack(chosen!);
  }

  #ack(message: Message): void {
    const { name: follower, history, way, random } = this.#options;
    const { stream, id } = message;
    const isConfirmed = way === "confirmed" || (way === "later" && random.chance(1 / 4));
    history.record({ type: "ackSent", follower, stream, id });
    const confirm = isConfirmed && this.#awaited.size < AWAITED_MAX;
    const acked = message.ack({ confirm });
    if (!confirm) return;
    const noted = acked.then(
      () => history.record({ type: "ackConfirmed", follower, stream, id }),
      () => history.record({ type: "ackUnknown", follower, stream, id }),
    ).finally(() => this.#awaited.delete(noted));
    this.#awaited.add(noted);
  }
}
