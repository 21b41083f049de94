export interface DeletedStream {
  readonly number: number;
  readonly name: string;
  readonly nextId: number;
}

/**
 * Streams whose creation or deletion is decided but not written yet. A snapshot has the written state; the
 * events behind it add the rest.
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

  /** Notes that a stream is created; returns the function to call when that is written. */
  create(number: number): () => void {
    this.#created.add(number);
    return () => void this.#created.delete(number);
  }

  /** Notes that a stream is deleted; returns the function to call when that is written. */
  delete(stream: DeletedStream): () => void {
    this.#deleted.set(stream.number, stream);
    return () => void this.#deleted.delete(stream.number);
  }
}
