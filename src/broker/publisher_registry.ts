/**
 * What each publisher has sent, as far as it may be sent again: so that a batch that is repeated
 * after a lost connection is stored once.
 *
 * A publisher tells with each batch which outcomes it knows, and those are forgotten here. What is
 * left is what is under way.
 *
 * @module
 */

import type { BrokerError } from "../../protocol.ts";
import type { StoredIn } from "./engine.ts";

/** How long a publisher whose connection is lost may take to come back, in milliseconds. */
const RETURN_MS_MAX = 10 * 60 * 1000;

/** How many lost publishers are remembered; the longest lost are forgotten first. */
const LOST_COUNT_MAX = 10_000;

/** How many outcomes are remembered of one publisher, whatever it says to have settled. */
const OUTCOMES_MAX = 16_384;

/** What became of a batch. */
export interface Outcome {
  /** The number of its first message. */
  readonly sequence: number;
  /** How many messages it has. */
  readonly count: number;
  /** Where it was stored; empty if it was not. */
  readonly storedIn: readonly StoredIn[];
  /** Why it was not stored, if it was not. */
  readonly error?: BrokerError;
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
  #outcomes: Outcome[] = [];

  constructor(identity: string) {
    this.identity = identity;
  }

  /** The number of the last message that has been seen. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** What became of a batch that was seen before, unless that has been forgotten. */
  recall(sequence: number): Outcome | undefined {
    return this.#outcomes.find((outcome) => outcome.sequence === sequence);
  }

  /** Remembers what became of a batch. */
  remember(outcome: Outcome): void {
    this.#lastSequence = Math.max(this.#lastSequence, outcome.sequence + outcome.count - 1);
    this.#outcomes.push(outcome);
    if (this.#outcomes.length > OUTCOMES_MAX) this.#outcomes.shift();
  }

  /** Forgets what became of messages below this number. */
  settle(sequence: number): void {
    const outcomes = this.#outcomes;
    let settled = 0;
    while (settled < outcomes.length && outcomes[settled]!.sequence < sequence) settled++;
    if (settled > 0) outcomes.splice(0, settled);
  }
}

/** The publishers that are open, or lost a short while ago. */
export class PublisherRegistry {
  readonly #records = new Map<string, PublisherRecord>();
  /** In the order in which they were lost. */
  readonly #lost = new Set<PublisherRecord>();

  /** How many publishers are remembered. */
  get count(): number {
    return this.#records.size;
  }

  /** Finds the record of a publisher that comes, or comes back. */
  open(identity: string): PublisherRecord {
    const record = this.#records.get(identity) ?? new PublisherRecord(identity);
    this.#records.set(identity, record);
    this.#lost.delete(record);
    record.openCount++;
    return record;
  }

  /** Forgets a publisher that has ended. */
  close(record: PublisherRecord): void {
    record.openCount--;
    if (record.openCount === 0) this.#records.delete(record.identity);
  }

  /** Keeps a publisher whose connection is lost for a while. */
  lose(record: PublisherRecord, now: number): void {
    record.openCount--;
    if (record.openCount > 0) return;
    record.lostAt = now;
    this.#lost.add(record);
    if (this.#lost.size > LOST_COUNT_MAX) this.#forgetOldest();
  }

  /** Forgets publishers that have been lost for too long; returns when the next one will be. */
  tick(now: number): number {
    for (const record of this.#lost) {
      if (record.lostAt + RETURN_MS_MAX > now) return record.lostAt + RETURN_MS_MAX;
      this.#forgetOldest();
    }
    return Infinity;
  }

  #forgetOldest(): void {
    for (const record of this.#lost) {
      this.#lost.delete(record);
      this.#records.delete(record.identity);
      return;
    }
  }
}
