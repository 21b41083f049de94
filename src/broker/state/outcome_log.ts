import type { BrokerError } from "../../../protocol.ts";
import type { StoredIn } from "../engine.ts";
import { Ring } from "../collections/ring.ts";

/** How many outcomes are remembered of one publisher, whatever it says to have settled. */
export const OUTCOMES_MAX = 16_384;

/** How much is remembered of all publishers together: outcomes, and the streams that they name. */
const BUDGET_MAX = 1_000_000;

export interface Outcome {
  /** Where it was stored; empty if it was not. */
  readonly storedIn: readonly StoredIn[];
  /** Why it was not stored, if it was not. */
  readonly error?: BrokerError;
}

/**
 * How much is remembered of all publishers of a broker together. When that is too much, whoever adds
 * something forgets the oldest of its own: that a batch was stored is still known then, and not which
 * ids its messages got.
 */
export class OutcomeBudget {
  /** How much may be remembered: one for each outcome, each stream that is kept, and each gap. */
  readonly max: number;
  used = 0;

  constructor(max: number = BUDGET_MAX) {
    this.max = max;
  }
}

/** The streams that batches went to, with the ids of one of them. */
export interface SharedPlaces {
  readonly storedIn: readonly StoredIn[];
  useCount: number;
}

/** A batch that was sent, and what became of it as soon as that is known. */
export class SentBatch {
  readonly sequence: number;
  readonly count: number;
  isConcluded = false;
  /** Why it was not stored, if it was not. */
  error: BrokerError | undefined;
  isKept = true;
  /** The streams that it was stored in, if it was and that is remembered. */
  places: SharedPlaces | undefined;
  /** How far its ids are from those that are kept with the streams. */
  shift = 0;
  /** Whether it was another message that was stored, with the same dedup id. */
  hasSameId = false;

  constructor(sequence: number, count: number) {
    this.sequence = sequence;
    this.count = count;
  }

  /** Where it was stored; empty if it was not, or if that is not remembered. */
  get storedIn(): readonly StoredIn[] {
    const { places, shift } = this;
    if (places === undefined) return [];
    if (shift === 0) return places.storedIn;
    return places.storedIn.map(({ stream, firstId }) => ({ stream, firstId: firstId + shift }));
  }
}

/**
 * The batches of one publisher that may be sent again, by number, with what became of them.
 *
 * Most batches of a publisher go to the same streams, and each gets ids there that are as far from those
 * of the batch before in one stream as in the others. So the streams are kept once, with the ids of one
 * batch, and of each other batch how far away its ids are.
 */
export class OutcomeLog {
  readonly #budget: OutcomeBudget;
  readonly #batches = new Ring<SentBatch>();
  /** How much it has added to what all remember while that was too much, and not given up again. */
  #owed = 0;
  #places: SharedPlaces | undefined;

  constructor(budget: OutcomeBudget) {
    this.#budget = budget;
  }

  get all(): Iterable<SentBatch> {
    return this.#batches;
  }

  /** How often a batch has been moved so far, to make room for others. */
  get moveCount(): number {
    return this.#batches.moveCount;
  }

  add(sequence: number, count: number): SentBatch {
    const batch = new SentBatch(sequence, count);
    const batches = this.#batches;
    const last = batches.at(batches.length - 1);
    if (last === undefined || last.sequence < sequence) batches.push(batch);
    else batches.insert(this.#indexOf(sequence), batch);
    this.#budget.used++;
    this.#owed++;
    return batch;
  }

  /** The batch that begins with this message, unless it has been forgotten. */
  find(sequence: number): SentBatch | undefined {
    const batch = this.#batches.at(this.#indexOf(sequence));
    return batch?.sequence === sequence ? batch : undefined;
  }

  conclude(batch: SentBatch, { storedIn, error }: Outcome): void {
    batch.isConcluded = true;
    batch.error = error;
    if (!batch.isKept || storedIn.length === 0) return;
    const places = this.#places;
    const shift = places && findShift(places.storedIn, storedIn);
    if (shift === undefined) this.share(batch, { storedIn, useCount: 0 }, 0);
    else this.share(batch, places!, shift);
  }

  /** Notes that a batch was stored in streams that others were stored in, too. */
  share(batch: SentBatch, places: SharedPlaces, shift: number): void {
    batch.isConcluded = true;
    if (!batch.isKept || places.storedIn.length === 0) return;
    this.#places = places;
    batch.places = places;
    batch.shift = shift;
    if (places.useCount++ > 0) return;
    this.#budget.used += places.storedIn.length;
    this.#owed += places.storedIn.length;
  }

  forgetBelow(sequence: number): void {
    while (this.#batches.length > 0 && this.#batches.at(0)!.sequence < sequence) this.#drop();
  }

  /**
   * Forgets the oldest batch if there are too many, here or of all publishers together; never the last
   * one, nor one of which it is not known what becomes of it.
   *
   * @returns The batch that is forgotten.
   */
  trim(): SentBatch | undefined {
    const { length } = this.#batches;
    if (this.#budget.used <= this.#budget.max) this.#owed = 0;
    const isTooMuch = length > OUTCOMES_MAX || this.#owed > 0;
    if (!isTooMuch || length <= 1 || !this.#batches.at(0)!.isConcluded) return undefined;
    return this.#drop();
  }

  clear(): void {
    while (this.#batches.length > 0) this.#drop();
  }

  #drop(): SentBatch {
    const batch = this.#batches.shift()!;
    batch.isKept = false;
    this.#budget.used--;
    this.#owed--;
    const { places } = batch;
    if (places !== undefined && --places.useCount === 0) {
      this.#budget.used -= places.storedIn.length;
      this.#owed -= places.storedIn.length;
      if (this.#places === places) this.#places = undefined;
    }
    return batch;
  }

  #indexOf(sequence: number): number {
    return this.#batches.findIndex((batch) => batch.sequence < sequence);
  }
}

/** How far ids are from others, if that is as far in every stream, and the streams are the same. */
function findShift(from: readonly StoredIn[], to: readonly StoredIn[]): number | undefined {
  const shift = to[0]!.firstId - from[0]!.firstId;
  if (from.length !== to.length) return undefined;
  for (let index = 0; index < to.length; index++) {
    const [one, other] = [from[index]!, to[index]!];
    if (one.stream !== other.stream || other.firstId - one.firstId !== shift) return undefined;
  }
  return shift;
}
