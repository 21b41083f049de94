import { readEntrySize } from "../../protocol/messages/entry.ts";
import {
  findEntryDedupId,
  findEntryKey,
  findEntryLane,
} from "../../protocol/messages/properties.ts";
import { encodeUtf8 } from "../../protocol/utf8.ts";
import { type IdRange, joinRanges } from "../collections/id_ranges.ts";
import type { Lane } from "../lanes/lane.ts";
import type { Stream } from "../stream/stream.ts";

/** How many ids, and bytes of their messages, one step looks at: about two milliseconds of work. */
const WINDOW_IDS = 16_384;
const LOOK_BYTES = 2 * 1024 * 1024;

/** How many times in a row it finds nothing in so many ids before it lets others have their turn. */
const EMPTY_WINDOWS_MAX = 1000;

/** What messages must have to be found: one of these. */
export interface Wanted {
  readonly lane?: string | undefined;
  readonly key?: string | undefined;
  readonly dedupId?: string | undefined;
}

/** Messages that were found. */
export interface FoundMessages {
  /** Their ids, joined. */
  readonly ranges: readonly IdRange[];
  /** The last id that was looked at; undefined if there are no more messages. */
  readonly next: number | undefined;
}

/**
 * Looks for messages by what is written in them, some thousand at a time: there may be a million, and each
 * of them has to be read. Only the ready messages of a lane are known without that.
 */
export class MessageSearch {
  readonly #stream: Stream;
  readonly #locate: (buffer: Uint8Array, offset: number) => number;
  readonly #wanted: Uint8Array;
  readonly #lane: string | undefined;

  /** @param wanted One property and its value. */
  constructor(stream: Stream, { lane, key, dedupId }: Wanted) {
    this.#stream = stream;
    this.#locate = key !== undefined
      ? findEntryKey
      : dedupId !== undefined
      ? findEntryDedupId
      : findEntryLane;
    this.#wanted = encodeUtf8(key ?? dedupId ?? lane!);
    this.#lane = lane;
  }

  /** Finds up to `limit` messages behind an id; throws if they cannot be read. */
  find(after: number, limit: number): FoundMessages {
    if (this.#lane !== undefined) {
      const lane = this.#stream.share.lanes?.table.find(this.#lane);
      if (lane === undefined) return { ranges: [], next: undefined };
      if (lane.parkedCount + lane.delayedCount === 0) return this.#findOf(lane, after, limit);
    }
    const { backlog, intake: { storedNextId } } = this.#stream;
    const found: IdRange[] = [];
    let id = after + 1;
    let endId = id;
    // Where many ids in a row are gone, it goes on, but not for ever.
    for (let windows = 0; windows < EMPTY_WINDOWS_MAX && endId < storedNextId; windows++) {
      id = backlog.findFirst(endId);
      endId = id + WINDOW_IDS;
      const runs = backlog.findRuns({ fromId: id, toId: endId });
      if (runs.length === 0) continue;
      const last = this.#look(runs, limit, found);
      if (last !== undefined) return { ranges: joinRanges(found), next: last };
      break;
    }
    const next = endId < storedNextId ? endId - 1 : undefined;
    return { ranges: joinRanges(found), next };
  }

  /** Finds messages of a lane of which none waits for a time or a key. */
  #findOf(lane: Lane, after: number, limit: number): FoundMessages {
    const { share, intake: { storedNextId } } = this.#stream;
    const found: number[] = [];
    if (lane.pendingCount > 0) {
      for (const { run: { firstId, count, lane: one, lanes } } of share.listHeld()) {
        for (let index = 0; index < count; index++) {
          const isOfLane = (lanes?.[index] ?? one) === lane.number;
          if (isOfLane && firstId + index > after) found.push(firstId + index);
        }
      }
    }
    let from = Math.max(after + 1, lane.findOldest()?.firstId ?? storedNextId);
    const pendingCount = found.length;
    for (let windows = 0; windows < EMPTY_WINDOWS_MAX && from < storedNextId; windows++) {
      for (const run of lane.list(from, from + WINDOW_IDS)) {
        const first = Math.max(from, run.firstId);
        const end = Math.min(from + WINDOW_IDS, run.firstId + run.count);
        for (let id = first; id < end; id++) found.push(id);
      }
      from += WINDOW_IDS;
      if (found.length - pendingCount >= limit) break;
    }
    // What is held may have any id: behind where this has ended it comes with the next messages.
    const ids = found.filter((id) => id < from || from >= storedNextId).sort((one, other) =>
      one - other
    );
    const isCut = ids.length > limit;
    const ranges = joinRanges(ids.slice(0, limit).map((firstId) => ({ firstId, count: 1 })));
    const next = isCut ? ids[limit - 1] : from < storedNextId ? from - 1 : undefined;
    return { ranges, next };
  }

  /** Looks at messages; returns the id at which it has stopped, if it did not look at all. */
  #look(runs: readonly IdRange[], limit: number, found: IdRange[]): number | undefined {
    let bytesLeft = LOOK_BYTES;
    for (const { firstId, count } of runs) {
      const endId = firstId + count;
      for (let id = firstId; id < endId;) {
        if (bytesLeft <= 0) return id - 1;
        const { buffer, start, end } = this.#stream.backlog.read(id, endId - id, bytesLeft);
        bytesLeft -= end - start;
        for (let offset = start; offset < end; offset += readEntrySize(buffer, offset), id++) {
          if (!this.#matches(buffer, offset)) continue;
          found.push({ firstId: id, count: 1 });
          if (found.length >= limit) return id;
        }
      }
    }
    return undefined;
  }

  #matches(buffer: Uint8Array, offset: number): boolean {
    const at = this.#locate(buffer, offset);
    const wanted = this.#wanted;
    if (at === 0 || buffer[at] !== wanted.length) return false;
    for (let index = 0; index < wanted.length; index++) {
      if (buffer[at + 1 + index] !== wanted[index]) return false;
    }
    return true;
  }
}
