import type { ScheduleSettings } from "../../../protocol.ts";
import type { Calendar } from "../collections/calendar.ts";
import type { CronDates } from "./cron_reader.ts";
import type { Schedule } from "./table/schedule.ts";

/** The parts of a second in which cron has no two dates, in milliseconds. */
const CRON_MS = 1000;

/**
 * The dates of a schedule. What is due is a *mark*: a calendar time if there is a cron expression, since
 * that goes by the calendar; a time of the rules if there is an interval, since spans never jump.
 */
export class ScheduleDates {
  readonly #schedule: Schedule;
  readonly #calendar: Calendar;
  readonly #cron: CronDates | undefined;

  /** @param cron The dates of its expression, if it has one. */
  constructor(schedule: Schedule, calendar: Calendar, cron: CronDates | undefined) {
    this.#schedule = schedule;
    this.#calendar = calendar;
    this.#cron = cron;
  }

  /** Whether it goes by the calendar. */
  get isDated(): boolean {
    return this.#cron !== undefined;
  }

  /** The calendar time of a mark, in milliseconds since 1970. */
  dateOf(mark: number): number {
    return this.isDated ? mark : this.#calendar.dateOf(mark);
  }

  /** The mark of a time of the rules. */
  markOf(now: number): number {
    return Math.floor(this.isDated ? this.#calendar.dateOf(now) : now);
  }

  /** The time of the rules at which a message for this mark is stored. */
  dueAt(mark: number): number {
    const { name, settings: { jitterMs }, isAtOnce, next } = this.#schedule;
    const delay = jitterMs === 0 || isAtOnce && mark === next ? 0 : jitter(name, mark, jitterMs);
    return (this.isDated ? this.#calendar.timeOf(mark) : mark) + delay;
  }

  /** The next mark after one; null if it is the last. */
  after(mark: number): number | null {
    const { everyMs = 0 } = this.#schedule.settings;
    const next = this.#cron === undefined ? mark + everyMs : this.#cron.next(mark);
    return next === undefined || this.#isOver(next) ? null : next;
  }

  /** The first mark after a time of the rules, if nothing was due before. */
  first(now: number): number | null {
    return this.after(this.markOf(now));
  }

  /** A mark if it is not due yet, else the first one after it that is not. */
  skip(mark: number, now: number): number | null {
    return this.dueAt(mark) > now ? mark : this.after(this.findLast(mark, now));
  }

  /** The last mark that is due; this one or one after it. */
  findLast(mark: number, now: number): number {
    const last = this.#findLastUntil(mark, this.markOf(now));
    // Jitter is shorter than the distance of two marks.
    return last > mark && this.dueAt(last) > now ? this.#findLastUntil(mark, last - 1) : last;
  }

  /** The last mark at or before another one. */
  #findLastUntil(mark: number, bound: number): number {
    const cron = this.#cron;
    if (cron === undefined) {
      const { everyMs = 1 } = this.#schedule.settings;
      return mark + Math.max(0, Math.floor((bound - mark) / everyMs)) * everyMs;
    }
    const hasNext = (date: number) => (cron.next(date) ?? Infinity) <= bound;
    if (!hasNext(mark)) return mark;
    let [low, high] = [mark, bound];
    while (high - low > CRON_MS / 2) {
      const middle = Math.floor((low + high) / 2);
      if (hasNext(middle)) low = middle;
      else high = middle;
    }
    return cron.next(low)!;
  }

  #isOver(mark: number): boolean {
    const { until } = this.#schedule.settings;
    return until !== null && this.dateOf(mark) > until;
  }
}

/** Whether two schedules have the same dates. */
export function hasSameDates(one: ScheduleSettings, other: ScheduleSettings): boolean {
  return one.cron === other.cron && one.timeZone === other.timeZone &&
    one.everyMs === other.everyMs && one.jitterMs === other.jitterMs;
}

/** By how much a date is delayed: the same at each start and at each broker, since nothing is drawn. */
function jitter(name: string, mark: number, jitterMs: number): number {
  let hash = 0x811c9dc5;
  for (const text of [name, "/", `${mark}`]) {
    for (let at = 0; at < text.length; at++) {
      hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    }
  }
  // The last characters alone would decide the upper bits.
  hash = Math.imul(hash ^ hash >>> 15, 0x2c1b3c6d);
  hash = Math.imul(hash ^ hash >>> 12, 0x297a2d39);
  return ((hash ^ hash >>> 15) >>> 0) % (jitterMs + 1);
}
