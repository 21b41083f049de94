import { BrokerError, type MessageBatch, type StoredRun } from "../../../protocol.ts";
import {
  COALESCE_FLAG,
  findFlags,
  LANE_FLAG,
  PRIORITY_FLAG,
} from "../../protocol/messages/batch.ts";
import {
  PRIORITY_DEFAULT,
  readEntryFlags,
  readEntryPriority,
  readEntrySize,
} from "../../protocol/messages/entry.ts";
import { PropertyFlag, readProperties } from "../../protocol/messages/properties.ts";
import { type DatedRun, DatedRuns } from "../collections/dated_runs.ts";
import type { Coalesced, ExpirySet, Kept, KeptMessage } from "../event.ts";
import { listWaiting, noteCoalescedEntries } from "./coalesced_restoration.ts";
import { rememberKept, setDueAt } from "./kept_messages.ts";
import { Expiries } from "../store/expiries.ts";
import { type Failure, joinFailures, withReasons } from "../share/failure.ts";
import {
  byFirstId,
  findRange,
  type IdRange,
  joinRanges,
  subtractRanges,
} from "../collections/id_ranges.ts";
import { LaneRestoration } from "./lane_restoration.ts";
import type { Keys } from "../ready/keys.ts";
import { type BatchTimes, listTimes } from "../store/message_times.ts";
import type { Place } from "../backlog/pager.ts";
import type { KeyedHash } from "../collections/keyed_hash.ts";
import { RunList } from "../collections/run_list.ts";
import { TextMap } from "../collections/text_map.ts";
import type { Share } from "../share/share.ts";
import type { StoringDetails } from "../store/store.ts";
import type { Stream } from "./stream.ts";

/** A note of the log about messages after they were stored. */
export interface RestoredNote extends IdRange {
  readonly attempts: number;
  /** The end of their delay; undefined or 0 for none. */
  readonly dueAt?: number;
  readonly failure?: Failure;
  /** How many of the last reasons are in this event; undefined if all are. */
  readonly newReasons?: number;
}

/** The number of notes, or runs, at which those of removed messages are dropped. */
const NOTES_MIN = 1024;

/** The most texts that are shared between failures. */
const TEXTS_MAX = 10_000;

/**
 * Stands in for a stream while events from the log are replayed: stores its messages, and gathers their
 * attempts, failures, delays and expiries. At the end all messages that are left and not delayed are
 * ready, since no follower holds any.
 */
export class StreamRestoration {
  readonly #stream: Stream;
  /** In the order of events: the last one counts. */
  #notes: RestoredNote[] = [];
  #pruneAt = NOTES_MIN;
  #pruneRunsAt = NOTES_MIN;
  readonly #delayed: DatedRuns;
  readonly #expiries: Expiries;
  /** Messages with another priority than the default; the notes are priorities. */
  readonly #priorities = new RunList();
  readonly #lanes: LaneRestoration;
  /** Reasons and names of followers, each text once: replay reads a new one for each failure. */
  readonly #texts: TextMap<string>;
  #hasKeys = false;

  constructor(stream: Stream, hash?: KeyedHash) {
    this.#stream = stream;
    this.#texts = new TextMap(hash);
    this.#delayed = new DatedRuns(stream.calendar);
    this.#lanes = new LaneRestoration(stream.share);
    this.#expiries = new Expiries(stream.calendar);
  }

  /** The number of notes and runs; it depends on the live messages, not on all messages. */
  get gatheredCount(): number {
    return this.#notes.length + this.#runCount;
  }

  append(firstId: number, batch: MessageBatch, details: StoringDetails): void {
    const { backlog, intake, dedupIds, options } = this.#stream;
    backlog.append(firstId, batch, details.place, details.storedAt);
    intake.skipIds(firstId + batch.count);
    const fixed = details.coalesced && this.#stream.noteCoalesced(firstId, details);
    this.#noteBatch(firstId, batch, fixed === undefined ? details : { ...details, fixed });
    // A message that moves to the dead letters or back is not looked up by its dedup id: see its flags.
    const { flags = PropertyFlag.dedupId } = details;
    if ((flags & PropertyFlag.dedupId) === 0) return;
    const { dedupId = findDedupId(batch) } = details;
    if (dedupId === undefined) return;
    // At once: a snapshot may be taken before the end of the replay.
    const message = { id: firstId, at: details.storedAt, isStored: true };
    dedupIds.add(dedupId, message, options.dedupWindowMs);
  }

  /** Sets another place of messages in the log. If the first one was removed, they are new here. */
  move(
    firstId: number,
    batch: MessageBatch,
    place: Place,
    storedAt: readonly StoredRun[],
  ): void {
    this.#noteBatch(firstId, batch, { storedAt: 0 });
    this.#stream.backlog.move(firstId, batch, place, storedAt);
  }

  /** Removes those messages that are here; returns their bytes. */
  forget(firstId: number, count: number): number {
    this.#stream.coalesced?.forget({ firstId, count });
    return this.#stream.backlog.forgetPresent(firstId, count);
  }

  /** Notes the times of a message that was moved. */
  noteCoalesced({ id, dueAt, until = Infinity, expiresAt }: Coalesced): void {
    const message = this.#stream.coalesced?.get(id);
    if (message !== undefined) Object.assign(message, { dueAt, until, expiresAt });
  }

  /** Notes that a message waits longer. */
  noteKept({ number, id, dueAt }: KeptMessage, event?: Kept): void {
    rememberKept(this.#stream, { number, id }, event);
    const message = this.#stream.coalesced?.get(id);
    if (message !== undefined && dueAt !== undefined) setDueAt(message, dueAt);
  }

  noteExpiry({ firstId, count, at, isDated }: ExpirySet): void {
    this.#pruneRuns();
    const time = isDated ? this.#stream.calendar.timeOf(at) : at;
    this.#expiries.addOfStream({ firstId, count, at: time, attempts: 0, isDated });
  }

  note(note: RestoredNote): void {
    this.#notes.push(
      note.failure === undefined ? note : { ...note, ...this.#shorten(note.failure) },
    );
    if (this.#notes.length < this.#pruneAt) return;
    this.#notes = this.#notes.filter((range) => this.#stream.findPresent(range).length > 0);
    // Those of removed messages are wanted no more; others may be there twice.
    this.#texts.clear();
    this.#pruneAt = Math.max(NOTES_MIN, this.#notes.length * 2);
  }

  /** Ends the replay: fills the share of the stream. */
  finish(now: number): void {
    const { share, expiries, backlog } = this.#stream;
    if (this.#hasKeys) share.requireKeys();
    const notes = this.#listNotes();
    // By id, and disjoint.
    const priorities = this.#priorities.removeAll();
    const priorityOf = priorities.length === 0
      ? NONE
      : (id: number) => findRange(priorities, id)?.note;
    const lanes = this.#lanes.finish();
    const laneOf = lanes.length === 0 ? NONE : (id: number) => findRange(lanes, id)?.note;
    const held: IdRange[] = this.#holdBackBySelf(notes, laneOf, now);
    for (const [id, note] of notes) {
      if (note.failure !== undefined) share.notes.failures.set(id, note.failure);
      const { dueAt = 0, attempts } = note;
      if (dueAt <= now) continue;
      const run = { firstId: id, count: 1, attempts, priority: priorityOf(id), lane: laneOf(id) };
      share.holdBack({ ...run, at: dueAt });
      held.push({ firstId: id, count: 1 });
    }
    for (const message of listWaiting(this.#stream, notes, now)) {
      const { firstId: id } = message;
      share.holdBack({ ...message, priority: priorityOf(id), lane: laneOf(id) });
      held.push(message);
    }
    // Messages that were delivered before hold their keys. By id: that is the order on the disk.
    const { keys } = share;
    if (keys !== undefined) {
      for (const id of [...notes.keys()].sort(byNumber)) holdKey(this.#stream, keys, id);
    }
    const heldRanges = joinRanges(held);
    for (const run of backlog.findRuns()) {
      for (const rest of subtractRanges(run, heldRanges)) {
        makeReady(share, rest, notes, { priorityOf, laneOf });
      }
    }
    share.finishLanes(now);
    this.#expiries.prune((run) => this.#stream.findPresent(run));
    expiries.takeOver(this.#expiries);
  }

  get #runCount(): number {
    return this.#delayed.size + this.#expiries.size + this.#priorities.size + this.#lanes.size;
  }

  #noteBatch(firstId: number, batch: MessageBatch, times: BatchTimes): void {
    const flags = findFlags(batch);
    if (flags === 0 && times.expiresAt === undefined) return;
    // Before the new ones are added: their messages may not be stored yet.
    this.#pruneRuns();
    if (flags & (PropertyFlag.key | COALESCE_FLAG)) this.#hasKeys = true;
    if (flags & PRIORITY_FLAG) this.#notePriorities(firstId, batch);
    if (flags & LANE_FLAG) this.#lanes.note(firstId, batch);
    // The times of those with coalescing ids may change until the end.
    if (times.fixed !== undefined) return;
    if (flags & COALESCE_FLAG) noteCoalescedEntries(this.#stream, firstId, batch);
    const { aheadMs } = this.#stream.calendar;
    const { delayed, ownExpiries, streamExpiries } = listTimes(firstId, batch, {
      ...times,
      flags,
      aheadMs,
    });
    for (const run of delayed) this.#delayed.add(run);
    for (const run of ownExpiries) this.#expiries.addOwn(run);
    for (const run of streamExpiries) this.#expiries.addOfStream(run);
  }

  /** Drops runs of removed messages, when there are twice as many as the last time. */
  #pruneRuns(): void {
    if (this.#runCount < this.#pruneRunsAt) return;
    const findPresent = (run: IdRange) => this.#stream.findPresent(run);
    this.#delayed.prune(findPresent);
    this.#expiries.prune(findPresent);
    for (const run of this.#priorities.removeAll()) {
      for (const { firstId, count } of findPresent(run)) {
        this.#priorities.add(firstId, count, run.note);
      }
    }
    this.#lanes.prune(findPresent);
    this.#pruneRunsAt = Math.max(NOTES_MIN, this.#runCount * 2);
  }

  /** A failure with shared texts. */
  #shorten(failure: Failure): { failure: Failure } {
    const reasons = failure.reasons.map((reason) => this.#share(reason));
    return {
      failure: { ...withReasons(failure, reasons), follower: this.#share(failure.follower) },
    };
  }

  #share(text: string): string {
    const known = this.#texts.get(text);
    if (known === undefined && this.#texts.size < TEXTS_MAX) this.#texts.set(text, text);
    return known ?? text;
  }

  #notePriorities(firstId: number, { buffer, start, end }: MessageBatch): void {
    let id = firstId;
    for (let offset = start; offset < end; offset += readEntrySize(buffer, offset), id++) {
      const priority = readEntryPriority(buffer, offset);
      if (priority === PRIORITY_DEFAULT) continue;
      // A message that was moved comes twice.
      this.#priorities.remove([{ firstId: id, count: 1 }]);
      this.#priorities.add(id, 1, priority);
    }
  }

  /** Delays messages by their own times, unless a later note says otherwise; returns them. */
  #holdBackBySelf(
    notes: ReadonlyMap<number, RestoredNote>,
    laneOf: (id: number) => number | undefined,
    now: number,
  ): IdRange[] {
    const { share } = this.#stream;
    const noted = joinRanges([...notes.keys()].map((firstId) => ({ firstId, count: 1 })));
    const parts: DatedRun[] = [];
    for (const run of this.#delayed.removeAll()) {
      if (run.at <= now) continue;
      for (const present of this.#stream.findPresent(run)) {
        for (const part of subtractRanges(present, noted)) parts.push({ ...run, ...part });
      }
    }
    parts.sort(byFirstId);
    // A message that was moved comes twice.
    let nextId = 0;
    for (const { firstId, count, at, priority, isDated } of parts) {
      const from = Math.max(firstId, nextId);
      nextId = Math.max(nextId, firstId + count);
      if (from < firstId + count) {
        for (const part of cutAlike(from, firstId + count, laneOf)) {
          share.holdBack({
            at,
            attempts: 0,
            priority,
            isDated,
            ...part,
            lane: laneOf(part.firstId),
          });
        }
      }
    }
    return parts;
  }

  /** The last note about each live message. */
  #listNotes(): Map<number, RestoredNote> {
    const notes = new Map<number, RestoredNote>();
    for (const note of this.#notes) {
      for (const run of this.#stream.findPresent(note)) {
        for (let id = run.firstId; id < run.firstId + run.count; id++) {
          const before = notes.get(id);
          // An attempt is written behind the failure that it ended with, if both were written at once.
          const isOver = before?.dueAt && note.dueAt === undefined &&
            note.attempts <= before.attempts;
          if (isOver) continue;
          const failure = note.failure === undefined
            ? before?.failure
            : joinFailures(before?.failure, note.failure, note.newReasons);
          const isBlank = note.attempts === 0 && failure === undefined;
          if (isBlank) notes.delete(id);
          else notes.set(id, failure === undefined ? note : { ...note, failure });
        }
      }
    }
    return notes;
  }
}

function byNumber(one: number, other: number): number {
  return one - other;
}

/** Gives a message its key, so that no other message of the key overtakes it. */
function holdKey(stream: Stream, keys: Keys, id: number): void {
  try {
    keys.restore(id, stream.backlog.read(id, 1, 0));
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    stream.noteDamage(error);
  }
}

/** The answer to a question about messages that have nothing of the kind. */
const NONE = (_id: number): number | undefined => undefined;

/** What is known of messages by their ids. */
interface Traits {
  readonly priorityOf: (id: number) => number | undefined;
  readonly laneOf: (id: number) => number | undefined;
}

/** Makes messages ready, in runs of equal priority, lane and attempts. */
function makeReady(
  { ready }: Share,
  range: IdRange,
  notes: ReadonlyMap<number, RestoredNote>,
  { priorityOf, laneOf }: Traits,
): void {
  const endId = range.firstId + range.count;
  const attemptsOf = (id: number) => notes.get(id)?.attempts ?? 0;
  if (notes.size === 0 && priorityOf === NONE && laneOf === NONE) {
    return ready.append(range.firstId, range.count);
  }
  for (const { firstId, count } of cutAlike(range.firstId, endId, priorityOf, laneOf, attemptsOf)) {
    const attempts = attemptsOf(firstId);
    const priority = priorityOf(firstId);
    const lane = laneOf(firstId);
    if (attempts === 0) ready.append(firstId, count, priority, lane);
    else ready.giveBack({ firstId, count, attempts, priority, lane });
  }
}

/** Cuts the ids from `fromId` to below `toId` into runs of those for which all answers are the same. */
function* cutAlike(
  fromId: number,
  toId: number,
  ...questions: readonly ((id: number) => number | undefined)[]
): Generator<IdRange> {
  for (let firstId = fromId; firstId < toId;) {
    const answers = questions.map((ask) => ask(firstId));
    let end = firstId + 1;
    while (end < toId && questions.every((ask, index) => ask(end) === answers[index])) end++;
    yield { firstId, count: end - firstId };
    firstId = end;
  }
}

/** The dedup id of a batch, if it has one: then it has one message. */
export function findDedupId({ buffer, start }: MessageBatch): string | undefined {
  if ((readEntryFlags(buffer, start) & PropertyFlag.dedupId) === 0) return undefined;
  return readProperties(buffer, start).dedupId;
}
