import { readEntrySize } from "../../protocol/messages/entry.ts";
import type { Backlog } from "../backlog/backlog.ts";
import { type IdRange, intersectRanges } from "../collections/id_ranges.ts";
import type { Lane } from "./lane.ts";
import type { LanePart } from "./lane_index.ts";
import type { LaneTable } from "./lane_table.ts";

/** The most messages, and bytes of them, that are read in one piece. */
const PIECE_COUNT = 1024;
const PIECE_BYTES = 64 * 1024;

/** Finds the lanes of messages in their bytes, where no list of messages by id is kept. */
export class LaneReader {
  readonly #backlog: Backlog;
  readonly #table: LaneTable;
  /** How many messages were looked at, or lanes where messages cannot be read. */
  visits = 0;

  constructor(backlog: Backlog, table: LaneTable) {
    this.#backlog = backlog;
    this.#table = table;
  }

  /**
   * Lists the lanes of messages, of those that are there; some of a part may not be ready. What is found may be
   * taken out before the next part is asked for.
   *
   * @param isComplete Whether to ask all lanes for what cannot be read; otherwise the list ends there.
   */
  *list({ firstId, count }: IdRange, isComplete: boolean = true): Generator<LanePart> {
    const endId = firstId + count;
    for (const run of this.#backlog.findRuns({ fromId: firstId, toId: endId })) {
      const runEnd = run.firstId + run.count;
      for (let id = run.firstId; id < runEnd;) {
        const most = Math.min(PIECE_COUNT, runEnd - id);
        const batch = this.#backlog.tryRead(id, most, PIECE_BYTES);
        if (batch === undefined) {
          if (!isComplete) return;
          yield* this.#ask({ firstId: id, count: most });
          id += most;
          continue;
        }
        const parts: LanePart[] = [];
        const { buffer, end } = batch;
        for (let at = batch.start; at < end; at += readEntrySize(buffer, at), id++) {
          const lane = this.#table.findAt(buffer, at);
          if (lane !== undefined) add(parts, lane, id);
        }
        this.visits += batch.count;
        yield* parts;
      }
    }
  }

  /** Asks each lane for messages that cannot be read. */
  *#ask({ firstId, count }: IdRange): Generator<LanePart> {
    for (const lane of this.#table) {
      this.visits++;
      for (const run of lane.list(firstId, firstId + count)) {
        for (const range of intersectRanges(run, [{ firstId, count }])) yield { lane, range };
      }
    }
  }
}

function add(parts: LanePart[], lane: Lane, id: number): void {
  const last = parts.at(-1);
  if (last?.lane === lane && last.range.firstId + last.range.count === id) {
    parts[parts.length - 1] = { lane, range: { ...last.range, count: last.range.count + 1 } };
  } else parts.push({ lane, range: { firstId: id, count: 1 } });
}
