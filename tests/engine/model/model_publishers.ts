/**
 * The publishers' half of the model of the rules: what has come, and what is answered when it comes again.
 *
 * @module
 */

import type { SentMessage } from "./model_message.ts";

/** A batch as a publisher sends it. */
export interface ModelBatch {
  readonly identity: string;
  readonly sequence: number;
  readonly settled: number;
  readonly sent: readonly SentMessage[];
}

/** What is remembered of a publisher. */
interface ModelPublisher {
  /** The numbers that have come, from the first one to below the second. */
  readonly seen: (readonly [number, number])[];
  settled: number;
  readonly outcomes: Map<number, string>;
  /** When it was lost, if it is. */
  lostAt: number | undefined;
  /** Whether something that it has sent is stored, by itself or by another one before. */
  hasStored: boolean;
}

/** How long a lost publisher is remembered. */
const RETURN_MS_MAX = 600_000;

/** All publishers that are remembered. */
export class ModelPublishers {
  readonly #all = new Map<string, ModelPublisher>();

  open(identity: string): void {
    const known = this.#all.get(identity);
    if (known !== undefined) {
      known.lostAt = undefined;
      return;
    }
    const nothing = { seen: [], settled: 0, outcomes: new Map(), hasStored: false };
    this.#all.set(identity, { ...nothing, lostAt: undefined });
  }

  end(identity: string): void {
    this.#all.delete(identity);
  }

  lose(identity: string, now: number): void {
    const publisher = this.#all.get(identity)!;
    if (publisher.hasStored) publisher.lostAt = now;
    else this.#all.delete(identity);
  }

  /** Forgets those that were lost too long ago. */
  tick(now: number): void {
    for (const [identity, { lostAt = Infinity }] of this.#all) {
      if (lostAt + RETURN_MS_MAX <= now) this.#all.delete(identity);
    }
  }

  /** Answers a batch, as before if it has come before; `decide` tells what becomes of one that has not. */
  publish(
    { identity, sequence, settled, sent }: ModelBatch,
    decide: () => { readonly outcome: string; readonly isKnown: boolean },
  ): string {
    const publisher = this.#all.get(identity)!;
    if (settled > publisher.settled) {
      publisher.settled = settled;
      for (const known of publisher.outcomes.keys()) {
        if (known < settled) publisher.outcomes.delete(known);
      }
    }
    // What is said to be known is not asked for, whether it has come or not.
    const settledEnd = Math.min(
      publisher.settled,
      Math.max(0, ...publisher.seen.map(([, end]) => end)),
    );
    const hasCome = publisher.seen.some(([first, end]) => sequence >= first && sequence < end);
    if (hasCome || sequence < settledEnd) {
      const outcome = publisher.outcomes.get(sequence) ?? "";
      return /^[A-Z_]+$/.test(outcome) ? outcome : `${outcome} again`;
    }
    const { outcome, isKnown } = decide();
    if (outcome.includes(":")) publisher.hasStored = true;
    publisher.seen.push([sequence, sequence + sent.length]);
    publisher.outcomes.set(sequence, outcome);
    return isKnown ? `${outcome} again` : outcome;
  }
}
