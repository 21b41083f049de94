/**
 * Calls that wait for a limited time: one timer for all calls of a publisher that wait equally long,
 * because they end in the order in which they began.
 *
 * @module
 */

import type { Clock, ClockTimer } from "../../transport/clock.ts";
import { DeadlineTimer } from "./deadline_timer.ts";

/** The longest time that a timer can be set to, in milliseconds. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/** A call that waits. */
interface TimedCall {
  readonly at: number;
  readonly expire: () => void;
}

/** The calls that wait equally long, in their order. */
interface TimedGroup {
  readonly calls: Set<TimedCall>;
  timer: ClockTimer;
}

/** The calls of one publisher that wait for a limited time. */
export class CallTimeouts {
  readonly #clock: Clock;
  readonly #groups = new Map<number, TimedGroup>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Lets a call wait for so long.
   *
   * @param timeoutMs How long, in milliseconds.
   * @param expire What happens then.
   * @returns Ends the wait.
   */
  begin(timeoutMs: number, expire: () => void): () => void {
    const call = { at: this.#clock.now() + timeoutMs, expire };
    let group = this.#groups.get(timeoutMs);
    if (group === undefined) {
      group = { calls: new Set(), timer: this.#arm(timeoutMs, call.at) };
      this.#groups.set(timeoutMs, group);
    }
    const { calls } = group;
    calls.add(call);
    return () => calls.delete(call);
  }

  /** Nobody waits any more. */
  end(): void {
    for (const { timer } of this.#groups.values()) timer.cancel();
    this.#groups.clear();
  }

  #arm(timeoutMs: number, at: number): ClockTimer {
    return new DeadlineTimer(this.#clock, at, () => this.#ring(timeoutMs));
  }

  /** The first call may have waited long enough; if it has ended meanwhile, another one is the first. */
  #ring(timeoutMs: number): void {
    const group = this.#groups.get(timeoutMs)!;
    const now = this.#clock.now();
    for (const call of group.calls) {
      if (call.at > now) {
        group.timer = this.#arm(timeoutMs, call.at);
        return;
      }
      group.calls.delete(call);
      call.expire();
    }
    if (group.calls.size === 0) this.#groups.delete(timeoutMs);
    else group.timer = this.#arm(timeoutMs, now);
  }
}

/**
 * Tells what is wrong with the time that a call may wait.
 *
 * @throws {TypeError | RangeError} If it is not allowed.
 */
export function checkTimeout(timeoutMs: unknown, action: string): void {
  if (timeoutMs === undefined) return;
  if (typeof timeoutMs !== "number") {
    throw new TypeError(`${action}: timeoutMs is a number, found ${typeof timeoutMs}`);
  }
  if (Number.isInteger(timeoutMs) && timeoutMs >= 1 && timeoutMs <= TIMEOUT_MS_MAX) return;
  throw new RangeError(
    `${action}: timeoutMs is ${timeoutMs}, allowed are whole numbers from 1 to ${TIMEOUT_MS_MAX}`,
  );
}
