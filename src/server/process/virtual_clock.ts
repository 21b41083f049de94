import { clearImmediate, setImmediate } from "node:timers";
import type { Clock, ClockTimer, ClockUser } from "../../transport/clock.ts";
import { describe } from "../settings/found_value.ts";

/** The latest time of a `Date`. */
const TIME_MAX = 8.64e15;

/**
 * The number of rounds of the event loop without activity that count as rest: in the first a client may
 * read a broker's frames, in the second the broker may read the answers; one is spare.
 */
const QUIET_ROUNDS = 3;

/** How long one step may take by default, in milliseconds of real time. */
const STEP_TIMEOUT_MS = 30_000;

/** Options of a {@linkcode VirtualClock}. */
export interface VirtualClockOptions {
  /** The first time, in milliseconds since 1970 or as a date. Default: now. */
  readonly start?: number | Date;
  /** How long one step may take in real time, in milliseconds. Default: 30,000. */
  readonly stepTimeoutMs?: number;
}

/** A timer of the clock. */
interface VirtualTimer extends ClockTimer {
  readonly at: number;
  readonly work: () => void;
}

/**
 * A clock for tests that stands still until it is advanced. Pass it to `serve`; one clock can serve
 * several brokers.
 *
 * All times of messages go by it: delays, backoffs, acknowledgement timeouts, times to live, windows
 * of dedup ids. What production waits hours for comes at once, in the same order, in the same code.
 * Over `broker.connect()`, the `timeoutMs` of publishers and requests goes by it, too; over a socket
 * it goes by real time. Connections, the disk and the client's other waiting always go by real time
 * (heartbeats, reconnecting, prefetch, waiting for room in a full stream, `drainMs`): an hour that
 * passes at once disconnects no client.
 *
 * @example A handler that fails lives through all its backoffs
 * ```ts
 * import { serve, VirtualClock } from "@simplemq/simplemq/server";
 * import { assertEquals } from "@std/assert";
 *
 * const clock = new VirtualClock({ start: 0 });
 * await using broker = await serve({ port: 0, storage: { engine: "memory" }, clock });
 * await using connection = await broker.connect();
 * await connection.cursor().createStream("mails", { maxDeliveries: 3, backoffMs: [60_000] });
 * await connection.publisher("mails").sendMessage("to nobody");
 *
 * const tries: number[] = [];
 * const working = (async () => {
 *   for await (const mail of connection.follower("mails").getMessages()) {
 *     tries.push(clock.now());
 *     await mail.nack({ reason: "no answer" });
 *   }
 * })();
 * await clock.advance("1h");
 * assertEquals(tries, [0, 60_000, 120_000]);
 * assertEquals((await connection.cursor().getStream("mails.dead")).ready, 1);
 * await connection.close();
 * await working;
 * ```
 */
export class VirtualClock implements Clock {
  readonly #users = new Set<ClockUser>();
  /** By time; timers of one time in the order in which they were set. */
  readonly #timers: VirtualTimer[] = [];
  readonly #stepTimeoutMs: number;
  #now: number;
  /** How far the calendar is ahead of the time, in milliseconds. */
  #aheadMs = 0;
  #isAdvancing = false;
  /** Set while work that is due at once is scheduled. */
  #soon: ReturnType<typeof setImmediate> | undefined;
  #lastAdvance: Promise<void> = Promise.resolve();

  /**
   * Creates a clock that stands still.
   *
   * @param options The first time, and the limit of a step.
   * @throws {TypeError} If an option has the wrong type.
   * @throws {RangeError} If an option is out of range.
   */
  constructor(options: VirtualClockOptions = {}) {
    const { start = Date.now(), stepTimeoutMs = STEP_TIMEOUT_MS } = options;
    this.#now = readStart(start);
    this.#stepTimeoutMs = readDuration(stepTimeoutMs, "Cannot limit a step");
  }

  /** Returns the time, in milliseconds since 1970. */
  now(): number {
    return this.#now;
  }

  /**
   * Lets time pass, from one deadline to the next. At each, the clock does the work that is due and waits
   * until the brokers are at rest; new deadlines, such as the next retry, come at their own time. The
   * clock also waits before the first step, so `advance(0)` only waits.
   *
   * A broker is at rest when everything is durable and its connections have carried nothing for a few
   * rounds of the event loop; that takes some milliseconds for each step. By then, handlers of clients in
   * this process have done all work that does not wait for something else. The clock does not wait for
   * files, networks and timers of the system.
   *
   * @param duration Milliseconds, or a text such as `"250ms"`, `"5s"`, `"1h30m"`, `"2d"`.
   * @returns Resolves when that time has passed; further calls meanwhile wait for their turn.
   * @throws {TypeError} If the duration is neither a number nor a text.
   * @throws {RangeError} If it is no duration, or ends beyond the latest time of a `Date`.
   * @throws {Error} If a broker does not come to rest within `stepTimeoutMs`; the time stays at the step
   * that was reached.
   */
  advance(duration: number | string): Promise<void> {
    const turn = this.#lastAdvance.then(() => this.#advanceBy(duration));
    // A failed call must not block the next one.
    this.#lastAdvance = turn.catch(() => {});
    return turn;
  }

  /** Returns the calendar's time: that of the clock, until {@linkcode VirtualClock.setDate} is called. */
  dateNow(): number {
    return this.#now + this.#aheadMs;
  }

  /**
   * Sets the calendar, as an administrator sets a machine's clock. No time passes: delays, timeouts and
   * times to live do not change; `deliverAt` follows the calendar.
   *
   * @param date The new date, or milliseconds since 1970.
   * @throws {TypeError} If it is neither a date nor a number.
   * @throws {RangeError} If it is not a valid time.
   */
  setDate(date: number | Date): void {
    this.#aheadMs = readStart(date) - this.#now;
    for (const user of this.#users) user.noteDateSet?.();
  }

  setTimer(at: number, work: () => void): ClockTimer {
    const timer = { at, work, cancel: () => this.#remove(timer) };
    if (!(at < Infinity)) return timer;
    const index = this.#timers.findLastIndex((other) => other.at <= at) + 1;
    this.#timers.splice(index, 0, timer);
    this.#expectDue();
    return timer;
  }

  attach(user: ClockUser): () => void {
    this.#users.add(user);
    return () => void this.#users.delete(user);
  }

  async #advanceBy(duration: number | string): Promise<void> {
    const end = this.#now + readDuration(duration, "Cannot advance the clock");
    if (end > TIME_MAX) {
      throw new RangeError(
        `Cannot advance the clock: found ${duration}, allowed no more than ` +
          `${TIME_MAX - this.#now} ms, up to the latest time of a Date`,
      );
    }
    this.#isAdvancing = true;
    try {
      for (;;) {
        await this.#rest();
        const next = this.#timers[0];
        if (next === undefined || next.at > end) break;
        this.#now = Math.max(this.#now, next.at);
        this.#ring(next);
      }
      this.#now = end;
    } finally {
      this.#isAdvancing = false;
      this.#expectDue();
    }
  }

  /** Waits until all brokers are at rest. */
  async #rest(): Promise<void> {
    const giveUpAt = performance.now() + this.#stepTimeoutMs;
    let activity = this.#activity;
    for (let quietRounds = 0; quietRounds < QUIET_ROUNDS;) {
      const isSettled = await this.#settle(giveUpAt);
      await pass();
      const before = activity;
      activity = this.#activity;
      quietRounds = isSettled && activity === before ? quietRounds + 1 : 0;
      if (performance.now() > giveUpAt && quietRounds === 0) throw this.#unrest();
    }
  }

  /** Lets all users finish their work; resolves to whether it was finished already. */
  async #settle(giveUpAt: number): Promise<boolean> {
    const settling = [...this.#users].map((user) => user.whenIdle())
      .filter((promise) => promise instanceof Promise);
    if (settling.length === 0) return true;
    const limit = Promise.withResolvers<void>();
    const timer = setTimeout(() => limit.reject(this.#unrest()), giveUpAt - performance.now());
    try {
      await Promise.race([Promise.all(settling), limit.promise]);
    } finally {
      clearTimeout(timer);
    }
    return false;
  }

  #unrest(): Error {
    const time = new Date(this.#now).toISOString();
    return new Error(
      `Cannot advance the clock beyond ${time}: a broker has not come to rest for ` +
        `${this.#stepTimeoutMs} ms; a program publishes without end, or the disk accepts no writes`,
    );
  }

  /** The sum of all users' activity. */
  get #activity(): number {
    let sum = 0;
    for (const { activity } of this.#users) sum += activity;
    return sum;
  }

  /** Schedules work that is due without an advance. */
  #expectDue(): void {
    const [first] = this.#timers;
    const isDue = first !== undefined && first.at <= this.#now && !this.#isAdvancing;
    if (!isDue) {
      clearImmediate(this.#soon);
      this.#soon = undefined;
      return;
    }
    this.#soon ??= setImmediate(() => {
      this.#soon = undefined;
      const next = this.#timers[0];
      if (next === undefined || next.at > this.#now || this.#isAdvancing) return;
      try {
        this.#ring(next);
      } finally {
        this.#expectDue();
      }
    });
  }

  #ring(timer: VirtualTimer): void {
    this.#remove(timer);
    timer.work();
  }

  #remove(timer: VirtualTimer): void {
    const index = this.#timers.indexOf(timer);
    if (index < 0) return;
    this.#timers.splice(index, 1);
    this.#expectDue();
  }
}

/** The parts of a duration as text, the largest first; each is optional. */
const DURATION_FORM = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/;

/** The milliseconds of each part. */
const PART_MS = [24 * 60 * 60 * 1000, 60 * 60 * 1000, 60 * 1000, 1000, 1];

/** Reads a duration in milliseconds; errors begin with the action. */
function readDuration(found: unknown, action: string): number {
  const mistake = `${action}: found ${describe(found)}, allowed whole milliseconds from 0 on, ` +
    `or a text such as "250ms", "5s", "1h30m", "2d"`;
  if (typeof found !== "number" && typeof found !== "string") throw new TypeError(mistake);
  const ms = typeof found === "number" ? found : parseDuration(found);
  if (Number.isSafeInteger(ms) && ms >= 0) return ms;
  throw new RangeError(mistake);
}

function parseDuration(text: string): number {
  const parts = DURATION_FORM.exec(text.trim());
  if (parts === null || parts[0] === "") return NaN;
  return PART_MS.reduce((sum, ms, index) => sum + ms * Number(parts[index + 1] ?? 0), 0);
}

function readStart(start: unknown): number {
  const time = start instanceof Date ? start.getTime() : start;
  const allowed = "allowed a date, or whole milliseconds since 1970";
  if (typeof time !== "number") {
    throw new TypeError(`Cannot start a clock: found ${typeof start}, ${allowed}`);
  }
  if (Number.isInteger(time) && time >= 0 && time <= TIME_MAX) return time;
  throw new RangeError(`Cannot start a clock: found ${String(start)}, ${allowed}`);
}

/** Waits for a round of the event loop: bytes on their way inside this process arrive. */
async function pass(): Promise<void> {
  await new Promise<void>((resolve) => void setImmediate(resolve));
  // Only an idle event loop is sure to poll its sockets.
  await new Promise<void>((resolve) => void setTimeout(resolve, 1));
}
