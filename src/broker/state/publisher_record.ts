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

/** So many ranges of numbers that were left out are remembered of one publisher. */
const GAPS_MAX = 16_384;

/** A batch of an earlier broker, stored in streams that others were stored in, too. */
interface RestoredOutcome {
  readonly sequence: number;
  readonly count: number;
  readonly places: SharedPlaces;
  /** How far its ids are from those that are kept with the streams. */
  readonly shift: number;
}

interface Answer {
  readonly batch: SentBatch;
  readonly tell: (batch: SentBatch) => void;
}

/**
 * What a publisher has sent, as far as it may be sent again: a batch that is repeated after a lost
 * connection is stored once, and every batch is answered in its turn.
 *
 * A batch is noted when it is decided about, not when it is durable: a repetition that comes in between
 * finds it, and is answered when it is. A publisher tells with each batch which outcomes it knows, and
 * those are forgotten here: what is left is what is under way.
 */
export class PublisherRecord {
  readonly identity: string;
  /** Its number in events; 0 as long as it has stored nothing. */
  number = 0;
  /** How many sessions have it open: two while a lost connection has not been noticed. */
  openCount = 0;
  lostAt = 0;
  /** The batch that found a stream full, while others may come that were sent before it knew that. */
  refusedFull: { readonly sequence: number; readonly error: BrokerError } | undefined;
  /**
   * Of messages up to this number it is not known whether they were stored, unless their outcome is
   * remembered: something was forgotten that may be asked for.
   */
  doubtfulUntil = 0;
  #lastSequence = 0;
  #lastStoredSequence = 0;
  /** Outcomes below this number have been settled. */
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

  /** Whether something that it has sent is stored, by itself or by another before, or may be yet. */
  get isWorthKeeping(): boolean {
    return this.number > 0 || this.#lastStoredSequence > 0 || this.#answers.length > 0;
  }

  /** How often something has been moved so far, to make room for other batches and answers. */
  get moveCount(): number {
    return this.#log.moveCount + this.#answers.moveCount;
  }

  /** What was stored of it and may be sent again, in order. */
  get stored(): SentBatch[] {
    return [...this.#log.all].filter(({ isConcluded, error }) =>
      isConcluded && error === undefined
    );
  }

  /** Outcomes of messages below this number are not asked for any more. */
  get settledSequence(): number {
    return this.#settled;
  }

  /** Which numbers up to that of the last message that was stored were not stored, and may come again. */
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

  /** Whether it cannot be told if a batch was stored. */
  isDoubtful(sequence: number): boolean {
    return sequence <= this.doubtfulUntil && this.recall(sequence) === undefined;
  }

  /** Notes a batch that was stored before this broker was started. */
  restore(sequence: number, count: number, storedIn: readonly StoredIn[]): void {
    this.conclude(this.note(sequence, count), { storedIn });
  }

  /** Takes over the outcome of a batch that is known to be stored. */
  restoreOutcome({ sequence, count, places, shift }: RestoredOutcome): void {
    this.#log.share(this.note(sequence, count), places, shift);
  }

  /** Notes how far its messages were stored before this broker was started. */
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
    // Neither to store nor to confirm what comes again under these numbers would be right.
    this.doubtfulUntil = Math.max(this.doubtfulUntil, this.#gaps.shift()!.to - 1);
    this.#budget.used--;
  }

  /** Notes a batch that was not seen before. */
  note(sequence: number, count: number): SentBatch {
    const next = this.#lastSequence + 1;
    // What is between this batch and the one before was refused by an earlier broker, or never came.
    if (sequence > next) this.leaveOut(next, sequence);
    else if (sequence < next) this.#useGap(sequence, sequence + count);
    this.#lastSequence = Math.max(this.#lastSequence, sequence + count - 1);
    const batch = this.#log.add(sequence, count);
    for (let old = this.#log.trim(); old !== undefined; old = this.#log.trim()) {
      // That it was not stored must not be forgotten with it.
      if (old.error !== undefined) this.leaveOut(old.sequence, old.sequence + old.count);
    }
    return batch;
  }

  /** The batch that begins with this message, unless it has been forgotten. */
  recall(sequence: number): SentBatch | undefined {
    return this.#log.find(sequence);
  }

  /** Tells what became of a batch, as soon as that is known and all before it have been told. */
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

  /** Forgets what became of messages below this number. */
  forgetBelow(sequence: number): void {
    if (sequence <= this.#settled) return;
    this.#settled = sequence;
    this.#log.forgetBelow(sequence);
    this.#useGap(0, sequence);
  }

  /** Forgets all outcomes: nobody asks for them any more. */
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
