import type { Lane } from "./lane.ts";

/** Lanes of a share in an order, as a heap; a lane stands in one heap at most, its home. */
export class LaneHeap {
  readonly #lanes: Lane[] = [];
  readonly #isBefore: (one: Lane, other: Lane) => boolean;

  /** @param isBefore The order. */
  constructor(isBefore: (one: Lane, other: Lane) => boolean) {
    this.#isBefore = isBefore;
  }

  get size(): number {
    return this.#lanes.length;
  }

  get first(): Lane | undefined {
    return this.#lanes[0];
  }

  /** Up to so many of them, in no order. */
  list(countMax: number): Lane[] {
    return this.#lanes.slice(0, Math.max(0, countMax));
  }

  /** Moves a lane here, or to its new place. */
  put(lane: Lane): void {
    if (lane.home !== this) {
      lane.home?.remove(lane);
      lane.home = this;
      lane.at = this.#lanes.length;
      this.#lanes.push(lane);
    }
    this.#sift(lane);
  }

  remove(lane: Lane): void {
    lane.home = undefined;
    const last = this.#lanes.pop()!;
    if (last === lane) return;
    last.at = lane.at;
    this.#lanes[last.at] = last;
    this.#sift(last);
  }

  #sift(lane: Lane): void {
    const lanes = this.#lanes;
    let { at } = lane;
    while (at > 0) {
      const parent = lanes[(at - 1) >>> 1]!;
      if (!this.#isBefore(lane, parent)) break;
      this.#set(at, parent);
      at = (at - 1) >>> 1;
    }
    for (;;) {
      let child = at * 2 + 1;
      if (child >= lanes.length) break;
      if (child + 1 < lanes.length && this.#isBefore(lanes[child + 1]!, lanes[child]!)) child++;
      const next = lanes[child]!;
      if (!this.#isBefore(next, lane)) break;
      this.#set(at, next);
      at = child;
    }
    this.#set(at, lane);
  }

  #set(at: number, lane: Lane): void {
    this.#lanes[at] = lane;
    lane.at = at;
  }
}
