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
  /** How many sessions have it open: two while a lost connection has not been noticed. */
  openCount = 0;
  /** When the last session lost it. */
  lostAt = 0;
  #lastSequence = 0;
  #batches: SentBatch[] = [];
  #answers: Answer[] = [];

  constructor(identity: string) {
    this.identity = identity;
  }

  /** The number of the last message that has been seen. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** Notes a batch that was not seen before. */
  note(sequence: number, count: number): SentBatch {
    const batch: SentBatch = { sequence, count };
    this.#lastSequence = sequence + count - 1;
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
    this.#tellAll();
  }

  /** Forgets what became of messages below this number. */
  settle(sequence: number): void {
    const batches = this.#batches;
    let settled = 0;
    while (settled < batches.length && batches[settled]!.sequence < sequence) settled++;
    if (settled > 0) batches.splice(0, settled);
  }

  #tellAll(): void {
    for (;;) {
      const outcome = this.#answers[0]?.batch.outcome;
      if (outcome === undefined) return;
      this.#answers.shift()!.tell(outcome);
    }
  }
}
