import type { BrokerError } from "../../../protocol.ts";
import type { StoredIn } from "../engine.ts";
import { Ring } from "../collections/ring.ts";

/** The most outcomes that are remembered of one publisher. */
const OUTCOMES_MAX = 16_384;

/** The most outcomes, and streams named in them, that are remembered of all publishers. */
const BUDGET_MAX = 1_000_000;

export interface Outcome {
  /** The streams that store it; empty if it was refused. */
  readonly storedIn: readonly StoredIn[];
  /** Why it was not stored, if it was not. */
  readonly error?: BrokerError;
}

/**
 * The budget of outcomes of all publishers of a broker. When it is exceeded, a publisher that adds an
 * outcome forgets its own oldest one: then it is still known that the batch was stored, but not the ids
 * of its messages.
 */
export class OutcomeBudget {
  /** The budget: each outcome, each stream that is kept, and each gap counts as one. */
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

/** A batch that was sent, with its outcome once that is known. */
export class SentBatch {
  readonly sequence: number;
  readonly count: number;
  isConcluded = false;
  /** Why it was not stored, if it was not. */
  error: BrokerError | undefined;
  isKept = true;
  /** The streams that store it; undefined if it was refused or they are forgotten. */
  places: SharedPlaces | undefined;
  /** The distance of its ids from those kept with the streams. */
  shift = 0;
  /** Whether another message with the same dedup id was stored instead. */
  hasSameId = false;

  constructor(sequence: number, count: number) {
    this.sequence = sequence;
    this.count = count;
  }

  /** The streams that store it; empty if it was refused or they are forgotten. */
  get storedIn(): readonly StoredIn[] {
    const { places, shift } = this;
    if (places === undefined) return [];
    if (shift === 0) return places.storedIn;
    return places.storedIn.map(({ stream, firstId }) => ({ stream, firstId: firstId + shift }));
  }
}

/**
 * The batches of one publisher that may be sent again, by number, with their outcomes.
 *
 * Most batches of a publisher go to the same streams, and from one batch to the next, the ids advance
 * equally in all of them. So the streams are kept once, with the ids of one batch; other batches keep
 * only the distance of their ids.
 */
export class OutcomeLog {
  readonly #budget: OutcomeBudget;
  readonly #batches = new Ring<SentBatch>();
  /** How much it has added while the common budget was exceeded, less what it has forgotten since. */
  #owed = 0;
  #places: SharedPlaces | undefined;

  constructor(budget: OutcomeBudget) {
    this.#budget = budget;
  }

  get all(): Iterable<SentBatch> {
    return this.#batches;
  }

  /** How often a batch was moved to make room for others; tests bound this cost. */
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
    // What became of others is told with this batch alone.
    if (storedIn.some(isJoined)) return this.share(batch, { storedIn, useCount: 0 }, 0);
    const shift = places && findShift(places.storedIn, storedIn);
    if (shift === undefined) this.share(batch, { storedIn, useCount: 0 }, 0);
    else this.share(batch, places!, shift);
  }

  /** Notes that a batch was stored in the same streams as others. */
  share(batch: SentBatch, places: SharedPlaces, shift: number): void {
    batch.isConcluded = true;
    if (!batch.isKept || places.storedIn.length === 0) return;
    if (this.#places !== places && !places.storedIn.some(isJoined)) this.#places = places;
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
   * Forgets the oldest batch if there are too many, here or of all publishers; never the last one, nor one
   * whose outcome is not known.
   *
   * @returns The forgotten batch.
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

/** Whether another message was replaced, or stays in the place of this one. */
export function isJoined({ replaced, isKept }: StoredIn): boolean {
  return replaced !== undefined || isKept === true;
}

/** The distance of ids from others, if the streams are the same and it is equal in all of them. */
function findShift(from: readonly StoredIn[], to: readonly StoredIn[]): number | undefined {
  const shift = to[0]!.firstId - from[0]!.firstId;
  if (from.length !== to.length) return undefined;
  for (let index = 0; index < to.length; index++) {
    const [one, other] = [from[index]!, to[index]!];
    if (one.stream !== other.stream || other.firstId - one.firstId !== shift) return undefined;
  }
  return shift;
}
