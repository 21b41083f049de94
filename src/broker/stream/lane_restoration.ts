import type { MessageBatch } from "../../../protocol.ts";
import { readEntrySize } from "../../protocol/messages/entry.ts";
import { findEntryLane } from "../../protocol/messages/properties.ts";
import type { IdRange } from "../collections/id_ranges.ts";
import { RunList } from "../collections/run_list.ts";
import type { NotedRun } from "../collections/run_part.ts";
import type { Share } from "../share/share.ts";

/** Gathers the lanes of messages while events are replayed. */
export class LaneRestoration {
  readonly #share: Share;
  /** Messages with lanes; the notes are their numbers. */
  readonly #runs = new RunList();

  constructor(share: Share) {
    this.#share = share;
  }

  /** How many runs there are. */
  get size(): number {
    return this.#runs.size;
  }

  note(firstId: number, { buffer, start, end }: MessageBatch): void {
    const { table } = this.#share.requireLanes();
    let id = firstId;
    for (let offset = start; offset < end; offset += readEntrySize(buffer, offset), id++) {
      if (findEntryLane(buffer, offset) === 0) continue;
      // A message that was moved comes twice.
      if (id < this.#runs.endId) this.#runs.remove([{ firstId: id, count: 1 }]);
      this.#runs.add(id, 1, table.at(buffer, offset).number);
    }
  }

  /** Drops what is known of removed messages, and lanes that have no others. */
  prune(findPresent: (run: IdRange) => readonly IdRange[]): void {
    if (this.#runs.count === 0 && this.#share.lanes === undefined) return;
    for (const run of this.#runs.removeAll()) {
      for (const { firstId, count } of findPresent(run)) this.#runs.add(firstId, count, run.note);
    }
    const used = new Set(this.#runs.list().map(({ note }) => note));
    const { table } = this.#share.requireLanes();
    for (const lane of [...table]) {
      if (lane.isUnused && lane.heldUntil === 0 && !used.has(lane.number)) table.delete(lane);
    }
  }

  /** Ends it; returns the messages with lanes, by id. */
  finish(): readonly NotedRun[] {
    return this.#runs.removeAll();
  }
}
