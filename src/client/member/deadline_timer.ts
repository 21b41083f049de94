import { clearImmediate, setImmediate } from "node:timers";
import type { Clock, ClockTimer } from "../../transport/clock.ts";

/**
 * A deadline for something that arrives over a socket. After this process has stood still (it computed, or
 * was suspended), timers are due before sockets are read, and what arrived in time would count as late. So
 * sockets are read before the deadline is judged.
 */
export class DeadlineTimer implements ClockTimer {
  readonly #timer: ClockTimer;
  #pause: ReturnType<typeof setTimeout> | undefined;
  #turn: ReturnType<typeof setImmediate> | undefined;

  /**
   * @param at The deadline, by the clock.
   * @param judge Called after the deadline, once sockets were read.
   */
  constructor(clock: Clock, at: number, judge: () => void) {
    this.#timer = clock.setTimer(at, () => {
      // The runtime looks at sockets only when it has nothing to do: another turn is not enough.
      this.#pause = setTimeout(() => {
        this.#turn = setImmediate(judge);
      });
    });
  }

  cancel(): void {
    this.#timer.cancel();
    clearTimeout(this.#pause);
    clearImmediate(this.#turn);
  }
}
