import type { Calendar } from "../collections/calendar.ts";
import { type DatedRun, DatedRuns } from "../collections/dated_runs.ts";
import type { IdRange } from "../collections/id_ranges.ts";

/** When messages of a stream expire; some of them may be gone already. */
export class Expiries {
  /** As the messages say themselves. */
  readonly #said: DatedRuns;
  /** As it is set for the stream: that has to be written again where the messages are moved to. */
  #set: DatedRuns | undefined;

  constructor(calendar: Calendar) {
    this.#said = new DatedRuns(calendar);
  }

  get calendar(): Calendar {
    return this.#said.calendar;
  }

  get size(): number {
    return this.#said.size + (this.#set?.size ?? 0);
  }

  get visits(): number {
    return this.#said.visits + (this.#set?.visits ?? 0);
  }

  get hasDated(): boolean {
    return this.#said.hasDated || (this.#set?.hasDated ?? false);
  }

  /** When the first messages expire; `Infinity` if none do. */
  get nextAt(): number {
    return this.#set === undefined
      ? this.#said.nextAt
      : Math.min(this.#said.nextAt, this.#set.nextAt);
  }

  /** Adds what messages say themselves. */
  addSaid(run: DatedRun): void {
    this.#said.add(run);
  }

  /** Adds what is set for the stream. */
  addSet(run: DatedRun): void {
    (this.#set ??= new DatedRuns(this.calendar)).add(run);
  }

  /** Takes out what has expired: runs that may overlap, in no order. */
  takeDue(now: number): IdRange[] {
    const due: IdRange[] = [];
    for (const runs of [this.#said, this.#set]) {
      for (let run = runs?.takeDue(now); run; run = runs?.takeDue(now)) due.push(run);
    }
    return due;
  }

  /** All of them, in no order. */
  list(): DatedRun[] {
    return this.#said.list().concat(this.listSet());
  }

  /** What is set for the stream, in no order. */
  listSet(): DatedRun[] {
    return this.#set?.list() ?? [];
  }

  /** Takes all out of others. */
  takeOver(others: Expiries): void {
    for (const run of others.#said.removeAll()) this.addSaid(run);
    for (const run of others.#set?.removeAll() ?? []) this.addSet(run);
  }

  /** Keeps only those parts of runs that are still wanted. */
  prune(findWanted: (run: IdRange) => readonly IdRange[]): void {
    this.#said.prune(findWanted);
    this.#set?.prune(findWanted);
  }
}
