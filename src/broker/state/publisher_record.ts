import type { BrokerError } from "../../../protocol.ts";
import type { StoredIn } from "../engine.ts";
import {
  type Outcome,
  OutcomeBudget,
  OutcomeLog,
  type SentBatch,
  type SharedPlaces,
} from "./outcome_log.ts";
import { Ring } from "../collections/ring.ts";
import { type SequenceGap, SequenceGaps } from "./sequence_gaps.ts";

/** The most ranges of skipped numbers that are remembered of one publisher. */
const GAPS_MAX = 16_384;

/** A batch of an earlier broker, stored in the same streams as others. */
interface RestoredOutcome {
  readonly sequence: number;
  readonly count: number;
  readonly places: SharedPlaces;
  /** The distance of its ids from those kept with the streams. */
  readonly shift: number;
}

interface Answer {
  readonly batch: SentBatch;
  readonly tell: (batch: SentBatch) => void;
}

/**
 * The batches of a publisher that may be sent again: a batch that is repeated after a lost connection is
 * stored once, and batches are answered in order.
 *
 * A batch is noted when it is decided, not when it is durable: a repetition in between finds it, and is
 * answered when it is durable. With each batch a publisher says which outcomes it knows; those are
 * forgotten here, and only batches under way remain.
 */
export class PublisherRecord {
  readonly identity: string;
  /** The user that opened it first; undefined if there were no users then. */
  owner: string | undefined;
  /** Its number in events; 0 until it has stored something. */
  number = 0;
  /** How many sessions have it open: two while a lost connection has not been noticed. */
  openCount = 0;
  lostAt = 0;
  /** The batch that found a stream full, while batches may come that were sent before it knew. */
  refusedFull: { readonly sequence: number; readonly error: BrokerError } | undefined;
  /**
   * It is not known whether messages up to this number were stored, unless their outcome is remembered:
   * outcomes were forgotten that the publisher may ask for.
   */
  doubtfulUntil = 0;
  #lastSequence = 0;
  #lastStoredSequence = 0;
  /** Outcomes below this number are forgotten. */
  #settled = 0;
  readonly #gaps = new SequenceGaps();
  readonly #budget: OutcomeBudget;
  readonly #log: OutcomeLog;
  readonly #answers = new Ring<Answer>();

  /** Creates a record of a publisher that has sent nothing. */
  constructor(identity: string, budget: OutcomeBudget = new OutcomeBudget()) {
    this.identity = identity;
    this.#budget = budget;
    this.#log = new OutcomeLog(budget);
  }

  get lastSequence(): number {
    return this.#lastSequence;
  }

  get lastStoredSequence(): number {
    return this.#lastStoredSequence;
  }

  /** Whether a message of it is or may be stored, itself or an earlier one with its dedup id. */
  get isWorthKeeping(): boolean {
    return this.number > 0 || this.#lastStoredSequence > 0 || this.#answers.length > 0;
  }

  /** How often entries were moved to make room for others; tests bound this cost. */
  get moveCount(): number {
    return this.#log.moveCount + this.#answers.moveCount;
  }

  /** Its stored batches that may be sent again, in order. */
  get stored(): SentBatch[] {
    return [...this.#log.all].filter(({ isConcluded, error }) =>
      isConcluded && error === undefined
    );
  }

  /** The publisher no longer asks for outcomes of messages below this number. */
  get settledSequence(): number {
    return this.#settled;
  }

  /** Numbers, up to the last stored message's, that were not stored and may come again. */
  listGaps(): readonly SequenceGap[] {
    const gaps = new SequenceGaps();
    const end = this.#lastStoredSequence + 1;
    for (const { from, to } of this.#gaps.all) gaps.add(from, Math.min(to, end));
    for (const { sequence, count, isConcluded, error } of this.#log.all) {
      if (isConcluded && error === undefined) continue;
      gaps.add(sequence, Math.min(sequence + count, end));
    }
    return gaps.all;
  }

  /** Whether a batch may have been seen before. */
  hasSeen(sequence: number): boolean {
    return sequence <= this.#lastSequence && !this.#gaps.has(sequence);
  }

  /** Whether it is unknown if a batch was stored. */
  isDoubtful(sequence: number): boolean {
    return sequence <= this.doubtfulUntil && this.recall(sequence) === undefined;
  }

  /** Notes a batch that was stored before this broker was started. */
  restore(sequence: number, count: number, storedIn: readonly StoredIn[]): void {
    this.conclude(this.note(sequence, count), { storedIn });
  }

  /** Takes over the outcome of a stored batch. */
  restoreOutcome({ sequence, count, places, shift }: RestoredOutcome): void {
    this.#log.share(this.note(sequence, count), places, shift);
  }

  /** Notes the last message that was stored before this broker was started. */
  restoreSequence(lastSequence: number): void {
    this.#lastSequence = Math.max(this.#lastSequence, lastSequence);
    this.#lastStoredSequence = this.#lastSequence;
  }

  /** Notes numbers of messages that were not stored although later ones were. */
  leaveOut(from: number, to: number): void {
    const before = this.#gaps.count;
    this.#gaps.add(Math.max(from, this.#settled), to);
    this.#budget.used += this.#gaps.count - before;
    const isTooMuch = this.#gaps.count > GAPS_MAX || this.#budget.used > this.#budget.max;
    if (!isTooMuch || this.#gaps.count <= 1) return;
    // Repetitions under these numbers must be neither stored nor confirmed.
    this.doubtfulUntil = Math.max(this.doubtfulUntil, this.#gaps.shift()!.to - 1);
    this.#budget.used--;
  }

  /** Notes a batch that was not seen before. */
  note(sequence: number, count: number): SentBatch {
    const next = this.#lastSequence + 1;
    // Messages between this batch and the one before were refused by an earlier broker, or never came.
    if (sequence > next) this.leaveOut(next, sequence);
    else if (sequence < next) this.#useGap(sequence, sequence + count);
    this.#lastSequence = Math.max(this.#lastSequence, sequence + count - 1);
    const batch = this.#log.add(sequence, count);
    for (let old = this.#log.trim(); old !== undefined; old = this.#log.trim()) {
      // It must stay known that it was not stored.
      if (old.error !== undefined) this.leaveOut(old.sequence, old.sequence + old.count);
    }
    return batch;
  }

  /** The batch that begins with this message, unless it has been forgotten. */
  recall(sequence: number): SentBatch | undefined {
    return this.#log.find(sequence);
  }

  /** Reports the outcome of a batch once it is known and all earlier ones are reported. */
  answer(batch: SentBatch, tell: (batch: SentBatch) => void): void {
    this.#answers.push({ batch, tell });
    this.#tellAll();
  }

  conclude(batch: SentBatch, outcome: Outcome): void {
    this.#log.conclude(batch, outcome);
    if (outcome.error === undefined) {
      this.#lastStoredSequence = Math.max(
        this.#lastStoredSequence,
        batch.sequence + batch.count - 1,
      );
    }
    this.#tellAll();
  }

  /** Forgets the outcomes of messages below this number. */
  forgetBelow(sequence: number): void {
    if (sequence <= this.#settled) return;
    this.#settled = sequence;
    this.#log.forgetBelow(sequence);
    this.#useGap(0, sequence);
  }

  /** Forgets all outcomes: the publisher has ended. */
  forget(): void {
    this.#log.clear();
    this.#useGap(0, Infinity);
  }

  #useGap(from: number, to: number): void {
    const before = this.#gaps.count;
    if (before === 0) return;
    this.#gaps.remove(from, to);
    this.#budget.used += this.#gaps.count - before;
  }

  #tellAll(): void {
    while (this.#answers.at(0)?.batch.isConcluded) {
      const { batch, tell } = this.#answers.shift()!;
      tell(batch);
    }
  }
}
