import type { BrokerError } from "../../../protocol.ts";
import { Alarm, AlarmClock } from "../collections/alarm_clock.ts";
import { LeftOutReason, type SchedulesAdvanced } from "./table/schedule_event.ts";
import type { Removal } from "../rules/removal.ts";
import type { RuleContext } from "../rules/rule_context.ts";
import type { Stream } from "../stream/stream.ts";
import { CATCH_UP_MAX, type RunningSchedule } from "./running_schedule.ts";
import type { ScheduleFigures } from "./schedule_figures.ts";
import { sayNoStream } from "./schedule_description.ts";
import { ScheduleStore } from "./schedule_store.ts";

/** A date to which the broker comes later than this counts as missed, in milliseconds. */
export const LATE_MS = 5000;

/** The pause before a message that could not be stored is tried again, in milliseconds. */
export const RETRY_MS = 1000;

/** How many schedules have their turn at once: others wait a millisecond. */
const TURN_COUNT = 500;

/** A missed date costs as much as so many others: the last one is searched for by the calendar. */
const MISSED_COUNT = 20;

/** A date that has come, and the one after it. */
interface Turn {
  readonly mark: number;
  readonly next: number | null;
  /** Why it gets no message; 0 if it does. */
  readonly reason: number;
  /** Whether all dates that were missed get one. */
  readonly isCatchingUp: boolean;
}

/** Stores the messages of schedules when they are due. */
export class ScheduleClock {
  readonly #context: RuleContext;
  readonly #store: ScheduleStore;
  readonly #figures: ScheduleFigures;
  /** The alarms of all schedules; there is one in the broker's clock, for the first of them. */
  readonly #clock: AlarmClock;
  readonly #alarm: Alarm;
  /** Dates without a message: one event has those of a turn. */
  #steps: SchedulesAdvanced["steps"][number][] = [];
  #stepped: RunningSchedule[] = [];
  #turnCount = 0;

  constructor(context: RuleContext, removal: Removal, figures: ScheduleFigures) {
    this.#context = context;
    this.#figures = figures;
    this.#store = new ScheduleStore(context, removal);
    this.#alarm = new Alarm((now) => this.#ring(now));
    this.#clock = new AlarmClock((at) => context.clock.hasten(this.#alarm, at));
  }

  /** Makes the alarm of a schedule, which has not run yet. */
  ring(running: RunningSchedule, now: number): void {
    if (this.#turnCount >= TURN_COUNT) return this.#clock.set(running.alarm, now + 1);
    this.#turnCount++;
    const { schedule: { next, isPaused }, dates, isUnderWay, waitCount } = running;
    if (next === null || isPaused || isUnderWay || waitCount > 0) return;
    if (dates.dueAt(next) > now) return this.arm(running);
    this.#take(running, next, now);
  }

  /** Sets the alarm of a schedule for what is due next. */
  arm(running: RunningSchedule): void {
    const { schedule: { next, isPaused }, dates, isUnderWay, waitCount, problem } = running;
    const isIdle = next === null || isPaused || isUnderWay || waitCount > 0;
    const at = isIdle ? Infinity : dates.dueAt(next);
    const retryAt = problem === undefined ? at : Math.max(at, this.#context.now() + RETRY_MS);
    this.#clock.set(running.alarm, isIdle ? Infinity : retryAt);
  }

  /** A schedule is there no more. */
  stop({ alarm }: RunningSchedule): void {
    this.#clock.set(alarm, Infinity);
  }

  #ring(now: number): void {
    this.#turnCount = 0;
    const next = this.#clock.tick(now);
    this.#writeSteps();
    this.#context.clock.set(this.#alarm, Math.min(next, this.#alarm.at));
  }

  #take(running: RunningSchedule, due: number, now: number): void {
    const { schedule, dates } = running;
    const { mark, next, reason, isCatchingUp } = this.#choose(running, due, now);
    if (reason !== 0) return this.#leaveOut(running, mark, next, reason);
    const { settings: { stream: name, overlap, limit }, count } = schedule;
    const stream = this.#context.state.router.getStream(name);
    if (stream === undefined) return this.#wait(running, sayNoStream(name));
    const last = overlap === "allow" ? undefined : this.#findLast(running, stream);
    if (last !== undefined && overlap === "skip") {
      return this.#leaveOut(running, mark, next, LeftOutReason.overlap);
    }
    const date = dates.dateOf(mark);
    const { aheadMs } = this.#context.state.calendar;
    const lateMs = Math.max(0, now - dates.dueAt(mark));
    const made = running.template.make({ date, lateMs, now, aheadMs });
    if (made === undefined) return this.#leaveOut(running, mark, next, LeftOutReason.expired);
    const obstacle = this.#store.findObstacle(stream, made, now);
    if (obstacle !== undefined) {
      return this.#wait(running, `${obstacle.message} (${obstacle.code})`);
    }
    const isLast = limit !== null && count + 1 >= limit;
    const step = { schedule: schedule.number, at: date, next: isLast ? null : next };
    running.isUnderWay = true;
    const replaced = overlap === "replace" ? last : undefined;
    this.#store.store({ stream, entry: made, step, replaced, now }, (error) => {
      if (isCatchingUp && error === undefined) running.catchUp--;
      if (error === undefined) this.#figures.stored++;
      this.#conclude(running, error);
    });
  }

  /** Which of the dates that have come has its turn, by what is said of missed ones. */
  #choose({ schedule, dates, catchUp }: RunningSchedule, due: number, now: number): Turn {
    const next = dates.after(due);
    const isLate = (mark: number) => now - dates.dueAt(mark) > LATE_MS;
    const isMissed = isLate(due) || next !== null && dates.dueAt(next) <= now;
    const { missed } = schedule.settings;
    const isCatchingUp = isMissed && missed === "all";
    if (!isMissed || isCatchingUp && catchUp > 0) {
      return { mark: due, next, reason: 0, isCatchingUp };
    }
    if (dates.isDated) this.#turnCount += MISSED_COUNT;
    const mark = dates.findLast(due, now);
    const reason = missed === "all"
      ? LeftOutReason.tooMany
      : missed === "skip" && isLate(mark)
      ? LeftOutReason.missed
      : 0;
    return { mark, next: dates.after(mark), reason, isCatchingUp };
  }

  /** The id of the last message, if that is still in the stream. */
  #findLast({ schedule: { last } }: RunningSchedule, stream: Stream): number | undefined {
    if (last === undefined || last.number !== stream.number) return undefined;
    const isThere = stream.findPresent({ firstId: last.id, count: 1 }).length > 0;
    return isThere ? last.id : undefined;
  }

  #leaveOut(running: RunningSchedule, mark: number, next: number | null, reason: number): void {
    const { schedule: { number }, dates } = running;
    this.#figures.noteLeftOut(reason);
    this.#steps.push([number, dates.dateOf(mark), next, reason]);
    this.#stepped.push(running);
    running.problem = undefined;
  }

  #writeSteps(): void {
    if (this.#steps.length === 0) return;
    const [steps, stepped] = [this.#steps, this.#stepped];
    this.#steps = [];
    this.#stepped = [];
    this.#context.commit({ type: "schedulesAdvanced", steps });
    for (const running of stepped) this.arm(running);
  }

  #wait(running: RunningSchedule, problem: string): void {
    running.problem = problem;
    this.arm(running);
  }

  #conclude(running: RunningSchedule, error: BrokerError | undefined): void {
    running.isUnderWay = false;
    running.problem = error && `${error.message} (${error.code})`;
    const { schedule: { next }, dates } = running;
    const isCaughtUp = next === null || dates.dueAt(next) > this.#context.now();
    if (isCaughtUp) running.catchUp = CATCH_UP_MAX;
    this.arm(running);
  }
}
