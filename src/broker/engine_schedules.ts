import type { Page, ScheduleInfo, ScheduleInput } from "../../protocol.ts";
import type { StreamFilter } from "./member_permit.ts";

/** The schedules of an engine: they store messages at their dates, as a publisher would. */
export interface EngineSchedules {
  /**
   * Creates a schedule, or replaces one; resolves to whether anything has changed. One of the same value
   * changes nothing, its next date included.
   *
   * Rejects with `BAD_REQUEST`, `STREAM_NOT_FOUND`, `MESSAGE_TOO_LARGE`, `TOO_MANY_SCHEDULES`.
   */
  put(name: string, input: ScheduleInput): Promise<boolean>;
  /** Describes schedules in pages, those of streams that are allowed. */
  list(after: number, filter?: StreamFilter): Promise<Page<ScheduleInfo>>;
  /** Rejects with `SCHEDULE_NOT_FOUND`. */
  delete(name: string): Promise<void>;
  /** Pauses or resumes a schedule: dates that pass while it is paused are not missed. Rejects with `SCHEDULE_NOT_FOUND`. */
  pause(name: string, isPaused: boolean): Promise<void>;
  /** The stream of a schedule; undefined if there is no such schedule. */
  findStream(name: string): string | undefined;
}
