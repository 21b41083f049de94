import type { Lane } from "./lane.ts";
import type { LaneTable } from "./lane_table.ts";
import type { LaneTurns } from "./lane_turns.ts";

/** The lanes that are placed in one turn of the event loop after a change of the rules. */
const PLACED_MAX = 1024;

/** The pause until the next of these turns, in milliseconds. */
export const PLACE_MS = 1;

/**
 * Puts all lanes where they belong after a change of the rules, some thousand in a turn: there may be a hundred
 * thousand. A lane whose turn it is meanwhile is placed before, so that none goes by rules that are over.
 */
export class LanePlacing {
  readonly #table: LaneTable;
  readonly #place: (lane: Lane) => void;
  /** The numbers of the lanes that are still to be placed. */
  #from = 0;
  #end = 0;

  /** @param place Puts a lane where it belongs. */
  constructor(table: LaneTable, place: (lane: Lane) => void) {
    this.#table = table;
    this.#place = place;
  }

  /** Whether some lanes are still to be placed. */
  get isUnderWay(): boolean {
    return this.#from < this.#end;
  }

  /** Begins anew: the rules have changed. */
  begin(now: number): void {
    this.#from = 0;
    this.#end = this.#table.endNumber;
    this.go(now);
  }

  /** Places the next lanes. */
  go(now: number, countMax: number = PLACED_MAX): void {
    const from = this.#from;
    this.#from = Math.min(this.#end, from + countMax);
    for (const lane of this.#table.slice(from, this.#from - from)) this.#placeAnew(lane, now);
  }

  /** The lane whose turn it is by the rules that hold now; undefined if that takes longer to find. */
  next(turns: LaneTurns, withLimited: boolean, now: number): Lane | undefined {
    let lane = turns.next(withLimited);
    for (let left = this.isUnderWay ? PLACED_MAX : 0; lane !== undefined && left > 0; left--) {
      if (lane.number >= this.#from) this.#placeAnew(lane, now);
      const next = turns.next(withLimited);
      if (next === lane) return lane;
      lane = next;
      if (left === 1) return undefined;
    }
    return lane;
  }

  #placeAnew(lane: Lane, now: number): void {
    lane.noteDefaults(now);
    this.#place(lane);
  }
}
