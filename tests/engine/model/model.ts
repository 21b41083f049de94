/**
 * The rules of DESIGN section 4 once more, as simply as can be: plain arrays and maps, one entry per
 * message, no thought of speed. It does not say who gets a message, only who may.
 *
 * @module
 */

import type { DeadLetterCause, ErrorCode, TagRange } from "../../../protocol.ts";
import {
  forget,
  isDead,
  isLast,
  mayHaveBegun,
  type ModelDelivery,
  type ModelFollower,
  type ModelLapse,
  type ModelMessage,
  type ModelStream,
  noteSeen,
  sumBytes,
} from "./model_message.ts";
import { type ModelBatch, ModelPublishers } from "./model_publishers.ts";
import { type ModelBind, ModelStreams } from "./model_streams.ts";

/** Why a delivery failed, and how long its message is held back; by its stream's backoff if not said. */
interface ModelFailure {
  readonly reason: string;
  readonly delayMs?: number | undefined;
  readonly isLoss?: boolean;
}

/** How long a message is held back that has lost its follower once, twice … */
const LOSS_BACKOFF_MS = [0, 1000, 5000, 30_000];

/** All streams and members. */
export class Model extends ModelStreams {
  readonly followers: Set<ModelFollower> = new Set();
  /** Who has given something back unseen to a stream since the last look: others come first. */
  readonly unseen: Map<ModelStream, ModelFollower> = new Map();
  readonly #publishers = new ModelPublishers();

  deleteStream(name: string): number | ErrorCode {
    const stream = this.streams.get(name);
    if (stream === undefined) return "STREAM_NOT_FOUND";
    const count = stream.messages.length;
    this.streams.delete(name);
    for (const follower of this.followers) {
      const taken = follower.held.filter((delivery) => delivery.stream === stream);
      follower.revoked.push(...taken.map(({ tag }) => tag));
      for (const delivery of taken) this.#remove(follower, delivery);
      this.#noteOldest(follower);
    }
    return count;
  }

  openPublisher(identity: string): void {
    this.#publishers.open(identity);
  }

  endPublisher(identity: string): void {
    this.#publishers.end(identity);
  }

  losePublisher(identity: string): void {
    this.#publishers.lose(identity, this.now);
  }

  /** Publishes; tells where the batch was stored, or why not. */
  publish(batch: ModelBatch, bind: ModelBind): string {
    return this.#publishers.publish(batch, () => {
      const known = this.findKnown(batch.sent, bind.matches);
      return { outcome: known || this.store(batch.sent, bind), isKnown: known !== "" };
    });
  }

  /** Does what is due at a time, and was not before. */
  tick(now: number): void {
    this.now = now;
    this.#publishers.tick(now);
    this.expireDue();
    for (const follower of this.followers) this.#takeOverdue(follower);
    for (const follower of this.followers) this.#timeOut(follower);
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
      this.bury(stream, message, "expired", message.attempts);
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
    this.bury(delivery.stream, delivery.message, cause, delivery.message.attempts + 1);
  }

  /** Whether the time of a message that comes back is over: then it is gone. */
  #isOver(
    { stream, message }: Pick<ModelDelivery, "stream" | "message">,
    attempts: number = message.attempts + 1,
  ): boolean {
    if (message.expiresAt > this.now) return false;
    this.bury(stream, message, "expired", attempts);
    return true;
  }

  #noteFailure(message: ModelMessage, { name }: ModelFollower, reason: string): void {
    const { firstAt = this.now, reasons = [] } = message.failure ?? {};
    const all = reason === "" ? reasons : [...reasons, reason];
    message.failure = { firstAt, reasons: all.slice(-10), follower: name };
  }

  #remove(follower: ModelFollower, delivery: ModelDelivery): void {
    follower.held.splice(follower.held.indexOf(delivery), 1);
    delivery.message.holder = undefined;
  }
}
