import type { ScheduleSettings } from "../../../../protocol.ts";
import type { ScheduleSet, ScheduleStanding } from "./schedule_event.ts";

/** A schedule as the events have made it. */
export class Schedule {
  readonly number: number;
  readonly name: string;
  settings!: ScheduleSettings;
  next!: ScheduleStanding["next"];
  count!: number;
  last: ScheduleStanding["last"] | undefined;
  leftOut: ScheduleStanding["leftOut"] | undefined;
  isPaused!: boolean;
  isAtOnce!: boolean;

  constructor(event: ScheduleSet) {
    this.number = event.schedule;
    this.name = event.name;
    this.set(event);
  }

  /** Takes over all that an event says of it. */
  set({ settings, next, count, last, leftOut, isPaused, isAtOnce }: ScheduleSet): void {
    this.settings = settings;
    this.next = next;
    this.count = count;
    this.last = last;
    this.leftOut = leftOut;
    this.isPaused = isPaused ?? false;
    this.isAtOnce = isAtOnce ?? false;
  }

  /** Goes on behind a date. */
  goOn(next: number | null): void {
    this.next = next;
    this.isAtOnce = false;
  }

  /** The event that makes it as it is, perhaps with changes. */
  describe(changes: Partial<ScheduleSet> = {}): ScheduleSet {
    const { number: schedule, name, settings, next, count, last, leftOut } = this;
    return {
      type: "scheduleSet",
      schedule,
      name,
      settings,
      next,
      count,
      ...last && { last },
      ...leftOut && { leftOut },
      ...this.isPaused && { isPaused: true },
      ...this.isAtOnce && { isAtOnce: true },
      ...changes,
    };
  }
}

/** About how many bytes a schedule takes, in memory and in a snapshot. */
export function measureSchedule({ entry, cron = "" }: ScheduleSettings): number {
  return entry.length + cron.length + 400;
}
