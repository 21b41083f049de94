import { endTaken } from "../coalescing/coalescing.ts";
import type { RuleContext } from "./rule_context.ts";
import type { DropCount } from "../engine.ts";
import { countIds, type IdRange, joinRanges } from "../collections/id_ranges.ts";
import { type ExcessBounds, findExcess } from "../stream/stream_limits.ts";
import type { Store } from "../store/store.ts";
import type { Stream } from "../stream/stream.ts";

/** A stream that comes down to its limit. */
interface Trim {
  /** The last messages that were added, which stay. */
  added: IdRange;
  readonly ended: Promise<void>;
}

/** Drops messages that were not acknowledged: to make room, or because a stream is purged. */
export class Removal {
  readonly #context: RuleContext;
  /** The streams that are over their limits, and come down to them in turns. */
  readonly #trims = new Map<Stream, Trim>();

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

  /**
   * Drops the oldest messages, if a stream is over its limit after messages were added: as many as were added at
   * once, so that it never grows, and others in turns.
   */
  makeRoom(stream: Stream, added: IdRange): void {
    const { options: { overflow, maxMessages, maxBytes }, backlog } = stream;
    if (overflow !== "drop-oldest") return;
    const count = maxMessages === null ? Infinity : backlog.count - added.count;
    const bytes = maxBytes === null
      ? Infinity
      : backlog.bytes - backlog.measure(added.firstId, added.count);
    const trim = this.#trims.get(stream);
    // Those that came before are old now.
    if (trim !== undefined) trim.added = added;
    while (backlog.count > count || backlog.bytes > bytes) {
      const most = { count: backlog.count - count, bytes: backlog.bytes - bytes };
      if (!this.#dropExcess(stream, added, most)) return;
    }
    if (findExcess(stream, added, { ids: 1 }) !== undefined) void this.#trim(stream, added);
  }

  /** Drops messages in turns until a stream keeps its limit; resolves when all that was decided is durable. */
  async keepLimit(stream: Stream): Promise<void> {
    await this.#trimAll(stream);
    await this.#context.whenDurable();
  }

  /** Has all streams keep their limits after a start: the broker may have ended in the midst of that. */
  async keepLimits(): Promise<void> {
    for (const stream of [...this.#context.state.router.streams]) {
      if (stream.options.overflow === "drop-oldest") await this.#trimAll(stream);
    }
  }

  async #trimAll(stream: Stream): Promise<void> {
    await this.#trim(stream, { firstId: stream.intake.storedNextId, count: 0 });
  }

  /**
   * Drops the oldest messages of a stream that is over its limit, as many in a turn as there is time for; whoever
   * asks for it meanwhile waits for the same turns.
   */
  #trim(stream: Stream, added: IdRange): Promise<void> {
    const underway = this.#trims.get(stream);
    if (underway !== undefined) {
      underway.added = added;
      return underway.ended;
    }
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const trim: Trim = { added, ended };
    this.#trims.set(stream, trim);
    void this.#runTrim(stream, trim).finally(resolve);
    return ended;
  }

  async #runTrim(stream: Stream, trim: Trim): Promise<void> {
    await this.#context.turns.work((ids) =>
      this.#isThere(stream) && this.#dropExcess(stream, trim.added, { ids }) ? "more" : "done"
    );
    this.#trims.delete(stream);
  }

  /** Drops some of the oldest messages of a stream that is over its limit; returns whether it was. */
  #dropExcess(stream: Stream, added: IdRange, most: ExcessBounds): boolean {
    const old = findExcess(stream, added, most);
    if (old === undefined) return false;
    for (const run of joinRanges(stream.share.takeUnheld([old]))) this.forget(stream, run);
    return true;
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
    let id = backlog.findFirst(0);
    await this.#context.turns.work((size) => {
      if (id >= storedNextId || backlog.count === 0 || !this.#isThere(stream)) return "done";
      const range = { firstId: id, count: Math.min(size, storedNextId - id) };
      if (share.lanes?.prepareFind(range) === false) return "more";
      const taken = share.takeUnheld([range]);
      for (const run of joinRanges(taken)) this.forget(stream, run);
      count += countIds(taken);
      id = backlog.findFirst(id + range.count);
      return "more";
    });
    if (backlog.count === 0) stream.expiries.clear();
    return count;
  }

  /** Whether a stream is still there: work on it may have taken many turns. */
  #isThere(stream: Stream): boolean {
    return this.#context.state.router.getNumbered(stream.number) === stream;
  }
}
