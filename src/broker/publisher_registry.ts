/**
 * Which publishers there are, and for how long those are remembered that have lost their connection.
 *
 * @module
 */

import { PublisherRecord } from "./publisher_record.ts";

/** How long a publisher whose connection is lost may take to come back, in milliseconds. */
const RETURN_MS_MAX = 10 * 60 * 1000;

/** How many lost publishers are remembered; the longest lost are forgotten first. */
const LOST_COUNT_MAX = 10_000;

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
