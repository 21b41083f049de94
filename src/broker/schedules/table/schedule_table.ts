import type {
  ScheduleEvent,
  SchedulesAdvanced,
  ScheduleSet,
  SchedulesPiece,
  ScheduleStep,
} from "./schedule_event.ts";
import { measureSchedule, Schedule } from "./schedule.ts";

/** The schedules of a broker, as events make them. */
export class ScheduleTable {
  readonly #named = new Map<string, Schedule>();
  readonly #numbered = new Map<number, Schedule>();
  #nextNumber = 1;
  #bytes = 0;

  get size(): number {
    return this.#named.size;
  }

  /** About how many bytes all of them take. */
  get bytes(): number {
    return this.#bytes;
  }

  get nextNumber(): number {
    return this.#nextNumber;
  }

  /** By number, the smallest first. */
  get all(): Iterable<Schedule> {
    return this.#numbered.values();
  }

  get(name: string): Schedule | undefined {
    return this.#named.get(name);
  }

  apply(event: ScheduleEvent): void {
    switch (event.type) {
      case "scheduleSet":
        return this.#set(event);
      case "scheduleDeleted":
        return this.#delete(this.#numbered.get(event.schedule));
      case "schedulesAdvanced":
        return this.#advance(event);
    }
  }

  /** Notes that a message was stored; a step of a schedule that was replaced meanwhile does not count. */
  noteStored(
    step: ScheduleStep | undefined,
    storedAt: { readonly number: number; readonly firstId: number } | undefined,
  ): void {
    const schedule = step && this.#numbered.get(step.schedule);
    if (step === undefined || schedule === undefined || storedAt === undefined) return;
    schedule.goOn(step.next);
    schedule.count++;
    schedule.last = { at: step.at, number: storedAt.number, id: storedAt.firstId };
  }

  /**
   * Tells of all schedules.
   *
   * @param bytesMax About how many bytes a piece may have.
   */
  *takePieces(bytesMax: number): Iterable<SchedulesPiece> {
    let schedules: Omit<ScheduleSet, "type">[] = [];
    let bytes = 0;
    for (const schedule of this.#numbered.values()) {
      const { type: _, ...told } = schedule.describe();
      schedules.push(told);
      bytes += measureSchedule(told.settings);
      if (bytes < bytesMax) continue;
      yield { piece: "schedules", schedules };
      schedules = [];
      bytes = 0;
    }
    if (schedules.length > 0) yield { piece: "schedules", schedules };
  }

  /** Takes over schedules of a snapshot, unless they are known already. */
  restorePiece({ schedules }: SchedulesPiece): void {
    for (const told of schedules) {
      if (!this.#named.has(told.name)) this.#set({ type: "scheduleSet", ...told });
    }
  }

  #set(event: ScheduleSet): void {
    const known = this.#named.get(event.name);
    this.#bytes += measureSchedule(event.settings);
    if (known?.number === event.schedule) {
      this.#bytes -= measureSchedule(known.settings);
      return known.set(event);
    }
    this.#delete(known);
    const schedule = new Schedule(event);
    this.#named.set(schedule.name, schedule);
    this.#numbered.set(schedule.number, schedule);
    this.#nextNumber = Math.max(this.#nextNumber, schedule.number + 1);
  }

  #delete(schedule: Schedule | undefined): void {
    if (schedule === undefined) return;
    this.#named.delete(schedule.name);
    this.#numbered.delete(schedule.number);
    this.#bytes -= measureSchedule(schedule.settings);
  }

  #advance({ steps }: SchedulesAdvanced): void {
    for (const [number, at, next, reason] of steps) {
      const schedule = this.#numbered.get(number);
      if (schedule === undefined) continue;
      schedule.goOn(next);
      schedule.leftOut = [at, reason];
    }
  }
}
