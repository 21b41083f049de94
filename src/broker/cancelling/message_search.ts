import { MORE_FLAG, readEntryFlags, readEntrySize } from "../../protocol/messages/entry.ts";
import { PropertyFlag, readProperties } from "../../protocol/messages/properties.ts";
import { type IdRange, joinRanges } from "../collections/id_ranges.ts";
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
 * of them has to be read.
 */
export class MessageSearch {
  readonly #stream: Stream;
  readonly #flag: number;
  readonly #name: keyof Wanted;
  readonly #value: string;

  /** @param wanted One property and its value. */
  constructor(stream: Stream, { lane, key, dedupId }: Wanted) {
    this.#stream = stream;
    this.#name = key !== undefined ? "key" : dedupId !== undefined ? "dedupId" : "lane";
    this.#flag =
      { key: PropertyFlag.key, dedupId: PropertyFlag.dedupId, lane: MORE_FLAG }[this.#name];
    this.#value = key ?? dedupId ?? lane!;
  }

  /** Finds up to `limit` messages behind an id; throws if they cannot be read. */
  find(after: number, limit: number): FoundMessages {
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
    if ((readEntryFlags(buffer, offset) & this.#flag) === 0) return false;
    return readProperties(buffer, offset)[this.#name] === this.#value;
  }
}
