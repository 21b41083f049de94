/** A bounded number of promises at a time. A rejection is thrown by the next call that waits. */
export class InFlight {
  readonly #countMax: number;
  readonly #running = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  /** @param countMax How many may be under way. */
  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  /** Adds a promise, and waits until there is room for another one. */
  async add(promise: Promise<unknown>): Promise<void> {
    const running: Promise<void> = promise
      .then(() => {}, (error) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
    while (this.#running.size >= this.#countMax) await Promise.race(this.#running);
    this.#throwFailure();
  }

  /** Waits for all of them. */
  async end(): Promise<void> {
    await Promise.all(this.#running);
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
