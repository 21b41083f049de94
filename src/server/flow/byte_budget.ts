/**
 * The budget of unconfirmed bytes of all publishers. While it is spent, sessions do not read from their
 * sockets, and TCP holds the publishers back.
 */
export class ByteBudget {
  readonly #bytesMax: number;
  #bytes = 0;
  #freed: PromiseWithResolvers<void> | undefined;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isSpent(): boolean {
    return this.#bytes >= this.#bytesMax;
  }

  /** Uses bytes; the last user may go beyond the budget. */
  use(bytes: number): void {
    this.#bytes += bytes;
  }

  free(bytes: number): void {
    this.#bytes -= bytes;
    if (this.isSpent) return;
    this.#freed?.resolve();
    this.#freed = undefined;
  }

  /** Resolves when some of the budget is free; `undefined` if some is now. */
  wait(): Promise<void> | undefined {
    if (!this.isSpent) return undefined;
    this.#freed ??= Promise.withResolvers();
    return this.#freed.promise;
  }
}
