import {
  BrokerError,
  type MessageBatch,
  type Refusal,
  type SessionLimits,
  writePublish,
} from "../../../protocol.ts";
import { framePublish } from "../../protocol/frames/message_frame.ts";
import { HEADER_BYTES_MAX } from "../../protocol/limits.ts";
import { ENTRY_HEAD_BYTES, writeEntryHead } from "../../protocol/messages/entry.ts";
import type { Clock } from "../../transport/clock.ts";
import type { Link } from "../../transport/link.ts";
import { decideWhenFull, type RefusedBatch, RoomWait } from "./full_stream.ts";
import { FIELD_BYTES } from "./entry_buffer.ts";
import { type BatchOutcome, dropAbandoned, type OutgoingBatch } from "./outgoing_batch.ts";

/** The number of unsent bytes at which a link gets no more batches. */
const OUTBOUND_BYTES_MAX = 1024 * 1024;

/**
 * Batches of this size with messages of that size, on average, are lent to the link, which saves a copy. Others
 * are copied: frames of many small messages leave together, in one write.
 */
const LENT_BYTES_MIN = 64 * 1024;
const LENT_MESSAGE_BYTES_MIN = 16 * 1024;

/** The most batches without an answer; brokers remember 16,384 of one publisher. */
const SENT_MAX = 8192;

/** The publisher as its outbox sees it. */
export interface OutboxOwner {
  /** The publisher's number on the wire. */
  readonly number: number;
  /** Whether calls fail, or wait, when a stream is full. */
  readonly whenFull: "error" | "wait";
  readonly clock: Clock;
  /** There is something to send. */
  schedule(): void;
  /** Unsent calls were given up; they are to be dropped soon. */
  dropSoon(): void;
}

/**
 * The batches of one publisher that have no outcome, in order. The first of them were sent over the
 * present link.
 *
 * A batch gets its sequence number when it is sent for the first time. From then on it may be stored, and it
 * keeps its number and its messages until the broker says that it is not stored.
 */
export class Outbox {
  readonly #owner: OutboxOwner;
  /** In order; the first `#sentCount` of them are sent. */
  readonly #batches: OutgoingBatch[] = [];
  #sentCount = 0;
  /** The sequence number of the next message that is sent for the first time. */
  #nextSequence = 1;
  /**
   * The first batches, if a full stream has refused them. The decision about them waits until every sent
   * batch has an answer, so that nothing overtakes them.
   */
  #refused: RefusedBatch[] = [];
  /** Batches for which only a question was sent: whether the broker has stored them. */
  readonly #asked = new Set<OutgoingBatch>();
  /** Whether a batch was too large: the batches sent after it are asked about, too, in order. */
  #isAsking = false;
  readonly #roomWait = new RoomWait();
  /** Whether the broker stops: nothing more is sent. */
  isStopping = false;
  outcomeCount = 0;
  /** The error of the full stream that it waits for, if it does. */
  obstacle: BrokerError | undefined;

  constructor(owner: OutboxOwner) {
    this.#owner = owner;
  }

  /** Whether nothing is on its way. */
  get isIdle(): boolean {
    return this.#sentCount === 0;
  }

  get hasUnsent(): boolean {
    return this.#sentCount < this.#batches.length;
  }

  /** The ordinal of the oldest message, if there is one. */
  get ordinal(): number | undefined {
    return this.#batches[0]?.ordinal;
  }

  /** The last number sent without an answer, and how long ago the first of these was sent. */
  get sentBefore(): { readonly sentUntil: number; readonly sentMs: number } | undefined {
    const [first] = this.#batches;
    if (first === undefined || first.sequence === 0) return undefined;
    const { clock } = this.#owner;
    // One of the clocks stands still while the machine sleeps, the other can be set back.
    const sentMs = Math.max(0, clock.now() - first.sentAt, readDate(clock) - first.sentOn);
    return { sentUntil: this.#nextSequence - 1, sentMs: Math.ceil(sentMs) };
  }

  /** The ordinal of the oldest message that is not given up, if there is one. */
  get awaitedOrdinal(): number | undefined {
    return this.#batches.find((batch) => !batch.isForsaken)?.ordinal;
  }

  /** Whether a message was sent, by its ordinal. */
  wasSent(ordinal: number): boolean {
    const batch = this.#batches.findLast((batch) => batch.ordinal <= ordinal);
    return batch !== undefined && batch.sequence > 0;
  }

  add(batch: OutgoingBatch): void {
    this.#batches.push(batch);
  }

  /** There is a new link: nothing has been sent over it. */
  restart(): void {
    this.isStopping = false;
    this.#isAsking = false;
    this.#sentCount = 0;
  }

  lose(): void {
    this.#sentCount = 0;
    this.#asked.clear();
    // Batches sent after a refused one were refused, too, or have not arrived.
    if (this.#refused.length > 0) this.#forgetNumbers();
    this.#refused = [];
    this.#roomWait.end();
  }

  /** The largest batch that is sent, if there is one. */
  get largestSent(): OutgoingBatch | undefined {
    let largest: OutgoingBatch | undefined;
    for (const batch of this.#batches.slice(0, this.#sentCount)) {
      if (batch.bytes > (largest?.bytes ?? 0)) largest = batch;
    }
    return largest;
  }

  /** The largest sent batch was too large for the broker. */
  giveUpLargest(cause: BrokerError): void {
    const batch = this.largestSent;
    if (batch === undefined) return;
    this.#batches.splice(this.#batches.indexOf(batch), 1);
    this.#refused = this.#refused.filter((refused) => refused.batch !== batch);
    this.#sentCount--;
    const message =
      `Cannot publish: the broker takes no frame with ${batch.bytes} bytes of messages`;
    batch.refuse(new BrokerError("MESSAGE_TOO_LARGE", message, { cause }));
  }

  end(reason: Error): void {
    this.lose();
    for (const batch of this.#batches.splice(0)) batch.refuse(reason);
  }

  /** Drops given-up calls that have no number. */
  dropAbandoned(): void {
    dropAbandoned(this.#batches);
  }

  /**
   * Sends batches as long as the link takes them.
   *
   * @returns Whether calls have failed because the present broker has a lower limit for messages.
   */
  send(link: Link, limits: SessionLimits): boolean {
    if (this.isStopping) return false;
    const bytesMax = Math.min(limits.bodyBytes, limits.frameBytes - FIELD_BYTES);
    let hasFailed = false;
    while (this.hasUnsent && this.#sentCount < SENT_MAX) {
      const batch = this.#batches[this.#sentCount]!;
      if (this.#isHeldBack(batch)) break;
      // The rest stays here, instead of in a buffer that grows.
      if (link.outboundBytes >= OUTBOUND_BYTES_MAX) {
        this.#owner.schedule();
        return hasFailed;
      }
      const mayFit = batch.bytes <= bytesMax && !this.#isAsking;
      if (!mayFit && !this.#makeFit(batch, limits)) {
        hasFailed = true;
        continue;
      }
      this.#write(link, batch);
    }
    link.flush();
    return hasFailed;
  }

  confirm(sequence: number, outcome: BatchOutcome): void {
    const batch = this.#takeSent(sequence);
    if (batch === undefined) return;
    this.#asked.delete(batch);
    batch.confirm(outcome);
  }

  refuse({ sequence, code, message, details = {} }: Refusal, limits: SessionLimits): void {
    const batch = this.#findSent(sequence);
    if (batch === undefined) return;
    const error = new BrokerError(code, message, { details });
    if (code === "STREAM_FULL") {
      this.#refused.push({ batch, error });
      this.#asked.delete(batch);
      return;
    }
    this.#takeSent(sequence);
    const isAsked = this.#asked.delete(batch);
    // This is the answer for a batch that the broker has never seen; any other answer is its outcome.
    if (isAsked && code === "HEADERS_TOO_LARGE") this.#sendAnew(batch, limits);
    else batch.refuse(error);
  }

  /** Decides about refused batches if all answers are known. */
  decide(): void {
    const [first, ...others] = this.#refused;
    if (first !== undefined && this.#isAnswered) this.#handleFull([first, ...others]);
  }

  #write(link: Link, batch: OutgoingBatch): void {
    if (batch.sequence === 0) {
      batch.sequence = this.#nextSequence;
      this.#nextSequence += batch.count;
      batch.sentAt = this.#owner.clock.now();
      batch.sentOn = readDate(this.#owner.clock);
    }
    this.#sentCount++;
    const { writer } = link;
    const { sequence, count } = batch;
    const { number: publisher } = this.#owner;
    const fields = { publisher, sequence, settled: this.#batches[0]!.sequence };
    if (this.#asked.has(batch)) writePublish(writer, fields, makeQuestion(count));
    else if (isLarge(batch)) batch.lend(writer, (messages) => framePublish(fields, messages));
    else writePublish(writer, fields, batch.messages);
  }

  /**
   * Makes a batch fit the limits of the present broker, which may be lower than those of the one before.
   *
   * @returns Whether it can be sent; otherwise it has been removed.
   */
  #makeFit(batch: OutgoingBatch, limits: SessionLimits): boolean {
    const isNew = batch.sequence === 0;
    if (isNew) this.#isAsking = false;
    const bytesMax = limits.frameBytes - FIELD_BYTES;
    const fits = batch.bytes <= bytesMax && batch.largestBody <= limits.bodyBytes;
    if (fits && !this.#isAsking) return true;
    if (!isNew) {
      // It may be stored, and must not be cut: the broker is asked first.
      this.#isAsking = true;
      this.#asked.add(batch);
      return true;
    }
    refuseLarger(batch, limits.bodyBytes);
    const pieces = cutToSize(batch, bytesMax);
    this.#batches.splice(this.#sentCount, 1, ...pieces);
    return false;
  }

  /** Sends the small enough parts of a batch that the broker has not stored because of its size. */
  #sendAnew(batch: OutgoingBatch, limits: SessionLimits): void {
    batch.sequence = 0;
    refuseLarger(batch, limits.bodyBytes);
    if (batch.count === 0) return batch.discard();
    // Batches with a number may be stored, and are answered under it first.
    const { ordinal } = batch;
    const next = this.#batches.findIndex((other) =>
      other.sequence === 0 && other.ordinal > ordinal
    );
    this.#batches.splice(next < 0 ? this.#batches.length : next, 0, batch);
    this.#owner.dropSoon();
  }

  /** Whether a batch has to wait for a full stream or for an earlier batch. */
  #isHeldBack(batch: OutgoingBatch): boolean {
    // A batch that was numbered on an earlier link may be stored, and is answered under its number.
    if (this.#refused.length > 0 || this.#asked.size > 0) return batch.sequence === 0;
    return this.#roomWait.holdsBack(batch);
  }

  /** The oldest batch without an answer, if the answer is about it. */
  #findSent(sequence: number): OutgoingBatch | undefined {
    const index = this.#refused.length;
    if (index >= this.#sentCount) return undefined;
    const batch = this.#batches[index]!;
    return batch.sequence === sequence ? batch : undefined;
  }

  #takeSent(sequence: number): OutgoingBatch | undefined {
    const batch = this.#findSent(sequence);
    if (batch === undefined) return undefined;
    this.outcomeCount++;
    this.obstacle = undefined;
    this.#sentCount--;
    if (this.#refused.length === 0) this.#batches.shift();
    else this.#batches.splice(this.#refused.length, 1);
    return batch;
  }

  /** Whether every batch ever sent has its answer. */
  get #isAnswered(): boolean {
    const { length } = this.#refused;
    if (this.#sentCount > length) return false;
    return this.isStopping || (this.#batches[length]?.sequence ?? 0) === 0;
  }

  /** Decides about batches that a full stream has refused. */
  #handleFull(refused: readonly [RefusedBatch, ...RefusedBatch[]]): void {
    this.#refused = [];
    this.#roomWait.end();
    this.#forgetNumbers();
    const decision = decideWhenFull(refused, this.#owner.whenFull);
    this.#batches.splice(0, refused.length, ...decision.again);
    this.#sentCount = 0;
    if (decision.waitMs !== undefined) this.obstacle = refused[0].error;
    this.#roomWait.begin(decision, () => this.#owner.schedule());
    for (const { batch, error } of decision.lost) batch.refuse(error);
  }

  /** Gives new numbers to the batches that a full stream has refused, and to all behind them. */
  #forgetNumbers(): void {
    for (const batch of this.#batches) batch.sequence = 0;
    this.#owner.dropSoon();
  }
}

function isLarge({ bytes, count }: OutgoingBatch): boolean {
  return bytes >= LENT_BYTES_MIN && bytes >= count * LENT_MESSAGE_BYTES_MIN;
}

function readDate(clock: Clock): number {
  return clock.dateNow?.() ?? clock.now();
}

/** Fails the calls with a body that is too large. */
function refuseLarger(batch: OutgoingBatch, bodyBytesMax: number): void {
  for (const { waiter, bodyBytes } of batch.takeLarger(bodyBytesMax)) {
    waiter.refuse(tooLarge(bodyBytes, bodyBytesMax));
  }
}

function tooLarge(bytes: number, limit: number): BrokerError {
  const message = `Cannot publish: body is ${bytes} bytes, limit is ${limit} ` +
    "since the client has connected again";
  return new BrokerError("MESSAGE_TOO_LARGE", message);
}

/** Cuts a batch into pieces of at most `bytesMax` bytes. */
function cutToSize(batch: OutgoingBatch, bytesMax: number): OutgoingBatch[] {
  if (batch.count === 0) batch.discard();
  const pieces: OutgoingBatch[] = [];
  let rest = batch.count === 0 ? undefined : batch;
  while (rest !== undefined) {
    const piece: OutgoingBatch = rest;
    const count = piece.findCutByBytes(bytesMax);
    rest = count < piece.count ? piece.cut(count) : undefined;
    if (piece.bytes <= bytesMax) pieces.push(piece);
    else piece.refuse(tooLarge(piece.bytes, bytesMax));
  }
  return pieces;
}

/**
 * A batch that only asks whether the broker has stored another one. The broker answers by the sequence
 * number, whatever the content; it stores nothing, because the headers are over the limit.
 */
function makeQuestion(count: number): MessageBatch {
  const headerBytes = HEADER_BYTES_MAX + 1;
  const size = ENTRY_HEAD_BYTES + headerBytes;
  const buffer = new Uint8Array(size);
  writeEntryHead(buffer, 0, { size, kind: 0, headerBytes });
  return { count, buffer, start: 0, end: size };
}
