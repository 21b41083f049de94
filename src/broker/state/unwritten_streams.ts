export interface DeletedStream {
  readonly number: number;
  readonly name: string;
  readonly nextId: number;
}

/**
 * Streams that have come or gone by decision, while that is not written yet. A snapshot tells what was
 * written, not what was decided: what follows it tells the rest.
 */
export class UnwrittenStreams {
  readonly #created = new Set<number>();
  readonly #deleted = new Map<number, DeletedStream>();

  get deleted(): Iterable<DeletedStream> {
    return this.#deleted.values();
  }

  isCreated(number: number): boolean {
    return this.#created.has(number);
  }

  /** Notes that a stream is created; returns what to do when that is written. */
  create(number: number): () => void {
    this.#created.add(number);
    return () => void this.#created.delete(number);
  }

  /** Notes that a stream is deleted; returns what to do when that is written. */
  delete(stream: DeletedStream): () => void {
    this.#deleted.set(stream.number, stream);
    return () => void this.#deleted.delete(stream.number);
  }
}
