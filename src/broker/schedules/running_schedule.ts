import { Alarm } from "../collections/alarm_clock.ts";
import type { Schedule } from "./table/schedule.ts";
import { EntryTemplate } from "./scheduled_entry.ts";
import type { ScheduleDates } from "./schedule_dates.ts";

/** The most missed dates for which messages are stored, one after the other. */
export const CATCH_UP_MAX = 1000;

/** A schedule at the broker that decides, with what is not in the log. */
export class RunningSchedule {
  readonly schedule: Schedule;
  readonly dates: ScheduleDates;
  readonly alarm: Alarm;
  /** Whether a message of it is about to be stored: until then nothing else of it is decided. */
  isUnderWay = false;
  /** How many calls wait to change it: until then nothing new is decided. */
  waitCount = 0;
  /** Why the message that is due cannot be stored. */
  problem: string | undefined;
  /** How many more missed dates get a message; it begins anew when all have one. */
  catchUp: number = CATCH_UP_MAX;

  #template: { readonly entry: string; readonly template: EntryTemplate } | undefined;

  constructor(schedule: Schedule, dates: ScheduleDates, ring: (now: number) => void) {
    this.schedule = schedule;
    this.dates = dates;
    this.alarm = new Alarm(ring);
  }

  /** Its message, in which only dates are missing. */
  get template(): EntryTemplate {
    const { name, settings: { entry } } = this.schedule;
    if (this.#template?.entry !== entry) {
      this.#template = { entry, template: new EntryTemplate(entry, name) };
    }
    return this.#template!.template;
  }
}
