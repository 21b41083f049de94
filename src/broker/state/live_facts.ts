import type { MessageBatch, StoredRun } from "../../../protocol.ts";
import type { Attempted, Coalesced, ExpirySet, Failed } from "../event.ts";
import { type Failure, withReasons } from "../failures/failure.ts";
import {
  byFirstId,
  findRange,
  type IdRange,
  intersectRanges,
  joinRanges,
  subtractRanges,
} from "../collections/id_ranges.ts";
import type { DatedRun } from "../collections/dated_runs.ts";
import type { Segment } from "../backlog/pager.ts";
import type { ReadyRun } from "../ready/ready_runs.ts";
import { splitByLane } from "../share/pending_ranges.ts";
import type { Share } from "../share/share.ts";
import type { Stream } from "../stream/stream.ts";

/**
 * Consecutive messages of one stream that keep a segment from being removed, with the facts that must be
 * written again when they are moved.
 */
export interface LiveRun extends IdRange {
  readonly number: number;
  /** Whether there may be a fact about each of them. */
  readonly isNoted: boolean;
  /** Reads some of them, up to a number of bytes unless the first is larger. Throws if they cannot be read. */
  readonly read: (range: IdRange, bytesMax: number) => MessageBatch;
  /** Tells when some of them that were read together were stored. */
  readonly listTimes: (range: IdRange) => StoredRun[];
  /** Lists the events that were written about some of them. */
  readonly listFacts: (range: IdRange) => LiveFact[];
}

/** The events that were written about live messages. */
export type LiveFact = Attempted | Failed | ExpirySet | Coalesced;

/**
 * Searches all streams for messages in one segment, step by step: there may be a hundred thousand
 * streams, and each step finds a few hundred messages.
 */
export class LiveSearch {
  readonly segment: Segment;
  /** The streams at the beginning: later ones have nothing in an old segment. */
  readonly #rest: Iterator<Stream>;
  /** The streams in which the last step found messages: there may be more. */
  #again = new Set<Stream>();
  #isOver = false;

  constructor(segment: Segment, streams: Iterable<Stream>) {
    this.segment = segment;
    this.#rest = streams[Symbol.iterator]();
  }

  get isOver(): boolean {
    return this.#isOver && this.#again.size === 0;
  }

  /** Finds up to `countMax` runs of messages, including those of the last step that are still live. */
  next(runCount: number): LiveRun[] {
    const live: LiveRun[] = [];
    const again = this.#again;
    this.#again = new Set();
    for (const stream of again) {
      if (live.length < runCount) this.#look(stream, live, runCount);
      else this.#again.add(stream);
    }
    while (live.length < runCount && !this.#isOver) {
      const { done, value } = this.#rest.next();
      if (done) this.#isOver = true;
      else this.#look(value, live, runCount);
    }
    return live;
  }

  #look(stream: Stream, live: LiveRun[], runCount: number): void {
    if (stream.damage !== undefined) return;
    const runs = findStaying(stream, this.segment);
    if (runs.length === 0) return;
    this.#again.add(stream);
    const { number, backlog } = stream;
    const listFacts = gatherFacts(stream);
    const isNoted = mayBeNoted(stream);
    const read = ({ firstId, count }: IdRange, bytesMax: number) =>
      backlog.read(firstId, count, bytesMax);
    const listTimes = ({ firstId, count }: IdRange) => backlog.listTimes(firstId, count);
    for (const { firstId, count } of runs.slice(0, runCount - live.length)) {
      live.push({ number, firstId, count, isNoted, read, listTimes, listFacts });
    }
  }
}

/** Messages of a stream in a part of the store, except those on their way to another stream. */
function findStaying(
  { backlog, share: { notes: { leaving } } }: Stream,
  segment: Segment,
): IdRange[] {
  const runs = backlog.findRuns({ segment });
  if (leaving.size === 0) return runs;
  const going = joinRanges([...leaving]);
  return runs.flatMap((run) => subtractRanges(run, going));
}

/** Whether there may be a fact about each of a stream's messages. */
function mayBeNoted({ expiries, coalesced, share: { notes } }: Stream): boolean {
  const { failures, overdue, stuck, expired } = notes;
  return failures.size + overdue.size + stuck.size + expired.size > 0 || expiries.hasOfStream ||
    coalesced !== undefined;
}

/** Makes a function that lists the events about some of a stream's messages, as they are now. */
function gatherFacts(stream: Stream): (range: IdRange) => LiveFact[] {
  const { number, share } = stream;
  const pending = listPending(share);
  return (range) => {
    const endId = range.firstId + range.count;
    const stuck = [...share.notes.stuck].filter((run) => intersectRanges(range, [run]).length > 0);
    const returned = [...share.listReturned(range.firstId, endId), ...stuck].sort(byFirstId);
    const failed = findFailures(stream, range);
    const held = failed.length === 0 ? [] : share.delayed.find(range.firstId, endId);
    return [
      ...[...returned, ...pending].flatMap((run) => listAttempted(number, run, range)),
      ...listFailed(number, { failed, held, returned, pending }),
      ...listExpiries(stream, range),
      ...listOverdue(stream, range),
      ...listCoalesced(stream, range),
    ];
  };
}

/** The failures of some messages, by id: those of a whole stream may be very many. */
function findFailures(
  { share: { notes: { failures } } }: Stream,
  { firstId, count }: IdRange,
): [number, Failure][] {
  const endId = firstId + count;
  if (failures.size < count) {
    return [...failures].filter(([id]) => id >= firstId && id < endId)
      .sort(([one], [other]) => one - other);
  }
  const found: [number, Failure][] = [];
  for (let id = firstId; id < endId; id++) {
    const failure = failures.get(id);
    if (failure !== undefined) found.push([id, failure]);
  }
  return found;
}

/** The attempts of messages that followers hold, as events. */
function listPending(share: Share): ReadyRun[] {
  const attempts: ReadyRun[] = [];
  const held = share.listHeld().flatMap(({ follower, run }) =>
    splitByLane(run).map((part) => ({ follower, run: part }))
  );
  for (const { follower, run } of held) {
    const { firstId, count } = run;
    const { first: oldest } = follower.pending;
    if (run.attempts > 1) attempts.push({ firstId, count, attempts: run.attempts - 1 });
    if (share.breakers?.isOpen(run.lane)) continue;
    // Later entries of the list count.
    if (run.isBegun) attempts.push({ firstId, count, attempts: run.attempts });
    else if (run.firstTag === oldest?.firstTag && !follower.reportsBegin) {
      attempts.push({ firstId, count: 1, attempts: run.attempts });
    }
  }
  return attempts;
}

function listAttempted(number: number, run: ReadyRun, range: IdRange): Attempted[] {
  return intersectRanges(range, [run]).map((part) => {
    return { type: "attempted", number, ...part, attempts: run.attempts };
  });
}

interface KnownFailures {
  readonly failed: readonly (readonly [id: number, failure: Failure])[];
  /** Delayed messages, by id. */
  readonly held: readonly DatedRun[];
  /** Attempts of ready messages, by id. */
  readonly returned: readonly ReadyRun[];
  /** Attempts of messages that followers hold; later entries count. */
  readonly pending: readonly ReadyRun[];
}

/** The failures of messages, as events. */
function listFailed(
  number: number,
  { failed, held, returned, pending }: KnownFailures,
): Failed[] {
  const found: Failed[] = [];
  for (const [id, known] of failed) {
    const failure = withReasons(known, known.reasons);
    const hold = findRange(held, id);
    const last = findRange(returned, id) ??
      pending.findLast((run) => id >= run.firstId && id < run.firstId + run.count);
    const attempts = hold?.attempts ?? last?.attempts ?? 0;
    const dueAt = hold?.at ?? 0;
    found.push({ type: "failed", number, firstId: id, count: 1, attempts, dueAt, failure });
  }
  return found;
}

/** The expiries that the stream set, as events. */
function listExpiries(
  { number, calendar, expiries }: Stream,
  range: IdRange,
): ExpirySet[] {
  return expiries.findOfStream(range).flatMap((run) =>
    intersectRanges(range, [run]).map((part): ExpirySet => {
      if (!run.isDated) return { type: "expirySet", number, ...part, at: run.at };
      return { type: "expirySet", number, ...part, at: calendar.dateOf(run.at), isDated: true };
    })
  );
}

/** The times of messages with coalescing ids. */
function listCoalesced({ number, coalesced }: Stream, range: IdRange): Coalesced[] {
  const found: Coalesced[] = [];
  if (coalesced === undefined || coalesced.size === 0) return found;
  for (let id = range.firstId; id < range.firstId + range.count; id++) {
    const times = coalesced.timesOf(id);
    if (times === undefined) continue;
    const { dueAt, until, expiresAt } = times;
    const limits = {
      ...until < Infinity && { until },
      ...expiresAt !== undefined && { expiresAt },
    };
    found.push({ type: "coalesced", number, id, dueAt, ...limits });
  }
  return found;
}

/**
 * Messages that expired while a follower holds them, or while there is no room for them among the dead letters:
 * their expiry is no longer kept.
 */
function listOverdue(
  { number, share: { notes: { overdue, expired } } }: Stream,
  range: IdRange,
): ExpirySet[] {
  const held = overdue.list(range).map((firstId) => ({ firstId, count: 1 }));
  const waiting = [...expired].flatMap((run) => intersectRanges(range, [run]));
  return [...held, ...waiting].map((part) => ({ type: "expirySet", number, ...part, at: 0 }));
}
