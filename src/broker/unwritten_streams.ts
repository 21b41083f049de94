/**
 * Streams that have come or gone by decision, while that is not written down yet. A snapshot tells
 * what was written, not what was decided: what follows it tells the rest.
 *
 * @module
 */

import type { StreamSnapshot } from "./snapshot.ts";

/** What is decided about streams and not written. */
export class UnwrittenStreams {
  /** The numbers of those that were created. */
  readonly #created = new Set<number>();
  /** Those that were deleted, by number. */
  readonly #deleted = new Map<number, StreamSnapshot>();

  /** Notes that a stream is created; returns what to do when that is written. */
  create(number: number): () => void {
    this.#created.add(number);
    return () => void this.#created.delete(number);
  }

  /** Notes that a stream is deleted; returns what to do when that is written. */
  delete(stream: StreamSnapshot): () => void {
    this.#deleted.set(stream.number, stream);
    return () => void this.#deleted.delete(stream.number);
  }

  /** Makes what is written of what is decided. */
  restrict(decided: readonly StreamSnapshot[]): StreamSnapshot[] {
    return [...decided, ...this.#deleted.values()].filter(({ number }) =>
      !this.#created.has(number)
    );
  }
}
