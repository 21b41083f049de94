// What is told of a schedule: to a cursor, and in sentences for a person.

import type { LeftOut, ScheduleInfo } from "../../../protocol.ts";
import { LeftOutReason } from "./table/schedule_event.ts";
import { CATCH_UP_MAX, type RunningSchedule } from "./running_schedule.ts";
import type { Schedule } from "./table/schedule.ts";

/** How many of the next dates are told. */
const NEXT_COUNT = 3;

/** @param hasStream Whether its stream is there. */
export function describeSchedule(running: RunningSchedule, hasStream: boolean): ScheduleInfo {
  const { schedule } = running;
  const { name, settings, isPaused, count, last } = schedule;
  const leftOut = describeLeftOut(schedule);
  const lacksStream = !hasStream && schedule.next !== null;
  const problem = running.problem ?? (lacksStream ? sayNoStream(settings.stream) : undefined);
  return {
    name,
    settings,
    isPaused,
    next: listNext(running),
    count,
    ...last && { last: { at: last.at, id: last.id } },
    ...leftOut && { leftOut },
    ...problem !== undefined && { problem },
  };
}

/** The problem of a schedule whose stream was deleted. */
export function sayNoStream(stream: string): string {
  return `there is no stream "${stream}"`;
}

function listNext({ schedule, dates }: RunningSchedule): number[] {
  const { isPaused, count, settings: { limit } } = schedule;
  const most = isPaused ? 0 : Math.min(NEXT_COUNT, (limit ?? Infinity) - count);
  const next: number[] = [];
  for (let mark = schedule.next; mark !== null && next.length < most; mark = dates.after(mark)) {
    next.push(dates.dateOf(mark));
  }
  return next;
}

function describeLeftOut({ leftOut, last }: Schedule): LeftOut | undefined {
  if (leftOut === undefined) return undefined;
  const [at, reason] = leftOut;
  if (reason === LeftOutReason.overlap) {
    return { at, why: `message ${last?.id} of it was still in the stream` };
  }
  if (reason === LeftOutReason.tooMany) {
    return { at, why: `more than ${CATCH_UP_MAX} dates were missed, and the others got a message` };
  }
  if (reason === LeftOutReason.expired) return { at, why: "its time to live was over" };
  return { at, why: "the broker came too late" };
}

/** Says why a schedule stores no messages, or has left some out; undefined if all is well. */
export function explainSchedule({ schedule, problem }: RunningSchedule): string | undefined {
  const { name, isPaused, last, leftOut } = schedule;
  const say = (what: string) => `Schedule "${name}" ${what}.`;
  if (isPaused) return say("is paused");
  if (problem !== undefined) return say(`cannot store a message, and tries again: ${problem}`);
  if (leftOut === undefined) return undefined;
  const isLatest = last === undefined || leftOut[0] > last.at;
  if (!isLatest && leftOut[1] !== LeftOutReason.tooMany) return undefined;
  const { at, why } = describeLeftOut(schedule)!;
  return say(`has left out ${new Date(at).toISOString()}: ${why}`);
}
