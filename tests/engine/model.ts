/**
 * The rules of DESIGN section 4 once more, as simply as can be: plain arrays and maps, one entry per
 * message, no thought of speed. It does not say who gets a message, only who may.
 *
 * @module
 */

import { assert } from "@std/assert";
import {
  type DeadLetter,
  type DeadLetterCause,
  type ErrorCode,
  PRIORITY_DEFAULT,
  STREAM_OPTIONS_DEFAULT,
  type StreamInfo,
  type StreamOptionsInput,
  type TagRange,
} from "../../protocol.ts";
import {
  forget,
  isDead,
  isLast,
  mayHaveBegun,
  measure,
  type ModelDelivery,
  type ModelFollower,
  type ModelLapse,
  type ModelMessage,
  type ModelStream,
  noteSeen,
  type SentMessage,
  sumBytes,
} from "./model_message.ts";

/** What is remembered of a publisher. */
interface ModelPublisher {
  /** The numbers that have come, from the first one to below the second. */
  readonly seen: (readonly [number, number])[];
  settled: number;
  readonly outcomes: Map<number, string>;
  /** When it was lost, if it is. */
  lostAt: number | undefined;
  /** Whether something that it has sent is stored, by itself or by another one before. */
  hasStored: boolean;
}

/** Why a delivery failed, and how long its message is held back; by its stream's backoff if not said. */
interface ModelFailure {
  readonly reason: string;
  readonly delayMs?: number | undefined;
  readonly isLoss?: boolean;
}

/** How long a message is held back that has lost its follower once, twice … */
const LOSS_BACKOFF_MS = [0, 1000, 5000, 30_000];

/** How long a lost publisher is remembered. */
const RETURN_MS_MAX = 600_000;

/** All streams and members. */
export class Model {
  readonly streams: Map<string, ModelStream> = new Map();
  readonly followers: Set<ModelFollower> = new Set();
  now: number;
  /** Who has given something back unseen to a stream since the last look: others come first. */
  readonly unseen: Map<ModelStream, ModelFollower> = new Map();
  /** By so much the machine's clock is ahead. */
  aheadMs = 0;
  readonly #publishers = new Map<string, ModelPublisher>();
  readonly #memoryLimit: number;
  readonly #bookedBytes: () => number;

  /** `bookedBytes` tells how much memory failures take up: how little that may be is up to the engine. */
  constructor(memoryLimit: number, now: number, bookedBytes: () => number = () => 0) {
    this.#memoryLimit = memoryLimit;
    this.#bookedBytes = bookedBytes;
    this.now = now;
  }

  /** How many bytes of messages there may be. */
  get #bytesMax(): number {
    return this.#memoryLimit - this.#bookedBytes();
  }

  /** The bytes of all messages. */
  get bytes(): number {
    return [...this.streams.values()].reduce((sum, { messages, arrivals }) => {
      return sum + sumBytes(messages) + sumBytes(arrivals);
    }, 0);
  }

  createStream(name: string, options: StreamOptionsInput = {}): boolean | ErrorCode {
    if (this.streams.has(name)) return false;
    if (this.bytes > this.#bytesMax) return "MEMORY_FULL";
    this.#requireStream(name, options);
    return true;
  }

  #requireStream(name: string, options: StreamOptionsInput = {}): ModelStream {
    const known = this.streams.get(name);
    if (known !== undefined) return known;
    const stream = {
      name,
      options: { ...STREAM_OPTIONS_DEFAULT, ...options },
      nextId: 1,
      messages: [],
      arrivals: [],
      isPaused: false,
      messageIds: new Map(),
    };
    this.streams.set(name, stream);
    return stream;
  }

  deleteStream(name: string): ErrorCode | undefined {
    const stream = this.streams.get(name);
    if (stream === undefined) return "STREAM_NOT_FOUND";
    this.streams.delete(name);
    for (const follower of this.followers) {
      const taken = follower.held.filter((delivery) => delivery.stream === stream);
      follower.revoked.push(...taken.map(({ tag }) => tag));
      for (const delivery of taken) this.#remove(follower, delivery);
      this.#noteOldest(follower);
    }
    return undefined;
  }

  pauseStream(name: string, isPaused: boolean): ErrorCode | undefined {
    const stream = this.streams.get(name);
    if (stream === undefined) return "STREAM_NOT_FOUND";
    stream.isPaused = isPaused;
    return undefined;
  }

  /** Tells how many messages nobody held: they are gone. */
  purgeStream(name: string): number | ErrorCode {
    const stream = this.streams.get(name);
    if (stream === undefined) return "STREAM_NOT_FOUND";
    const before = stream.messages.length;
    stream.messages = stream.messages.filter(({ holder }) => holder !== undefined);
    return before - stream.messages.length;
  }

  /** Tells how many dead letters went back, and how many did not. */
  redrive(name: string, ids: readonly number[]): ErrorCode | { count: number; skipped: number } {
    const stream = this.streams.get(name);
    if (stream === undefined) return "STREAM_NOT_FOUND";
    const wanted = new Set(ids);
    const going = stream.messages.filter((message) => {
      const isThere = this.streams.has(message.story?.stream ?? "");
      return wanted.has(message.id) && message.holder === undefined && isThere;
    });
    if (going.length > 0 && this.bytes > this.#bytesMax) return "MEMORY_FULL";
    for (const message of going) {
      forget(stream, message);
      this.#arrive(this.streams.get(message.story!.stream)!, message, undefined);
    }
    return { count: going.length, skipped: wanted.size - going.length };
  }

  openPublisher(identity: string): void {
    const known = this.#publishers.get(identity);
    if (known !== undefined) known.lostAt = undefined;
    else {this.#publishers.set(identity, {
        seen: [],
        settled: 0,
        outcomes: new Map(),
        lostAt: undefined,
        hasStored: false,
      });}
  }

  endPublisher(identity: string): void {
    this.#publishers.delete(identity);
  }

  losePublisher(identity: string): void {
    const publisher = this.#publishers.get(identity)!;
    if (publisher.hasStored) publisher.lostAt = this.now;
    else this.#publishers.delete(identity);
  }

  /** The machine's clock is set further: what waits for a date does so for a shorter time. */
  setDate(stepMs: number): void {
    this.aheadMs += stepMs;
    for (const { messages, arrivals } of this.streams.values()) {
      for (const message of [...messages, ...arrivals]) {
        if (message.isDueDated && message.dueAt > 0) message.dueAt -= stepMs;
        if (message.isExpiryDated) message.expiresAt -= stepMs;
      }
    }
  }

  /** Does what is due at a time, and was not before. */
  tick(now: number): void {
    this.now = now;
    for (const [identity, { lostAt = Infinity }] of this.#publishers) {
      if (lostAt + RETURN_MS_MAX <= now) this.#publishers.delete(identity);
    }
    for (const stream of [...this.streams.values()]) {
      for (const message of [...stream.messages]) {
        if (message.expiresAt > now) {
          if (message.dueAt <= now) message.dueAt = 0;
        } else if (message.holder === undefined) {
          this.#bury(stream, message, "expired", message.attempts);
        } else {
          // Also if the machine's clock is set back then.
          message.expiresAt = -Infinity;
        }
      }
    }
    for (const follower of this.followers) this.#takeOverdue(follower);
    for (const follower of this.followers) this.#timeOut(follower);
  }

  /** Publishes; tells where the batch was stored, or why not. */
  publish(
    batch: { identity: string; sequence: number; settled: number; sent: readonly SentMessage[] },
    bind: { matches: (stream: string) => boolean; isRegex: boolean },
  ): string {
    const { identity, sequence, settled, sent } = batch;
    const publisher = this.#publishers.get(identity)!;
    if (settled > publisher.settled) {
      publisher.settled = settled;
      for (const known of publisher.outcomes.keys()) {
        if (known < settled) publisher.outcomes.delete(known);
      }
    }
    // What is said to be known is not asked for, whether it has come or not.
    const settledEnd = Math.min(
      publisher.settled,
      Math.max(0, ...publisher.seen.map(([, end]) => end)),
    );
    const hasCome = publisher.seen.some(([first, end]) => sequence >= first && sequence < end);
    if (hasCome || sequence < settledEnd) {
      const outcome = publisher.outcomes.get(sequence) ?? "";
      return /^[A-Z_]+$/.test(outcome) ? outcome : `${outcome} again`;
    }
    const known = this.#findKnown(sent, bind.matches);
    const outcome = known || this.#store(sent, bind);
    if (outcome.includes(":")) publisher.hasStored = true;
    publisher.seen.push([sequence, sequence + sent.length]);
    publisher.outcomes.set(sequence, outcome);
    return known === "" ? outcome : `${outcome} again`;
  }

  /** Where a message of that message id is, or was. */
  #findKnown([sent]: readonly SentMessage[], matches: (name: string) => boolean): string {
    const known = [...this.streams.values()].flatMap((stream) => {
      const first = matches(stream.name) ? stream.messageIds.get(sent?.messageId ?? "") : undefined;
      const isRecent = first !== undefined && first.at + stream.options.dedupWindowMs > this.now;
      return isRecent ? [`${stream.name}:${first.id}`] : [];
    });
    return known.sort().join();
  }

  #store(
    sent: readonly SentMessage[],
    bind: { matches: (stream: string) => boolean; isRegex: boolean },
  ): string {
    const { now } = this;
    const streams = [...this.streams.values()].filter(({ name }) => bind.matches(name));
    if (streams.length === 0) return bind.isRegex ? "NO_MATCHING_STREAM" : "STREAM_NOT_FOUND";
    const bytes = sent.reduce((sum, message) => sum + measure(message), 0);
    if (this.bytes + bytes * streams.length > this.#bytesMax) return "MEMORY_FULL";
    const stored = streams.map((stream) => `${stream.name}:${stream.nextId}`);
    for (const stream of streams) {
      for (const message of sent) {
        const { text, messageId, deliverAt = 0, ttlMs = stream.options.ttlMs ?? Infinity } =
          message;
        const isDated = deliverAt > now + this.aheadMs;
        const delayMs = isDated ? deliverAt - now - this.aheadMs : message.delayMs ?? 0;
        const id = stream.nextId++;
        stream.messages.push({
          id,
          text,
          messageId,
          bytes: measure(message),
          priority: message.priority ?? PRIORITY_DEFAULT,
          attempts: 0,
          dueAt: delayMs === 0 ? 0 : now + delayMs,
          expiresAt: now + delayMs + ttlMs,
          isDueDated: isDated,
          isExpiryDated: isDated,
          holder: undefined,
        });
        if (messageId !== undefined) stream.messageIds.set(messageId, { id, at: now });
      }
    }
    return stored.sort().join();
  }

  /** The messages of a stream that may be delivered, if it is not paused, in their order. */
  listReady({ messages }: ModelStream): ModelMessage[] {
    return messages.filter(({ holder, dueAt }) => holder === undefined && dueAt === 0)
      .sort((one, other) => other.priority - one.priority);
  }

  /** Whether a follower may take a message now. */
  hasRoom({ isFull, isSuspended, held, messages, bytes }: ModelFollower): boolean {
    if (isSuspended) return false;
    const heldBytes = sumBytes(held.map(({ message }) => message));
    return !isFull && held.length < messages && (held.length === 0 || heldBytes < bytes);
  }

  /** Notes that a follower has got a message of a stream. */
  deliver(follower: ModelFollower, stream: ModelStream, message: ModelMessage): ModelDelivery {
    const { now } = this;
    message.holder = follower;
    const delivery = {
      tag: follower.nextTag++,
      stream,
      message,
      deliveredAt: now,
      deadline: now + stream.options.ackTimeoutMs,
      isBegun: false,
      isDoubtful: follower.reportsBegin && (message.isDoubtful ?? false),
    };
    follower.held.push(delivery);
    this.#noteOldest(follower);
    return delivery;
  }

  setCredit(follower: ModelFollower, messages: number, bytes: number): void {
    const isAsking = messages >= follower.messages && messages > follower.held.length;
    Object.assign(follower, { messages, bytes });
    if (isAsking) this.#noteLife(follower);
  }

  ack(follower: ModelFollower, ranges: readonly TagRange[]): ErrorCode | undefined {
    this.#noteLife(follower);
    return this.#take(
      follower,
      ranges,
      (delivery) => {
        this.#remove(follower, delivery);
        forget(delivery.stream, delivery.message);
      },
      (range) => this.#settleLate(follower, range),
    );
  }

  release(follower: ModelFollower, ranges: readonly TagRange[]): ErrorCode | undefined {
    if (!follower.reportsBegin) this.#noteLife(follower);
    return this.#take(follower, ranges, (delivery) => this.#giveBack(follower, delivery));
  }

  nack(
    follower: ModelFollower,
    ranges: readonly TagRange[],
    failure: ModelFailure,
  ): ErrorCode | undefined {
    this.#noteLife(follower);
    return this.#take(follower, ranges, (delivery) => {
      noteSeen(delivery);
      this.#fail(follower, delivery, failure);
    });
  }

  reject(
    follower: ModelFollower,
    ranges: readonly TagRange[],
    reason: string,
  ): ErrorCode | undefined {
    this.#noteLife(follower);
    return this.#take(follower, ranges, (delivery) => {
      noteSeen(delivery);
      if (isDead(delivery.stream)) return this.#fail(follower, delivery, { reason });
      this.#giveUp(follower, delivery, "rejected", reason);
    });
  }

  begin(follower: ModelFollower, ranges: readonly TagRange[]): ErrorCode | undefined {
    return this.#take(follower, ranges, (delivery) => {
      this.#noteLife(follower);
      if (delivery.isBegun) return;
      delivery.deadline = this.now + delivery.stream.options.ackTimeoutMs;
      noteSeen(delivery);
      delivery.isBegun = true;
    });
  }

  extend(
    follower: ModelFollower,
    ranges: readonly TagRange[],
    ms: number,
  ): ErrorCode | undefined {
    this.#noteLife(follower);
    return this.#take(follower, ranges, (delivery) => {
      delivery.deadline = this.now + ms;
      noteSeen(delivery);
      delivery.isBegun = true;
    });
  }

  /** Ends a follower whose client has received `lastTag`, or that is lost. */
  closeFollower(follower: ModelFollower, lastTag?: number): void {
    this.followers.delete(follower);
    if (lastTag === undefined) return this.#lose(follower);
    for (const delivery of [...follower.held]) {
      if (delivery.tag <= lastTag) noteSeen(delivery);
      if (!delivery.isBegun && delivery.tag > lastTag) this.#giveBack(follower, delivery);
      else this.#giveBackWorked(follower, delivery);
    }
  }

  /** Nothing is heard of a follower; tells how many deliveries it may acknowledge yet. */
  silence(follower: ModelFollower): number {
    if (follower.held.length === 0 && !follower.isSuspended) return 0;
    if (follower.held.length > 0) {
      follower.isSuspended = true;
      this.#lose(follower);
      this.#noteOldest(follower);
    }
    return follower.lapsed.length;
  }

  #lose(follower: ModelFollower): void {
    const [oldest] = follower.held;
    for (const delivery of [...follower.held]) {
      const { tag, message, stream } = delivery;
      const isLoss = delivery.isBegun || (delivery === oldest && mayHaveBegun(follower, delivery));
      if (isLoss || delivery === oldest) message.isDoubtful = true;
      follower.revoked.push(tag);
      follower.lapsed.push({ tag, stream, message, isLoss });
      if (!isLoss) this.#giveBack(follower, delivery);
      else this.#fail(follower, delivery, { reason: "the follower was lost", isLoss });
    }
  }

  /** Takes back what the followers of one name hold; tells how many deliveries. */
  releasePel(name: string): number | ErrorCode {
    const followers = [...this.followers].filter((follower) => follower.name === name);
    if (followers.length === 0) return "FOLLOWER_NOT_FOUND";
    let count = 0;
    for (const follower of followers) {
      for (const [index, delivery] of [...follower.held].entries()) {
        count++;
        follower.revoked.push(delivery.tag);
        if (delivery.isBegun || (index === 0 && !follower.reportsBegin)) {
          this.#giveBackWorked(follower, delivery);
        } else this.#giveBack(follower, delivery);
      }
      this.#noteOldest(follower);
    }
    return count;
  }

  /** What `StreamInfo` must say. */
  describe(stream: ModelStream): Omit<StreamInfo, "durability"> {
    const { name, nextId, isPaused, options, messages } = stream;
    const pending = messages.filter(({ holder }) => holder !== undefined).length;
    const ready = this.listReady(stream).length;
    return {
      name,
      ready,
      delayed: messages.length - ready - pending,
      pending,
      followers: [...this.followers].filter(({ matches }) => matches(name)).length,
      bytes: sumBytes(messages),
      nextId,
      isPaused,
      options,
    };
  }

  #take(
    follower: ModelFollower,
    ranges: readonly TagRange[],
    act: (delivery: ModelDelivery) => void,
    settleOther: (range: TagRange) => number = () => 0,
  ): ErrorCode | undefined {
    let code: ErrorCode | undefined;
    for (const range of ranges) {
      const { firstTag, count } = range;
      const end = firstTag + count;
      const held = follower.held.filter(({ tag }) => tag >= firstTag && tag < end);
      held.forEach(act);
      if (held.length < count && held.length + settleOther(range) < count) {
        code ??= end > follower.nextTag ? "UNKNOWN_DELIVERY" : "STALE_DELIVERY";
      }
    }
    // Only now: what became the oldest for a moment, and was taken itself, is not worked on.
    this.#noteOldest(follower);
    return code;
  }

  #noteOldest(follower: ModelFollower): void {
    const [oldest] = follower.held;
    if (oldest === undefined || oldest.isBegun || oldest.tag === follower.oldest.tag) return;
    follower.oldest = { tag: oldest.tag, since: this.now };
    // Whoever says nothing is taken to be working on it.
    if (!follower.reportsBegin) noteSeen(oldest);
  }

  #noteLife(follower: ModelFollower): void {
    follower.lifeAt = this.now;
    follower.isSuspended = false;
  }

  /** Acknowledges what was taken back and nobody else has; tells how many. */
  #settleLate(follower: ModelFollower, { firstTag, count }: TagRange): number {
    const isMeant = ({ tag }: ModelLapse) => tag >= firstTag && tag < firstTag + count;
    const meant = follower.lapsed.filter(isMeant);
    follower.lapsed = follower.lapsed.filter((lapse) => !isMeant(lapse));
    let settledCount = 0;
    for (const { stream, message, isLoss } of meant) {
      if (this.streams.get(stream.name) !== stream || !stream.messages.includes(message)) continue;
      if (message.holder === undefined) {
        forget(stream, message);
        settledCount++;
      } else if (message.holder === follower) {
        const again = follower.held.find((delivery) => delivery.message === message)!;
        follower.revoked.push(again.tag);
        this.#remove(follower, again);
        forget(stream, message);
        settledCount++;
      } else if (isLoss && message.attempts > 0) {
        message.attempts--;
      }
    }
    return settledCount;
  }

  /** Until when a delivery has to be acknowledged. */
  #deadlineOf(follower: ModelFollower, delivery: ModelDelivery): number {
    if (delivery.isBegun) return delivery.deadline;
    const isAssumed = !follower.reportsBegin && delivery === follower.held[0];
    const since = isAssumed ? 0 : Math.max(follower.lifeAt, delivery.deliveredAt);
    return Math.max(since, follower.oldest.since) + delivery.stream.options.ackTimeoutMs;
  }

  /** Takes from a follower what it has not acknowledged in time. */
  #timeOut(follower: ModelFollower): void {
    const { now } = this;
    const { held, reportsBegin } = follower;
    const isLate = (delivery: ModelDelivery) => this.#deadlineOf(follower, delivery) <= now;
    const first = held.find(isLate);
    if (first === undefined) return;
    const isStill = follower.lifeAt + first.stream.options.ackTimeoutMs <= now;
    const late = held.filter((delivery) => isLate(delivery) || (isStill && !delivery.isBegun));
    const assumed = reportsBegin || held[0]!.isBegun ? undefined : held[0];
    follower.isSuspended = true;
    const unbegun = late.find(({ isBegun }) => !isBegun);
    if (reportsBegin && unbegun !== undefined) unbegun.message.isDoubtful = true;
    for (const delivery of late) {
      const { tag, stream, message } = delivery;
      follower.revoked.push(tag);
      follower.lapsed.push({ tag, stream, message, isLoss: false });
      if (!delivery.isBegun && delivery !== assumed) this.#giveBack(follower, delivery);
      else this.#fail(follower, delivery, { reason: "not acknowledged in time" });
    }
    this.#noteOldest(follower);
  }

  /** Takes from a follower what it has only fetched, and whose time is over. */
  #takeOverdue(follower: ModelFollower): void {
    for (const delivery of follower.held.slice(1)) {
      const { stream, message, isBegun, tag } = delivery;
      if (isBegun || message.expiresAt > this.now) continue;
      follower.revoked.push(tag);
      this.#remove(follower, delivery);
      this.#bury(stream, message, "expired", message.attempts);
    }
  }

  /** A delivery was not looked at. */
  #giveBack(follower: ModelFollower, delivery: ModelDelivery): void {
    this.#remove(follower, delivery);
    if (this.#isOver(delivery, delivery.message.attempts)) return;
    this.unseen.set(delivery.stream, follower);
  }

  /** A delivery was looked at, and nothing is said of it. */
  #giveBackWorked(follower: ModelFollower, delivery: ModelDelivery): void {
    const { message, stream } = delivery;
    if (isLast(delivery)) return this.#giveUp(follower, delivery, "maxDeliveries", "");
    this.#remove(follower, delivery);
    if (!this.#isOver({ message, stream })) message.attempts++;
  }

  #fail(follower: ModelFollower, delivery: ModelDelivery, failure: ModelFailure): void {
    const { message, stream } = delivery;
    const { reason, delayMs, isLoss = false } = failure;
    if (isLast(delivery)) return this.#giveUp(follower, delivery, "maxDeliveries", reason);
    this.#remove(follower, delivery);
    if (this.#isOver(delivery)) return;
    const attempts = ++message.attempts;
    this.#noteFailure(message, follower, reason);
    message.losses = isLoss ? (message.losses ?? 0) + 1 : 0;
    const backoffMs = isLoss ? LOSS_BACKOFF_MS : stream.options.backoffMs;
    const step = isLoss ? message.losses : attempts;
    const waitMs = delayMs ?? backoffMs[step - 1] ?? backoffMs.at(-1)!;
    message.dueAt = waitMs === 0 ? 0 : this.now + waitMs;
    message.isDueDated = false;
  }

  /** Nobody gets a message again. */
  #giveUp(
    follower: ModelFollower,
    delivery: ModelDelivery,
    cause: DeadLetterCause,
    reason: string,
  ): void {
    this.#remove(follower, delivery);
    if (this.#isOver(delivery)) return;
    this.#noteFailure(delivery.message, follower, reason);
    this.#bury(delivery.stream, delivery.message, cause, delivery.message.attempts + 1);
  }

  /** Whether the time of a message that comes back is over: then it is gone. */
  #isOver(
    { stream, message }: Pick<ModelDelivery, "stream" | "message">,
    attempts: number = message.attempts + 1,
  ): boolean {
    if (message.expiresAt > this.now) return false;
    this.#bury(stream, message, "expired", attempts);
    return true;
  }

  #noteFailure(message: ModelMessage, { name }: ModelFollower, reason: string): void {
    const { firstAt = this.now, reasons = [] } = message.failure ?? {};
    const all = reason === "" ? reasons : [...reasons, reason];
    message.failure = { firstAt, reasons: all.slice(-10), follower: name };
  }

  /** Brings a message to the dead letters, or lets go of it. */
  #bury(stream: ModelStream, message: ModelMessage, cause: DeadLetterCause, attempts: number) {
    const { name, options: { deadLetter, deadLetterExpired } } = stream;
    forget(stream, message);
    const { seenCount = 0 } = message;
    assert(cause === "expired" || seenCount > 0, `${name}:${message.id} is given up and was seen`);
    assert(attempts <= seenCount + 1, `${name}:${message.id} pays for what was seen only`);
    const isKept = cause === "expired" ? deadLetterExpired : deadLetter;
    if (!isKept || isDead(stream)) return;
    const { id, failure } = message;
    const { firstAt = this.now, reasons = [], follower } = failure ?? {};
    const times = { firstAt: firstAt + this.aheadMs, lastAt: this.now + this.aheadMs };
    const common = { stream: name, id, attempts, cause, ...times, reasons };
    const story = { ...common, ...follower !== undefined && { follower } };
    this.#arrive(this.#requireStream(`${name}.dead`), message, story);
  }

  /** Puts a message into another stream, as if it were new. */
  #arrive(
    stream: ModelStream,
    { text, messageId, priority }: ModelMessage,
    story: DeadLetter | undefined,
  ): void {
    const ids = { id: 0, text, messageId, priority, story };
    const bytes = measure(ids);
    const expiresAt = this.now + (stream.options.ttlMs ?? Infinity);
    const times = { dueAt: 0, expiresAt, isDueDated: false, isExpiryDated: false };
    stream.arrivals.push({ ...ids, ...times, bytes, attempts: 0, holder: undefined });
  }

  #remove(follower: ModelFollower, delivery: ModelDelivery): void {
    follower.held.splice(follower.held.indexOf(delivery), 1);
    delivery.message.holder = undefined;
  }
}
