import type { ScheduleCounters } from "../engine_counters.ts";
import type { RunningSchedule } from "./running_schedule.ts";
import { LeftOutReason } from "./table/schedule_event.ts";

/** What the schedules have done since the start. How they are now is looked up when somebody asks. */
export class ScheduleFigures implements ScheduleCounters {
  stored = 0;
  readonly leftOut: Record<keyof typeof LeftOutReason, number> = {
    overlap: 0,
    missed: 0,
    tooMany: 0,
    expired: 0,
  };
  readonly #running: ReadonlyMap<number, RunningSchedule>;
  readonly #now: () => number;

  constructor(running: ReadonlyMap<number, RunningSchedule>, now: () => number) {
    this.#running = running;
    this.#now = now;
  }

  get count(): number {
    return this.#running.size;
  }

  get paused(): number {
    return this.#count(({ schedule: { isPaused } }) => isPaused);
  }

  get failing(): number {
    return this.#count(({ problem }) => problem !== undefined);
  }

  get lateMs(): number {
    const now = this.#now();
    let earliest = now;
    for (const { schedule: { next, isPaused }, dates } of this.#running.values()) {
      if (next !== null && !isPaused) earliest = Math.min(earliest, dates.dueAt(next));
    }
    return now - earliest;
  }

  /** Counts a date that got no message. */
  noteLeftOut(found: number): void {
    for (const [reason, number] of Object.entries(LeftOutReason)) {
      if (number === found) this.leftOut[reason as keyof typeof LeftOutReason]++;
    }
  }

  #count(isCounted: (running: RunningSchedule) => boolean): number {
    let count = 0;
    for (const running of this.#running.values()) if (isCounted(running)) count++;
    return count;
  }
}
