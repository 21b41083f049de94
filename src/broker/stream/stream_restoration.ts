import type { MessageBatch, StoredRun } from "../../../protocol.ts";
import {
  COALESCE_FLAG,
  findFlags,
  LANE_FLAG,
  PRIORITY_FLAG,
} from "../../protocol/messages/batch.ts";
import {
  PRIORITY_DEFAULT,
  readEntryPriority,
  readEntrySize,
} from "../../protocol/messages/entry.ts";
import { findEntryDedupId, PropertyFlag } from "../../protocol/messages/properties.ts";
import { readLabel } from "../../protocol/messages/short_text.ts";
import type { DatedRun } from "../collections/dated_runs.ts";
import { GatheredRuns } from "./gathered_runs.ts";
import { RangeCursor } from "../collections/id_ranges.ts";
import type { Coalesced, ExpirySet, Kept, KeptMessage } from "../event.ts";
import { gatherWaiting, noteCoalescedEntries } from "./coalesced_restoration.ts";
import { rememberKept, setDueAt } from "./kept_messages.ts";
import { LaneRestoration } from "./lane_restoration.ts";
import { NotedMessages, type RestoredNote } from "./noted_messages.ts";
import { IS_DATED, RestorationSweep } from "./restoration_sweep.ts";
import { type BatchTimes, listTimes } from "../store/message_times.ts";
import type { Place } from "../backlog/pager.ts";
import type { Residency } from "../backlog/residency.ts";
import type { StoringDetails } from "../store/store.ts";
import type { Stream } from "./stream.ts";

/** The number of runs at which those of removed messages are dropped. */
const RUNS_MIN = 1024;

/** A gathered run takes 32 bytes, and as many where it is kept from then on. */
const RUN_BYTES = 64;

/** Memory for runs is booked at once for so many of them. */
const BOOKED_RUNS = 1024;

/**
 * Stands in for a stream while events from the log are replayed: stores its messages, and gathers their
 * attempts, failures, delays and expiries. At the end all messages that are left and not delayed are
 * ready, since no follower holds any.
 */
export class StreamRestoration {
  readonly #stream: Stream;
  #pruneAt = RUNS_MIN;
  /** These are undefined until there is one: there may be very many streams. */
  #noted: NotedMessages | undefined;
  #delayed: GatheredRuns | undefined;
  #ownExpiries: GatheredRuns | undefined;
  #streamExpiries: GatheredRuns | undefined;
  /** Messages with another priority than the default; the traits are priorities. */
  #priorities: GatheredRuns | undefined;
  #lanes: LaneRestoration | undefined;
  #hasKeys = false;
  #noteCount = 0;
  /** How many runs notes were when they were counted last. */
  #notedRuns = 0;
  /** The memory that is booked for runs until the end. */
  #bookedBytes = 0;
  readonly #residency: Residency | undefined;

  /** @param residency Hears how much memory runs take, which is not for bytes of messages then. */
  constructor(stream: Stream, residency?: Residency) {
    this.#stream = stream;
    this.#residency = residency;
  }

  /** The number of notes and runs; it depends on the live messages, not on all messages. */
  get gatheredCount(): number {
    return (this.#noted?.size ?? 0) + this.#runCount;
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
    this.#noted?.forget({ firstId, count });
    return this.#stream.backlog.forgetPresent(firstId, count);
  }

  /** Notes the times of a message that was moved. */
  noteCoalesced({ id, dueAt, until = Infinity, expiresAt }: Coalesced): void {
    const { coalesced } = this.#stream;
    if (coalesced?.has(id)) coalesced.setTimes(id, { dueAt, until, expiresAt });
  }

  /** Notes that a message waits longer. */
  noteKept({ number, id, dueAt }: KeptMessage, event?: Kept): void {
    rememberKept(this.#stream, { number, id }, event);
    const { coalesced } = this.#stream;
    const times = coalesced?.timesOf(id);
    if (times === undefined || dueAt === undefined) return;
    setDueAt(times, dueAt);
    coalesced!.setTimes(id, times);
  }

  noteExpiry({ firstId, count, at, isDated }: ExpirySet): void {
    this.#pruneRuns();
    (this.#streamExpiries ??= new GatheredRuns()).add(firstId, count, at, isDated ? IS_DATED : 0);
  }

  /** Takes a note of those messages that are there: behind one that is moved everything is written again. */
  note(note: RestoredNote): void {
    const noted = this.#noted ??= this.#beginNotes();
    for (const run of this.#stream.findPresent(note)) noted.note(run, note);
    // Seldom: they are counted for it.
    if (++this.#noteCount % BOOKED_RUNS === 0) {
      this.#notedRuns = noted.size;
      this.#book(this.#runCount + this.#notedRuns);
    }
    this.#residency?.trim();
  }

  #beginNotes(): NotedMessages {
    return new NotedMessages(this.#stream.share.notes);
  }

  /** Ends the replay: fills the share of the stream. */
  finish(now: number): void {
    const steps = this.finishInSteps(now);
    while (!steps.next().done);
  }

  /** Ends the replay in steps, each of which gives a number of messages; the stream is used when all are done. */
  *finishInSteps(now: number): Generator<number> {
    const stream = this.#stream;
    const { share, calendar, expiries } = stream;
    if (this.#hasKeys) share.requireKeys();
    const noted = this.#noted ?? this.#beginNotes();
    const waiting = gatherWaiting(stream, noted, now);
    const [delayed, priorities, lanes] = [this.#delayed, this.#priorities, this.#lanes?.runs];
    const gathered = { noted, delayed, priorities, lanes, waiting };
    yield* new RestorationSweep(stream, gathered, now).go();
    share.finishLanes(now);
    const present = new RangeCursor(
      this.#ownExpiries === undefined && this.#streamExpiries === undefined
        ? []
        : stream.backlog.findRuns(),
    );
    const tell =
      (add: (run: DatedRun) => void) =>
      (firstId: number, count: number, time: number, traits: number) => {
        const isDated = traits === IS_DATED;
        const at = isDated ? calendar.timeOf(time) : time;
        present.cut(firstId, count, (firstId, count) => {
          add({ firstId, count, at, attempts: 0, isDated });
        });
      };
    for (const _ of this.#ownExpiries?.takeAll(tell((run) => expiries.addOwn(run))) ?? []) yield 0;
    const ofStream = this.#streamExpiries?.takeAll(tell((run) => expiries.addOfStream(run)));
    for (const _ of ofStream ?? []) yield 0;
    this.#book(0);
  }

  get #runCount(): number {
    let count = this.#lanes?.runs.size ?? 0;
    for (const runs of this.#gathered) count += runs?.size ?? 0;
    return count;
  }

  get #gathered(): readonly (GatheredRuns | undefined)[] {
    return [this.#delayed, this.#ownExpiries, this.#streamExpiries, this.#priorities];
  }

  /** Books the memory of so many runs, and makes room for it. */
  #book(runCount: number): void {
    const count = Math.floor(runCount / BOOKED_RUNS) * BOOKED_RUNS;
    const bytes = count * RUN_BYTES - this.#bookedBytes;
    if (bytes === 0 || this.#residency === undefined) return;
    this.#bookedBytes += bytes;
    this.#residency.book(bytes);
    this.#residency.trim();
  }

  #noteBatch(firstId: number, batch: MessageBatch, times: BatchTimes): void {
    const flags = findFlags(batch);
    if (flags === 0 && times.expiresAt === undefined) return;
    // Before the new ones are added: their messages may not be stored yet.
    this.#pruneRuns();
    if (flags & (PropertyFlag.key | COALESCE_FLAG)) this.#hasKeys = true;
    if (flags & PRIORITY_FLAG) this.#notePriorities(firstId, batch);
    if (flags & LANE_FLAG) {
      (this.#lanes ??= new LaneRestoration(this.#stream.share)).note(firstId, batch);
    }
    // The times of those with coalescing ids may change until the end.
    if (times.fixed !== undefined) return;
    if (flags & COALESCE_FLAG) noteCoalescedEntries(this.#stream, firstId, batch);
    const { aheadMs } = this.#stream.calendar;
    const { delayed, ownExpiries, streamExpiries } = listTimes(firstId, batch, {
      ...times,
      flags,
      aheadMs,
    });
    if (delayed.length > 0) this.#gather(this.#delayed ??= new GatheredRuns(), delayed);
    if (ownExpiries.length > 0) this.#gather(this.#ownExpiries ??= new GatheredRuns(), ownExpiries);
    if (streamExpiries.length === 0) return;
    this.#gather(this.#streamExpiries ??= new GatheredRuns(), streamExpiries);
  }

  /** Gathers times; those of the calendar as the machine's clock shows them. */
  #gather(into: GatheredRuns, runs: readonly DatedRun[]): void {
    const { calendar } = this.#stream;
    for (const { firstId, count, at, isDated } of runs) {
      if (isDated) into.add(firstId, count, calendar.dateOf(at), IS_DATED);
      else into.add(firstId, count, at, 0);
    }
  }

  /** Drops runs of removed messages, when there are twice as many as the last time. */
  #pruneRuns(): void {
    const count = this.#runCount;
    this.#book(count + this.#notedRuns);
    if (count < this.#pruneAt) return;
    const present = this.#stream.backlog.findRuns();
    for (const runs of this.#gathered) runs?.keep(present);
    this.#lanes?.prune(present);
    this.#pruneAt = Math.max(RUNS_MIN, this.#runCount * 2);
  }

  #notePriorities(firstId: number, { buffer, start, end }: MessageBatch): void {
    let id = firstId;
    for (let offset = start; offset < end; offset += readEntrySize(buffer, offset), id++) {
      const priority = readEntryPriority(buffer, offset);
      if (priority === PRIORITY_DEFAULT) continue;
      (this.#priorities ??= new GatheredRuns()).add(id, 1, 0, priority);
    }
  }
}

/** The dedup id of a batch, if it has one: then it has one message. */
export function findDedupId({ buffer, start }: MessageBatch): string | undefined {
  const at = findEntryDedupId(buffer, start);
  return at === 0 ? undefined : readLabel(buffer, at);
}

/** Ends the replay of a stream in steps, if it has a stand-in, which is not needed any more. */
export function* finishStream(
  { number }: Stream,
  standIns: Map<number, StreamRestoration>,
  now: number,
): Generator<number> {
  const standIn = standIns.get(number);
  standIns.delete(number);
  if (standIn !== undefined) yield* standIn.finishInSteps(now);
}
