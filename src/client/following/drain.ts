import type { CloseOptions } from "../member/call_options.ts";
import { ClosingLimit } from "../member/closing_limit.ts";

/**
 * The time that handlers have to finish what they have in hand when their follower is closed. Several
 * calls may limit it; the first limit ends it.
 */
export class Drain {
  readonly #over = Promise.withResolvers<void>();
  #limits: ClosingLimit[] = [];
  #isOver = false;

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves when it is over. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  limit({ drainMs, signal }: CloseOptions & { readonly drainMs: number }): void {
    if (this.#isOver) return;
    if (drainMs === 0) return this.end();
    const limit = new ClosingLimit({ drainMs, signal }, () => this.end());
    if (this.#isOver) limit.end();
    else this.#limits.push(limit);
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const limit of this.#limits.splice(0)) limit.end();
    this.#over.resolve();
  }
}
