import {
  BrokerError,
  type Page,
  type ScheduleInfo,
  type ScheduleInput,
} from "../../../protocol.ts";
import {
  completeSchedule,
  findScheduleMistake,
  findScheduleNameMistake,
  SCHEDULES_MAX,
  type ScheduleSettings,
} from "../../protocol/messages/schedule_settings.ts";
import type { StreamFilter } from "../member_permit.ts";
import type { EngineSchedules } from "../engine_schedules.ts";
import type { ScheduleSet } from "./table/schedule_event.ts";
import type { Removal } from "../rules/removal.ts";
import type { RuleContext } from "../rules/rule_context.ts";
import type { CronDates, CronReader } from "./cron_reader.ts";
import { RunningSchedule } from "./running_schedule.ts";
import { measureSchedule, Schedule } from "./table/schedule.ts";
import { ScheduleClock } from "./schedule_clock.ts";
import { hasSameDates, ScheduleDates } from "./schedule_dates.ts";
import { ScheduleFigures } from "./schedule_figures.ts";
import { describeSchedule, explainSchedule } from "./schedule_description.ts";
import type { ScheduleTable } from "./table/schedule_table.ts";
import { checkScheduledEntry } from "./scheduled_entry.ts";

/** The most bytes of all schedules: each checkpoint has them. */
const BYTES_MAX = 16 * 1024 * 1024;

/** The most schedules, and about the most bytes, of a page. */
const PAGE_COUNT = 100;
const PAGE_BYTES = 128 * 1024;

/** The most schedules of a stream that are explained. */
const EXPLAINED_MAX = 10;

const NO_DATES: CronDates = { next: () => undefined };

/** The commands about schedules. */
export class Schedules implements EngineSchedules {
  readonly #context: RuleContext;
  readonly #cron: CronReader;
  readonly #clock: ScheduleClock;
  /** By number, those of the table. */
  readonly #running = new Map<number, RunningSchedule>();

  constructor(context: RuleContext, removal: Removal, cron: CronReader) {
    this.#context = context;
    this.#cron = cron;
    const figures = new ScheduleFigures(this.#running, context.now);
    context.counters.schedules = figures;
    this.#clock = new ScheduleClock(context, removal, figures);
    context.clockWatchers.push(() => this.#noteClockSet());
  }

  get #table(): ScheduleTable {
    return this.#context.state.schedules;
  }

  /** Loads what {@linkcode Schedules.begin} needs; nothing if there is no schedule with cron. */
  prepare(): Promise<void> | undefined {
    for (const { settings } of this.#table.all) {
      if (settings.cron !== undefined) return this.#cron.load();
    }
    return undefined;
  }

  /** Begins to store messages, once the log was read. */
  begin(): void {
    for (const schedule of this.#table.all) this.#run(schedule);
  }

  async put(name: string, input: ScheduleInput): Promise<boolean> {
    const mistake = findScheduleNameMistake(name) ??
      findScheduleMistake(input as unknown as Record<string, unknown>);
    if (mistake !== undefined) throw refuse(name, mistake);
    checkScheduledEntry(input.entry, name);
    const settings = completeSchedule(input);
    const { cron, timeZone = "UTC" } = settings;
    if (cron !== undefined) {
      await this.#cron.load();
      this.#cron.check(cron, timeZone);
    }
    const { router } = this.#context.state;
    router.requireStream(settings.stream);
    const isChanged = await this.#decideWith(name, () => {
      const event = this.#set(name, settings, input.now ?? false);
      if (event === undefined) return false;
      const before = this.#table.get(name)?.number ?? event.schedule;
      if (before !== event.schedule) this.#end(before);
      this.#context.commit(event);
      this.#run(this.#table.get(name)!);
      return true;
    });
    // One that is as it should be may not be durable yet.
    await this.#context.whenDurable();
    return isChanged;
  }

  // deno-lint-ignore require-await
  async list(after: number, filter?: StreamFilter): Promise<Page<ScheduleInfo>> {
    const items: ScheduleInfo[] = [];
    let bytes = 0;
    let last = 0;
    for (const { number, settings } of this.#table.all) {
      if (number <= after || !(filter?.allows(settings.stream) ?? true)) continue;
      if (items.length >= PAGE_COUNT || bytes >= PAGE_BYTES) return { items, next: last };
      bytes += measureSchedule(settings);
      last = number;
      const hasStream = this.#context.state.router.getStream(settings.stream) !== undefined;
      items.push(describeSchedule(this.#running.get(number)!, hasStream));
    }
    return { items };
  }

  async delete(name: string): Promise<void> {
    await this.#decideWith(name, () => {
      const { number } = this.#require(name);
      this.#context.commit({ type: "scheduleDeleted", schedule: number });
      this.#end(number);
    });
    await this.#context.whenDurable();
  }

  async pause(name: string, isPaused: boolean): Promise<void> {
    await this.#decideWith(name, () => {
      const schedule = this.#require(name);
      if (schedule.isPaused === isPaused) return;
      const { isPaused: _, ...told } = schedule.describe();
      const running = this.#running.get(schedule.number)!;
      const now = this.#context.now();
      const next = isPaused || told.next === null ? told.next : running.dates.skip(told.next, now);
      this.#context.commit({ ...told, next, ...isPaused && { isPaused } });
      this.#clock.arm(running);
    });
    await this.#context.whenDurable();
  }

  findStream(name: string): string | undefined {
    return this.#table.get(name)?.settings.stream;
  }

  /** What an operator should know of the schedules of a stream, in sentences. */
  explain(stream: string): string[] {
    const sentences: string[] = [];
    for (const { number, settings } of this.#table.all) {
      if (settings.stream !== stream) continue;
      const sentence = explainSchedule(this.#running.get(number)!);
      if (sentence !== undefined) sentences.push(sentence);
    }
    const more = sentences.length - EXPLAINED_MAX;
    if (more <= 0) return sentences;
    return [...sentences.slice(0, EXPLAINED_MAX), `So do ${more} more schedules: see schedule ls.`];
  }

  /** The event that puts a schedule; undefined if it is as it should be already. */
  #set(name: string, settings: ScheduleSettings, isAtOnce: boolean): ScheduleSet | undefined {
    const known = this.#table.get(name);
    if (known !== undefined && isSame(known.settings, settings)) return undefined;
    this.#checkRoom(name, known, settings);
    const now = this.#context.now();
    const number = this.#table.nextNumber;
    const begun: ScheduleSet = {
      type: "scheduleSet",
      schedule: number,
      name,
      settings,
      next: null,
      count: 0,
    };
    const dates = this.#readDates(new Schedule(begun));
    const first = dates.first(now);
    checkJitter(name, settings, dates, first);
    if (known === undefined) {
      if (!isAtOnce) return { ...begun, next: first };
      return { ...begun, next: dates.markOf(now), isAtOnce };
    }
    const { last, leftOut, isPaused, count } = known;
    const kept = { ...last && { last }, ...leftOut && { leftOut }, ...isPaused && { isPaused } };
    if (!hasSameDates(known.settings, settings)) return { ...begun, ...kept, next: first };
    // The dates go on as they were: only what is stored, or for how long, has changed.
    const next = settings.limit !== null && count >= settings.limit ? null : known.next ?? first;
    const isOver = next !== null && settings.until !== null && dates.dateOf(next) > settings.until;
    const { isAtOnce: _, ...told } = known.describe({ settings, next: isOver ? null : next });
    return told;
  }

  #checkRoom(name: string, known: Schedule | undefined, settings: ScheduleSettings): void {
    const table = this.#table;
    if (known === undefined && table.size >= SCHEDULES_MAX) {
      const why = `the limit of ${SCHEDULES_MAX} schedules is reached`;
      throw new BrokerError("TOO_MANY_SCHEDULES", `Cannot put schedule "${name}": ${why}`);
    }
    const before = known === undefined ? 0 : measureSchedule(known.settings);
    if (table.bytes - before + measureSchedule(settings) > BYTES_MAX) {
      const why = `all schedules together would have more than ${BYTES_MAX} bytes`;
      throw new BrokerError("TOO_MANY_SCHEDULES", `Cannot put schedule "${name}": ${why}`);
    }
    const obstacle = this.#context.findObstacle(0);
    if (obstacle !== undefined) throw obstacle;
  }

  /** Decides about a schedule when no message of it is about to be stored. */
  async #decideWith<Result>(name: string, decide: () => Result): Promise<Result> {
    for (;;) {
      const { number } = this.#table.get(name) ?? {};
      const running = number === undefined ? undefined : this.#running.get(number);
      if (running === undefined || !running.isUnderWay) return decide();
      running.waitCount++;
      await this.#context.whenDurable();
      running.waitCount--;
      this.#clock.arm(running);
    }
  }

  #run(schedule: Schedule): void {
    const running = this.#running.get(schedule.number) ?? this.#makeRunning(schedule);
    this.#running.set(schedule.number, running);
    this.#clock.arm(running);
  }

  #makeRunning(schedule: Schedule): RunningSchedule {
    const ring = (now: number) => this.#clock.ring(running, now);
    let running: RunningSchedule;
    try {
      running = new RunningSchedule(schedule, this.#readDates(schedule), ring);
    } catch (error) {
      // Another system may not know its time zone.
      if (!(error instanceof BrokerError)) throw error;
      const dates = new ScheduleDates(schedule, this.#context.state.calendar, NO_DATES);
      running = new RunningSchedule(schedule, dates, ring);
      running.problem = error.message;
      running.waitCount = Infinity;
    }
    return running;
  }

  #end(number: number): void {
    const running = this.#running.get(number);
    if (running === undefined) return;
    this.#running.delete(number);
    this.#clock.stop(running);
  }

  #readDates(schedule: Schedule): ScheduleDates {
    const { cron, timeZone = "UTC" } = schedule.settings;
    const dates = cron === undefined ? undefined : this.#cron.read(cron, timeZone);
    return new ScheduleDates(schedule, this.#context.state.calendar, dates);
  }

  #require(name: string): Schedule {
    const schedule = this.#table.get(name);
    if (schedule !== undefined) return schedule;
    throw new BrokerError("SCHEDULE_NOT_FOUND", `Cannot find schedule "${name}": there is none`);
  }

  /** The machine's clock was set: dates come at another time. */
  #noteClockSet(): void {
    for (const running of this.#running.values()) {
      if (running.dates.isDated) this.#clock.arm(running);
    }
  }
}

function isSame(one: ScheduleSettings, other: ScheduleSettings): boolean {
  return hasSameDates(one, other) && one.stream === other.stream && one.entry === other.entry &&
    one.missed === other.missed && one.overlap === other.overlap && one.until === other.until &&
    one.limit === other.limit;
}

/** Refuses a jitter by which a message could come after the one for the next date. */
function checkJitter(
  name: string,
  { jitterMs }: ScheduleSettings,
  dates: ScheduleDates,
  first: number | null,
): void {
  const second = first === null ? null : dates.after(first);
  if (first === null || second === null || jitterMs <= second - first) return;
  throw refuse(
    name,
    `jitterMs is ${jitterMs}, and its next two dates are ${
      second - first
    } ms apart; at most that is allowed`,
  );
}

function refuse(name: string, mistake: string): BrokerError {
  return new BrokerError("BAD_REQUEST", `Cannot put schedule "${name}": ${mistake}`);
}
