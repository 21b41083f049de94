import type { Clock, ClockTimer } from "../../transport/clock.ts";
import { DeadlineTimer } from "./deadline_timer.ts";

interface TimedCall {
  readonly at: number;
  readonly expire: () => void;
}

/** Calls with the same timeout. They end in the order in which they began, so one timer is enough. */
interface TimedGroup {
  readonly calls: Set<TimedCall>;
  timer: ClockTimer;
}

/** The most timers of ended calls that are kept for the next ones: setting a timer is not cheap. */
const IDLE_MAX = 64;

/** Calls that wait for a limited time, with one timer for each distinct timeout. */
export class CallTimeouts {
  readonly #clock: Clock;
  readonly #groups = new Map<number, TimedGroup>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Starts a timeout; the returned function ends it. */
  begin(timeoutMs: number, expire: () => void): () => void {
    const call = { at: this.#clock.now() + timeoutMs, expire };
    let group = this.#groups.get(timeoutMs);
    if (group === undefined) {
      group = { calls: new Set(), timer: this.#arm(timeoutMs, call.at) };
      this.#groups.set(timeoutMs, group);
    }
    const { calls } = group;
    calls.add(call);
    return () => {
      calls.delete(call);
      if (calls.size > 0 || this.#groups.size <= IDLE_MAX) return;
      const current = this.#groups.get(timeoutMs);
      if (current?.calls !== calls) return;
      this.#groups.delete(timeoutMs);
      current.timer.cancel();
    };
  }

  /** Ends all waits. */
  end(): void {
    for (const { timer } of this.#groups.values()) timer.cancel();
    this.#groups.clear();
  }

  #arm(timeoutMs: number, at: number): ClockTimer {
    return new DeadlineTimer(this.#clock, at, () => this.#ring(timeoutMs));
  }

  /** The first call may be due; if it has ended meanwhile, another one is first now. */
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
