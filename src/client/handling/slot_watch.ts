import { clearImmediate, setImmediate } from "node:timers";
import type { Clock, ClockTimer } from "../../transport/clock.ts";
import type { Slot } from "./slot.ts";

/** A handler that has run for so long has its message's time extended for the first time, in milliseconds. */
const FIRST_MS = 50;

export interface SlotWatchOptions<Unit> {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly extendMs: number;
  readonly slots: ReadonlySet<Slot<Unit>>;
  /** Extends the time of what handlers have. */
  readonly extend: (units: readonly Unit[]) => void;
  /** A handler has run for too long. */
  readonly timeOut: (slot: Slot<Unit>) => void;
}

/**
 * Extends the time of messages whose handlers run, and ends handlers that take too long. There is one timer for
 * all slots, and what is extended at once goes into one frame. Handlers that end soon cost nothing of this.
 */
export class SlotWatch<Unit> {
  readonly #options: SlotWatchOptions<Unit>;
  #timer: ClockTimer | undefined;
  #dueAt = Infinity;
  /** The time, read once in a turn of the event loop. */
  #now: number | undefined;
  #turn: ReturnType<typeof setImmediate> | undefined;

  constructor(options: SlotWatchOptions<Unit>) {
    this.#options = options;
  }

  /** A handler has begun that does not end at once. */
  begin(slot: Slot<Unit>): void {
    const { timeoutMs, extendMs } = this.#options;
    if (timeoutMs === Infinity && extendMs === Infinity) return;
    slot.startedAt = this.#readTime();
    slot.isExtended = false;
    slot.extendAt = extendMs === Infinity ? Infinity : slot.startedAt + FIRST_MS;
    const dueAt = Math.min(slot.extendAt, slot.startedAt + timeoutMs);
    if (dueAt < this.#dueAt) this.#arm(dueAt);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#dueAt = Infinity;
    clearImmediate(this.#turn);
    this.#turn = this.#now = undefined;
  }

  /** Reading the clock takes a tenth of the time of a message, so it is not done for each. */
  #readTime(): number {
    if (this.#now !== undefined) return this.#now;
    this.#turn = setImmediate(() => {
      this.#turn = this.#now = undefined;
    });
    return this.#now = this.#options.clock.now();
  }

  #arm(at: number): void {
    this.#timer?.cancel();
    this.#dueAt = at;
    this.#timer = this.#options.clock.setTimer(at, () => this.#ring());
  }

  #ring(): void {
    const { clock, slots, timeoutMs, extendMs, extend, timeOut } = this.#options;
    this.stop();
    const now = clock.now();
    const late: Slot<Unit>[] = [];
    const extended: Unit[] = [];
    let next = Infinity;
    for (const slot of slots) {
      if (slot.unit === undefined) continue;
      const endAt = slot.startedAt + timeoutMs;
      if (endAt <= now) {
        late.push(slot);
        continue;
      }
      // Those that are due soon come along, so that they share a frame from now on.
      if (slot.extendAt - (slot.isExtended ? extendMs / 6 : 0) <= now) {
        extended.push(slot.unit);
        slot.isExtended = true;
        slot.extendAt = now + extendMs / 3;
      }
      next = Math.min(next, endAt, slot.extendAt);
    }
    if (next < Infinity) this.#arm(next);
    if (extended.length > 0) extend(extended);
    for (const slot of late) timeOut(slot);
  }
}
