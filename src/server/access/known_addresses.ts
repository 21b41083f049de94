/** How long an address is known after the last session of a user there, in milliseconds. */
const KEEP_MS = 60 * 60_000;

/** How many addresses without a session are known; the ones left longest ago are forgotten. */
const COUNT_MAX = 4096;

/**
 * The addresses of users who have logged in. Several clients can have one address: those of one machine, or
 * behind one router. If it were held back because of one of them, that one could keep out the others.
 */
export class KnownAddresses {
  /** How many sessions of users each network has. */
  readonly #sessions = new Map<string, number>();
  /** When the last session of a network ended, the longest ago first. */
  readonly #left = new Map<string, number>();

  get count(): number {
    return this.#sessions.size + this.#left.size;
  }

  /** Notes that a user has a session. */
  enter(network: string): void {
    this.#left.delete(network);
    this.#sessions.set(network, (this.#sessions.get(network) ?? 0) + 1);
  }

  /** Notes that such a session has ended. */
  leave(network: string, now: number): void {
    const count = (this.#sessions.get(network) ?? 1) - 1;
    if (count > 0) return void this.#sessions.set(network, count);
    this.#sessions.delete(network);
    this.#left.set(network, now);
    for (const [oldest, leftAt] of this.#left) {
      if (this.#left.size <= COUNT_MAX && now - leftAt < KEEP_MS) return;
      this.#left.delete(oldest);
    }
  }

  has(network: string, now: number): boolean {
    return this.#sessions.has(network) || now - (this.#left.get(network) ?? -Infinity) < KEEP_MS;
  }
}
