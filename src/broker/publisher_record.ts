/**
 * What a publisher has sent, as far as it may be sent again: so that a batch that is repeated after a
 * lost connection is stored once, and every batch is answered in its turn.
 *
 * A batch is noted when it is decided about, not when it is durable: a repetition that comes in
 * between finds it, and is answered when it is. Answers stand in a line and leave it from the front.
 *
 * A publisher tells with each batch which outcomes it knows, and those are forgotten here. What is
 * left is what is under way.
 *
 * @module
 */

import type { BrokerError } from "../../protocol.ts";
import type { StoredIn } from "./engine.ts";

/** How many outcomes are remembered of one publisher, whatever it says to have settled. */
const OUTCOMES_MAX = 16_384;

/** A batch that was sent, and what became of it as soon as that is known. */
export interface SentBatch {
  /** The number of its first message. */
  readonly sequence: number;
  /** How many messages it has. */
  readonly count: number;
  /** What became of it; not there while it is being made durable. */
  outcome?: Outcome;
}

/** What became of a batch. */
export interface Outcome {
  /** Where it was stored; empty if it was not. */
  readonly storedIn: readonly StoredIn[];
  /** Why it was not stored, if it was not. */
  readonly error?: BrokerError;
}

/** An answer that waits for its turn. */
interface Answer {
  readonly batch: SentBatch;
  readonly tell: (outcome: Outcome) => void;
}

/** What is remembered of one publisher. */
export class PublisherRecord {
  /** Who it is. */
  readonly identity: string;
  /** Its number in events; 0 as long as it has stored nothing. */
  number = 0;
  /** How many sessions have it open: two while a lost connection has not been noticed. */
  openCount = 0;
  /** When the last session lost it. */
  lostAt = 0;
  /** The batch that found a stream full, while others may come that were sent before it knew that. */
  refusedFull: { readonly sequence: number; readonly error: BrokerError } | undefined;
  #lastSequence = 0;
  #lastStoredSequence = 0;
  #gaps: { readonly from: number; readonly to: number }[] = [];
  #batches: SentBatch[] = [];
  #answers: Answer[] = [];

  constructor(identity: string) {
    this.identity = identity;
  }

  /** The number of the last message that has been seen. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** Whether a batch may have been seen before. */
  hasSeen(sequence: number): boolean {
    return sequence <= this.#lastSequence && !this.#isInGap(sequence);
  }

  /** What was stored of it and may be sent again, in order. */
  get stored(): readonly SentBatch[] {
    return this.#batches.filter(({ outcome }) =>
      outcome !== undefined && outcome.error === undefined
    );
  }

  /** The number of the last message that was stored. */
  get lastStoredSequence(): number {
    return this.#lastStoredSequence;
  }

  /** Notes a batch that was stored before this broker was started. */
  restore(sequence: number, count: number, storedIn: readonly StoredIn[]): void {
    // What is between this batch and the one before it was refused, and may not have heard so.
    if (sequence > this.#lastSequence + 1) {
      this.#gaps.push({ from: this.#lastSequence + 1, to: sequence });
      // The oldest ones are those that the publisher has long known of.
      if (this.#gaps.length > OUTCOMES_MAX) this.#gaps.shift();
    }
    this.conclude(this.note(sequence, count), { storedIn });
  }

  /** Notes how far its messages were stored before this broker was started. */
  restoreSequence(lastSequence: number): void {
    this.#lastSequence = Math.max(this.#lastSequence, lastSequence);
    this.#lastStoredSequence = this.#lastSequence;
  }

  /** Notes a batch that was not seen before. */
  note(sequence: number, count: number): SentBatch {
    const batch: SentBatch = { sequence, count };
    this.#lastSequence = Math.max(this.#lastSequence, sequence + count - 1);
    this.#batches.push(batch);
    if (this.#batches.length > OUTCOMES_MAX) this.#batches.shift();
    return batch;
  }

  /** The batch that begins with this message, unless it has been forgotten. */
  recall(sequence: number): SentBatch | undefined {
    return this.#batches.find((batch) => batch.sequence === sequence);
  }

  /** Tells what became of a batch, as soon as that is known and all before it have been told. */
  answer(batch: SentBatch, tell: (outcome: Outcome) => void): void {
    this.#answers.push({ batch, tell });
    this.#tellAll();
  }

  /** Notes what became of a batch. */
  conclude(batch: SentBatch, outcome: Outcome): void {
    batch.outcome = outcome;
    if (outcome.error === undefined) {
      this.#lastStoredSequence = Math.max(
        this.#lastStoredSequence,
        batch.sequence + batch.count - 1,
      );
    }
    this.#tellAll();
  }

  /** Forgets what became of messages below this number. */
  settle(sequence: number): void {
    const batches = this.#batches;
    let settled = 0;
    while (settled < batches.length && batches[settled]!.sequence < sequence) settled++;
    if (settled > 0) batches.splice(0, settled);
    while (this.#gaps.length > 0 && this.#gaps[0]!.to <= sequence) this.#gaps.shift();
  }

  /** Whether a message was not stored although later ones were, before this broker was started. */
  #isInGap(sequence: number): boolean {
    return this.#gaps.some(({ from, to }) => sequence >= from && sequence < to) &&
      this.recall(sequence) === undefined;
  }

  #tellAll(): void {
    for (;;) {
      const outcome = this.#answers[0]?.batch.outcome;
      if (outcome === undefined) return;
      this.#answers.shift()!.tell(outcome);
    }
  }
}
