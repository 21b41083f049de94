/**
 * The rules: what each command does to streams, followers and publishers.
 *
 * A command is checked and becomes an {@linkcode Event}. The engine that owns the broker writes
 * events down in their order and makes them as durable as it promises. Messages count only then, and
 * nobody gets one before. All else counts at once, so that commands that follow each other see what
 * was decided; it is answered when it is durable. Nothing here knows sockets, files, timers or the
 * clock: `now` is an argument, and patterns are compiled by whoever owns the broker.
 *
 * @module
 */

import {
  ATTACHMENTS_MAX,
  BrokerError,
  type PendingEntry,
  type PendingEntryList,
  type StreamInfo,
  STREAMS_MAX,
  type TagRange,
} from "../../protocol.ts";
import { Attachment } from "./attachment.ts";
import { AttemptLog } from "./attempt_log.ts";
import { BrokerState } from "./broker_state.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { FollowerOptions, FollowerSink, NumberedBatch } from "./engine.ts";
import type { PublisherOptions, PublisherSink } from "./engine.ts";
import type { Event, Published, StoredAt } from "./event.ts";
import { Follower } from "./follower.ts";
import { findLiveRuns, type LiveRun } from "./live_run.ts";
import type { Segment } from "./pager.ts";
import { listByFollower, listOfFollower } from "./pending_entries.ts";
import type { PendingRun } from "./pending_list.ts";
import type { PublisherRecord, SentBatch } from "./publisher_record.ts";
import type { Residency } from "./residency.ts";
import { checkStreamName, type PatternCompiler, type Route, type Router } from "./router.ts";
import type { Stream } from "./stream.ts";

/** Hears what became of messages that were to be stored. */
export interface StoreOutcome {
  /** They are durable; the buffer of the batch is valid during the call only. */
  stored(event: Published): void;
  /** They are not stored, and neither is anything that was to be stored after them. */
  failed(error: BrokerError): void;
}

/** What a broker needs from its engine. Whatever it is given, it writes down in this order. */
export interface BrokerOptions {
  /** What a confirm promises, in a word. */
  readonly durability: string;
  /** Makes matchers of patterns. */
  readonly compilePattern: PatternCompiler;
  /** Which bytes are in memory, over all streams. */
  readonly residency: Residency;
  /** Makes messages durable. The buffer of the batch is used again when the call has returned. */
  readonly store: (event: Published, outcome: StoreOutcome) => void;
  /** Writes something down, in time; `written` hears when that is done, if not yet durable. */
  readonly commit: (event: Event, written?: () => void) => void;
  /** Calls `done` as soon as everything is durable that was given until now. */
  readonly settle: (done: () => void) => void;
  /** Tells why so many more bytes of messages cannot be stored, if they cannot. */
  readonly findObstacle?: (bytes: number) => BrokerError | undefined;
  /** Is called when {@linkcode Broker.dispatch} should be, soon. */
  readonly wake: () => void;
  /** Is told of a stream that is not served any more, since some of it cannot be read. */
  readonly noteDamage?: (stream: string, error: BrokerError) => void;
  /** How many attachments of followers to streams there may be; by default a million. */
  readonly attachmentsMax?: number;
}

/** A publisher of one session. */
export interface Publisher {
  readonly record: PublisherRecord;
  readonly route: Route;
  readonly sink: PublisherSink;
}

/** All streams and members of one broker. */
export class Broker {
  readonly #options: BrokerOptions;
  readonly #state: BrokerState;
  readonly #dispatcher: Dispatcher;
  readonly #followers = new Set<Follower>();
  readonly #attempts: AttemptLog;
  #attachmentCount = 0;

  constructor(options: BrokerOptions) {
    this.#options = options;
    this.#attempts = new AttemptLog(options.commit);
    const { compilePattern, residency } = options;
    this.#state = new BrokerState({
      compilePattern,
      residency,
      publisherForgotten: ({ number }) => {
        if (number > 0) options.commit({ type: "publisherClosed", number });
      },
      streamAdded: (stream, followers) => {
        for (const follower of followers) this.#attach(follower, stream);
      },
      streamRemoved: (stream) => this.#detachAll(stream),
      messagesAdded: (stream) => this.#dispatcher.noteReady(stream),
    });
    this.#dispatcher = new Dispatcher({
      wake: options.wake,
      served: (follower) => this.#attempts.noteOldest(follower),
      damaged: (stream, error) => this.#noteDamage(stream, error),
    });
  }

  /** The bytes of all messages in all streams. */
  get bytes(): number {
    return this.#state.bytes;
  }

  /** The streams and the publishers, as events have made them. */
  get state(): BrokerState {
    return this.#state;
  }

  get #router(): Router {
    return this.#state.router;
  }

  // Streams.

  /** Creates a stream; `done` hears whether there was none of that name. */
  createStream(name: string, done: (isNew: boolean) => void): void {
    checkStreamName(name);
    if (this.#router.getStream(name) !== undefined) {
      // There is one, but it may not be durable yet.
      return this.#options.settle(() => done(false));
    }
    if (this.#router.streamCount >= STREAMS_MAX) {
      throw new BrokerError(
        "TOO_MANY_STREAMS",
        `Cannot create stream "${name}": there are ${STREAMS_MAX}, the most allowed`,
      );
    }
    this.#checkAttachments("TOO_MANY_STREAMS", this.#router.countFollowers(name));
    const obstacle = this.#options.findObstacle?.(0);
    if (obstacle !== undefined) throw obstacle;
    const { nextStreamNumber: number, unwritten } = this.#state;
    this.#commit({ type: "streamCreated", number, name }, unwritten.create(number));
    this.#options.settle(() => done(true));
  }

  /** Deletes a stream. */
  deleteStream(name: string, done: () => void): void {
    const { number, storedNextId: nextId } = this.#router.requireStream(name);
    const written = this.#state.unwritten.delete({ number, name, nextId });
    this.#commit({ type: "streamDeleted", number }, written);
    this.#options.settle(done);
  }

  /** Tells of all streams, by name. */
  getStreams(): StreamInfo[] {
    return [...this.#router.streams]
      .map((stream) => stream.describe(this.#options.durability))
      .sort((one, other) => one.name < other.name ? -1 : 1);
  }

  /** Tells of one stream. */
  getStream(name: string): StreamInfo {
    const stream = this.#router.requireStream(name);
    if (stream.damage !== undefined) throw stream.damage;
    return stream.describe(this.#options.durability);
  }

  // Publishing.

  /** Opens a publisher. */
  openPublisher(options: PublisherOptions, sink: PublisherSink): Publisher {
    const route = this.#router.makeRoute(options.bind);
    return { record: this.#state.publishers.open(options.identity), route, sink };
  }

  /** Ends a publisher for good. */
  closePublisher(publisher: Publisher): void {
    this.#state.publishers.close(publisher.record);
  }

  /** Notes that a publisher's connection is lost. */
  losePublisher(publisher: Publisher, now: number): void {
    this.#state.publishers.lose(publisher.record, now);
  }

  /** Stores a batch, unless it has been stored before; the publisher's sink hears what became of it. */
  publish(publisher: Publisher, batch: NumberedBatch): void {
    const { record } = publisher;
    record.settle(batch.settled);
    if (record.hasSeen(batch.sequence)) return repeatOutcome(publisher, batch);
    const streams = publisher.route.resolve(this.#router);
    const obstacle = this.#findObstacle(publisher, batch, streams);
    if (obstacle !== undefined) return this.refuse(publisher, batch, obstacle);
    const { count, sequence } = batch;
    const storedIn: StoredAt[] = [];
    for (const stream of streams) {
      const firstId = stream.reserveIds(count);
      storedIn.push({ stream: stream.name, number: stream.number, firstId });
    }
    const sent = record.note(sequence, count);
    record.answer(sent, ({ error }) => {
      if (error === undefined) publisher.sink.confirm(batch, storedIn, false);
      else publisher.sink.refuse(batch, error);
    });
    this.#options.store(
      { type: "published", publisher: this.#numberOf(record), sequence, storedIn, batch },
      {
        stored: (event) => {
          this.apply(event);
          record.conclude(sent, { storedIn });
        },
        failed: (error) => this.#returnIds(record, sent, { streams, storedIn, error }),
      },
    );
  }

  /** Does not store a batch, and says why. */
  refuse(publisher: Publisher, batch: NumberedBatch, error: BrokerError): void {
    const { record, sink } = publisher;
    if (record.hasSeen(batch.sequence)) return repeatOutcome(publisher, batch);
    const sent = record.note(batch.sequence, batch.count);
    record.conclude(sent, { storedIn: [], error });
    record.answer(sent, () => sink.refuse(batch, error));
  }

  // Following.

  /** Opens a follower. */
  openFollower(options: FollowerOptions, sink: FollowerSink): Follower {
    const follower = new Follower({ ...options, sink });
    const streams = this.#router.addFollower(follower);
    try {
      this.#checkAttachments("TOO_MANY_MEMBERS", streams.length);
    } catch (error) {
      this.#router.removeFollower(follower);
      throw error;
    }
    const damage = options.bind.bindType === "direct" ? streams[0]?.damage : undefined;
    if (damage !== undefined) {
      this.#router.removeFollower(follower);
      throw damage;
    }
    for (const stream of streams) this.#attach(follower, stream);
    this.#followers.add(follower);
    return follower;
  }

  /** Sets how much a follower may hold. */
  setCredit(follower: Follower, messages: number, bytes: number): void {
    follower.creditMessages = messages;
    follower.creditBytes = bytes;
    this.#dispatcher.noteRoom(follower);
  }

  /** Notes that a follower's sink has room again. */
  resume(follower: Follower): void {
    this.#dispatcher.noteRoom(follower);
  }

  /** Ends deliveries: they are done. `done` hears when that is durable. */
  ack(follower: Follower, ranges: readonly TagRange[], done?: () => void): void {
    const { held, error } = takePending(follower, ranges);
    for (const { stream, firstId, count } of held) {
      follower.pendingBytes -= stream.backlog.measure(firstId, count);
      this.#commit({ type: "acknowledged", number: stream.number, firstId, count });
    }
    this.#noteTaken(follower);
    if (error !== undefined) throw error;
    if (done !== undefined) this.#options.settle(done);
  }

  /** Takes back deliveries that were not looked at: they do not count as attempts. */
  release(follower: Follower, ranges: readonly TagRange[]): void {
    const { held, error } = takePending(follower, ranges);
    for (const run of held) {
      this.#attempts.unsay(follower, run);
      this.#giveBack(follower, run, run.attempts - 1);
    }
    this.#noteTaken(follower);
    if (error !== undefined) throw error;
  }

  /** Notes that deliveries are being worked on. */
  begin(follower: Follower, ranges: readonly TagRange[]): void {
    let error: BrokerError | undefined;
    for (const range of ranges) {
      const runs = follower.pending.find(range.firstTag, range.count);
      for (const run of runs) this.#attempts.begin(run);
      error ??= findMissing(follower, range, runs);
    }
    if (error !== undefined) throw error;
  }

  /** Ends a follower (its client has received `lastTag`), or finds it lost: its messages are back. */
  closeFollower(follower: Follower, lastTag?: number): void {
    if (!this.#followers.delete(follower)) return;
    this.#router.removeFollower(follower);
    for (const attachment of follower.attachments.values()) this.#detach(attachment);
    // Only what was worked on counts as an attempt: a message that kills its follower must not take
    // those that were fetched with it to the dead letters.
    const { pending } = follower;
    const oldest = pending.runs[0]?.firstTag ?? 0;
    const worked = lastTag === undefined ? pending.find(oldest, 1) : pending.find(1, lastTag);
    for (const run of worked) this.#attempts.begin(run);
    for (const run of pending.takeAll()) {
      if (!run.isBegun) this.#attempts.unsay(follower, run);
      this.#giveBack(follower, run, run.isBegun ? run.attempts : run.attempts - 1);
    }
  }

  /** Tells what followers hold, by the followers' names. */
  getPels(): PendingEntryList[] {
    return listByFollower(this.#followers);
  }

  /** Tells what the followers of one name hold. */
  getPel(name: string): PendingEntry[] {
    return listOfFollower(this.#followers, name);
  }

  // Time, and what has become true.

  /** Hands out what can be handed out. */
  dispatch(now: number): void {
    this.#dispatcher.dispatch(now);
  }

  /** Does all that is due; returns the time of the next deadline. */
  tick(now: number): number {
    return this.#state.publishers.tick(now);
  }

  /** Makes a fact true. */
  apply(event: Event): void {
    this.#state.apply(event);
  }

  /** Serves a stream no more: some of it cannot be read. */
  noteDamage(number: number, explain: (name: string) => BrokerError): void {
    const stream = this.#router.getNumbered(number);
    if (stream !== undefined) this.#noteDamage(stream, explain(stream.name));
  }

  /** Messages of a part of the store that are not gone: so many runs of them, from the first on. */
  findLive(segment: Segment, runCount: number): LiveRun[] {
    return findLiveRuns(this.#router.streams, { segment, runCount, followers: this.#followers });
  }

  #commit(event: Event, written?: () => void): void {
    this.#options.commit(event, written);
    this.#state.apply(event);
  }

  /** Why a batch cannot be stored, if it cannot. */
  #findObstacle(
    publisher: Publisher,
    batch: NumberedBatch,
    streams: readonly Stream[],
  ): BrokerError | undefined {
    if (streams.length === 0) return publisher.route.explainNoStream();
    for (const { damage } of streams) if (damage !== undefined) return damage;
    return this.#options.findObstacle?.(batch.bytes * streams.length);
  }

  /** Takes back what was decided about a batch that could not be stored. */
  #returnIds(
    record: PublisherRecord,
    sent: SentBatch,
    { streams, storedIn, error }: {
      streams: readonly Stream[];
      storedIn: readonly StoredAt[];
      error: BrokerError;
    },
  ): void {
    streams.forEach((stream, index) => stream.returnIds(storedIn[index]!.firstId));
    record.conclude(sent, { storedIn: [], error });
  }

  /** The number of a publisher, which it gets when it stores something for the first time. */
  #numberOf(record: PublisherRecord): number {
    if (record.number === 0) {
      const { identity } = record;
      record.number = this.#state.nextPublisherNumber;
      this.#commit({ type: "publisherOpened", number: record.number, identity });
    }
    return record.number;
  }

  /** Notes that a follower holds less. */
  #noteTaken(follower: Follower): void {
    this.#attempts.noteOldest(follower);
    this.#dispatcher.noteRoom(follower);
  }

  #noteDamage(stream: Stream, error: BrokerError): void {
    stream.noteDamage(error);
    this.#options.noteDamage?.(stream.name, error);
  }

  /** Throws if there would be too many attachments: patterns can make millions of few bytes. */
  #checkAttachments(code: "TOO_MANY_STREAMS" | "TOO_MANY_MEMBERS", count: number): void {
    const { attachmentsMax = ATTACHMENTS_MAX } = this.#options;
    if (this.#attachmentCount + count <= attachmentsMax) return;
    throw new BrokerError(
      code,
      `Cannot attach followers to streams ${count} more times: they are attached ` +
        `${this.#attachmentCount} times, limit is ${attachmentsMax}`,
    );
  }

  #attach(follower: Follower, stream: Stream): void {
    const attachment = new Attachment(follower, stream);
    follower.attachments.set(stream, attachment);
    stream.attachments.add(attachment);
    this.#attachmentCount++;
    this.#dispatcher.attach(attachment);
  }

  /** Takes a stream away from its followers, and what they hold of it. */
  #detachAll(stream: Stream): void {
    for (const attachment of [...stream.attachments]) {
      const { follower } = attachment;
      for (const run of follower.pending.takeStream(stream)) {
        follower.pendingBytes -= stream.backlog.measure(run.firstId, run.count);
      }
      this.#detach(attachment);
      this.#noteTaken(follower);
    }
  }

  /** Takes an attachment away from both its ends. */
  #detach(attachment: Attachment): void {
    attachment.line?.remove(attachment);
    attachment.follower.attachments.delete(attachment.stream);
    attachment.stream.attachments.delete(attachment);
    this.#attachmentCount--;
  }

  #giveBack(follower: Follower, run: PendingRun, attempts: number): void {
    const { stream, firstId, count } = run;
    follower.pendingBytes -= stream.backlog.measure(firstId, count);
    stream.giveBack(firstId, count, attempts);
    this.#dispatcher.noteReady(stream);
  }
}

/** Takes what is pending of some ranges, and tells what of them is not. */
function takePending(
  follower: Follower,
  ranges: readonly TagRange[],
): { held: PendingRun[]; error: BrokerError | undefined } {
  let held: PendingRun[] = [];
  let error: BrokerError | undefined;
  for (const range of ranges) {
    const runs = follower.pending.take(range.firstTag, range.count);
    error ??= findMissing(follower, range, runs);
    held = held.length === 0 ? runs : held.concat(runs);
  }
  return { held, error };
}

/** Tells what of a range is not pending, if anything is not. */
function findMissing(
  follower: Follower,
  range: TagRange,
  runs: readonly PendingRun[],
): BrokerError | undefined {
  let count = 0;
  for (const run of runs) count += run.count;
  return count === range.count ? undefined : follower.explainMissing(range, count);
}

/** Answers a batch that has been seen before as it was answered then. */
function repeatOutcome(publisher: Publisher, batch: NumberedBatch): void {
  const { lastSequence } = publisher.record;
  if (batch.sequence + batch.count - 1 > lastSequence) {
    // To confirm it would lose its end, to store it would store its beginning twice.
    throw new BrokerError(
      "BAD_FRAME",
      `Cannot publish messages ${batch.sequence} to ${batch.sequence + batch.count - 1} again: ` +
        `the last one seen is ${lastSequence}, and batches are repeated as they were cut`,
    );
  }
  const { record, sink } = publisher;
  const forgotten = { sequence: batch.sequence, count: batch.count, outcome: { storedIn: [] } };
  record.answer(record.recall(batch.sequence) ?? forgotten, ({ storedIn, error }) => {
    if (error !== undefined) sink.refuse(batch, error);
    else sink.confirm(batch, storedIn, true);
  });
}
