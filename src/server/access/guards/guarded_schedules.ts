import {
  BrokerError,
  type Page,
  type ScheduleInfo,
  type ScheduleInput,
} from "../../../../protocol.ts";
import type { EngineSchedules, StreamFilter } from "../../../broker/engine.ts";

/** What a user may do with streams. */
export interface ScheduleGuard {
  may(verb: "inspect" | "manage", stream: string): boolean;
  /** Throws `FORBIDDEN` unless the user may do that with a stream. */
  require(verb: "publish" | "manage", stream: string): void;
  /** The streams that the user may inspect; undefined for all. */
  readonly filter: StreamFilter | undefined;
}

/**
 * The schedules as a user may use them. A schedule is its stream's: whoever puts one needs `publish` and
 * `manage` on the stream, to change it `manage`, to see it `inspect`. Others are as if not there; but a name
 * that one of them has is taken.
 */
export class GuardedSchedules implements EngineSchedules {
  readonly #schedules: EngineSchedules;
  readonly #guard: ScheduleGuard;

  constructor(schedules: EngineSchedules, guard: ScheduleGuard) {
    this.#schedules = schedules;
    this.#guard = guard;
  }

  async put(name: string, input: ScheduleInput): Promise<boolean> {
    this.#guard.require("publish", input.stream);
    this.#guard.require("manage", input.stream);
    const stream = this.findStream(name);
    if (stream !== undefined && !this.#guard.may("manage", stream)) {
      const why = "there is one of that name, of a stream that you have no permission to manage";
      throw new BrokerError("FORBIDDEN", `Cannot put schedule "${name}": ${why}`);
    }
    return await this.#schedules.put(name, input);
  }

  list(after: number): Promise<Page<ScheduleInfo>> {
    return this.#schedules.list(after, this.#guard.filter);
  }

  async delete(name: string): Promise<void> {
    this.#requireOf(name);
    await this.#schedules.delete(name);
  }

  async pause(name: string, isPaused: boolean): Promise<void> {
    this.#requireOf(name);
    await this.#schedules.pause(name, isPaused);
  }

  findStream(name: string): string | undefined {
    return this.#schedules.findStream(name);
  }

  /** Throws unless the user may change a schedule; one that the user may not see is as if not there. */
  #requireOf(name: string): void {
    const stream = this.findStream(name);
    if (stream === undefined || this.#guard.may("manage", stream)) return;
    if (this.#guard.may("inspect", stream)) this.#guard.require("manage", stream);
    throw new BrokerError("SCHEDULE_NOT_FOUND", `Cannot find schedule "${name}": there is none`);
  }
}
