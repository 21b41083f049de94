import type { Calendar } from "../collections/calendar.ts";
import { type DatedRun, DatedRuns } from "../collections/dated_runs.ts";
import type { IdRange } from "../collections/id_ranges.ts";

/** When messages of a stream expire; some of them may be gone already. */
export class Expiries {
  /** As the messages say themselves. */
  readonly #own: DatedRuns;
  /** As it is set for the stream: that has to be written again where the messages are moved to. */
  #ofStream: DatedRuns | undefined;

  constructor(calendar: Calendar) {
    this.#own = new DatedRuns(calendar);
  }

  get calendar(): Calendar {
    return this.#own.calendar;
  }

  get size(): number {
    return this.#own.size + (this.#ofStream?.size ?? 0);
  }

  get visits(): number {
    return this.#own.visits + (this.#ofStream?.visits ?? 0);
  }

  get hasDated(): boolean {
    return this.#own.hasDated || (this.#ofStream?.hasDated ?? false);
  }

  /** When the first messages expire; `Infinity` if none do. */
  get nextAt(): number {
    return this.#ofStream === undefined
      ? this.#own.nextAt
      : Math.min(this.#own.nextAt, this.#ofStream.nextAt);
  }

  /** Adds what messages say themselves. */
  addOwn(run: DatedRun): void {
    this.#own.add(run);
  }

  /** Adds what is set for the stream. */
  addOfStream(run: DatedRun): void {
    (this.#ofStream ??= new DatedRuns(this.calendar)).add(run);
  }

  /** Takes out what has expired: runs that may overlap, in no order. */
  takeDue(now: number): IdRange[] {
    const due: IdRange[] = [];
    for (const runs of [this.#own, this.#ofStream]) {
      for (let run = runs?.takeDue(now); run; run = runs?.takeDue(now)) due.push(run);
    }
    return due;
  }

  /** All of them, in no order. */
  list(): DatedRun[] {
    return this.#own.list().concat(this.listOfStream());
  }

  /** What is set for the stream, in no order. */
  listOfStream(): DatedRun[] {
    return this.#ofStream?.list() ?? [];
  }

  /** Takes all out of others. */
  takeOver(others: Expiries): void {
    for (const run of others.#own.removeAll()) this.addOwn(run);
    for (const run of others.#ofStream?.removeAll() ?? []) this.addOfStream(run);
  }

  /** Keeps only those parts of runs that are still wanted. */
  prune(findWanted: (run: IdRange) => readonly IdRange[]): void {
    this.#own.prune(findWanted);
    this.#ofStream?.prune(findWanted);
  }
}
