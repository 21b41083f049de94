import {
  BrokerError,
  type MessageBatch,
  type Page,
  type PeekedMessages,
  type PendingEntry,
  type PendingEntryList,
  type StreamInfo,
  type StreamOptionsInput,
} from "../../protocol.ts";
import type { Segment } from "./backlog/pager.ts";
import { BrokerCounters } from "./broker_counters.ts";
import type { BrokerOptions } from "./broker_options.ts";
import { AlarmClock } from "./collections/alarm_clock.ts";
import { KeyedHash } from "./collections/keyed_hash.ts";
import type {
  DropCount,
  EngineReplyStream,
  FollowerInit,
  FollowerSink,
  PelView,
  PublisherInit,
  PublisherSink,
  RedriveCount,
  ReplySink,
  StreamFilter,
  StreamSearch,
  StreamWatch,
} from "./engine.ts";
import type {
  CancelCounts,
  CancelDetails,
  CancelResult,
  CancelSelection,
} from "./engine_cancel.ts";
import type { Event } from "./event.ts";
import type { Appender } from "./event_log.ts";
import { LaneCommands } from "./limits/lane_commands.ts";
import { Attachments, ATTACHMENTS_MAX } from "./rules/attachments.ts";
import { wakeStream } from "./rules/awakening.ts";
import { Cancels } from "./cancelling/cancels.ts";
import { Coalescing } from "./coalescing/coalescing.ts";
import { Dispatcher } from "./rules/dispatcher.ts";
import { Notices } from "./rules/notices.ts";
import { BrokerFollower } from "./rules/broker_follower.ts";
import { BrokerPublisher } from "./rules/broker_publisher.ts";
import { ReplyStreams } from "./replies/reply_streams.ts";
import { DeadLetters } from "./rules/dead_letters.ts";
import { Deliveries } from "./rules/deliveries.ts";
import { Removal } from "./rules/removal.ts";
import { Returns } from "./rules/returns.ts";
import { RuleContext } from "./rules/rule_context.ts";
import { Schedules } from "./schedules/schedules.ts";
import { watchServing } from "./serving/serving_watch.ts";
import { BrokerState } from "./state/broker_state.ts";
import type { FollowerState } from "./share/follower_state.ts";
import { LiveSearch } from "./state/live_facts.ts";
import { LOST_COUNT_MAX } from "./state/publisher_registry.ts";
import { FilterWatch } from "./state/filter_watch.ts";
import { checkStreamName, type Router, STREAMS_MAX } from "./state/router.ts";
import type { Stream } from "./stream/stream.ts";
import { explain } from "./view/explanation.ts";
import { peek } from "./view/peeking.ts";
import { PelQuestions } from "./view/pel_questions.ts";

/**
 * The rules: all streams and members of one broker, and the effect of each command on them. Most of the
 * engine port is here, so that a session calls the rule that decides.
 *
 * A command is checked and becomes an {@linkcode Event}, and the log keeps events in their order.
 * Messages count, and are delivered, only when they are durable. All else counts at once, so that the
 * next commands see what was decided; it is answered when it is durable.
 * Nothing here knows sockets, files, timers or the machine's clock.
 */
export class Broker {
  /** The streams and the publishers that the events made. */
  readonly state: BrokerState;
  readonly schedules: Schedules;
  readonly lanes: LaneCommands;
  protected readonly context: RuleContext;
  readonly #durability: string;
  readonly #dispatcher: Dispatcher;
  readonly #attachments: Attachments;
  readonly #followers = new Set<FollowerState>();
  readonly #replyStreams: ReplyStreams;
  protected readonly removal: Removal;
  protected readonly deadLetters: DeadLetters;
  readonly #returns: Returns;
  readonly #deliveries: Deliveries;
  readonly #cancels: Cancels;
  protected readonly coalescing: Coalescing;
  readonly #pels: PelQuestions;

  constructor(options: BrokerOptions) {
    const { log, compilePattern, residency, now, hasten, attachmentsMax = ATTACHMENTS_MAX } =
      options;
    const clock = new AlarmClock(hasten);
    const hash = new KeyedHash(options.hashKey);
    this.#replyStreams = new ReplyStreams(hash);
    const notices = new Notices(clock, options.report);
    this.#durability = log.durability;
    const counters = new BrokerCounters(log, residency, () => this.state.bytes);
    this.state = new BrokerState({
      counters: counters.all,
      compilePattern,
      residency,
      hash,
      publisherForgotten: (record, lostAt) => this.context.closePublisher(record, lostAt),
      publisherPushedOut: (now) => notices.notePushedOut(LOST_COUNT_MAX, now),
      streamAdded: (stream, followers) => {
        for (const follower of followers) this.#attachments.add(follower, stream);
      },
      streamRemoved: (stream) => {
        notices.endStream(stream.share);
        this.#detachAll(stream);
      },
      messagesAdded: (stream) => {
        this.#dispatcher.noteReady(stream.share);
        clock.hasten(stream.alarm, stream.nextDueAt);
      },
      ...watchServing(() => this.#dispatcher, clock, now),
      ring: (store, now) => wakeStream(store, now, this.context, this.#returns),
      breakerOwner: (share) => this.context.breakers.ownerOf(share),
    });
    this.#dispatcher = this.#makeDispatcher(options.wake, counters);
    this.#attachments = new Attachments(
      attachmentsMax,
      this.#dispatcher,
      (stream) => this.#router.getNumbered(stream.number) === stream,
    );
    const { state } = this;
    const dispatcher = this.#dispatcher;
    const parts = { state, dispatcher, notices, counters, clock, now, hasten, log, residency };
    this.context = new RuleContext(parts);
    this.removal = new Removal(this.context);
    this.coalescing = new Coalescing(this.context);
    this.deadLetters = new DeadLetters(this.context, this.removal);
    this.#returns = new Returns(this.context, this.deadLetters, this.coalescing);
    this.schedules = new Schedules(this.context, this.removal, options.cron);
    this.lanes = new LaneCommands(this.context);
    this.#deliveries = new Deliveries(this.context, this.#returns);
    this.#cancels = new Cancels(this.context, this.#returns, this.deadLetters);
    this.#pels = new PelQuestions(this.#followers, this.context, this.#deliveries);
  }

  /** The bytes of all messages in all streams. */
  get bytes(): number {
    return this.state.bytes;
  }

  /** How many steps costly calls have taken, in all. */
  get steps(): number {
    return this.#router.steps + this.#attachments.steps;
  }

  get deletedCount(): number {
    return this.#router.removedCount;
  }

  get #router(): Router {
    return this.state.router;
  }

  // Streams.

  async createStream(name: string, options: StreamOptionsInput = {}): Promise<boolean> {
    checkStreamName(name);
    const isNew = !this.hasStream(name);
    if (isNew) this.#createStream(name, options);
    // An existing stream may not be durable yet.
    await this.context.whenDurable();
    return isNew;
  }

  async updateStream(name: string, options: StreamOptionsInput): Promise<void> {
    const stream = this.#router.requireStream(name);
    this.#update(stream, { ...stream.givenOptions, ...options }, stream.share.isPaused);
    await this.removal.keepLimit(stream);
  }

  async pauseStream(name: string, isPaused: boolean): Promise<void> {
    const stream = this.#router.requireStream(name);
    if (stream.share.isPaused !== isPaused) this.#update(stream, stream.givenOptions, isPaused);
    if (!isPaused) this.context.breakers.closeAll(stream.share);
    await this.context.whenDurable();
  }

  async purgeStream(name: string): Promise<number> {
    const count = await this.removal.purge(this.#requireServed(name));
    await this.context.whenDurable();
    return count;
  }

  async deleteStream(name: string): Promise<number> {
    const { number, depthCount, intake, counters } = this.#router.requireStream(name);
    counters.noteDropped(depthCount);
    const written = this.state.unwritten.delete({ number, name, nextId: intake.storedNextId });
    this.context.commit({ type: "streamDeleted", number }, written);
    await this.context.whenDurable();
    return depthCount;
  }

  hasStream(name: string): boolean {
    return this.#router.getStream(name) !== undefined;
  }

  // deno-lint-ignore require-await
  async getStreams(filter?: StreamFilter): Promise<StreamInfo[]> {
    return [...this.#router.streams]
      .filter(({ name }) => filter?.allows(name) ?? true)
      .map((stream) => stream.describe(this.#durability, this.context.now()))
      .sort((one, other) => one.name < other.name ? -1 : 1);
  }

  // deno-lint-ignore require-await
  async listStreams(after: number, filter?: StreamFilter): Promise<Page<StreamInfo>> {
    const { streams, next } = this.#router.list(after, filter);
    const items = streams.map((stream) => stream.describe(this.#durability, this.context.now()));
    return { items, ...next !== undefined && { next } };
  }

  // deno-lint-ignore require-await
  async getStream(name: string): Promise<StreamInfo> {
    return this.#requireServed(name).describe(this.#durability, this.context.now());
  }

  // deno-lint-ignore require-await
  async peek(name: string, from: number, limit: number): Promise<PeekedMessages> {
    return peek(this.#requireServed(name), from, limit);
  }

  async redrive(name: string, ids: readonly number[]): Promise<RedriveCount> {
    const { share } = this.#requireServed(name);
    return await this.deadLetters.redrive(share, ids);
  }

  async dropMessages(name: string, ids: readonly number[]): Promise<DropCount> {
    const result = this.removal.drop(this.#requireServed(name), ids);
    await this.context.whenDurable();
    return result;
  }

  async cancelMessage(name: string, id: number, details?: CancelDetails): Promise<CancelResult> {
    return await this.#cancels.cancel(this.#requireServed(name), id, details);
  }

  async cancelMessages(name: string, selection: CancelSelection): Promise<CancelCounts> {
    return await this.#cancels.cancelSome(this.#requireServed(name), selection);
  }

  // deno-lint-ignore require-await
  async explain(name: string, filter?: StreamFilter): Promise<string[]> {
    const obstacle = this.context.findRefusal();
    const sentences = explain(this.#router, name, { now: this.context.now(), filter, obstacle });
    return [...sentences, ...this.schedules.explain(name)];
  }

  watchStreams(filter: StreamFilter): StreamWatch {
    return new FilterWatch(this.#router, filter);
  }

  prepareStream(name: string, stepsMax: number): boolean {
    return this.#router.prepareStream(name, stepsMax);
  }

  // Members.

  prepare(search: StreamSearch, stepsMax: number): boolean {
    return this.#router.prepare(search, stepsMax);
  }

  openPublisher(init: PublisherInit, sink: PublisherSink): BrokerPublisher {
    const { context } = this;
    const rules = { removal: this.removal, coalescing: this.coalescing };
    return new BrokerPublisher({ context, ...rules, init, sink });
  }

  openFollower(init: FollowerInit, sink: FollowerSink): BrokerFollower {
    return new BrokerFollower({
      context: this.context,
      deliveries: this.#deliveries,
      attachments: this.#attachments,
      followers: this.#followers,
      init,
      sink,
    });
  }

  openReplyStream(name: string, sink: ReplySink, owner?: string): EngineReplyStream {
    return this.#replyStreams.open(name, sink, owner);
  }

  reply(name: string, batch: MessageBatch): void {
    this.#replyStreams.reply(name, batch);
  }

  // deno-lint-ignore require-await
  async getPels(view?: PelView): Promise<PendingEntryList[]> {
    return this.#pels.getAll(view);
  }

  // deno-lint-ignore require-await
  async listPels(after: number, name?: string, view?: PelView): Promise<Page<PendingEntryList>> {
    return this.#pels.list(after, name, view);
  }

  // deno-lint-ignore require-await
  async getPel(name: string, view?: PelView): Promise<PendingEntry[]> {
    return this.#pels.get(name, view);
  }

  async releasePel(name: string, view?: PelView): Promise<number> {
    return await this.#pels.release(name, view);
  }

  // Time, and events that became durable.

  dispatch(): void {
    this.#dispatcher.dispatch(this.context.now());
  }

  /** Does all work that is due; returns the time of the next deadline. */
  tick(now: number): number {
    return Math.min(this.state.publishers.tick(now), this.context.turns.tick(now));
  }

  apply(event: Event): void {
    this.state.apply(event);
  }

  /** Takes the right to append: from now on commands are decided. */
  begin(appender: Appender): void {
    this.context.log = appender;
  }

  /** Stops serving a stream that cannot be read completely. */
  noteDamage(number: number, explain: (name: string) => BrokerError): void {
    const stream = this.#router.getNumbered(number);
    if (stream !== undefined) this.context.noteDamage(stream, explain(stream.name));
  }

  /** Finds the live messages of a part of the store. */
  findLive(segment: Segment): LiveSearch {
    return new LiveSearch(segment, this.#router.streams);
  }

  #makeDispatcher(wake: () => void, { deliveryWait }: BrokerCounters): Dispatcher {
    return new Dispatcher({
      wake,
      deliveryWait,
      served: (follower, now) => this.#returns.noteOldest(follower, now),
      expire: (share, now) => this.#returns.expire(share, now),
      exhaust: (share, run, now) => this.deadLetters.exhaust(share, run, now),
      postpone: ({ store }, at) => this.context.clock.hasten(store.alarm, at),
      damaged: ({ store }, error) => this.context.noteDamage(store, error),
    });
  }

  #createStream(name: string, options: StreamOptionsInput): void {
    if (this.#router.streamCount >= STREAMS_MAX) {
      const why = `the limit of ${STREAMS_MAX} streams is reached`;
      throw new BrokerError("TOO_MANY_STREAMS", `Cannot create stream "${name}": ${why}`);
    }
    this.#attachments.checkStream(this.#router.countByPattern(name));
    const obstacle = this.context.findObstacle(0);
    if (obstacle !== undefined) throw obstacle;
    const { nextStreamNumber: number, unwritten } = this.state;
    const given = Object.keys(options).length === 0 ? {} : { options };
    this.context.commit(
      { type: "streamCreated", number, name, ...given },
      unwritten.create(number),
    );
  }

  #update(stream: Stream, options: StreamOptionsInput, isPaused: boolean): void {
    const { share } = stream;
    if (share.breakers?.fits(options.breaker) === false) this.context.breakers.closeAll(share);
    this.context.commit({ type: "streamUpdated", number: stream.number, options, isPaused });
    this.context.clock.hasten(stream.alarm, stream.nextDueAt);
    this.#dispatcher.noteGates(share);
  }

  /** The stream of that name; throws if it does not exist or cannot be served. */
  #requireServed(name: string): Stream {
    const stream = this.#router.requireStream(name);
    if (stream.damage !== undefined) throw stream.damage;
    return stream;
  }

  /** Takes a stream and its pending messages away from its followers. */
  #detachAll(stream: Stream): void {
    this.context.clock.set(stream.alarm, Infinity);
    for (const attachment of [...stream.share.attachments]) {
      const { follower } = attachment;
      this.#attachments.remove(attachment);
      this.#deliveries.takeShare(follower, stream.share, this.context.now());
    }
  }
}
