import type { Lane } from "./lane.ts";
import type { LaneTable } from "./lane_table.ts";

/** How many unused lanes are kept until messages are chosen again, and for how long, in milliseconds. */
const IDLE_MAX = 1024;
const IDLE_MS = 1000;

/** How many are forgotten in one turn, and the pause until the next one, in milliseconds. */
const FORGOTTEN_MAX = 4096;
const FORGET_MS = 1;

/** What becomes of lanes that were idle. */
export interface LaneKeeper {
  /** Puts a lane that stays where it belongs. */
  place(lane: Lane): void;
  /** Hears of a lane that is forgotten. */
  forgotten(lane: Lane): void;
}

/** Lanes that may be unused: they are forgotten together, in time. */
export class IdleLanes {
  readonly #table: LaneTable;
  #lanes: Lane[] = [];
  /** When they are forgotten in any case; `Infinity` if there are none. */
  #at = Infinity;
  /** At so many of them, those that need nobody's decision are forgotten. */
  #countMax = IDLE_MAX;

  constructor(table: LaneTable) {
    this.#table = table;
  }

  /** When they are forgotten in any case; `Infinity` if there are none. */
  get at(): number {
    return this.#at;
  }

  /** Notes a lane; returns whether it is the first one. */
  add(lane: Lane, now: number): boolean {
    lane.isIdle = true;
    if (this.#lanes.push(lane) > 1) return false;
    this.#at = now + IDLE_MS;
    return true;
  }

  /** Forgets those that need nobody's decision, if there are many. */
  forgetMany(now: number, keeper: LaneKeeper): void {
    if (this.#lanes.length <= this.#countMax) return;
    this.forget(false, now, keeper);
    this.#countMax = Math.max(IDLE_MAX, 2 * this.#lanes.length);
  }

  /** Forgets them, some thousand at a time; with the right to decide, also those that have only an open breaker. */
  forget(
    mayDecide: boolean,
    now: number,
    keeper: LaneKeeper,
  ): void {
    if (this.#lanes.length === 0) return;
    const idle = this.#lanes.splice(0, FORGOTTEN_MAX);
    this.#at = this.#lanes.length === 0 ? Infinity : now + FORGET_MS;
    for (const lane of idle) {
      lane.isIdle = false;
      // It may have been forgotten while it rested.
      if (this.#table.get(lane.number) !== lane) continue;
      if (mayDecide) lane.rest(now);
      if (!lane.isEmpty) continue;
      if (!lane.isUnused || lane.restsAt > now) {
        keeper.place(lane);
        continue;
      }
      this.#table.delete(lane);
      keeper.forgotten(lane);
    }
  }
}
