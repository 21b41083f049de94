import { findFlags, LANE_FLAG, PRIORITY_FLAG } from "../../protocol/messages/batch.ts";
import { PropertyFlag } from "../../protocol/messages/properties.ts";
import type {
  Acknowledged,
  Dropped,
  Event,
  Failed,
  Kept,
  KeptMessage,
  Moved,
  Postponed,
  Published,
  PublishedNotes,
  StoredAt,
  StreamCreated,
  StreamUpdated,
  Transferred,
} from "../event.ts";
import type { BrokerStateOptions } from "./state_options.ts";
import { readCoalesced } from "../store/coalesced_content.ts";
import { joinNotes } from "../stream/kept_messages.ts";
import { Calendar } from "../collections/calendar.ts";
import { PublisherRegistry } from "./publisher_registry.ts";
import { ReasonPool } from "../failures/reason_pool.ts";
import { shareBatch } from "../backlog/shared_batch.ts";
import { PublisherRestoration } from "./publisher_restoration.ts";
import { Router } from "./router.ts";
import { RuleTime } from "../events/rule_time.ts";
import type { PieceHead } from "../events/piece_head.ts";
import type { SnapshotPiece, StreamPiece } from "./snapshot.ts";
import { takePieces } from "./snapshot_pieces.ts";
import { LimitTable } from "../serving/limit_table.ts";
import { ScheduleTable } from "../schedules/table/schedule_table.ts";
import { Stream } from "../stream/stream.ts";
import { findDedupId, finishStream, StreamRestoration } from "../stream/stream_restoration.ts";
import { UnwrittenStreams } from "../stream/unwritten_streams.ts";

/** The interval at which old dedup ids are forgotten while events are only read, in milliseconds. */
const FORGET_MS = 10_000;

/**
 * The state that events make: streams with their messages, and publishers with their outcomes. The same
 * events, applied again, make the same state: that is how a broker recovers.
 */
export class BrokerState {
  /** The streams by name and by number, and the binds of members. */
  readonly router: Router;
  readonly publishers: PublisherRegistry;
  /** Decisions about streams that are not written yet. */
  readonly unwritten: UnwrittenStreams = new UnwrittenStreams();
  readonly calendar: Calendar = new Calendar();
  readonly schedules: ScheduleTable = new ScheduleTable();
  readonly limits: LimitTable;
  readonly #options: BrokerStateOptions;
  readonly #reasons: ReasonPool;
  /** Gathers publishers during recovery; undefined when live. */
  #restoration: PublisherRestoration | undefined;
  /** Stand-ins for the streams, by number, during recovery; undefined when live. */
  #standIns: Map<number, StreamRestoration> | undefined;
  /** The stream whose pieces a snapshot is giving; undefined if it is known already. */
  #toldStream: Stream | undefined;
  #nextStreamNumber = 1;
  #nextPublisherNumber = 1;
  readonly #time = new RuleTime(this.calendar);
  /** When old dedup ids are forgotten next, while events are only read. */
  #forgetAt = -Infinity;
  #bytes = 0;

  constructor(options: BrokerStateOptions) {
    this.#options = options;
    this.#reasons = new ReasonPool(options.residency, undefined, options.hash);
    this.limits = new LimitTable(options.limitWatch);
    this.router = new Router(options.compilePattern, options.hash);
    this.publishers = new PublisherRegistry({
      hash: options.hash,
      forgotten: options.publisherForgotten,
      ...options.publisherPushedOut && { pushedOut: options.publisherPushedOut },
    });
  }

  /** The bytes of all messages in all streams. */
  get bytes(): number {
    return this.#bytes;
  }

  get nextStreamNumber(): number {
    return this.#nextStreamNumber;
  }

  get nextPublisherNumber(): number {
    return this.#nextPublisherNumber;
  }

  /** Applies an event: one that was just decided, or one that was read from the log. */
  apply(event: Event): void {
    switch (event.type) {
      case "streamCreated":
        return this.#addStream(event);
      case "streamUpdated":
        return this.#updateStream(event);
      case "streamDeleted":
        return this.#removeStream(event.number);
      case "publisherOpened":
        this.#nextPublisherNumber = Math.max(this.#nextPublisherNumber, event.number + 1);
        return this.#restoration?.openPublisher(event);
      case "publisherClosed":
        return this.#restoration?.closePublisher(event);
      case "published":
        return this.#addMessages(event);
      case "moved":
        return this.#moveMessages(event);
      case "transferred":
        return this.#transferMessages(event);
      case "acknowledged":
      case "dropped":
        return this.#forgetMessages(event);
      case "failed":
      case "postponed":
        return this.#noteFailure(event);
      case "breakerChanged":
        return this.router.getNumbered(event.number)?.setBreakers([event]);
      case "kept":
        return this.#keepMessages(event);
      case "coalesced":
        return this.#standIns?.get(event.number)?.noteCoalesced(event);
      case "laneHeld":
        return this.router.getNumbered(event.number)?.share.holdLane(event.lane, event.until);
      case "expirySet":
        return this.#standIns?.get(event.number)?.noteExpiry(event);
      case "attempted":
        return this.#standIns?.get(event.number)?.note(event);
      case "clockRead":
        return this.#time.readClock(event);
      case "laneSet":
        return this.#setLanes(event.number, [[event.lane, event.settings]]);
      case "limitSet":
        return this.limits.apply(event);
      default:
        return this.schedules.apply(event);
    }
  }

  /** Notes a time of the rules that is in no event. A broker that only reads forgets by it. */
  noteTime(at: number): void {
    this.#time.note(at);
    const { lastAt } = this.#time;
    if (lastAt < this.#forgetAt) return;
    this.#forgetAt = lastAt + FORGET_MS;
    for (const { dedupIds, options: { dedupWindowMs } } of this.router.streams) {
      dedupIds.prune(lastAt, dedupWindowMs);
    }
  }

  /** The time of the rules after recovery, as {@linkcode RuleTime.continueFrom} says. */
  continueTime(date: number): number {
    return this.#time.continueFrom(date);
  }

  /**
   * Gives a snapshot in pieces: everything but messages, as of the written events.
   *
   * @param now The time, in milliseconds.
   * @param bytesMax About how many bytes a piece may have.
   */
  takeSnapshot(now: number, bytesMax?: number): Iterable<SnapshotPiece> {
    const at = Math.floor(Math.max(now, this.#time.lastAt));
    const counters = {
      clock: { at, aheadMs: this.calendar.aheadMs },
      nextStreamNumber: this.#nextStreamNumber,
      nextPublisherNumber: this.#nextPublisherNumber,
      ...this.publishers.describeForgotten(),
    };
    const { unwritten, router: { streams }, publishers: { records: publishers } } = this;
    const source = { now, counters, streams, unwritten, publishers };
    return takePieces({ ...source, parts: [this.schedules, this.limits] }, bytesMax);
  }

  /** Begins recovery, from snapshots and from the events that are applied. */
  beginRestoration(): void {
    this.#restoration = new PublisherRestoration(this.publishers, this.#options.hash);
    this.#standIns = new Map();
  }

  /** Takes over what is new in a piece of a snapshot; returns false if the piece must be read for that. */
  passPiece(head: PieceHead): boolean {
    const { number, nextId } = head;
    if (nextId === undefined) return this.#restoration?.passPiece(head, this.#toldStream) ?? false;
    if (this.router.getNumbered(number) === undefined) return false;
    this.#toldStream = undefined;
    this.skipIds(number, nextId);
    return true;
  }

  /** Takes over a piece of a snapshot, unless its subject is known already. */
  restorePiece(piece: SnapshotPiece): void {
    switch (piece.piece) {
      case "counters":
        this.#toldStream = undefined;
        this.#restoration?.beginSnapshot();
        if (piece.clock !== undefined) this.#time.readClock(piece.clock);
        this.#nextStreamNumber = Math.max(this.#nextStreamNumber, piece.nextStreamNumber);
        this.#nextPublisherNumber = Math.max(this.#nextPublisherNumber, piece.nextPublisherNumber);
        return this.#restoration?.restoreForgotten(piece);
      case "stream":
        return this.#restoreStream(piece);
      case "breakers":
        return this.#toldStream?.setBreakers(piece.breakers);
      case "heldLanes":
        return piece.held.forEach((one) => this.#toldStream?.share.holdLane(...one));
      case "schedules":
        return this.schedules.restorePiece(piece);
      case "limits":
        return this.limits.restorePiece(piece);
      case "lanes":
        return this.#setLanes(piece.stream, piece.lanes);
      case "messageIds":
      case "sameIds":
        return this.#restoration?.restoreIdsOf(this.#toldStream, piece);
      case "publisher":
        this.#nextPublisherNumber = Math.max(this.#nextPublisherNumber, piece.number + 1);
        return this.#restoration?.restorePiece(piece);
      default:
        return this.#restoration?.restorePiece(piece);
    }
  }

  /** Notes that ids of a stream were used, up to below `nextId`. */
  skipIds(number: number, nextId: number): void {
    this.router.getNumbered(number)?.intake.skipIds(nextId);
  }

  /** Ends recovery: no follower holds a message. */
  finishRestoration(now: number): void {
    this.finishRestorationInSteps(now).forEach(() => {});
  }

  /** Ends recovery in steps, each of which gives a number of messages that are ready; nothing may happen meanwhile. */
  *finishRestorationInSteps(now: number): Generator<number> {
    this.#restoration = undefined;
    this.#toldStream = undefined;
    this.publishers.finishRestoration(now);
    this.limits.finish(now);
    const standIns = this.#standIns;
    this.#standIns = undefined;
    for (const stream of this.router.streams) {
      if (standIns !== undefined) yield* finishStream(stream, standIns, now);
      this.#options.messagesAdded(stream);
    }
  }

  #addStream({ number, name, options }: Pick<StreamCreated, "number" | "name" | "options">): void {
    this.#nextStreamNumber = Math.max(this.#nextStreamNumber, number + 1);
    if (this.router.getNumbered(number) !== undefined) return;
    const { residency, ring, hash, counters, breakerOwner, laneWatch } = this.#options;
    const own = { reasons: this.#reasons, calendar: this.calendar };
    const parts = { ...own, residency, hash, counters, breakerOwner, laneWatch };
    const stream = new Stream({ ...parts, number, name, options, ...ring && { ring } });
    this.#standIns?.set(number, new StreamRestoration(stream, residency));
    this.#options.streamAdded(stream, this.router.addStream(stream));
    this.limits.configure(stream.share);
  }

  /** Takes over a stream of a snapshot; of a known stream, only the ids that were used. */
  #restoreStream(piece: StreamPiece): void {
    this.#toldStream = undefined;
    if (this.router.getNumbered(piece.number) === undefined) {
      this.#addStream(piece);
      this.#toldStream = this.router.getNumbered(piece.number)!;
      this.#toldStream.share.isPaused = piece.isPaused ?? false;
    }
    this.skipIds(piece.number, piece.nextId);
  }

  #updateStream({ number, options, isPaused }: StreamUpdated): void {
    const stream = this.router.getNumbered(number);
    if (stream === undefined) return;
    stream.setOptions(options);
    stream.share.isPaused = isPaused;
    this.limits.configure(stream.share);
  }

  #removeStream(number: number): void {
    const stream = this.router.getNumbered(number);
    if (stream === undefined) return;
    this.router.removeStream(stream);
    this.#standIns?.delete(number);
    this.#bytes -= stream.backlog.bytes;
    this.#options.streamRemoved(stream);
    this.limits.remove(stream.share);
    stream.clear();
  }

  #addMessages(event: Published): void {
    const { publisher, sequence, settled = 0, storedIn, storedAt, notes, place, flags } = event;
    if (notes !== undefined) this.#applyNotes(notes, storedIn[0]);
    const content = readCoalesced(event.batch);
    const batch = shareBatch(event.batch, storedIn.length);
    this.#time.note(storedAt);
    // Read once for all streams, which saves most of its memory.
    const dedupId = this.#restoration === undefined || storedIn.length === 1
      ? undefined
      : findDedupId(batch);
    for (const { number, firstId, expiresAt } of storedIn) {
      const stream = this.router.getNumbered(number);
      // The stream was deleted since the decision, and the batch with it.
      if (stream === undefined) continue;
      const until = notes?.replaces?.find((one) => one.number === number)?.until;
      const coalesced = content && { ...content, until };
      const details = { place, flags, storedAt, expiresAt, dedupId, coalesced };
      this.#holderOf(stream).append(firstId, batch, details);
      this.#bytes += batch.end - batch.start;
      this.#options.messagesAdded(stream);
    }
    if (this.#restoration === undefined) return;
    const joined = notes === undefined ? storedIn : joinNotes(storedIn, notes);
    const { count } = batch;
    const outcome = { publisher, sequence, count, settled, storedIn: joined };
    this.#restoration.notePublished(outcome, this.router);
  }

  #applyNotes(
    { replaces = [], kept = [], schedule }: PublishedNotes,
    at: StoredAt | undefined,
  ): void {
    this.schedules.noteStored(schedule, at);
    for (const { number, id } of replaces) {
      this.#forgetMessages({ type: "dropped", number, firstId: id, count: 1 });
    }
    this.#keep(kept);
  }

  #keepMessages(event: Kept): void {
    const { storedAt, kept, settled = 0 } = event;
    this.#time.note(storedAt);
    this.#keep(kept, event);
    const outcome = { ...event, count: 1, settled, storedIn: joinNotes([], { kept }) };
    this.#restoration?.notePublished(outcome, this.router);
  }

  #keep(kept: readonly KeptMessage[], event?: Kept): void {
    for (const message of kept) {
      const stream = this.router.getNumbered(message.number);
      if (stream !== undefined) this.#holderOf(stream).noteKept(message, event);
    }
  }

  #moveMessages({ number, firstId, batch, place, storedAt }: Moved): void {
    const stream = this.router.getNumbered(number);
    if (stream === undefined || place === undefined) return;
    this.#bytes -= stream.backlog.bytes;
    // What an earlier version has moved was stored before this.
    const unknown = [{ count: batch.count, at: Math.max(0, this.#time.lastAt) }];
    this.#holderOf(stream).move(firstId, batch, place, storedAt ?? unknown);
    this.#bytes += stream.backlog.bytes;
  }

  /** Puts messages from one stream into another. */
  #transferMessages(event: Transferred): void {
    const { from, fromId, to, firstId, storedAt, expiresAt, batch, place } = event;
    this.#time.note(storedAt);
    const source = this.router.getNumbered(from);
    if (source !== undefined) this.#forget(source, fromId, batch.count);
    const target = this.router.getNumbered(to);
    if (target === undefined) return;
    // Moved messages are delivered at once, and their dedup ids are not remembered.
    const flags = findFlags(batch) & (PropertyFlag.key | PRIORITY_FLAG | LANE_FLAG);
    this.#holderOf(target).append(firstId, batch, { place, flags, storedAt, expiresAt });
    this.#bytes += batch.end - batch.start;
    this.#options.messagesAdded(target);
  }

  /** The receiver of a stream's messages: its stand-in during recovery, else the stream itself. */
  #holderOf(stream: Stream): Stream | StreamRestoration {
    return this.#standIns?.get(stream.number) ?? stream;
  }

  #forgetMessages({ number, firstId, count }: Acknowledged | Dropped): void {
    const stream = this.router.getNumbered(number);
    if (stream !== undefined) this.#forget(stream, firstId, count);
  }

  #forget(stream: Stream, firstId: number, count: number): void {
    const { ready } = stream.share;
    const before = ready.count;
    this.#bytes -= this.#holderOf(stream).forget(firstId, count);
    // Messages that were parked for a key that is free now.
    if (ready.count > before) this.#options.messagesAdded(stream);
  }

  #setLanes(number: number, lanes: Parameters<Stream["share"]["setLanes"]>[0]): void {
    this.router.getNumbered(number)?.share.setLanes(lanes, this.#options.limitWatch.now());
  }

  #noteFailure(event: Failed | Postponed): void {
    const stream = this.router.getNumbered(event.number);
    if (stream === undefined) return;
    this.#holderOf(stream).note(event);
    this.#options.messagesAdded(stream);
  }
}
