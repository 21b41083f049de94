/**
 * A stream: its messages, which of them are ready, which are held back, and who waits.
 *
 * A message is ready, then pending at one follower, then gone; or it comes back, and is ready again,
 * perhaps after it was held back for a while. What is in none of the lists here is pending, or on its
 * way to another stream.
 *
 * @module
 */

import {
  type BrokerError,
  type MessageBatch,
  readProperties,
  type StreamInfo,
  type StreamOptions,
  type StreamOptionsInput,
} from "../../../protocol.ts";
import { PropertyFlag, readEntryFlags } from "../../protocol/messages/properties.ts";
import { isDeadName, STREAM_OPTIONS_DEFAULT } from "../../protocol/messages/stream_options.ts";
import { Alarm } from "../collections/alarm_clock.ts";
import { type Attachment, AttachmentLine } from "../share/attachment.ts";
import { Backlog } from "../backlog/backlog.ts";
import { Calendar } from "../collections/calendar.ts";
import { DatedRuns } from "../collections/dated_runs.ts";
import { DedupWindow } from "../store/dedup_window.ts";
import { DrainRate } from "../store/drain_rate.ts";
import { FailureTable } from "../share/failure_table.ts";
import type { IdRange } from "../collections/id_ranges.ts";
import type { Place } from "../backlog/pager.ts";
import { Keys } from "../ready/keys.ts";
import { RareSet } from "../collections/rare_set.ts";
import { ReadyLanes } from "../ready/ready_lanes.ts";
import type { ReadyRun } from "../ready/ready_list.ts";
import { ReasonPool } from "../share/reason_pool.ts";
import type { Residency } from "../backlog/residency.ts";
import { StreamRestoration } from "./stream_restoration.ts";
import { listTimes } from "../store/message_times.ts";

/** How to make a stream. */
export interface StreamSetup {
  /** Its number, never used for another one. */
  readonly number: number;
  /** Its name. */
  readonly name: string;
  /** The id that its first message will have. */
  readonly nextId?: number;
  /** Which bytes are in memory, over all streams. */
  readonly residency: Residency;
  /** How far the machine's clock is from the time of the rules; nowhere if nothing is said. */
  readonly calendar?: Calendar;
  /** What was said of failures, over all streams. */
  readonly reasons?: ReasonPool;
  /** What is set for it, as far as that is not what all streams have. */
  readonly options?: StreamOptionsInput | undefined;
  /** Does what is due in it. */
  readonly ring?: (stream: Stream, now: number) => void;
}

/** What is known of messages that are stored, beside themselves. */
export interface StoringDetails {
  /** Where they were written to, if they were. */
  readonly place?: Place | undefined;
  /** Which properties they have, if that is known. */
  readonly flags?: number | undefined;
  /** When they came. */
  readonly storedAt: number;
  /** When those expire that do not say so themselves. */
  readonly expiresAt?: number | undefined;
  /** Tells the dedup id of the only one, if it has been found out for another stream. */
  readonly dedupId?: string | undefined;
}

/** Messages that nobody holds. */
export interface UnheldRun extends ReadyRun {
  /** Until when they are held back; 0 if they are ready. */
  readonly dueAt: number;
  /** Whether that is a time of the calendar. */
  readonly isDated?: boolean | undefined;
}

/** Of an expiry: it was set for the stream, not said by the message. */
export const SET_BY_STREAM = 1;

/** So many expiries are kept although their messages are gone, beside one for each that is not. */
const EXPIRIES_SPARE = 1024;

/** What is set for most streams. */
const NOTHING_GIVEN: StreamOptionsInput = {};

/** A named, ordered store of messages. */
export class Stream {
  /** Its number, never used for another one. */
  readonly number: number;
  /** Its name. */
  readonly name: string;
  /** The bytes of its messages. */
  readonly backlog: Backlog;
  /** What the machine's clock says. */
  readonly calendar: Calendar;
  /** The followers that wait for messages. */
  readonly waiting: AttachmentLine = new AttachmentLine();
  /** All followers of the stream, waiting or not. */
  readonly attachments: RareSet<Attachment> = new RareSet();
  /** The messages that are held back, with the times at which they are ready; the notes are attempts. */
  readonly delayed: DatedRuns;
  /** When messages expire; some may be gone already. */
  readonly expiries: DatedRuns;
  /** Messages whose time is over, and that a follower still holds. */
  readonly overdue: RareSet<number> = new RareSet();
  /** What went wrong with messages that are not gone. */
  readonly failures: FailureTable;
  /** Messages that were held by a follower that was lost or silent: who gets them has to say when. */
  readonly doubtful: RareSet<number> = new RareSet();
  /** The dedup ids that were seen lately. */
  readonly dedupIds: DedupWindow = new DedupWindow();
  /** How fast messages leave. */
  readonly drain: DrainRate = new DrainRate();
  /** Messages that are on their way to another stream. */
  readonly leaving: RareSet<IdRange> = new RareSet();
  /** Rings when something is due. */
  readonly alarm: Alarm;
  /** What it is being made of again; not there once that is done. */
  restoration: StreamRestoration | undefined;
  /** Whose messages wait for each other; not there before a message with a key has come. */
  keys: Keys | undefined;
  /** Whether nothing is delivered until it is resumed. */
  isPaused = false;
  /** Whether the dispatcher has passed so many parked messages by that others have their turn first. */
  isPostponed = false;
  #given: StreamOptionsInput = NOTHING_GIVEN;
  #options: StreamOptions = STREAM_OPTIONS_DEFAULT;
  #ready = new ReadyLanes();
  #nextId: number;
  #storedNextId: number;
  #pendingCount = 0;
  /** What has been decided and is not stored yet. */
  #underwayCount = 0;
  #underwayBytes = 0;
  #damage: BrokerError | undefined;

  /** Creates an empty stream. */
  constructor(setup: StreamSetup) {
    const { number, name, nextId = 1, residency, options, ring, calendar = new Calendar() } = setup;
    const { reasons = new ReasonPool(residency) } = setup;
    this.number = number;
    this.name = name;
    this.backlog = new Backlog(residency);
    this.calendar = calendar;
    this.delayed = new DatedRuns(calendar);
    this.expiries = new DatedRuns(calendar);
    this.failures = new FailureTable(reasons);
    this.alarm = new Alarm((now) => ring?.(this, now));
    this.#nextId = nextId;
    this.#storedNextId = nextId;
    if (options !== undefined) this.setOptions(options);
  }

  /** The messages that wait to be taken. */
  get ready(): ReadyLanes {
    return this.#ready;
  }

  /** The id that the next message will get. */
  get nextId(): number {
    return this.#nextId;
  }

  /** The id behind the last message that is stored. */
  get storedNextId(): number {
    return this.#storedNextId;
  }

  /** Why it is not served, if it is not. */
  get damage(): BrokerError | undefined {
    return this.#damage;
  }

  /** What is set for it. */
  get options(): StreamOptions {
    return this.#options;
  }

  /** What of that is not what all streams have. */
  get givenOptions(): StreamOptionsInput {
    return this.#given;
  }

  /** Whether it holds dead letters: those are never given up. */
  get isDead(): boolean {
    return isDeadName(this.name);
  }

  /** How many messages it has, with those that are about to be stored. */
  get depthCount(): number {
    return this.backlog.count + this.#underwayCount;
  }

  /** How many bytes of messages it has, with those that are about to be stored. */
  get depthBytes(): number {
    return this.backlog.bytes + this.#underwayBytes;
  }

  /** When something is due in it. */
  get nextDueAt(): number {
    const forgetAt = this.dedupIds.nextAt(this.#options.dedupWindowMs);
    return Math.min(this.delayed.nextAt, this.expiries.nextAt, forgetAt);
  }

  /** Whether something in it waits for a time of the calendar. */
  get hasDated(): boolean {
    return this.delayed.hasDated || this.expiries.hasDated;
  }

  /** Sets what is given; what is not has what all streams have. */
  setOptions(given: StreamOptionsInput): void {
    const isNothing = Object.keys(given).length === 0;
    this.#given = isNothing ? NOTHING_GIVEN : given;
    this.#options = isNothing ? STREAM_OPTIONS_DEFAULT : { ...STREAM_OPTIONS_DEFAULT, ...given };
  }

  /** Sets ids aside for a batch that is about to be stored; they are not used for anything else. */
  reserveIds(count: number, bytes: number): number {
    const firstId = this.#nextId;
    this.#nextId += count;
    this.#underwayCount += count;
    this.#underwayBytes += bytes;
    return firstId;
  }

  /** Notes that a batch for which ids were set aside is stored, or is not. */
  endReservation(count: number, bytes: number): void {
    this.#underwayCount -= count;
    this.#underwayBytes -= bytes;
  }

  /** Takes ids back that were set aside, these and all later ones: their batches were not stored. */
  returnIds(firstId: number): void {
    this.#nextId = Math.max(this.#storedNextId, Math.min(this.#nextId, firstId));
  }

  /** Notes that ids were used, up to below `nextId`. */
  skipIds(nextId: number): void {
    this.#storedNextId = Math.max(this.#storedNextId, nextId);
    this.#nextId = Math.max(this.#nextId, nextId);
  }

  /** Stores a batch under ids that were set aside for it. */
  append(firstId: number, batch: MessageBatch, details: StoringDetails): void {
    const { count } = batch;
    this.backlog.append(firstId, batch, details.place);
    this.skipIds(firstId + count);
    if (this.restoration !== undefined) return this.#restore(firstId, batch, details);
    if ((details.flags ?? 0) & PropertyFlag.key) this.keys ??= new Keys();
    if (details.flags === 0 && details.expiresAt === undefined) {
      return this.#ready.append(firstId, count);
    }
    const { expiries, delayed, fresh } = listTimes(firstId, batch, {
      ...details,
      aheadMs: this.calendar.aheadMs,
    });
    for (const { firstId, count, priority } of fresh) this.#ready.append(firstId, count, priority);
    for (const run of delayed) this.delayed.add(run);
    for (const run of expiries) this.expiries.add(run);
    this.#pruneExpiries();
  }

  /** Notes that ready messages have gone to a follower, or are on their way to another stream. */
  takeReady(count: number): void {
    this.#ready.take(count);
    this.#pendingCount += count;
  }

  /** Notes that ready messages wait for keys that other messages hold. */
  takeParked(count: number): void {
    this.#ready.take(count);
  }

  /** How many messages could be delivered, if followers had room and keys were free. */
  get readyCount(): number {
    return this.#ready.count + (this.keys?.parkedCount ?? 0);
  }

  /** How many runs of its lists were ever looked at or moved: what it costs to find messages. */
  get visits(): number {
    const { delayed, expiries, keys } = this;
    return this.#ready.visits + delayed.visits + expiries.visits + (keys?.visits ?? 0);
  }

  /** The ready messages that were delivered before, of those that have some of the ids of a range. */
  listReturned(fromId?: number, toId?: number): ReadyRun[] {
    const returned = this.#ready.listReturned(fromId, toId);
    if (this.keys === undefined) return returned;
    return returned.concat(this.keys.listReturned(fromId, toId));
  }

  /** Takes messages out that nobody holds; they count as pending until something becomes of them. */
  takeUnheld(ranges: readonly IdRange[]): UnheldRun[] {
    const ready = [...this.#ready.remove(ranges), ...this.keys?.remove(ranges) ?? []];
    const taken: UnheldRun[] = ready.map((run) => ({ ...run, dueAt: 0 }));
    for (const { firstId, count, note, at, priority, isDated } of this.delayed.remove(ranges)) {
      taken.push({ firstId, count, attempts: note, dueAt: at, priority, isDated });
    }
    for (const { count } of taken) this.#pendingCount += count;
    return taken;
  }

  /** Takes all messages out that nobody holds; they count as pending until something becomes of them. */
  takeAllUnheld(): IdRange[] {
    const parked = this.keys?.removeAll() ?? [];
    const taken = [...this.#ready.removeAll(), ...parked, ...this.delayed.removeAll()];
    for (const { count } of taken) this.#pendingCount += count;
    return taken;
  }

  /** Makes pending messages ready again. */
  giveBack(run: ReadyRun): void {
    this.#pendingCount -= run.count;
    this.#ready.giveBack(run);
  }

  /** Holds pending messages back until a time, or makes them ready if that is 0. */
  delay(run: ReadyRun & Pick<UnheldRun, "isDated">, dueAt: number): void {
    if (dueAt === 0) return this.giveBack(run);
    const { firstId, count, attempts, priority, isDated } = run;
    this.#pendingCount -= count;
    this.delayed.add({ at: dueAt, firstId, count, note: attempts, priority, isDated });
  }

  /** Makes those messages ready that were held back until now; returns whether there were any. */
  releaseDue(now: number): boolean {
    const before = this.#ready.count;
    for (let run = this.delayed.takeDue(now); run; run = this.delayed.takeDue(now)) {
      const { firstId, count, note: attempts, priority } = run;
      this.#ready.giveBack({ firstId, count, attempts, priority });
    }
    return this.#ready.count > before;
  }

  /** Lets go of pending messages that are done; returns how many bytes they were. */
  forgetPending(firstId: number, count: number): number {
    if (this.restoration !== undefined) return this.backlog.forgetPresent(firstId, count);
    this.#pendingCount -= count;
    this.drain.note(count);
    const isNoted = this.failures.size > 0 || this.overdue.size > 0 || this.doubtful.size > 0;
    if (isNoted) this.#forgetNotes(firstId, count);
    for (const run of this.keys?.release({ firstId, count }) ?? []) this.#ready.giveBack(run);
    return this.backlog.forget(firstId, count);
  }

  /** Gives messages another place in the store; those that are gone since it was decided stay so. */
  move(firstId: number, batch: MessageBatch, place: Place): void {
    const { backlog } = this;
    const endId = firstId + batch.count;
    // What is being made again is not here yet, if its first place is gone.
    if (this.restoration !== undefined) {
      this.restoration.noteBatch(firstId, batch, { storedAt: 0 });
      return backlog.move(firstId, batch, place);
    }
    const here = backlog.findRuns({ fromId: firstId, toId: endId });
    if (here.length === 0) return;
    backlog.move(firstId, batch, place);
    let id = firstId;
    for (const run of [...here, { firstId: endId, count: 0 }]) {
      if (run.firstId > id) backlog.forget(id, run.firstId - id);
      id = run.firstId + run.count;
    }
  }

  /** Begins to make it again of events that were written down. */
  beginRestoration(): void {
    this.restoration = new StreamRestoration(this.backlog, this.calendar);
  }

  /** Makes ready what there is and is not held back: nobody holds anything. */
  finishRestoration(now: number): void {
    const { restoration } = this;
    if (restoration === undefined) return;
    this.restoration = undefined;
    restoration.finish(this, now);
    this.#pruneExpiries();
  }

  /** Ends its service: some of it cannot be read. */
  noteDamage(error: BrokerError): void {
    this.#damage ??= error;
  }

  /** Tells how it stands. */
  describe(durability: string): StreamInfo {
    return {
      name: this.name,
      ready: this.readyCount,
      delayed: this.delayed.messageCount,
      pending: this.#pendingCount,
      followers: this.attachments.size,
      bytes: this.backlog.bytes,
      nextId: this.#nextId,
      durability,
      isPaused: this.isPaused,
      options: this.#options,
    };
  }

  /** Notes what messages that were stored by an earlier broker say of themselves. */
  #restore(firstId: number, batch: MessageBatch, details: StoringDetails): void {
    this.restoration!.noteBatch(firstId, batch, details);
    // On its way to the dead letters and back, a message is recognised by nobody: its flags say so.
    const { flags = PropertyFlag.dedupId } = details;
    if ((flags & PropertyFlag.dedupId) === 0) return;
    const { dedupId = findDedupId(batch) } = details;
    if (dedupId === undefined) return;
    // At once: a segment that is begun before all is read has to tell it, too.
    const message = { id: firstId, at: details.storedAt, isStored: true };
    this.dedupIds.add(dedupId, message, this.#options.dedupWindowMs);
  }

  #forgetNotes(firstId: number, count: number): void {
    for (let id = firstId; id < firstId + count; id++) {
      this.failures.delete(id);
      this.overdue.delete(id);
      this.doubtful.delete(id);
    }
  }

  /** Lets go of expiries whose messages are gone, when those are many. */
  #pruneExpiries(): void {
    if (this.expiries.size <= 2 * this.backlog.count + EXPIRIES_SPARE) return;
    this.expiries.prune(({ firstId, count }) =>
      this.backlog.findRuns({ fromId: firstId, toId: firstId + count })
    );
  }
}

/** The dedup id of messages that were stored, if they have one: then it is the only one. */
export function findDedupId({ buffer, start }: MessageBatch): string | undefined {
  if ((readEntryFlags(buffer, start) & PropertyFlag.dedupId) === 0) return undefined;
  return readProperties(buffer, start).dedupId;
}
