import { endTaken } from "../coalescing/coalescing.ts";
import type { RuleContext } from "./rule_context.ts";
import type { DropCount } from "../engine.ts";
import { countIds, type IdRange, joinRanges } from "../collections/id_ranges.ts";
import { findExcess } from "../stream/stream_limits.ts";
import { Pace } from "../pacing/pace.ts";
import type { Store } from "../store/store.ts";
import type { Stream } from "../stream/stream.ts";

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
   * Drops all messages that are stored by now and that no follower holds, as many in a turn as there is time for;
   * returns how many. What followers take meanwhile stays.
   */
  async purge(stream: Stream): Promise<number> {
    const { share, backlog, intake: { storedNextId } } = stream;
    endTaken(stream);
    let count = 0;
    const pace = new Pace(this.#context.now);
    for (let id = backlog.findFirst(0); id < storedNextId && backlog.count > 0;) {
      const range = { firstId: id, count: Math.min(pace.size, storedNextId - id) };
      if (share.lanes?.prepareFind(range) !== false) {
        const taken = share.takeUnheld([range]);
        for (const run of joinRanges(taken)) this.forget(stream, run);
        count += countIds(taken);
        id = backlog.findFirst(id + range.count);
      }
      if (!pace.isOver() || id >= storedNextId) continue;
      if (!await this.#hasNextTurn(stream)) return count;
      pace.begin();
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
