import type { DeadLetterCause, StreamTotals } from "../../../protocol.ts";

/**
 * What has happened to the messages of a stream since the start. Everything is counted twice, for the stream
 * and for all streams together, so that the sum never falls when a stream is deleted, and nobody has to look
 * at all streams for it.
 */
export class StoreCounters {
  readonly #sum: StoreCounters | undefined;
  #published = 0;
  #delivered = 0;
  #acknowledged = 0;
  #redelivered = 0;
  #nacked = 0;
  #timedOut = 0;
  #lost = 0;
  #postponed = 0;
  #rejected = 0;
  #exhausted = 0;
  #deadByTime = 0;
  #expired = 0;
  #dropped = 0;
  #cancelled = 0;
  #deadByCancel = 0;
  #replaced = 0;
  #breakerOpened = 0;

  /** @param sum The figures of all streams, if these are of one. */
  constructor(sum?: StoreCounters) {
    this.#sum = sum;
  }

  notePublished(count: number): void {
    this.#published += count;
    this.#sum?.notePublished(count);
  }

  noteDelivered(count: number, isRepeated: boolean): void {
    this.#delivered += count;
    if (isRepeated) this.#redelivered += count;
    this.#sum?.noteDelivered(count, isRepeated);
  }

  noteAcknowledged(count: number): void {
    this.#acknowledged += count;
    this.#sum?.noteAcknowledged(count);
  }

  noteReturned(count: number, reason: keyof StreamTotals["returned"]): void {
    if (reason === "nack") this.#nacked += count;
    else if (reason === "timeout") this.#timedOut += count;
    else if (reason === "lost") this.#lost += count;
    else this.#postponed += count;
    this.#sum?.noteReturned(count, reason);
  }

  noteDead(count: number, cause: DeadLetterCause): void {
    if (cause === "rejected") this.#rejected += count;
    else if (cause === "maxDeliveries") this.#exhausted += count;
    else if (cause === "expired") this.#deadByTime += count;
    else this.#deadByCancel += count;
    this.#sum?.noteDead(count, cause);
  }

  noteExpired(count: number): void {
    this.#expired += count;
    this.#sum?.noteExpired(count);
  }

  noteDropped(count: number): void {
    this.#dropped += count;
    this.#sum?.noteDropped(count);
  }

  noteCancelled(count: number): void {
    this.#cancelled += count;
    this.#sum?.noteCancelled(count);
  }

  noteReplaced(count: number): void {
    this.#replaced += count;
    this.#sum?.noteReplaced(count);
  }

  noteBreakerOpened(): void {
    this.#breakerOpened++;
    this.#sum?.noteBreakerOpened();
  }

  /** A copy of the figures. */
  describe(): StreamTotals {
    return {
      published: this.#published,
      delivered: this.#delivered,
      acknowledged: this.#acknowledged,
      redelivered: this.#redelivered,
      returned: {
        nack: this.#nacked,
        timeout: this.#timedOut,
        lost: this.#lost,
        postponed: this.#postponed,
      },
      dead: {
        rejected: this.#rejected,
        maxDeliveries: this.#exhausted,
        expired: this.#deadByTime,
        cancelled: this.#deadByCancel,
      },
      expired: this.#expired,
      dropped: this.#dropped,
      cancelled: this.#cancelled,
      replaced: this.#replaced,
      breakerOpened: this.#breakerOpened,
    };
  }
}
