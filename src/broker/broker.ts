/**
 * The rules: what each command does to streams, followers and publishers.
 *
 * A command is checked, becomes an {@linkcode Event}, and is handed to `commit`. The engine that owns
 * the broker makes the event as durable as it promises and then has it applied; only then does the
 * command's outcome count. Nothing here knows sockets, files, timers or the clock: `now` is an
 * argument, and patterns are compiled by whoever owns the broker.
 *
 * @module
 */

import {
  ATTACHMENTS_MAX,
  BrokerError,
  type MessageBatch,
  PEL_ENTRIES_MAX,
  type PendingEntry,
  type PendingEntryList,
  type StreamInfo,
  STREAMS_MAX,
  type TagRange,
} from "../../protocol.ts";
import { Attachment } from "./attachment.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { FollowerOptions, FollowerSink, NumberedBatch, StoredIn } from "./engine.ts";
import type { PublisherOptions, PublisherSink } from "./engine.ts";
import type { Event, Published } from "./event.ts";
import { Follower } from "./follower.ts";
import type { PendingRun } from "./pending_list.ts";
import type { PublisherRecord } from "./publisher_record.ts";
import { PublisherRegistry } from "./publisher_registry.ts";
import { checkStreamName, type PatternCompiler, type Route, Router } from "./router.ts";
import { Stream } from "./stream.ts";

/** What a broker needs from its engine. */
export interface BrokerOptions {
  /** What a confirm promises, in a word. */
  readonly durability: string;
  /** Makes matchers of patterns. */
  readonly compilePattern: PatternCompiler;
  /** Makes an event durable, then calls {@linkcode Broker.apply} with it, then `done`. */
  readonly commit: (event: Event, done: () => void) => void;
  /** Tells why so many more bytes of messages cannot be stored, if they cannot. */
  readonly findObstacle?: (bytes: number) => BrokerError | undefined;
  /** Is called when {@linkcode Broker.dispatch} should be, soon. */
  readonly wake: () => void;
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
  readonly #router: Router;
  readonly #dispatcher: Dispatcher;
  readonly #publishers = new PublisherRegistry();
  readonly #followers = new Set<Follower>();
  #bytes = 0;
  #attachmentCount = 0;

  constructor(options: BrokerOptions) {
    this.#options = options;
    this.#router = new Router(options.compilePattern);
    this.#dispatcher = new Dispatcher(options.wake);
  }

  /** The bytes of all messages in all streams. */
  get bytes(): number {
    return this.#bytes;
  }

  // Streams.

  /** Creates a stream; `done` hears whether there was none of that name. */
  createStream(name: string, done: (isNew: boolean) => void): void {
    checkStreamName(name);
    if (this.#router.getStream(name) !== undefined) return done(false);
    if (this.#router.streamCount >= STREAMS_MAX) {
      throw new BrokerError(
        "TOO_MANY_STREAMS",
        `Cannot create stream "${name}": there are ${STREAMS_MAX}, the most allowed`,
      );
    }
    this.#checkAttachments("TOO_MANY_STREAMS", this.#router.countFollowers(name));
    this.#options.commit({ type: "streamCreated", stream: name }, () => done(true));
  }

  /** Deletes a stream. */
  deleteStream(name: string, done: () => void): void {
    this.#router.requireStream(name);
    this.#options.commit({ type: "streamDeleted", stream: name }, done);
  }

  /** Tells of all streams, by name. */
  getStreams(): StreamInfo[] {
    return [...this.#router.streams]
      .map((stream) => stream.describe(this.#options.durability))
      .sort((one, other) => one.name < other.name ? -1 : 1);
  }

  /** Tells of one stream. */
  getStream(name: string): StreamInfo {
    return this.#router.requireStream(name).describe(this.#options.durability);
  }

  // Publishing.

  /** Opens a publisher. */
  openPublisher(options: PublisherOptions, sink: PublisherSink): Publisher {
    const route = this.#router.makeRoute(options.bind);
    return { record: this.#publishers.open(options.identity), route, sink };
  }

  /** Ends a publisher for good. */
  closePublisher(publisher: Publisher): void {
    this.#publishers.close(publisher.record);
  }

  /** Notes that a publisher's connection is lost. */
  losePublisher(publisher: Publisher, now: number): void {
    this.#publishers.lose(publisher.record, now);
  }

  /** Stores a batch, unless it has been stored before; the publisher's sink hears what became of it. */
  publish(publisher: Publisher, batch: NumberedBatch): void {
    const { record } = publisher;
    record.settle(batch.settled);
    if (batch.sequence <= record.lastSequence) return repeatOutcome(publisher, batch);
    const streams = publisher.route.resolve(this.#router);
    if (streams.length === 0) return this.refuse(publisher, batch, explainNoStream(publisher));
    const obstacle = this.#options.findObstacle?.(batch.bytes * streams.length);
    if (obstacle !== undefined) return this.refuse(publisher, batch, obstacle);
    const { count, sequence } = batch;
    const storedIn: StoredIn[] = [];
    for (const stream of streams) {
      storedIn.push({ stream: stream.name, firstId: stream.reserveIds(count) });
    }
    const event: Published = {
      type: "published",
      identity: record.identity,
      sequence,
      storedIn,
      batch,
    };
    const sent = record.note(sequence, count);
    record.answer(sent, () => publisher.sink.confirm(batch, storedIn, false));
    this.#options.commit(event, () => record.conclude(sent, { storedIn }));
  }

  /** Does not store a batch, and says why. */
  refuse(publisher: Publisher, batch: NumberedBatch, error: BrokerError): void {
    const { record, sink } = publisher;
    if (batch.sequence <= record.lastSequence) return repeatOutcome(publisher, batch);
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

  /** Ends deliveries: they are done. */
  ack(follower: Follower, ranges: readonly TagRange[], done: () => void): void {
    const { held, error } = takePending(follower, ranges);
    held.forEach((run, index) => {
      const { stream, firstId, count } = run;
      follower.pendingBytes -= stream.backlog.measure(firstId, count);
      this.#options.commit(
        { type: "acknowledged", stream: stream.name, firstId, count },
        index === held.length - 1 && error === undefined ? done : ignore,
      );
    });
    this.#dispatcher.noteRoom(follower);
    if (error !== undefined) throw error;
    if (held.length === 0) done();
  }

  /** Takes back deliveries that were not looked at: they do not count as attempts. */
  release(follower: Follower, ranges: readonly TagRange[]): void {
    const { held, error } = takePending(follower, ranges);
    for (const run of held) this.#giveBack(follower, run, run.attempts - 1);
    this.#dispatcher.noteRoom(follower);
    if (error !== undefined) throw error;
  }

  /** Notes that deliveries are being worked on. */
  begin(follower: Follower, ranges: readonly TagRange[]): void {
    let error: BrokerError | undefined;
    for (const range of ranges) {
      const runs = follower.pending.find(range.firstTag, range.count);
      for (const run of runs) run.isBegun = true;
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
    for (const run of worked) run.isBegun = true;
    for (const run of pending.takeAll()) {
      this.#giveBack(follower, run, run.isBegun ? run.attempts : run.attempts - 1);
    }
  }

  /** Tells what followers hold, by the followers' names. */
  getPels(): PendingEntryList[] {
    const lists = new Map<string, { follower: string; count: number; entries: PendingEntry[] }>();
    let left = PEL_ENTRIES_MAX;
    for (const { name, pending } of this.#followers) {
      const list = lists.get(name) ?? { follower: name, count: 0, entries: [] };
      lists.set(name, list);
      list.count += pending.count;
      left -= listEntries(pending.runs, list.entries, left);
    }
    for (const { entries } of lists.values()) entries.sort(byDelivery);
    return [...lists.values()];
  }

  /** Tells what the followers of one name hold. */
  getPel(name: string): PendingEntry[] {
    const entries: PendingEntry[] = [];
    let isKnown = false;
    for (const follower of this.#followers) {
      if (follower.name !== name) continue;
      isKnown = true;
      listEntries(follower.pending.runs, entries, PEL_ENTRIES_MAX - entries.length);
    }
    if (isKnown) return entries.sort(byDelivery);
    throw new BrokerError(
      "FOLLOWER_NOT_FOUND",
      `Cannot find follower "${name}": none of that name is connected`,
    );
  }

  // Time, and what has become true.

  /** Hands out what can be handed out. */
  dispatch(now: number): void {
    this.#dispatcher.dispatch(now);
  }

  /** Does all that is due; returns the time of the next deadline. */
  tick(now: number): number {
    return this.#publishers.tick(now);
  }

  /** Makes a durable fact true. */
  apply(event: Event): void {
    switch (event.type) {
      case "streamCreated":
        return this.#applyStreamCreated(event.stream);
      case "streamDeleted":
        return this.#applyStreamDeleted(event.stream);
      case "published":
        return this.#applyPublished(event.storedIn, event.batch);
      case "acknowledged": {
        const stream = this.#router.getStream(event.stream);
        if (stream !== undefined) this.#bytes -= stream.forgetPending(event.firstId, event.count);
      }
    }
  }

  #applyStreamCreated(name: string): void {
    // Another command has created it between its decision and now.
    if (this.#router.getStream(name) !== undefined) return;
    const stream = new Stream(name);
    for (const follower of this.#router.addStream(stream)) this.#attach(follower, stream);
  }

  #applyStreamDeleted(name: string): void {
    const stream = this.#router.getStream(name);
    if (stream === undefined) return;
    this.#router.removeStream(stream);
    this.#bytes -= stream.backlog.bytes;
    for (const attachment of [...stream.attachments]) {
      const { follower } = attachment;
      for (const run of follower.pending.takeStream(stream)) {
        follower.pendingBytes -= stream.backlog.measure(run.firstId, run.count);
      }
      this.#detach(attachment);
      this.#dispatcher.noteRoom(follower);
    }
  }

  #applyPublished(storedIn: readonly StoredIn[], batch: MessageBatch): void {
    for (const { stream: name, firstId } of storedIn) {
      const stream = this.#router.getStream(name);
      // Deleted between its decision and now: the batch is gone with it.
      if (stream === undefined) continue;
      stream.append(firstId, batch);
      this.#bytes += batch.end - batch.start;
      this.#dispatcher.noteReady(stream);
    }
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

function ignore(): void {}

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

/** Why a publisher's messages have nowhere to go. */
function explainNoStream(publisher: Publisher): BrokerError {
  const { bindType, routeString } = publisher.route.bind;
  if (bindType === "regex") {
    return new BrokerError(
      "NO_MATCHING_STREAM",
      `Cannot publish to /${routeString}/: no stream's name matches`,
    );
  }
  return new BrokerError("STREAM_NOT_FOUND", `Cannot publish to "${routeString}": no such stream`);
}

/** What followers of one name hold is told in the order of delivery, whoever of them holds it. */
function byDelivery(one: PendingEntry, other: PendingEntry): number {
  return one.deliveredAt - other.deliveredAt;
}

/** Writes runs down as single entries, `countMax` at most; returns how many. */
function listEntries(
  runs: readonly PendingRun[],
  entries: PendingEntry[],
  countMax: number,
): number {
  let left = countMax;
  for (const { stream, firstId, count, attempts, deliveredAt } of runs) {
    for (let index = 0; index < count; index++) {
      if (left-- === 0) return countMax;
      entries.push({ stream: stream.name, id: firstId + index, attempts, deliveredAt });
    }
  }
  return countMax - left;
}
