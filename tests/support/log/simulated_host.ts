import type { Timing } from "../../../src/engine/replicated/timing.ts";
import type { VirtualTime } from "./virtual_time.ts";

/** The clocks of a machine. */
export interface SimulatedClocks {
  /** How fast its clocks go: 1.05 is 5 % too fast. */
  readonly rate?: number;
  /** By how much its date is ahead. */
  readonly aheadMs?: number;
}

/**
 * A process on a machine with clocks of its own. It can be stopped and woken, as by SIGSTOP and SIGCONT, and killed:
 * then nothing that it has begun ends any more.
 */
export class SimulatedHost implements Timing {
  readonly #time: VirtualTime;
  readonly #rate: number;
  readonly #bornAt: number;
  #aheadMs: number;
  /** How long its machine has slept, and since when it does. */
  #sleptMs = 0;
  #asleepAt: number | undefined;
  #isPaused = false;
  #isAlive = true;
  /** What happens as soon as it is woken. */
  #deferred: (() => void)[] = [];

  constructor(time: VirtualTime, { rate = 1, aheadMs = 0 }: SimulatedClocks = {}) {
    this.#time = time;
    this.#rate = rate;
    this.#bornAt = time.now;
    this.#aheadMs = aheadMs;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** By a clock that never goes back, and begins anew with each process. */
  readonly now = (): number => {
    const until = this.#asleepAt ?? this.#time.now;
    return 1000 + (until - this.#bornAt - this.#sleptMs) * this.#rate;
  };

  /** The date, which may be wrong. */
  readonly dateNow = (): number =>
    1_800_000_000_000 + Math.floor(this.#time.now * this.#rate) + this.#aheadMs;

  /** Waits by its own clock, or until the signal is aborted. */
  readonly wait = (ms: number, signal?: AbortSignal): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (signal?.aborted) return Promise.resolve();
    const finish = () => {
      cancel();
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const cancel = this.schedule(ms, finish);
    signal?.addEventListener("abort", finish, { once: true });
    return promise;
  };

  /** Does something later, by its own clock; returns how to prevent that. */
  schedule(ms: number, action: () => void): () => void {
    // No timer is early, nor so exact that who waits for a moment could wait for it for ever.
    return this.#time.schedule(Math.max(ms / this.#rate, 0) + 0.01, () => this.run(action));
  }

  /** Sets its date. */
  setDate(aheadMs: number): void {
    this.#aheadMs = aheadMs;
  }

  /** Does something in the process: now, when it is woken, or never. */
  run(action: () => void): void {
    if (!this.#isAlive) return;
    if (this.#isPaused) this.#deferred.push(action);
    else action();
  }

  pause(): void {
    this.#isPaused = true;
  }

  /** Its machine sleeps until it is woken: its clock stands still, and the date goes on. */
  suspend(): void {
    this.pause();
    this.#asleepAt ??= this.#time.now;
  }

  wake(): void {
    this.#isPaused = false;
    this.#sleptMs += this.#time.now - (this.#asleepAt ?? this.#time.now);
    this.#asleepAt = undefined;
    for (const action of this.#deferred.splice(0)) this.run(action);
  }

  kill(): void {
    this.#isAlive = false;
    this.#deferred = [];
  }
}
