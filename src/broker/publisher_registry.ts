/**
 * Which publishers there are, and for how long those are remembered that have lost their connection.
 *
 * @module
 */

import { AgedMap } from "./aged_map.ts";
import { OutcomeBudget } from "./outcome_log.ts";
import { PublisherRecord } from "./publisher_record.ts";

/** How long a publisher whose connection is lost may take to come back, in milliseconds. */
const RETURN_MS_MAX = 10 * 60 * 1000;

/** How many lost publishers are remembered; the longest lost are forgotten first. */
const LOST_COUNT_MAX = 10_000;

/** The publishers that are open, or lost a short while ago. */
export class PublisherRegistry {
  readonly #records = new Map<string, PublisherRecord>();
  /** In the order in which they were lost. */
  readonly #lost = new AgedMap<PublisherRecord, PublisherRecord>();
  readonly #forgotten: (record: PublisherRecord) => void;
  readonly #budget = new OutcomeBudget();

  /**
   * Begins with none.
   *
   * @param forgotten Hears of each publisher that is not remembered any more.
   */
  constructor(forgotten: (record: PublisherRecord) => void = () => {}) {
    this.#forgotten = forgotten;
  }

  /** How many publishers are remembered. */
  get count(): number {
    return this.#records.size;
  }

  /** Finds the record of a publisher that comes, or comes back. */
  open(identity: string): PublisherRecord {
    const record = this.#records.get(identity) ?? this.create(identity);
    this.#records.set(identity, record);
    this.#lost.delete(record);
    record.openCount++;
    return record;
  }

  /** Creates the record of a publisher, one of many that share what may be remembered. */
  create(identity: string): PublisherRecord {
    return new PublisherRecord(identity, this.#budget);
  }

  /** All publishers that are remembered. */
  get records(): Iterable<PublisherRecord> {
    return this.#records.values();
  }

  /** Remembers a publisher of an earlier broker; it is lost until it comes back. */
  restore(record: PublisherRecord): void {
    // Of two with one identity the first has ended, or the second would not have begun. A snapshot may
    // know the second before it is told of the first.
    const other = this.#records.get(record.identity);
    if (other !== undefined) {
      if (other.number > record.number) return;
      other.forget();
      this.#lost.delete(other);
    }
    this.#records.set(record.identity, record);
    this.#lost.set(record, record);
  }

  /** Begins to count the time for publishers that have been restored. */
  finishRestoration(now: number): void {
    for (const record of this.#lost.values()) record.lostAt = now;
  }

  /** Forgets a publisher that has ended. */
  close(record: PublisherRecord): void {
    record.openCount--;
    if (record.openCount === 0) this.forget(record);
  }

  /** Forgets a publisher. */
  forget(record: PublisherRecord): void {
    record.forget();
    this.#lost.delete(record);
    if (this.#records.get(record.identity) !== record) return;
    this.#records.delete(record.identity);
    this.#forgotten(record);
  }

  /** Keeps a publisher whose connection is lost for a while; returns until when. */
  lose(record: PublisherRecord, now: number): number {
    record.openCount--;
    if (record.openCount > 0) return Infinity;
    record.lostAt = now;
    this.#lost.set(record, record);
    if (this.#lost.size > LOST_COUNT_MAX) this.forget(this.#lost.oldest!);
    return now + RETURN_MS_MAX;
  }

  /** Forgets publishers that have been lost for too long; returns when the next one will be. */
  tick(now: number): number {
    for (let oldest = this.#lost.oldest; oldest !== undefined; oldest = this.#lost.oldest) {
      if (oldest.lostAt + RETURN_MS_MAX > now) return oldest.lostAt + RETURN_MS_MAX;
      this.forget(oldest);
    }
    return Infinity;
  }
}
