import { endTaken } from "../coalescing/coalescing.ts";
import type { RuleContext } from "./rule_context.ts";
import type { DropCount } from "../engine.ts";
import { countIds, type IdRange, joinRanges } from "../collections/id_ranges.ts";
import { findExcess } from "../stream/stream_limits.ts";
import type { Store } from "../store/store.ts";
import type { Stream } from "../stream/stream.ts";

/** How many ids one turn of a purge looks at, at first and where messages have lanes: some milliseconds of work. */
const PURGE_IDS = 2048;
const PURGE_LANE_IDS = 512;

/** How many it looks at at most, where so few runs were found that more take no longer. */
const PURGE_IDS_MAX = 65_536;
const FEW_RUNS = 16;
const FEW_NOTES = 1024;

/** Drops messages that were not acknowledged: to make room, or because a stream is purged. */
export class Removal {
  readonly #context: RuleContext;

  constructor(context: RuleContext) {
    this.#context = context;
  }

  /** Drops messages that are in no list of their share. */
  forget(store: Store, range: IdRange): void {
    store.counters.noteDropped(range.count);
    this.forgetExpired(store, range);
  }

  /** Removes them without counting them as dropped: their time to live is over. */
  forgetExpired({ number }: Store, { firstId, count }: IdRange): void {
    this.#context.commit({ type: "dropped", number, firstId, count });
  }

  /** Drops the oldest messages, if a stream is over its limit after messages were added. */
  makeRoom(stream: Stream, added: IdRange): void {
    if (stream.options.overflow !== "drop-oldest") return;
    for (let old = findExcess(stream, added); old; old = findExcess(stream, added)) {
      for (const run of stream.share.takeUnheld([old])) this.forget(stream, run);
    }
  }

  /** Drops the messages with these ids that no follower holds. */
  drop({ share }: Stream, ids: readonly number[]): DropCount {
    const wanted = joinRanges(ids.map((firstId) => ({ firstId, count: 1 })));
    const taken = share.takeUnheld(wanted);
    for (const run of joinRanges(taken)) this.forget(share.store, run);
    const count = countIds(taken);
    return { count, skipped: countIds(wanted) - count };
  }

  /**
   * Drops all messages that are stored by now and that no follower holds, some thousand in a turn; returns how
   * many. What followers take meanwhile stays.
   */
  async purge(stream: Stream): Promise<number> {
    const { share, backlog, intake: { storedNextId } } = stream;
    endTaken(stream);
    let count = 0;
    let size = share.lanes === undefined ? PURGE_IDS : PURGE_LANE_IDS;
    for (let id = backlog.findFirst(0); id < storedNextId && backlog.count > 0;) {
      const range = { firstId: id, count: Math.min(size, storedNextId - id) };
      while (share.lanes?.prepareFind(range) === false) {
        if (!await this.#hasNextTurn(stream)) return count;
      }
      const taken = share.takeUnheld([range]);
      for (const run of joinRanges(taken)) this.forget(stream, run);
      count += countIds(taken);
      id = backlog.findFirst(id + size);
      const noteCount = (share.keys?.heldCount ?? 0) + share.notes.failures.size;
      const isPlain = noteCount < FEW_NOTES;
      const least = share.lanes === undefined ? PURGE_IDS : PURGE_LANE_IDS;
      size = isPlain && taken.length < FEW_RUNS ? Math.min(4 * size, PURGE_IDS_MAX) : least;
      if (taken.length === 0 || id >= storedNextId) continue;
      if (!await this.#hasNextTurn(stream)) return count;
    }
    if (backlog.count === 0) stream.expiries.clear();
    return count;
  }

  /** Lets others have their turn; returns whether the stream is still there after it. */
  async #hasNextTurn(stream: Stream): Promise<boolean> {
    await this.#context.nextTurn();
    return this.#context.state.router.getNumbered(stream.number) === stream;
  }
}
