import type { Calendar } from "../collections/calendar.ts";
import { type DatedRun, DatedRuns } from "../collections/dated_runs.ts";
import type { IdRange } from "../collections/id_ranges.ts";

/** When messages of a stream expire; some of them may be gone already. */
export class Expiries {
  /** Of messages with a time to live of their own. */
  #own: DatedRuns;
  /** Of messages with the stream's: written again where the messages are moved to. */
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

  /** Whether the stream set some. */
  get hasOfStream(): boolean {
    return this.#ofStream !== undefined && this.#ofStream.size > 0;
  }

  get visits(): number {
    return this.#own.visits + (this.#ofStream?.visits ?? 0);
  }

  get hasDated(): boolean {
    return this.#own.hasDated || (this.#ofStream?.hasDated ?? false);
  }

  /** The earliest expiry; `Infinity` if there is none. */
  get nextAt(): number {
    return this.#ofStream === undefined
      ? this.#own.nextAt
      : Math.min(this.#own.nextAt, this.#ofStream.nextAt);
  }

  /** Adds expiries that messages set themselves. */
  addOwn(run: DatedRun): void {
    this.#own.add(run);
  }

  /** Adds expiries that the stream sets. */
  addOfStream(run: DatedRun): void {
    (this.#ofStream ??= new DatedRuns(this.calendar)).add(run);
  }

  /**
   * Takes out the runs that have expired; they may overlap, and are in no order.
   *
   * @param countMax How many messages at most.
   */
  takeDue(now: number, countMax: number = Infinity): IdRange[] {
    const due: IdRange[] = [];
    let left = countMax;
    for (const runs of [this.#own, this.#ofStream]) {
      if (runs === undefined) continue;
      for (let run = takeFirst(runs, now, left); run; run = takeFirst(runs, now, left)) {
        due.push(run);
        left -= run.count;
      }
    }
    return due;
  }

  /** Takes out those of some messages that have expired, however many others have. */
  takeDueOf(range: IdRange, now: number): IdRange[] {
    const due: IdRange[] = [];
    for (const runs of [this.#own, this.#ofStream]) {
      for (const run of runs?.remove([range]) ?? []) {
        if (run.at <= now) due.push(run);
        else runs!.add(run);
      }
    }
    return due;
  }

  /** All of them, in no order. */
  list(): DatedRun[] {
    return this.#own.list().concat(this.listOfStream());
  }

  /** The expiries that the stream set, in no order. */
  listOfStream(): DatedRun[] {
    return this.#ofStream?.list() ?? [];
  }

  /** Those that the stream set for some messages, by id. */
  findOfStream({ firstId, count }: IdRange): DatedRun[] {
    return this.#ofStream?.find(firstId, firstId + count) ?? [];
  }

  /** Forgets all: no message is left. */
  clear(): void {
    this.#own = new DatedRuns(this.calendar);
    this.#ofStream = undefined;
  }

  /** Keeps only the live parts of runs. */
  prune(findWanted: (run: IdRange) => readonly IdRange[]): void {
    this.#own.prune(findWanted);
    this.#ofStream?.prune(findWanted);
  }
}

/** Takes out the first messages that have expired, of one run and at most so many. */
function takeFirst(runs: DatedRuns, now: number, countMax: number): DatedRun | undefined {
  const run = countMax > 0 ? runs.takeDue(now) : undefined;
  if (run === undefined || run.count <= countMax) return run;
  const { firstId, count } = run;
  runs.add({ ...run, firstId: firstId + countMax, count: count - countMax });
  return { ...run, count: countMax };
}
