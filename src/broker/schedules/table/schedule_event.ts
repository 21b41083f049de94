import type { ScheduleSettings } from "../../../../protocol.ts";

/** Why a schedule has stored nothing for a date; 0 if it has. */
export const LeftOutReason = { overlap: 1, missed: 2, tooMany: 3, expired: 4 } as const;

/** Where a schedule stands. */
export interface ScheduleStanding {
  /**
   * What is due next: for cron a calendar time, for an interval a time of the rules, in milliseconds since
   * 1970; null if nothing is.
   */
  readonly next: number | null;
  /** How many messages it has stored. */
  readonly count: number;
  /** The date of the last message, and where that is. */
  readonly last?: { readonly at: number; readonly number: number; readonly id: number };
  /** The last date that was left out, and one of {@linkcode LeftOutReason}. */
  readonly leftOut?: readonly [at: number, reason: number];
}

/** A schedule is there, or was changed: all that is known of it. */
export interface ScheduleSet extends ScheduleStanding {
  readonly type: "scheduleSet";
  /** Its number; one that replaces another has a new one, so that steps of the old one do not count. */
  readonly schedule: number;
  readonly name: string;
  readonly settings: ScheduleSettings;
  readonly isPaused?: true;
  /** Whether what is due next was asked for at once: it is in no list of dates. */
  readonly isAtOnce?: true;
}

export interface ScheduleDeleted {
  readonly type: "scheduleDeleted";
  readonly schedule: number;
}

/** A schedule goes on behind a date. */
export interface ScheduleStep {
  readonly schedule: number;
  /** The date. */
  readonly at: number;
  /** As {@linkcode ScheduleStanding.next}. */
  readonly next: number | null;
}

/** Schedules go on without a message. */
export interface SchedulesAdvanced {
  readonly type: "schedulesAdvanced";
  readonly steps: readonly (readonly [
    schedule: number,
    at: number,
    next: number | null,
    reason: number,
  ])[];
}

export type ScheduleEvent = ScheduleSet | ScheduleDeleted | SchedulesAdvanced;

/** Schedules in a snapshot, which has as many of these pieces as they take. */
export interface SchedulesPiece {
  readonly piece: "schedules";
  readonly schedules: readonly Omit<ScheduleSet, "type">[];
}
