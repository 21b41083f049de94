import type { MessageBatch } from "../../../protocol.ts";
import type { Lane } from "./lane.ts";
import type { LaneTable } from "./lane_table.ts";

/** How many messages of which lanes are about to be stored, where the number of a lane's messages is limited. */
export class LaneIntake {
  readonly #table: LaneTable;
  /** By the first id of their batch. */
  readonly #counts = new Map<number, ReadonlyMap<Lane, number>>();

  constructor(table: LaneTable) {
    this.#table = table;
  }

  /** Counts the messages of a batch whose first one will have an id. */
  reserve(firstId: number, batch: MessageBatch): void {
    const counts = this.#table.countLanes(batch);
    for (const [lane, count] of counts) lane.underwayCount += count;
    this.#counts.set(firstId, counts);
  }

  /** Notes that they were stored or refused; returns their lanes. */
  conclude(firstId: number): Iterable<Lane> {
    const counts = this.#counts.get(firstId);
    if (counts === undefined) return [];
    this.#counts.delete(firstId);
    for (const [lane, count] of counts) lane.underwayCount -= count;
    return counts.keys();
  }
}
