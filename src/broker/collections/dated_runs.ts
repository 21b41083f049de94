import type { Calendar } from "./calendar.ts";
import { byFirstId, type IdRange } from "./id_ranges.ts";
import { type TimedRun, TimedRuns } from "./timed_runs.ts";

/** A run whose time may be a calendar time. */
export interface DatedRun extends TimedRun {
  /** Whether it waits for a calendar time. */
  readonly isDated?: boolean | undefined;
}

/**
 * Runs of messages in the order of their times. Some wait for a calendar time: these move all together
 * when the machine's clock is set, without being touched. All times given and taken are times of the
 * rules, by the calendar of that moment.
 */
export class DatedRuns {
  /** How far the machine's clock is from the time of the rules. */
  readonly calendar: Calendar;
  /** Undefined before the first run: most streams have none. */
  #timed: TimedRuns | undefined;
  /** By the machine's clock; undefined before the first one. */
  #dated: TimedRuns | undefined;

  constructor(calendar: Calendar) {
    this.calendar = calendar;
  }

  /** Whether a run waits for a calendar time. */
  get hasDated(): boolean {
    return this.#dated !== undefined && this.#dated.size > 0;
  }

  get size(): number {
    return (this.#timed?.size ?? 0) + (this.#dated?.size ?? 0);
  }

  get messageCount(): number {
    return (this.#timed?.messageCount ?? 0) + (this.#dated?.messageCount ?? 0);
  }

  /** How many runs were ever visited or moved; tests bound this cost. */
  get visits(): number {
    return (this.#timed?.visits ?? 0) + (this.#dated?.visits ?? 0);
  }

  /** The earliest time; `Infinity` if there are no runs. */
  get nextAt(): number {
    const nextAt = this.#timed?.nextAt ?? Infinity;
    if (this.#dated === undefined) return nextAt;
    return Math.min(nextAt, this.calendar.timeOf(this.#dated.nextAt));
  }

  add(run: DatedRun): void {
    if (!run.isDated) {
      this.#timed ??= new TimedRuns();
      return this.#timed.add(run);
    }
    this.#dated ??= new TimedRuns();
    this.#dated.add({ ...run, at: this.calendar.dateOf(run.at) });
  }

  /** Takes the earliest run out, if it is due. */
  takeDue(now: number): DatedRun | undefined {
    if (this.#dated === undefined) return this.#timed?.takeDue(now);
    const datedAt = this.calendar.timeOf(this.#dated.nextAt);
    const timedAt = this.#timed?.nextAt ?? Infinity;
    if (datedAt >= timedAt) return this.#timed?.takeDue(now);
    const run = this.#dated.takeDue(this.calendar.dateOf(now));
    return run && this.#tell(run);
  }

  /** Takes out messages by id; returns the ones that were here. */
  remove(ranges: readonly IdRange[]): DatedRun[] {
    return this.#join(this.#timed?.remove(ranges), this.#dated?.remove(ranges));
  }

  removeAll(): DatedRun[] {
    return this.#join(this.#timed?.removeAll(), this.#dated?.removeAll());
  }

  /** All runs, in no order. */
  list(): DatedRun[] {
    return this.#join(this.#timed?.list(), this.#dated?.list());
  }

  /** The runs that have some of the messages from `fromId` to below `toId`, by id. */
  find(fromId: number, toId: number): DatedRun[] {
    const runs = this.#join(this.#timed?.find(fromId, toId), this.#dated?.find(fromId, toId));
    return this.hasDated ? runs.sort(byFirstId) : runs;
  }

  /** The messages with the smallest ids, if there are any. */
  findOldest(): IdRange | undefined {
    const oldest = this.#timed?.findOldest();
    const dated = this.#dated?.findOldest();
    if (oldest === undefined || dated === undefined) return oldest ?? dated;
    return oldest.firstId < dated.firstId ? oldest : dated;
  }

  /** Keeps only the live parts of runs. */
  prune(findWanted: (run: TimedRun) => readonly IdRange[]): void {
    this.#timed?.prune(findWanted);
    this.#dated?.prune(findWanted);
  }

  #join(ofTime: TimedRun[] | undefined, dated: TimedRun[] | undefined): DatedRun[] {
    const timed = ofTime ?? [];
    return dated === undefined || dated.length === 0
      ? timed
      : [...timed, ...dated.map((run) => this.#tell(run))];
  }

  #tell(run: TimedRun): DatedRun {
    return { ...run, at: this.calendar.timeOf(run.at), isDated: true };
  }
}
