/**
 * What a visitor has: a broker, names of its own, and somebody to tell what is wrong.
 *
 * @module
 */

import { patiently } from "../../support/patience.ts";
import type { Connection, Cursor, StreamOptionsInput } from "../../../client.ts";
import type { Random } from "../../support/random.ts";
import type { Place } from "./place.ts";

/** Nothing that a visitor waits for takes so long, in milliseconds, unless the broker stands still. */
export const PATIENCE_MS = 120_000;

/** How often it is looked whether something is true that nobody tells, in milliseconds. */
const LOOK_MS = 10;

/** What is wrong, and what was done. */
export class Notebook {
  readonly findings: string[] = [];
  readonly counts: Map<string, number> = new Map();

  #longest = { what: "", ms: 0 };

  /** Notes how long something has taken. */
  time(what: string, ms: number): void {
    if (ms > this.#longest.ms) this.#longest = { what, ms };
  }

  /** Tells what has taken longest since the last call. */
  takeLongest(): string {
    const { what, ms } = this.#longest;
    this.#longest = { what: "", ms: 0 };
    return `${what} has taken ${(ms / 1000).toFixed(1)} s`;
  }

  /** Notes something that must not be; the first ones are kept. */
  find(what: string): void {
    if (this.findings.length < 50) this.findings.push(what);
  }

  /** Counts something. */
  count(what: string, count: number = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + count);
  }
}

/** What a visit is given. */
export interface SceneOptions {
  readonly place: Place;
  readonly random: Random;
  readonly notebook: Notebook;
  /** Part of all its names, and of no others. */
  readonly id: string;
  /** Aborted when nothing new is to be begun. */
  readonly signal: AbortSignal;
  /** Whether it goes to the broker by a way of its own. */
  readonly isDirect?: boolean | undefined;
}

/** A stream of a visit, and what has made it. */
export interface OpenedStream {
  readonly connection: Connection;
  readonly cursor: Cursor;
  readonly stream: string;
}

/** One visit of one broker. */
export class Scene {
  readonly place: Place;
  readonly random: Random;
  readonly notebook: Notebook;
  readonly signal: AbortSignal;
  /** Whether connections are directly to a broker that is not killed: then nothing may fail. */
  readonly isSteady: boolean;
  readonly #id: string;
  readonly #connections: Connection[] = [];

  constructor({ place, random, notebook, id, signal, isDirect = false }: SceneOptions) {
    this.place = place;
    this.random = random;
    this.notebook = notebook;
    this.signal = signal;
    this.#id = id;
    this.isSteady = !place.isMortal && (isDirect || random.chance(0.6));
  }

  /** A name for a stream, a schedule, a limit or a follower. */
  name(what: string): string {
    return `${what}-${this.#id}`;
  }

  /** Connects; the connection is closed in the end in any case. */
  async connect(): Promise<Connection> {
    const isCut = !this.isSteady && this.random.chance(0.7);
    const connection = await this.place.connect({ isCut, name: this.name("visitor") });
    this.#connections.push(connection);
    return connection;
  }

  /** Connects, and creates a stream. */
  async open(what: string, options?: StreamOptionsInput): Promise<OpenedStream> {
    const connection = await this.connect();
    const stream = this.name(what);
    await connection.cursor().createStream(stream, options);
    return { connection, stream, cursor: connection.cursor() };
  }

  /** Notes what must not be; on a way that is cut, or if a broker is killed, it may be. */
  expect(isRight: boolean, what: string): void {
    if (this.isSteady) this.require(isRight, what);
  }

  /** Notes what must not be, whatever happens. */
  require(isRight: boolean, what: string): void {
    if (!isRight) this.notebook.find(`${this.place.name}: ${this.#id}: ${what}`);
  }

  /** Waits until something is true; fails if it does not become true. */
  async until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    while (!await isTrue()) {
      if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /** Waits until a stream has nothing left. */
  async untilEmpty(cursor: Cursor, stream: string): Promise<void> {
    let left = "";
    await this.until(`${stream} is empty`, async () => {
      const { ready, pending, delayed } = await cursor.getStream(stream);
      left = `${ready} ready, ${pending} pending, ${delayed} delayed`;
      return ready + pending + delayed === 0;
    }).catch((cause) => {
      throw new Error(`${stream} has ${left} in the end`, { cause });
    });
  }

  /** Closes all connections, in an orderly way or not. */
  async leave(): Promise<void> {
    const closing = this.#connections.map((connection) => {
      const drainMs = this.random.chance(0.3) ? 0 : 2000;
      return connection.close({ drainMs }).catch(() => {});
    });
    await patiently(Promise.all(closing), PATIENCE_MS);
  }
}

/** Something that a visitor does. */
export interface Visit {
  readonly name: string;
  /** Whether it connects by itself, always directly. */
  readonly isDirect?: boolean;
  /** Whether it needs something that not every broker has. */
  readonly suits?: (place: Place) => boolean;
  readonly run: (scene: Scene) => Promise<void>;
}
