import type { LeftOut, MissedWay, OverlapWay, ScheduledMessage } from "../../../protocol.ts";
import type { CallOptions } from "../member/call_options.ts";
import type { MessageBody } from "../outgoing/body.ts";

/**
 * The settings of {@linkcode Scheduling.putSchedule}: which message, and when.
 *
 * @typeParam Body The type of the body.
 */
export interface ScheduleOptions<Body = MessageBody> {
  /** The stream that the messages go to. */
  readonly stream: string;
  /** The body of each message, 16 KiB at most. */
  readonly body: Body;
  /**
   * Headers of each message. The broker adds `scheduledAt`: the date that the message is for, as ISO 8601.
   *
   * @default {no headers}
   */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * The key, see {@linkcode SendOptions.key}.
   *
   * @default {no key}
   */
  readonly key?: string;
  /**
   * The priority, 0 to 9.
   *
   * @default {4}
   */
  readonly priority?: number;
  /**
   * The lane, see {@linkcode SendOptions.lane}.
   *
   * @default {no lane}
   */
  readonly lane?: string;
  /**
   * How long a message may wait to be delivered, from when it is due, in milliseconds.
   *
   * @default {the stream's `ttlMs`}
   */
  readonly ttlMs?: number;
  /**
   * How long each message is delayed after it was stored, in milliseconds.
   *
   * @default {0}
   */
  readonly delayMs?: number;
  /**
   * The dates, as cron has them: minute, hour, day, month and day of the week, and if there are six fields the
   * seconds first. Names (`MON`, `JAN`), lists, ranges and steps are allowed, and `L` for the last day. Either
   * this or `everyMs` is given.
   */
  readonly cron?: string;
  /**
   * The time zone of `cron`, by its name at IANA. A time that its clocks leave out comes right after the gap; of
   * one that comes twice only the first counts.
   *
   * @default {"UTC"}
   */
  readonly timeZone?: string;
  /**
   * The interval in milliseconds, 1,000 to 100 years; it begins with the call. Either this or `cron` is given.
   */
  readonly everyMs?: number;
  /**
   * What becomes of dates that have passed by more than 5 seconds, since no broker was there or its clock was
   * set: `"one"` message for the last of them, none (`"skip"`), or one for each (`"all"`), 1,000 at most.
   *
   * @default {"one"}
   */
  readonly missed?: MissedWay;
  /**
   * What becomes of a date while the message before is still in the stream, waiting, delayed or in work:
   * nothing is stored (`"skip"`), another one (`"allow"`), or one in the place of the one before (`"replace"`)
   * unless a follower has that.
   *
   * @default {"skip"; "allow" with `missed: "all"`, which needs it}
   */
  readonly overlap?: OverlapWay;
  /**
   * By how much messages may come later than their dates, in milliseconds: 0 to a day, and no more than the
   * dates are apart. Name and date decide, so it is the same after a restart.
   *
   * @default {0}
   */
  readonly jitterMs?: number;
  /**
   * The last date: a `Date`, or milliseconds since 1970.
   *
   * @default {none}
   */
  readonly until?: number | Date | null;
  /**
   * How many messages are stored in all.
   *
   * @default {no limit}
   */
  readonly limit?: number | null;
  /**
   * Whether a message is stored at once if there was no such schedule.
   *
   * @default {false}
   */
  readonly now?: boolean;
}

/**
 * A schedule as the broker has it.
 *
 * @typeParam Body The type of the body; it is not checked.
 */
export interface Schedule<Body = unknown>
  extends Omit<ScheduleOptions<Body>, "now" | "until" | "headers"> {
  /** Its name. */
  readonly name: string;
  /** The headers of each message, without `scheduledAt`. */
  readonly headers: Readonly<Record<string, string>>;
  /** What missed dates get. */
  readonly missed: MissedWay;
  /** What a date does while the last message is still in the stream. */
  readonly overlap: OverlapWay;
  /** By how much messages may come later than their dates, in milliseconds. */
  readonly jitterMs: number;
  /** The last date, in milliseconds since 1970; null if there is none. */
  readonly until: number | null;
  /** How many messages it stores in all; null for no limit. */
  readonly limit: number | null;
  /** Whether it is paused. */
  readonly isPaused: boolean;
  /** The next three dates, in milliseconds since 1970; fewer if it ends before, none while it is paused. */
  readonly next: readonly number[];
  /** How many messages it has stored. */
  readonly count: number;
  /** The last message that it has stored. */
  readonly last?: ScheduledMessage;
  /** The last date that got no message, and why. */
  readonly leftOut?: LeftOut;
  /** Why a message that is due cannot be stored; the broker tries again each second. */
  readonly problem?: string;
}

/** The part of a {@linkcode Cursor} that has messages stored at dates. */
export interface Scheduling {
  /**
   * Creates a schedule, or replaces the one of that name. The same settings again change nothing, the next date
   * included: every process may put its schedules when it starts. With another body or another limit the
   * dates stay as they were.
   *
   * A message and the step to the next date are stored together: none is lost or stored twice by a crash, a
   * restart or a takeover. Each has the header `scheduledAt` and the dedup id `schedule/<name>/<scheduledAt>`.
   *
   * @param name 1 to 94 of the characters `A-Z a-z 0-9 . _ -`, the first a letter or a digit.
   * @param options The message, and its dates.
   * @returns Whether anything has changed.
   * @throws {TypeError | RangeError} If the name or an option is not allowed.
   * @throws {BrokerError} `BAD_REQUEST` for a cron expression or a zone that is not known, and for a date that
   * never comes; `STREAM_NOT_FOUND`, `TOO_MANY_SCHEDULES` (10,000), `MESSAGE_TOO_LARGE`, `FORBIDDEN`: it takes
   * `publish` and `manage` on the stream.
   *
   * @example A message each night
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * const cursor = connection.cursor();
   * await cursor.createStream("reports");
   * const nightly = {
   *   stream: "reports",
   *   body: { kind: "daily" },
   *   cron: "30 3 * * *",
   *   timeZone: "Europe/Berlin",
   * };
   * assertEquals(await cursor.putSchedule("nightly-report", nightly), { changed: true });
   * assertEquals(await cursor.putSchedule("nightly-report", nightly), { changed: false });
   * const [schedule] = await cursor.getSchedules();
   * assertEquals([schedule?.name, schedule?.next.length], ["nightly-report", 3]);
   * ```
   */
  putSchedule<const Body = MessageBody>(
    name: string,
    options: ScheduleOptions<Body>,
    call?: CallOptions,
  ): Promise<SchedulePut>;
  /** Lists the schedules of all streams that the user may inspect, sorted by name. */
  getSchedules<Body = unknown>(call?: CallOptions): Promise<Schedule<Body>[]>;
  /**
   * Deletes a schedule. Messages that it has stored stay.
   *
   * @throws {BrokerError} `SCHEDULE_NOT_FOUND`, `FORBIDDEN`.
   */
  deleteSchedule(name: string, call?: CallOptions): Promise<void>;
  /**
   * Stops a schedule until it is resumed, even if the broker is restarted. Dates that pass meanwhile are left
   * out.
   *
   * @throws {BrokerError} `SCHEDULE_NOT_FOUND`, `FORBIDDEN`.
   */
  pauseSchedule(name: string, call?: CallOptions): Promise<void>;
  /**
   * Resumes a paused schedule, with the next date from now on.
   *
   * @throws {BrokerError} `SCHEDULE_NOT_FOUND`, `FORBIDDEN`.
   */
  resumeSchedule(name: string, call?: CallOptions): Promise<void>;
}

/** What {@linkcode Scheduling.putSchedule} has done. */
export interface SchedulePut {
  /** Whether the schedule is new, or was different; after a lost connection possibly `false` nevertheless. */
  readonly changed: boolean;
}
