/**
 * What is gathered while a stream is made again of events that were written down: how often its
 * messages were worked on, what went wrong, until when they are held back, when they expire. In the
 * end all that is left and not held back is ready, since nobody holds anything.
 *
 * @module
 */

import {
  BrokerError,
  type MessageBatch,
  readEntryPriority,
  readEntrySize,
} from "../../../protocol.ts";
import {
  findFlags,
  PRIORITY_DEFAULT,
  PRIORITY_FLAG,
  PropertyFlag,
} from "../../protocol/messages/properties.ts";
import type { Backlog } from "../backlog/backlog.ts";
import type { Calendar } from "../collections/calendar.ts";
import { type DatedRun, DatedRuns } from "../collections/dated_runs.ts";
import type { ExpirySet } from "../event.ts";
import { type Failure, joinFailures, withReasons } from "../share/failure.ts";
import {
  byFirstId,
  findRange,
  type IdRange,
  joinRanges,
  subtractRanges,
} from "../collections/id_ranges.ts";
import { Keys } from "../ready/keys.ts";
import { type BatchTimes, listTimes } from "../store/message_times.ts";
import type { Stream } from "./stream.ts";
import { TimedRuns } from "../collections/timed_runs.ts";

/** What was written about messages after they were stored. */
export interface RestoredNote extends IdRange {
  /** How often they were worked on. */
  readonly attempts: number;
  /** Until when they are held back; not there, or 0, if they are not. */
  readonly dueAt?: number;
  /** What went wrong with them. */
  readonly failure?: Failure;
  /** How many of the reasons there are; those before were noted before. Not there if these are all. */
  readonly newReasons?: number;
}

/** So many notes, or runs, are gathered before those are dropped whose messages are gone. */
const NOTES_MIN = 1024;

/** So many different texts are kept once, whoever's failures have them. */
const TEXTS_MAX = 10_000;

/** The notes about one stream. */
export class StreamRestoration {
  readonly #backlog: Backlog;
  /** In the order in which they came: a later one counts. */
  #notes: RestoredNote[] = [];
  #pruneAt = NOTES_MIN;
  #pruneRunsAt = NOTES_MIN;
  /** What messages say of themselves. */
  readonly #delayed: DatedRuns;
  readonly #expiries: DatedRuns;
  readonly #calendar: Calendar;
  /** Where messages have another priority than the usual one: in the place of a time. */
  readonly #priorities = new TimedRuns();
  /** Reasons and names of followers, each once: it is read anew for each failure. */
  readonly #texts = new Map<string, string>();
  #hasKeys = false;

  constructor(backlog: Backlog, calendar: Calendar) {
    this.#backlog = backlog;
    this.#calendar = calendar;
    this.#delayed = new DatedRuns(calendar);
    this.#expiries = new DatedRuns(calendar);
  }

  /** How many notes and runs are gathered: as many as messages that are there need, not as ever were. */
  get gatheredCount(): number {
    return this.#notes.length + this.#runCount;
  }

  /** Notes what messages that are stored say of themselves. */
  noteBatch(firstId: number, batch: MessageBatch, times: BatchTimes): void {
    const flags = findFlags(batch);
    if (flags === 0 && times.expiresAt === undefined) return;
    // Before they are added: these messages may not be there yet.
    this.#pruneRuns();
    if (flags & PropertyFlag.key) this.#hasKeys = true;
    if (flags & PRIORITY_FLAG) this.#notePriorities(firstId, batch);
    const { delayed, expiries } = listTimes(firstId, batch, {
      ...times,
      flags,
      aheadMs: this.#calendar.aheadMs,
    });
    for (const run of delayed) this.#delayed.add(run);
    for (const run of expiries) this.#expiries.add(run);
  }

  /** Notes when messages expire. */
  noteExpiry({ firstId, count, at, isDated }: ExpirySet): void {
    this.#pruneRuns();
    const time = isDated ? this.#calendar.timeOf(at) : at;
    this.#expiries.add({ firstId, count, at: time, note: 1, isDated });
  }

  /** Notes what became of deliveries. */
  note(note: RestoredNote): void {
    this.#notes.push(
      note.failure === undefined ? note : { ...note, ...this.#shorten(note.failure) },
    );
    if (this.#notes.length < this.#pruneAt) return;
    this.#notes = this.#notes.filter((range) => this.#findPresent(range).length > 0);
    this.#pruneAt = Math.max(NOTES_MIN, this.#notes.length * 2);
  }

  /** Makes lists of what there is, in a stream that has only the messages. */
  finish(stream: Stream, now: number): void {
    if (this.#hasKeys) stream.keys = new Keys();
    const notes = this.#listNotes();
    const priorityOf = this.#makePriorityFinder();
    const held: IdRange[] = this.#holdBackBySelf(stream, notes, now);
    for (const [id, note] of notes) {
      if (note.failure !== undefined) stream.failures.set(id, note.failure);
      const { dueAt = 0, attempts } = note;
      if (dueAt <= now) continue;
      const priority = priorityOf(id);
      stream.delayed.add({ at: dueAt, firstId: id, count: 1, note: attempts, priority });
      held.push({ firstId: id, count: 1 });
    }
    // Whoever was delivered before holds its key. By id: what is on the disk is read in its order.
    const { keys } = stream;
    if (keys !== undefined) {
      for (const id of [...notes.keys()].sort(byNumber)) holdKey(stream, keys, id);
    }
    const heldRanges = joinRanges(held);
    for (const run of this.#backlog.findRuns()) {
      for (const rest of subtractRanges(run, heldRanges)) {
        makeReady(stream, rest, notes, priorityOf);
      }
    }
    for (const run of this.#expiries.removeAll()) {
      for (const part of this.#findPresent(run)) stream.expiries.add({ ...run, ...part });
    }
  }

  get #runCount(): number {
    return this.#delayed.size + this.#expiries.size + this.#priorities.size;
  }

  /** Drops runs of messages that are gone, when there are twice as many as the last time. */
  #pruneRuns(): void {
    if (this.#runCount < this.#pruneRunsAt) return;
    for (const runs of [this.#delayed, this.#expiries, this.#priorities]) {
      runs.prune((run) => this.#findPresent(run));
    }
    this.#pruneRunsAt = Math.max(NOTES_MIN, this.#runCount * 2);
  }

  /** A failure whose texts are shared with others. */
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
      const at = readEntryPriority(buffer, offset);
      if (at !== PRIORITY_DEFAULT) this.#priorities.add({ at, firstId: id, count: 1, note: 0 });
    }
  }

  /** Makes a function that tells a message's priority; nothing if it is the usual one. */
  #makePriorityFinder(): (id: number) => number | undefined {
    if (this.#priorities.size === 0) return () => undefined;
    // A message that was moved is here twice, which makes no difference.
    const runs = this.#priorities.removeAll().sort(byFirstId);
    return (id) => findRange(runs, id)?.at;
  }

  /** Holds messages back that say so themselves, and of which nothing else is known. */
  #holdBackBySelf(
    stream: Stream,
    notes: ReadonlyMap<number, RestoredNote>,
    now: number,
  ): IdRange[] {
    const noted = joinRanges([...notes.keys()].map((firstId) => ({ firstId, count: 1 })));
    const parts: DatedRun[] = [];
    for (const run of this.#delayed.removeAll()) {
      if (run.at <= now) continue;
      for (const present of this.#findPresent(run)) {
        for (const part of subtractRanges(present, noted)) parts.push({ ...run, ...part });
      }
    }
    parts.sort((one, other) => one.firstId - other.firstId);
    // A message that was moved has said it twice.
    let nextId = 0;
    for (const { firstId, count, at, priority, isDated } of parts) {
      const from = Math.max(firstId, nextId);
      nextId = Math.max(nextId, firstId + count);
      if (from < firstId + count) {
        const rest = firstId + count - from;
        stream.delayed.add({ at, firstId: from, count: rest, note: 0, priority, isDated });
      }
    }
    return parts;
  }

  /** The last note about each message that is still there. */
  #listNotes(): Map<number, RestoredNote> {
    const notes = new Map<number, RestoredNote>();
    for (const note of this.#notes) {
      for (const run of this.#findPresent(note)) {
        for (let id = run.firstId; id < run.firstId + run.count; id++) {
          const before = notes.get(id);
          // That it was worked on is written behind what went wrong then, if both were written at once.
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

  #findPresent({ firstId, count }: IdRange): IdRange[] {
    return this.#backlog.findRuns({ fromId: firstId, toId: firstId + count });
  }
}

function byNumber(one: number, other: number): number {
  return one - other;
}

/** Lets a message hold its key that was delivered before, so that no other of the key overtakes it. */
function holdKey(stream: Stream, keys: Keys, id: number): void {
  try {
    keys.restore(id, stream.backlog.read(id, 1, 0));
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    stream.noteDamage(error);
  }
}

/** Makes messages ready in runs that are alike in priority, and have been worked on equally often. */
function makeReady(
  { ready }: Stream,
  { firstId, count }: IdRange,
  notes: ReadonlyMap<number, RestoredNote>,
  priorityOf: (id: number) => number | undefined,
): void {
  const endId = firstId + count;
  for (let id = firstId; id < endId;) {
    const attempts = notes.get(id)?.attempts ?? 0;
    const priority = priorityOf(id);
    let end = id + 1;
    while (
      end < endId && (notes.get(end)?.attempts ?? 0) === attempts && priorityOf(end) === priority
    ) {
      end++;
    }
    if (attempts === 0) ready.append(id, end - id, priority);
    else ready.giveBack({ firstId: id, count: end - id, attempts, priority });
    id = end;
  }
}
