import { delay } from "../member/delay.ts";

/** The limit of the first pause, and of the longest ones, in milliseconds. */
const LIMIT_MS_MIN = 100;
const LIMIT_MS_MAX = 10_000;

/** The shortest and the longest pause while another broker may take over, in milliseconds. */
const BRIEF_MS_MIN = 50;
const BRIEF_MS_MAX = 250;

/**
 * The pauses before attempts to connect. Each lasts a random time below a limit that doubles, so that the
 * clients of a restarted broker do not all come at once.
 *
 * Where there are several brokers, another one may take over at any moment, and who waits for seconds comes
 * seconds late: the pauses are brief, for as long as it takes. They last 50 to 250 ms: a client alone would
 * make six attempts in a second, each of them one handshake with each broker that answers, and a handshake
 * that is refused costs a broker a third of a millisecond. But while the active broker is silent, a standby
 * answers after a quarter of the lease: then a thousand clients make 1,500 handshakes in a second, for half
 * of one core, and those that wait hear at once of its takeover. A broker that is slower slows its clients
 * down, since each waits for its answer.
 */
export class Backoff {
  readonly #wait: typeof delay;
  #limitMs = LIMIT_MS_MIN;
  #briefMs = LIMIT_MS_MIN;

  /** @param wait How to wait; tests let no time pass. */
  constructor(wait: typeof delay = delay) {
    this.#wait = wait;
  }

  /**
   * Waits; rejects with the signal's reason.
   *
   * @param leastMs The least time, beside the random one, which then has it as its limit, too.
   */
  async pause(signal: AbortSignal | undefined, leastMs: number = 0): Promise<void> {
    const waitMs = leastMs + Math.random() * Math.max(this.#limitMs, leastMs);
    this.#limitMs = Math.min(this.#limitMs * 2, LIMIT_MS_MAX);
    await this.#wait(waitMs, signal);
  }

  /** Waits for a moment, however often it has been called; rejects with the signal's reason. */
  async pauseBriefly(signal: AbortSignal | undefined): Promise<void> {
    const waitMs = BRIEF_MS_MIN + Math.random() * (this.#briefMs - BRIEF_MS_MIN);
    this.#briefMs = Math.min(this.#briefMs * 2, BRIEF_MS_MAX);
    await this.#wait(waitMs, signal);
  }

  /** Begins with the shortest limit again. */
  reset(): void {
    this.#limitMs = LIMIT_MS_MIN;
    this.#briefMs = LIMIT_MS_MIN;
  }
}
