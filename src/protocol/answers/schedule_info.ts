import type { ScheduleSettings } from "../messages/schedule_settings.ts";

/** A date of a schedule, and the message that was stored for it. */
export interface ScheduledMessage {
  /** The date, in milliseconds since 1970: the message has it in its header `scheduledAt`. */
  readonly at: number;
  /** The id of the message in the stream. */
  readonly id: number;
}

/** Why a schedule has stored nothing for a date. */
export interface LeftOut {
  /** The date, in milliseconds since 1970. */
  readonly at: number;
  /** Why, in a few words. */
  readonly why: string;
}

/** What a broker tells of a schedule. */
export interface ScheduleInfo {
  /** Its name. */
  readonly name: string;
  /** What was put. */
  readonly settings: ScheduleSettings;
  /** Whether it stores nothing until it is resumed. */
  readonly isPaused: boolean;
  /** The next three dates, in milliseconds since 1970; fewer if it ends before, none while it is paused. */
  readonly next: readonly number[];
  /** How many messages it has stored. */
  readonly count: number;
  /** The last message that it has stored. */
  readonly last?: ScheduledMessage;
  /** The last date for which it has stored nothing, if there is one. */
  readonly leftOut?: LeftOut;
  /** Why it cannot store the message that is due now; it is tried again. */
  readonly problem?: string;
}
