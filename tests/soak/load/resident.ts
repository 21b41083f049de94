/**
 * A client that stays connected as long as the soak lasts, while streams come and go that it uses: what it and its
 * session remember of them is looked at, too.
 *
 * @module
 */

import { patiently } from "../../support/patience.ts";
import type { Connection, Follower, Publisher } from "../../../client.ts";
import type { Place } from "./place.ts";
import { type Notebook, PATIENCE_MS } from "./scene.ts";

/** So many streams come and go in a round, with so many messages each. */
const STREAMS = 5;
const MESSAGES = 20;

/** The streams that it uses. */
const BIND = /^resident-/;

/** One client that stays. */
export class Resident implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #publisher: Publisher;
  readonly #follower: Follower;
  /** Messages that were sent and are not done. */
  readonly #open = new Set<string>();
  #wake: () => void = () => {};

  private constructor(connection: Connection) {
    this.#connection = connection;
    this.#publisher = connection.publisher(BIND);
    this.#follower = connection.follower(BIND, { name: "resident" });
    this.#follower.handle(({ stream, body }) => {
      this.#open.delete(`${stream} ${body}`);
      if (this.#open.size === 0) this.#wake();
    }, { concurrency: 4 });
  }

  /** Connects, directly. */
  static async open(place: Place): Promise<Resident> {
    return new Resident(await place.connect({ name: "resident" }));
  }

  /** What holds all that it remembers. */
  get roots(): readonly object[] {
    return [this.#connection, this.#publisher, this.#follower];
  }

  /** Uses streams that come and go; nothing may be left out. */
  async work(round: number, notebook: Notebook): Promise<void> {
    const cursor = this.#connection.cursor();
    const names = Array.from({ length: STREAMS }, (_, index) => `resident-${round}-${index}`);
    for (const name of names) await cursor.createStream(name);
    const { promise: done, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const bodies = Array.from({ length: MESSAGES }, (_, body) => body);
    for (const name of names) for (const body of bodies) this.#open.add(`${name} ${body}`);
    await this.#publisher.sendMessages(bodies, { key: (body) => `${body}` });
    await patiently(done, PATIENCE_MS).catch(() => {
      notebook.find(`a client that stays waits for ${[...this.#open].slice(0, 5)}`);
    });
    this.#open.clear();
    for (const name of names) await cursor.deleteStream(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }
}
