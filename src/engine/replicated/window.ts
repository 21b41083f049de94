/**
 * How the active broker appends to the log: several records are under way at a time, and which of them
 * count is decided as by every other reader.
 *
 * ```text
 *   tail        under way, each with the sequence that it expects       waiting
 * ───┼───┬───────────┬───────────┬───────────┬───────────┐ ┌─────┬─────┬──
 *  n │   │ n+1       │ n+2       │ n+3       │ n+4       │ │     │     │
 * ───┼───┴───────────┴───────────┴───────────┴───────────┘ └─────┴─────┴──
 *            answered with n+1: it counts, if all before it do
 * ```
 *
 * The log compares numbers, not predecessors: behind a stranger's record it stores, and answers, a
 * record that expects the number after it. So an answer counts only when all before it were answered
 * with exactly the sequence that they expected. Anything else makes all that is under way doubtful, and
 * the window *settles*: it reads from the tail on what is there. Its own next record counts; a higher
 * epoch ends it for good; other records are void. When nothing more is there, the rest is sent again,
 * as it is, one at a time until an answer comes. "Nothing" may be an old answer: then the record is
 * refused, and it settles again. A record that is there twice does no harm: its number is used.
 *
 * A record that found no room is rejected, with all behind it, once it is certain that none of them is
 * stored, or will be: each attempt was refused, or the log has gone on. Their numbers are used again.
 * Until then they are sent on.
 *
 * @module
 */

import { Chain, FencedError, type TakenRecord } from "./chain.ts";
import type { Lease } from "./lease.ts";
import { type Log, RefusedError } from "./log.ts";
import { isSame, LogTail } from "./log_tail.ts";
import { type EpochFields, RECORD_HEAD_BYTES, RECORD_TYPES, writeRecord } from "./record.ts";
import type { RecordHead } from "./record.ts";
import { RecordBuffers } from "./record_buffers.ts";
import type { Timing } from "./timing.ts";

export { FencedError, LogDamageError } from "./chain.ts";

/** The window was closed with records whose outcome is not known. */
export class WindowClosedError extends Error {
  override readonly name = "WindowClosedError";

  constructor() {
    super(
      "Cannot append: the log was closed, and whether the record is stored is not known; " +
        "only an open log is appended to",
    );
  }
}

export interface WindowOptions {
  readonly log: Log;
  /** What counts so far. From the takeover on only the window takes records with it. */
  readonly chain: Chain;
  /** The most records under way at a time. */
  readonly pipeline: number;
  readonly timing: Timing;
  readonly lease: Lease;
  /**
   * Hears of each record that was appended or found, void ones included, in order and before its caller does. The
   * bytes are valid during the call only. What it throws ends the window.
   */
  counted(sequence: number, taken: TakenRecord, bytes: Uint8Array): void;
  /**
   * Appends the records behind the log's last one again, up to the window's tail: the log is shorter
   * than it was. Whether it still is, is not sure. What it rejects with is tried again, unless it is a
   * {@linkcode LogDamageError}.
   */
  repair?(last: number): Promise<void>;
}

/** A record that does not count yet. */
interface Pending {
  readonly head: RecordHead;
  readonly bytes: Uint8Array;
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  /** When it was sent for the first time, and the last time. */
  firstSentAt: number;
  sentAt: number;
  /** The sequence before its own, in the attempt under way. */
  expected: number;
  isAnswered: boolean;
  /** The last attempt found no room. */
  foundNoRoom: boolean;
  /** Attempts that were not refused, and the highest sequence that one of them expects. */
  openCount: number;
  openExpected: number;
  /** Attempts for which no answer of any kind has come: the log may still look at the bytes. */
  unansweredCount: number;
}

/** Appends records, in order. */
export class Window {
  readonly #options: WindowOptions;
  readonly #chain: Chain;
  readonly #buffers: RecordBuffers;
  readonly #tail: LogTail;
  /** What counts when all that is pending does; nothing before the takeover. */
  #ahead: Chain | undefined;
  /** Records under way, then those that wait. */
  readonly #pending: Pending[] = [];
  #underWay = 0;
  /** Answers to what was sent in an earlier one are late: what they are about is settled. */
  #generation = 0;
  #isSettling = false;
  /** The last append was in doubt: one record at a time until one is answered. */
  #isProbing = false;
  #failure: Error | undefined;

  constructor(options: WindowOptions) {
    this.#options = options;
    this.#chain = options.chain;
    this.#buffers = new RecordBuffers(options.pipeline + 1);
    this.#tail = new LogTail(options);
  }

  /** How many records do not count yet. */
  get pendingCount(): number {
    return this.#pending.length;
  }

  /** How often an outcome was in doubt. */
  get doubtCount(): number {
    return this.#generation;
  }

  /** Where the next bytes belong, behind all that is pending. */
  get position(): number {
    return (this.#ahead ?? this.#chain).point.position;
  }

  /** Why it ended, if it did. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /**
   * Takes over: appends an epoch record behind all that was read. Its answer is the moment from which
   * nobody else can append what counts. Rejects with a {@linkcode RefusedError} if somebody else was
   * first, or if there is no room: read on, and try again when it is due.
   *
   * @param owner This turn: a random whole number.
   * @param journalId The journal's; chosen by the first epoch record of a log.
   */
  async takeOver(owner: number, journalId: number, fields: EpochFields): Promise<void> {
    this.#requireOpen();
    if (this.#ahead !== undefined) {
      throw new Error("Cannot take over: this broker has; append only");
    }
    const { sequence, epoch, crc } = this.#chain.point;
    const body = new TextEncoder().encode(JSON.stringify(fields));
    const bytes = new Uint8Array(RECORD_HEAD_BYTES + body.length);
    bytes.set(body, RECORD_HEAD_BYTES);
    const head = writeRecord(bytes, {
      type: RECORD_TYPES.epoch,
      epoch: epoch + 1,
      owner,
      number: 0,
      position: fields.position,
      journalId,
      previousCrc: crc,
    });
    // What does not fit is found before it is in the log.
    new Chain(this.#chain.point).take(sequence + 1, bytes, head);
    const sentAt = await this.#tail.appendEpoch(sequence, bytes);
    this.#requireOpen();
    try {
      this.#count(sequence + 1, bytes, sentAt, head);
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    this.#ahead = new Chain(this.#chain.point);
  }

  /**
   * Appends a record. Resolves when it counts, and all before it do; rejects with a
   * {@linkcode FencedError}, a {@linkcode LogDamageError}, a {@linkcode RefusedError} ("full": it and all
   * behind it are not stored, and the next one takes its position), or a {@linkcode WindowClosedError}. The
   * bytes are copied.
   *
   * @param position Where the bytes belong; not looked at for records without bytes of the journal.
   */
  append(type: number, position: number, body: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#ahead === undefined) {
      return Promise.reject(
        new Error("Cannot append: this broker has not taken over; do that first"),
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    try {
      this.#pending.push(this.#seal(this.#ahead, type, position, body, { resolve, reject }));
    } catch (error) {
      return Promise.reject(error);
    }
    this.#send();
    return promise;
  }

  /** Ends it: what is pending is rejected. */
  close(): void {
    this.#fail(new WindowClosedError());
  }

  #seal(
    ahead: Chain,
    type: number,
    position: number,
    body: Uint8Array,
    caller: Pick<Pending, "resolve" | "reject">,
  ): Pending {
    const hasBytes = type === RECORD_TYPES.bytes || type === RECORD_TYPES.segment;
    const { point } = ahead;
    if (hasBytes && position !== point.position) {
      throw new RangeError(
        `Cannot append: the bytes are for position ${position}; the next ones are for ${point.position}`,
      );
    }
    const buffer = this.#buffers.take(RECORD_HEAD_BYTES + body.length);
    const bytes = buffer.subarray(0, RECORD_HEAD_BYTES + body.length);
    bytes.set(body, RECORD_HEAD_BYTES);
    const { epoch, owner, journalId } = point;
    const head = writeRecord(bytes, {
      type,
      epoch,
      owner,
      number: point.number + 1,
      position: point.position,
      journalId,
      previousCrc: point.crc,
    });
    const { kind } = ahead.take(point.sequence + 1, bytes, head);
    if (kind === "void") {
      throw new RangeError(`Cannot append: a record of type ${type} never counts`);
    }
    return {
      ...caller,
      head,
      bytes,
      buffer,
      firstSentAt: NaN,
      sentAt: NaN,
      expected: 0,
      isAnswered: false,
      foundNoRoom: false,
      openCount: 0,
      openExpected: 0,
      unansweredCount: 0,
    };
  }

  /** Sends what waits, as far as it may be under way. */
  #send(): void {
    const most = this.#isProbing ? 1 : this.#options.pipeline;
    while (
      this.#failure === undefined && !this.#isSettling && this.#underWay < most &&
      this.#underWay < this.#pending.length
    ) {
      const pending = this.#pending[this.#underWay]!;
      this.#sendOne(pending, this.#chain.sequence + this.#underWay);
      this.#underWay++;
    }
  }

  #sendOne(pending: Pending, expected: number): void {
    const generation = this.#generation;
    // Taken before the record is sent: the lease may only be shorter than it is to others.
    pending.sentAt = this.#options.timing.now();
    if (Number.isNaN(pending.firstSentAt)) pending.firstSentAt = pending.sentAt;
    pending.expected = expected;
    pending.isAnswered = false;
    pending.foundNoRoom = false;
    pending.openCount++;
    pending.openExpected = Math.max(pending.openExpected, expected);
    pending.unansweredCount++;
    this.#options.log.append(expected, pending.bytes).then((sequence) => {
      pending.unansweredCount--;
      if (generation !== this.#generation) return;
      if (sequence !== pending.expected + 1) return this.#doubt(false);
      pending.isAnswered = true;
      this.#countAnswered();
    }, (error) => {
      pending.unansweredCount--;
      const isRefused = this.#tail.noteError(error) instanceof RefusedError;
      // It is certain, however late: this attempt is not in the log, and will not be.
      if (isRefused) pending.openCount--;
      if (generation !== this.#generation) return;
      pending.foundNoRoom = isRefused && error.why === "full";
      this.#doubt(isRefused && error.why === "sequence");
    }).catch((error) => this.#fail(error));
  }

  /** Counts the records at the front that were answered. */
  #countAnswered(): void {
    while (this.#underWay > 0 && this.#pending[0]!.isAnswered) {
      const { expected, sentAt } = this.#pending[0]!;
      this.#isProbing = false;
      this.#countFirst(expected + 1, sentAt);
    }
    this.#send();
  }

  #countFirst(sequence: number, sentAt: number): void {
    const pending = this.#pending[0]!;
    this.#count(sequence, pending.bytes, sentAt, pending.head);
    this.#pending.shift();
    if (this.#underWay > 0) this.#underWay--;
    this.#tail.noteProgress();
    if (pending.unansweredCount === 0) this.#buffers.giveBack(pending.buffer);
    pending.resolve();
  }

  #count(sequence: number, bytes: Uint8Array, sentAt: number, head: RecordHead): void {
    const taken = this.#chain.take(sequence, bytes, head);
    this.#options.lease.note(sentAt);
    this.#options.counted(sequence, taken, bytes);
  }

  /** Everything under way is doubtful: finds out what is in the log. */
  #doubt(isRefused: boolean): void {
    this.#generation++;
    this.#underWay = 0;
    this.#isProbing = true;
    this.#isSettling = true;
    this.#settle(isRefused).catch((error) => this.#fail(error));
  }

  async #settle(isRefused: boolean): Promise<void> {
    for (let isKnown = false; !isKnown;) {
      const before = this.#chain.sequence;
      isKnown = await this.#readOn();
      const isStill = this.#chain.sequence === before;
      if (isKnown && isRefused && isStill) isKnown = await this.#tail.compare(before);
      if (this.#failure !== undefined) return;
      this.#rejectFull();
      if (this.#pending.length === 0) break;
      if (isStill) await this.#tail.pause();
      if (this.#failure !== undefined) return;
    }
    this.#isSettling = false;
    this.#send();
  }

  /** Takes what is behind the tail; resolves to whether the log said that nothing more is. */
  async #readOn(): Promise<boolean> {
    for (;;) {
      const sequence = this.#chain.sequence + 1;
      const answer = await this.#tail.read(sequence);
      if (this.#failure !== undefined || answer === "unknown") return false;
      if (answer === undefined) return true;
      this.#takeFound(sequence, answer);
    }
  }

  #takeFound(sequence: number, bytes: Uint8Array): void {
    const first = this.#pending[0];
    // Which of its attempts it is, is not known.
    if (first !== undefined && isSame(bytes, first.bytes)) {
      return this.#countFirst(sequence, first.firstSentAt);
    }
    const taken = this.#chain.take(sequence, bytes);
    if (taken.kind === "epoch") throw new FencedError(readFields(taken.body));
    // What was refused, and is there all the same, was decided on: only a start puts that right.
    if (taken.kind !== "void") throw new Error(`Cannot go on: record ${sequence} had been refused`);
    this.#options.counted(sequence, taken, bytes);
  }

  /** Rejects everything, if there is no room for the first one, and none can be in the log later on. */
  #rejectFull(): void {
    if (!this.#pending[0]?.foundNoRoom) return;
    const tail = this.#chain.sequence;
    if (this.#pending.some((one) => one.openCount > 0 && one.openExpected >= tail)) return;
    this.#ahead = new Chain(this.#chain.point);
    const error = new RefusedError(
      "Cannot append: the log has no room; what is not wanted any more has to be trimmed first",
      "full",
    );
    for (const { reject } of this.#pending.splice(0)) reject(error);
  }

  #requireOpen(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error instanceof Error ? error : new Error(String(error));
    this.#generation++;
    this.#tail.end(this.#failure);
    for (const { reject } of this.#pending.splice(0)) reject(this.#failure);
  }
}

/** What an epoch record says; the chain has looked at it. */
function readFields(body: Uint8Array): EpochFields {
  return JSON.parse(new TextDecoder().decode(body));
}
