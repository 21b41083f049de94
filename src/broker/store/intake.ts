import { DrainRate } from "./drain_rate.ts";

/**
 * The ids of a stream, and the messages that are about to be stored: they already have ids and take room.
 */
export class Intake {
  /** The id that the next message will get. */
  nextId: number;
  /** The id behind the last message that is stored. */
  storedNextId: number;
  underwayCount = 0;
  underwayBytes = 0;
  /** Undefined until a limit is checked: most streams have none. */
  #drain: DrainRate | undefined;

  /** @param nextId The id that the first message will have. */
  constructor(nextId: number) {
    this.nextId = nextId;
    this.storedNextId = nextId;
  }

  /** How fast messages leave the stream. */
  get drain(): DrainRate {
    return this.#drain ??= new DrainRate();
  }

  /** Reserves ids for a batch that is about to be stored. */
  reserve(count: number, bytes: number): number {
    const firstId = this.nextId;
    this.nextId += count;
    this.underwayCount += count;
    this.underwayBytes += bytes;
    return firstId;
  }

  /** Notes that a batch with reserved ids was stored or refused. */
  conclude(count: number, bytes: number): void {
    this.underwayCount -= count;
    this.underwayBytes -= bytes;
  }

  /** Takes back reserved ids, these and all later ones: their batches were not stored. */
  returnIds(firstId: number): void {
    this.nextId = Math.max(this.storedNextId, Math.min(this.nextId, firstId));
  }

  /** Notes that ids were used, up to below `nextId`. */
  skipIds(nextId: number): void {
    this.storedNextId = Math.max(this.storedNextId, nextId);
    this.nextId = Math.max(this.nextId, nextId);
  }
}
