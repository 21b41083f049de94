/**
 * All clients of a world who work with lanes, keys, breakers and coalesce ids, and what is down meanwhile.
 *
 * @module
 */

import type { Random } from "../random.ts";
import { lookAtAll } from "./seen_messages.ts";
import { WorkCursor } from "./work_cursor.ts";
import { WorkFollower } from "./work_follower.ts";
import type { WorkLife, WorkParts } from "./work_parts.ts";
import { WorkPublisher } from "./work_publisher.ts";
import { ALL_WORK } from "./work_streams.ts";

/** Publishers, followers and a cursor. */
export class WorkClients {
  readonly publishers: readonly WorkPublisher[];
  readonly followers: readonly WorkFollower[];
  readonly cursor: WorkCursor;
  readonly #parts: WorkParts;
  #drains: WorkFollower | undefined;

  constructor(parts: WorkParts) {
    const { random } = parts;
    this.#parts = parts;
    this.publishers = ["lanes", "keys", "calls", "docs", "mixed", /^(docs|mixed)$/].map(
      (bind, index) => new WorkPublisher(parts, `p${index}`, bind),
    );
    this.followers = [ALL_WORK, ALL_WORK, /^(keys|mixed)$/, "lanes", "calls"].map((bind, index) =>
      new WorkFollower(parts, { name: `f${index}`, bind, ...chooseHabits(random) })
    );
    this.cursor = new WorkCursor(parts);
  }

  /** All of them that work. */
  get all(): readonly (WorkPublisher | WorkFollower | WorkCursor)[] {
    return [...this.publishers, ...this.followers, this.cursor];
  }

  /** Creates the streams. */
  async create(life: WorkLife): Promise<void> {
    const { engine } = life;
    this.#parts.ledger.rates.creator = life;
    await Promise.all(
      this.#parts.streams.map(({ name, options }) => engine.createStream(name, options)),
    );
  }

  /** One of them does something. */
  act(): void {
    const { random, streams } = this.#parts;
    const what = random.below(100);
    if (what < 35) random.pick(this.publishers).publish();
    else if (what < 92) random.pick(this.followers).work();
    else if (what < 96) this.cursor.act();
    else if (what < 97) random.pick(this.followers).leave();
    else {
      const stream = random.pick(streams.filter(({ hasOutages }) => hasOutages));
      stream.isDown = !stream.isDown;
    }
  }

  /** Nothing new is done any more. */
  stop(): void {
    for (const client of this.all) client.isClosing = true;
    for (const stream of this.#parts.streams) stream.isDown = false;
  }

  /** Compares all that there is with what must be there; nobody may hold anything. */
  async compare(life: WorkLife): Promise<void> {
    const { ledger, time: { now }, counts } = this.#parts;
    ledger.watch(this.#parts, life);
    const { found, dead } = await lookAtAll(life.engine);
    ledger.compare(found, dead, now);
    counts.compared++;
  }

  /** Takes all out that there is, by one follower; returns how many messages are left. */
  async drain(life: WorkLife): Promise<number> {
    if (this.#drains === undefined) {
      const habits = { name: "last", bind: ALL_WORK, ordersKeys: false, messages: 500, slots: 500 };
      this.#drains = new WorkFollower(this.#parts, { ...habits, isDraining: true });
    }
    if (this.#drains.life !== life) {
      this.#drains.connect(life);
      this.cursor.connect(life);
      this.cursor.clear();
    }
    this.#drains.work();
    const infos = await life.engine.getStreams();
    const isOurs = ({ name }: { name: string }) => ALL_WORK.test(name);
    return infos.filter(isOurs).reduce((sum, { ready, pending, delayed }) => {
      return sum + ready + pending + delayed;
    }, 0);
  }
}

function chooseHabits(random: Random) {
  const slots = 1 + random.below(4);
  return { ordersKeys: random.chance(0.7), slots, messages: slots + random.below(10) };
}
