import type { MessageBatch } from "../../../protocol.ts";
import { readEntrySize } from "../../protocol/messages/entry.ts";
import { findEntryLane } from "../../protocol/messages/properties.ts";
import { GatheredRuns } from "./gathered_runs.ts";
import type { IdRange } from "../collections/id_ranges.ts";
import type { Share } from "../share/share.ts";

/** Gathers the lanes of messages while events are replayed. */
export class LaneRestoration {
  readonly #share: Share;
  /** Messages with lanes; the traits are their numbers. */
  readonly runs: GatheredRuns = new GatheredRuns();

  constructor(share: Share) {
    this.#share = share;
  }

  note(firstId: number, { buffer, start, end }: MessageBatch): void {
    const { table } = this.#share.requireLanes();
    let id = firstId;
    for (let offset = start; offset < end; offset += readEntrySize(buffer, offset), id++) {
      if (findEntryLane(buffer, offset) === 0) continue;
      this.runs.add(id, 1, 0, table.at(buffer, offset).number);
    }
  }

  /** Drops what is known of removed messages, and lanes that have no others. */
  prune(present: readonly IdRange[]): void {
    this.runs.keep(present);
    const used = new Set<number>();
    this.runs.visit((_firstId, _count, _at, number) => void used.add(number));
    const { table } = this.#share.requireLanes();
    for (const lane of [...table]) {
      if (lane.isUnused && lane.heldUntil === 0 && !used.has(lane.number)) table.delete(lane);
    }
  }
}
