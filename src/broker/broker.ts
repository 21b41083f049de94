/**
 * The rules: what each command does to streams, followers and publishers.
 *
 * A command is checked and becomes an {@linkcode Event}. The engine that owns the broker writes
 * events down in their order and makes them as durable as it promises. Messages count only then, and
 * nobody gets one before. All else counts at once, so that commands that follow each other see what
 * was decided; it is answered when it is durable. Nothing here knows sockets, files, timers or the
 * clock: `now` is an argument, and patterns are compiled by whoever owns the broker.
 *
 * What there is much to say about has a file of its own: publishing, what comes back from followers,
 * what goes to other streams.
 *
 * @module
 */

import {
  type BindFields,
  BrokerError,
  type Page,
  type PeekedMessages,
  type PendingEntry,
  type PendingEntryList,
  type StreamInfo,
  type StreamOptionsInput,
  type TagRange,
} from "../../protocol.ts";
import { joinLists } from "../protocol/frames/pending_entry_list.ts";
import { ATTACHMENTS_MAX, PAGE_STREAMS_MAX, STREAMS_MAX } from "../protocol/limits.ts";
import { AlarmClock } from "./collections/alarm_clock.ts";
import { Attachments } from "./rules/attachments.ts";
import { wakeStream } from "./rules/awakening.ts";
import { AttemptLog } from "./rules/attempt_log.ts";
import type { BrokerParts, StoreOutcome } from "./rules/broker_parts.ts";
import { BrokerState } from "./state/broker_state.ts";
import { Dispatcher } from "./rules/dispatcher.ts";
import type { FollowerOptions, FollowerSink, NackOptions, NumberedBatch } from "./engine.ts";
import type { PublisherOptions, PublisherSink, RedriveCount } from "./engine.ts";
import type { Event, Stored } from "./event.ts";
import { explain } from "./view/explanation.ts";
import { Follower } from "./share/follower.ts";
import { findLiveRuns, type LiveRun } from "./state/live_run.ts";
import { Notices, type Report } from "./rules/notices.ts";
import type { Segment } from "./backlog/pager.ts";
import { peek } from "./view/peeking.ts";
import { listAllPels, listPels, type PelQuestion } from "./view/pending_entries.ts";
import { LOST_COUNT_MAX } from "./state/publisher_registry.ts";
import { type Publisher, Publishing } from "./rules/publishing.ts";
import type { Residency } from "./backlog/residency.ts";
import { Deliveries } from "./rules/deliveries.ts";
import { DeadLetters } from "./rules/dead_letters.ts";
import { Removal } from "./rules/removal.ts";
import { Returns } from "./rules/returns.ts";
import { checkStreamName, type PatternCompiler, type Router } from "./state/router.ts";
import type { Store } from "./store/store.ts";
import type { Stream } from "./stream/stream.ts";

/** What a broker needs from its engine. Whatever it is given, it writes down in this order. */
export interface BrokerOptions {
  /** What a confirm promises, in a word. */
  readonly durability: string;
  /** Makes matchers of patterns. */
  readonly compilePattern: PatternCompiler;
  /** Which bytes are in memory, over all streams. */
  readonly residency: Residency;
  /** Makes messages durable. The buffer of the batch is used again when the call has returned. */
  readonly store: (event: Stored, outcome: StoreOutcome) => void;
  /** Writes something down, in time; `written` hears when that is done, if not yet durable. */
  readonly commit: (event: Event, written?: () => void) => void;
  /** Calls `done` as soon as everything is durable that was given until now. */
  readonly settle: (done: () => void) => void;
  /** Tells why so many more bytes of messages cannot be stored, if they cannot. */
  readonly findObstacle?: (bytes: number) => BrokerError | undefined;
  /** Is called when {@linkcode Broker.dispatch} should be, soon. */
  readonly wake: () => void;
  /** Is told of a deadline that is earlier than {@linkcode Broker.tick} has said. */
  readonly hasten?: (at: number) => void;
  /** Is told what an operator should look at. */
  readonly report?: Report;
  /** How many attachments of followers to streams there may be; by default a million. */
  readonly attachmentsMax?: number;
}

/** All streams and members of one broker. */
export class Broker {
  readonly #options: BrokerOptions;
  readonly #state: BrokerState;
  readonly #dispatcher: Dispatcher;
  readonly #attachments: Attachments;
  readonly #followers = new Set<Follower>();
  #lastFollower = 0;
  readonly #clock: AlarmClock;
  readonly #notices: Notices;
  readonly #publishing: Publishing;
  readonly #removal: Removal;
  readonly #deadLetters: DeadLetters;
  readonly #returns: Returns;
  readonly #deliveries: Deliveries;
  readonly #timeOut = (follower: Follower, now: number) => this.#deliveries.timeOut(follower, now);
  /** The time, as far as anybody has told it: for what follows from a command that does not say. */
  #now = 0;

  constructor(options: BrokerOptions) {
    this.#options = options;
    this.#clock = new AlarmClock(options.hasten);
    this.#notices = new Notices(options.report);
    const { compilePattern, residency } = options;
    this.#state = new BrokerState({
      compilePattern,
      residency,
      publisherForgotten: ({ number }, lostAt) => {
        if (number === 0) return;
        const loss = lostAt === undefined ? {} : { lostAt: Math.ceil(lostAt) };
        options.commit({ type: "publisherClosed", number, ...loss });
      },
      publisherPushedOut: (now) => this.#notices.notePushedOut(LOST_COUNT_MAX, now),
      streamAdded: (stream, followers) => {
        for (const follower of followers) this.#attachments.add(follower, stream);
      },
      streamRemoved: (stream) => this.#detachAll(stream),
      messagesAdded: (stream) => {
        this.#dispatcher.noteReady(stream.share);
        this.#clock.hasten(stream.alarm, stream.nextDueAt);
      },
      ring: (store, now) => wakeStream(store, now, waking),
    });
    this.#dispatcher = new Dispatcher({
      wake: options.wake,
      served: (follower, now) => this.#returns.noteOldest(follower, now),
      expire: (share, now) => this.#returns.expire(share, now),
      exhaust: (share, run, now) => {
        // The run is cut where it stands as messages leave it.
        const taken = { ...run };
        share.takeReady(taken.count);
        this.#deadLetters.bury(share, taken, "maxDeliveries", now);
      },
      postpone: ({ store }, at) => this.#clock.hasten(store.alarm, at),
      damaged: ({ store }, error) => this.#noteDamage(store, error),
    });
    this.#attachments = new Attachments(
      options.attachmentsMax ?? ATTACHMENTS_MAX,
      this.#dispatcher,
      (stream) => this.#router.getNumbered(stream.number) === stream,
    );
    const parts = this.#makeParts();
    this.#removal = new Removal(parts);
    this.#deadLetters = new DeadLetters(parts, this.#removal);
    this.#returns = new Returns(parts, this.#deadLetters);
    this.#deliveries = new Deliveries(parts, this.#returns);
    const waking = { ...parts, returns: this.#returns };
    this.#publishing = new Publishing(parts, this.#removal);
  }

  /** The bytes of all messages in all streams. */
  get bytes(): number {
    return this.#state.bytes;
  }

  /** The streams and the publishers, as events have made them. */
  get state(): BrokerState {
    return this.#state;
  }

  /** How many steps it has taken for what can take many, in all. */
  get steps(): number {
    return this.#router.steps + this.#attachments.steps;
  }

  get #router(): Router {
    return this.#state.router;
  }

  // Streams.

  /** Creates a stream; `done` hears whether there was none of that name. */
  createStream(name: string, options: StreamOptionsInput, done: (isNew: boolean) => void): void {
    checkStreamName(name);
    if (this.#router.getStream(name) !== undefined) {
      // There is one, but it may not be durable yet.
      return this.#options.settle(() => done(false));
    }
    if (this.#router.streamCount >= STREAMS_MAX) {
      const why = `there are ${STREAMS_MAX}, the most allowed`;
      throw new BrokerError("TOO_MANY_STREAMS", `Cannot create stream "${name}": ${why}`);
    }
    this.#attachments.checkStream(this.#router.countByPattern(name));
    const obstacle = this.#options.findObstacle?.(0);
    if (obstacle !== undefined) throw obstacle;
    const { nextStreamNumber: number, unwritten } = this.#state;
    const given = Object.keys(options).length === 0 ? {} : { options };
    this.#commit({ type: "streamCreated", number, name, ...given }, unwritten.create(number));
    this.#options.settle(() => done(true));
  }

  /** Sets something else for a stream; what is not said stays as it is. */
  updateStream(name: string, options: StreamOptionsInput, done: () => void): void {
    const stream = this.#router.requireStream(name);
    this.#update(stream, { ...stream.givenOptions, ...options }, stream.share.isPaused);
    this.#options.settle(done);
  }

  /** Stops deliveries from a stream, or lets them go on. */
  pauseStream(name: string, isPaused: boolean, done: () => void): void {
    const stream = this.#router.requireStream(name);
    if (stream.share.isPaused !== isPaused) this.#update(stream, stream.givenOptions, isPaused);
    this.#dispatcher.noteReady(stream.share);
    this.#options.settle(done);
  }

  /** Removes all messages of a stream that nobody holds; `done` hears how many. */
  purgeStream(name: string, done: (count: number) => void): void {
    const count = this.#removal.purge(this.#requireServed(name));
    this.#options.settle(() => done(count));
  }

  /** Deletes a stream. */
  deleteStream(name: string, done: () => void): void {
    const { number, intake: { storedNextId: nextId } } = this.#router.requireStream(name);
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

  /** Tells of streams in the order in which they were created, behind the one of a number: a page. */
  listStreams(after: number): Page<StreamInfo> {
    const { streams, next } = this.#router.list(after, PAGE_STREAMS_MAX);
    const items = streams.map((stream) => stream.describe(this.#options.durability));
    return { items, ...next !== undefined && { next } };
  }

  /** Tells of one stream. */
  getStream(name: string): StreamInfo {
    return this.#requireServed(name).describe(this.#options.durability);
  }

  /** Looks at messages of a stream, by id. */
  peek(name: string, from: number, limit: number): PeekedMessages {
    const stream = this.#requireServed(name);
    return peek(stream, { from, limit });
  }

  /** Sends dead letters back to where they came from; `done` hears how many, or why not. */
  redrive(
    name: string,
    ids: readonly number[],
    now: number,
    done: (result: RedriveCount | BrokerError) => void,
  ): void {
    this.#now = now;
    this.#deadLetters.redrive(this.#requireServed(name).share, ids, { now, done });
  }

  /** Says why nothing moves in a stream. */
  explain(name: string, now: number): string[] {
    return explain(this.#router, name, now);
  }

  /** Does some of what opening a member takes that is tied to a pattern; tells whether that was all. */
  prepare(bind: BindFields, stepsMax: number): boolean {
    return this.#router.prepare(bind, stepsMax);
  }

  // Publishing.

  /** Opens a publisher. */
  openPublisher(options: PublisherOptions, sink: PublisherSink, now: number): Publisher {
    return this.#publishing.open(options, sink, now);
  }

  /** Ends a publisher for good. */
  closePublisher(publisher: Publisher): void {
    publisher.route.close(this.#router);
    this.#state.publishers.close(publisher.record);
  }

  /** Notes that a publisher's connection is lost. */
  losePublisher(publisher: Publisher, now: number): void {
    publisher.route.close(this.#router);
    const forgottenAt = this.#state.publishers.lose(publisher.record, now);
    this.#options.hasten?.(forgottenAt);
  }

  /** Stores a batch, unless it has been stored before; the publisher's sink hears what became of it. */
  publish(publisher: Publisher, batch: NumberedBatch, now: number): void {
    this.#publishing.publish(publisher, batch, now);
  }

  /** Does not store a batch, and says why. */
  refuse(publisher: Publisher, batch: NumberedBatch, error: BrokerError): void {
    this.#publishing.refuse(publisher, batch, error);
  }

  // Following.

  /** Opens a follower. */
  openFollower(options: FollowerOptions, sink: FollowerSink): Follower {
    const follower = new Follower({ ...options, sink, ring: this.#timeOut });
    const streams = this.#router.addFollower(follower);
    try {
      this.#attachments.checkFollower(follower, streams.length);
    } catch (error) {
      this.#router.removeFollower(follower);
      throw error;
    }
    const damage = options.bind.bindType === "direct" && streams[0]?.damage;
    if (damage) {
      this.#router.removeFollower(follower);
      throw damage;
    }
    this.#attachments.addAll(follower, streams, options.attachMax ?? Infinity);
    follower.number = ++this.#lastFollower;
    this.#followers.add(follower);
    this.#notices.noteFollower(follower, this.#router);
    return follower;
  }

  /** Attaches a follower to more of its streams; tells whether that was all. */
  attach(follower: Follower, countMax: number): boolean {
    return this.#attachments.addMore(follower, countMax);
  }

  /** Sets how much a follower may hold. */
  setCredit(follower: Follower, messages: number, bytes: number, now: number): void {
    if (follower.setCredit(messages, bytes)) this.#deliveries.noteLife(follower, now);
    this.#dispatcher.noteRoom(follower);
  }

  /** Notes that a follower's sink has room again. */
  resume(follower: Follower): void {
    this.#dispatcher.noteRoom(follower);
  }

  /** Ends deliveries: they are done. `done` hears when that is durable. */
  ack(follower: Follower, ranges: readonly TagRange[], now: number, done?: () => void): void {
    this.#deliveries.ack(follower, ranges, now);
    if (done !== undefined) this.#options.settle(done);
  }

  /** Ends deliveries that have failed. `done` hears when that is durable. */
  nack(
    follower: Follower,
    ranges: readonly TagRange[],
    options: NackOptions & { readonly now: number },
    done?: () => void,
  ): void {
    this.#deliveries.nack(follower, ranges, options);
    if (done !== undefined) this.#options.settle(done);
  }

  /** Ends deliveries whose messages nobody should get again. `done` hears when that is durable. */
  reject(
    follower: Follower,
    ranges: readonly TagRange[],
    options: { readonly reason: string; readonly now: number },
    done?: () => void,
  ): void {
    this.#deliveries.reject(follower, ranges, options);
    if (done !== undefined) this.#options.settle(done);
  }

  /** Gives deliveries so many milliseconds from now. */
  extend(follower: Follower, ranges: readonly TagRange[], ms: number, now: number): void {
    this.#deliveries.extend(follower, ranges, ms, now);
  }

  /** Takes back deliveries that were not looked at: they do not count as attempts. */
  release(follower: Follower, ranges: readonly TagRange[], now: number): void {
    this.#deliveries.release(follower, ranges, now);
  }

  /** Notes that deliveries are being worked on. */
  begin(follower: Follower, ranges: readonly TagRange[], now: number): void {
    this.#deliveries.begin(follower, ranges, now);
  }

  /** Ends a follower (its client has received `lastTag`), or finds it lost: its messages are back. */
  closeFollower(follower: Follower, now: number, lastTag?: number): void {
    if (!this.#followers.delete(follower)) return;
    this.#router.removeFollower(follower);
    this.#attachments.removeAll(follower);
    this.#deliveries.takeAll(follower, lastTag, now);
  }

  /** Takes back what a silent follower holds; returns how much of it may be acknowledged late. */
  silenceFollower(follower: Follower, now: number): number {
    return this.#deliveries.takeSilent(follower, now);
  }

  /** Tells what followers hold, by the followers' names. */
  getPels(now: number): PendingEntryList[] {
    return joinLists(listAllPels(this.#followers, { now }));
  }

  /** Tells what followers hold, each by itself: a page of it. */
  listPels(question: PelQuestion): Page<PendingEntryList> {
    return listPels(this.#followers, question);
  }

  /** Tells what the followers of one name hold. */
  getPel(name: string, now: number): PendingEntry[] {
    const [list] = joinLists(listAllPels(this.#followers, { name, now }));
    return [...list!.entries];
  }

  /** Takes back what the followers of one name hold; `done` hears how many deliveries. */
  releasePel(name: string, now: number, done: (count: number) => void): void {
    const followers = [...this.#followers].filter((follower) => follower.name === name);
    // Throws if there is none of that name.
    if (followers.length === 0) listPels([], { name, after: 0, now });
    const why = "it was taken back by a cursor";
    const counts = followers.map((follower) => this.#deliveries.revokeAll(follower, why, now));
    this.#options.settle(() => done(counts.reduce((sum, count) => sum + count, 0)));
  }

  // Time, and what has become true.

  /** Hands out what can be handed out. */
  dispatch(now: number): void {
    this.#now = now;
    this.#dispatcher.dispatch(now);
  }

  /** Does all that is due; returns the time of the next deadline. */
  tick(now: number): number {
    this.#now = now;
    return Math.min(this.#state.publishers.tick(now), this.#clock.tick(now));
  }

  /** Calls `done` as soon as everything is durable that was given until now. */
  settle(done: () => void): void {
    this.#options.settle(done);
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
  findLive(segment: Segment, runCount: number, streams?: Iterable<Stream>): LiveRun[] {
    return findLiveRuns(streams ?? this.#router.streams, { segment, runCount });
  }

  #makeParts(): BrokerParts {
    const { store, settle, findObstacle } = this.#options;
    return {
      state: this.#state,
      dispatcher: this.#dispatcher,
      attempts: new AttemptLog(this.#options.commit),
      notices: this.#notices,
      clock: this.#clock,
      store,
      settle,
      commit: (event, written) => this.#commit(event, written),
      noteDamage: (store, error) => this.#noteDamage(store, error),
      findObstacle: (bytes) => findObstacle?.(bytes),
    };
  }

  #commit(event: Event, written?: () => void): void {
    this.#options.commit(event, written);
    this.#state.apply(event);
  }

  #update(stream: Stream, options: StreamOptionsInput, isPaused: boolean): void {
    this.#commit({ type: "streamUpdated", number: stream.number, options, isPaused });
    this.#clock.hasten(stream.alarm, stream.nextDueAt);
  }

  /** The stream of that name; throws if there is none, or if it cannot be served. */
  #requireServed(name: string): Stream {
    const stream = this.#router.requireStream(name);
    if (stream.damage !== undefined) throw stream.damage;
    return stream;
  }

  #noteDamage(store: Store, error: BrokerError): void {
    store.noteDamage(error);
    this.#notices.noteDamage(store, error);
  }

  /** Takes a stream away from its followers, with what they hold of it. */
  #detachAll(stream: Stream): void {
    this.#clock.set(stream.alarm, Infinity);
    for (const attachment of [...stream.share.attachments]) {
      const { follower } = attachment;
      this.#attachments.remove(attachment);
      this.#deliveries.takeShare(follower, stream.share, this.#now);
      follower.sink.noteDeleted(stream.name);
    }
  }
}
