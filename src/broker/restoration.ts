/**
 * What is gathered about publishers while a broker is made again of what was written down.
 *
 * @module
 */

import type { PublisherClosed, PublisherOpened, StoredAt } from "./event.ts";
import { PublisherRecord } from "./publisher_record.ts";
import type { PublisherRegistry } from "./publisher_registry.ts";
import type { PublisherSnapshot } from "./snapshot.ts";

/** A batch that was stored by an earlier broker. */
export interface RestoredBatch {
  /** The number of its publisher. */
  readonly publisher: number;
  /** The number of its first message in all that the publisher has sent. */
  readonly sequence: number;
  /** How many messages it has. */
  readonly count: number;
  /** Where it was stored. */
  readonly storedIn: readonly StoredAt[];
}

/** The publishers of an earlier broker, by number. */
export class Restoration {
  readonly #registry: PublisherRegistry;
  readonly #records = new Map<number, PublisherRecord>();

  constructor(registry: PublisherRegistry) {
    this.#registry = registry;
  }

  /** Takes over the publishers of a snapshot. */
  restorePublishers(snapshots: readonly PublisherSnapshot[]): void {
    for (const { number, identity, lastSequence, batches } of snapshots) {
      if (this.#records.has(number)) continue;
      const record = this.#add(number, identity);
      for (const { sequence, count, outcome } of batches) {
        record.restore(sequence, count, outcome?.storedIn ?? []);
      }
      record.restoreSequence(lastSequence);
    }
  }

  /** Takes over a publisher. */
  openPublisher({ number, identity }: PublisherOpened): void {
    if (!this.#records.has(number)) this.#add(number, identity);
  }

  /** Forgets a publisher. */
  closePublisher({ number }: PublisherClosed): void {
    const record = this.#records.get(number);
    if (record === undefined) return;
    this.#records.delete(number);
    // Nothing is to be written down: that it is gone has just been read.
    record.number = 0;
    this.#registry.forget(record);
  }

  /** Notes a batch, so that it is known if it is sent again. */
  notePublished({ publisher, sequence, count, storedIn }: RestoredBatch): void {
    const record = this.#records.get(publisher);
    if (record === undefined || record.hasSeen(sequence)) return;
    record.restore(sequence, count, storedIn);
  }

  #add(number: number, identity: string): PublisherRecord {
    const record = new PublisherRecord(identity);
    record.number = number;
    this.#records.set(number, record);
    this.#registry.restore(record);
    return record;
  }
}
