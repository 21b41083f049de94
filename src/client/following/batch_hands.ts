import { BODY_BYTES_MAX, BrokerError } from "../../../protocol.ts";
import type { Clock, ClockTimer } from "../../transport/clock.ts";
import type { ResolvedBatchShape } from "../batching/batch_options.ts";
import { ClientBatch } from "../batching/client_batch.ts";
import type { DeliveredMessage } from "../deliveries/delivered_message.ts";
import type { Hands } from "./handout_loop.ts";
import type { HandoutParts } from "./message_hands.ts";
import type { MessageGroup } from "./next_messages.ts";

/** What batches need, beside what messages need. */
export interface BatchParts extends HandoutParts {
  readonly clock: Clock;
  /** The most bytes that the follower may hold. */
  readonly bytesMax: () => number;
  /** Has the loops that wait look again. */
  readonly wake: () => void;
  /** More or fewer messages are worked on at once. */
  readonly addSlots: (count: number, handlers: number) => void;
}

/** The most slots that a broker is told of. */
const SLOTS_MAX = 4096;

const now = (): number => performance.now();

/** Hands out batches: when they have so many messages, or have waited for so long. */
export class BatchHands implements Hands<ClientBatch> {
  readonly collects = true;
  readonly #parts: BatchParts;
  readonly #shape: ResolvedBatchShape;
  readonly #handlers: number;
  /** The group that is handed out next. */
  #chosen: MessageGroup | undefined;
  #timer: ClockTimer | undefined;
  #timerAt = Infinity;

  /** @param handlers How many batches are in handlers at once. */
  constructor(parts: BatchParts, shape: ResolvedBatchShape, handlers: number) {
    this.#parts = parts;
    this.#shape = shape;
    this.#handlers = handlers;
  }

  begin(): void {
    const { order, clock, addSlots } = this.#parts;
    const { by, waitMs } = this.#shape;
    const readTime = waitMs > 0 ? () => clock.now() : () => 0;
    order.group({ nameOf: GROUPINGS[by ?? "none"]!, now: readTime }, by === "key");
    addSlots(...this.#slots);
  }

  end(): void {
    this.#timer?.cancel();
    const [slots, handlers] = this.#slots;
    this.#parts.addSlots(-slots, -handlers);
  }

  hasNext(): boolean {
    this.#chosen = this.#choose();
    return this.#chosen !== undefined;
  }

  take(): ClientBatch {
    const { order, verdicts, begins, prefetch } = this.#parts;
    const messages = order.takeGroup(this.#chosen!, this.#shape.size, this.#bytesMax);
    this.#chosen = undefined;
    const { held } = verdicts;
    for (const message of messages) {
      const othersCount = held.add(message);
      if (messages.length === 1) begins.note(message, othersCount);
      else message.isBegun = true;
      prefetch.take(now);
    }
    if (messages.length > 1) verdicts.beginTogether(messages);
    verdicts.schedule();
    // A process that the batch crashes must not leave the broker in doubt about which messages were in it.
    verdicts.writeNow();
    return new ClientBatch(messages, verdicts);
  }

  isOpen(batch: ClientBatch): boolean {
    return batch.openCount > 0;
  }

  leave(batch: ClientBatch): void {
    const { unsettled, messages } = batch;
    const reason = this.#parts.verdicts.leaveAll(unsettled, messages.length > 1);
    ClientBatch.abort(batch, reason);
  }

  findMistake(batch: ClientBatch): Error | undefined {
    const { openCount, messages } = batch;
    if (openCount === 0) return undefined;
    return new BrokerError(
      "BATCH_NOT_SETTLED",
      `Cannot get the next batch: ${openCount} of ${messages.length} messages of the last one have no outcome; ` +
        `call batch.ack() for those that are done`,
    );
  }

  /** How many messages are in handlers at once, and what the broker is told of that. */
  get #slots(): readonly [slots: number, told: number] {
    const { size, by } = this.#shape;
    const slots = Math.min(size * this.#handlers, SLOTS_MAX);
    return [slots, by === "key" ? this.#handlers : slots];
  }

  get #bytesMax(): number {
    return Math.min(BODY_BYTES_MAX, this.#parts.bytesMax());
  }

  /** The oldest group that waits for nothing more. */
  #choose(): MessageGroup | undefined {
    const { order, clock } = this.#parts;
    order.readAhead();
    const { next } = order;
    if (next.count === 0) return undefined;
    const { waitMs, minSize } = this.#shape;
    const latest = waitMs > 0 ? clock.now() - waitMs : Infinity;
    let dueAt = Infinity;
    for (const group of next.groups) {
      const isDue = group.since <= latest && group.messages.length >= minSize;
      if (group.isSuspect || this.#isWhole(group)) return group;
      if (isDue) {
        if (this.#shape.by !== null) this.#isStuck();
        return group;
      }
      if (group.since > latest) dueAt = Math.min(dueAt, group.since + waitMs);
    }
    if (this.#isStuck()) return [...next.groups][0];
    this.#arm(dueAt);
    return undefined;
  }

  #isWhole({ messages, bytes }: MessageGroup): boolean {
    return messages.length >= this.#shape.size || isFull(bytes, messages.length, this.#bytesMax);
  }

  /** Whether no more messages can come before some of these are handed out; asks for more if there is room. */
  #isStuck(): boolean {
    const { order, verdicts, prefetch } = this.#parts;
    const { next } = order;
    if (isFull(next.bytes, next.count, this.#bytesMax)) return true;
    const count = order.count + verdicts.held.count;
    if (count < prefetch.window) return false;
    while (count >= prefetch.window) if (!prefetch.widen()) return true;
    verdicts.schedule();
    return false;
  }

  #arm(at: number): void {
    if (at === this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = at === Infinity ? undefined : this.#parts.clock.setTimer(at, () => {
      this.#timerAt = Infinity;
      this.#parts.wake();
    });
  }
}

/** Whether another message like these has no room. */
function isFull(bytes: number, count: number, bytesMax: number): boolean {
  return bytes + bytes / Math.max(1, count) > bytesMax;
}

const GROUPINGS: Readonly<Record<string, (message: DeliveredMessage) => string>> = {
  none: () => "",
  stream: ({ stream }) => stream,
  key: ({ orderKey }) => orderKey ?? "",
  lane: ({ stream, lane }) => lane === undefined ? "" : `${lane}\n${stream}`,
};
