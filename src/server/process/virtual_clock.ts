import { clearImmediate, setImmediate } from "node:timers";
import type { Clock, ClockTimer, ClockUser } from "../../transport/clock.ts";
import { describe } from "../settings/settings_draft.ts";

/** The latest time of a `Date`. */
const TIME_MAX = 8.64e15;

/**
 * Nothing moves when nothing has for so many rounds of the event loop: in the first a client may
 * read what a broker has sent, in the second the broker what the client has answered; one is to
 * spare.
 */
const QUIET_ROUNDS = 3;

/** How long one step may take by default, in milliseconds of real time. */
const STEP_TIMEOUT_MS = 30_000;

/** Options of a {@linkcode VirtualClock}. */
export interface VirtualClockOptions {
  /** What time it is at first, in milliseconds since 1970 or as a date. Default: now. */
  readonly start?: number | Date;
  /** How long one step may take in real time, in milliseconds. Default: 30,000. */
  readonly stepTimeoutMs?: number;
}

/** A timer, and when it was set among all. */
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
  /** In the order of their times; those of one time as they were set. */
  readonly #timers: VirtualTimer[] = [];
  readonly #stepTimeoutMs: number;
  #now: number;
  /** How far the calendar is ahead of the time. */
  #aheadMs = 0;
  #isAdvancing = false;
  /** Set while what is due at once is about to be done. */
  #soon: ReturnType<typeof setImmediate> | undefined;
  #lastAdvance: Promise<void> = Promise.resolve();

  /**
   * Creates a clock that stands still.
   *
   * @param options What time it is, and how patient the clock is.
   * @throws {TypeError | RangeError} If that is not a time.
   */
  constructor(options: VirtualClockOptions = {}) {
    const { start = Date.now(), stepTimeoutMs = STEP_TIMEOUT_MS } = options;
    this.#now = readStart(start);
    this.#stepTimeoutMs = readDuration(stepTimeoutMs, "Cannot limit a step");
  }

  /** Tells what time it is, in milliseconds since 1970. */
  now(): number {
    return this.#now;
  }

  /**
   * Lets time pass, from one deadline to the next: what is due is done, the brokers come to rest,
   * and what has come up meanwhile, such as the next retry, is done at its own time. They come to
   * rest before the first step, too, so `advance(0)` only waits for that.
   *
   * A broker is at rest when it has made everything durable and its connections have carried nothing
   * for a few rounds of the event loop; that takes some milliseconds for each step. By then handlers
   * of clients in this process have done all that does not wait for something else: files, networks
   * and timers of the system are not waited for.
   *
   * @param duration How long: milliseconds, or a text such as `"250ms"`, `"5s"`, `"1h30m"`, `"2d"`.
   * @returns Resolves when that time has passed; calls that come meanwhile have their turn after.
   * @throws {TypeError | RangeError} If it is no duration, or ends beyond what a `Date` can tell.
   * @throws {Error} If a broker does not come to rest; the time stays at the step that was reached.
   */
  advance(duration: number | string): Promise<void> {
    const turn = this.#lastAdvance.then(() => this.#advanceBy(duration));
    // A call that has failed does not keep the next one from its turn.
    this.#lastAdvance = turn.catch(() => {});
    return turn;
  }

  /** Tells what the calendar says: the time, until {@linkcode VirtualClock.setDate} is called. */
  dateNow(): number {
    return this.#now + this.#aheadMs;
  }

  /**
   * Sets the calendar, as when a machine's clock is set while the broker runs. No time passes:
   * delays, timeouts and times to live go on as they are; `deliverAt` waits for the date.
   *
   * @param date What the calendar says from now on, in milliseconds since 1970 or as a date.
   * @throws {TypeError | RangeError} If that is not a time.
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

  /** Lets everybody finish what was begun; tells whether it was finished already. */
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

  /** The activity of all users until now. */
  get #activity(): number {
    let sum = 0;
    for (const { activity } of this.#users) sum += activity;
    return sum;
  }

  /** Sees to it that what is due without any advance is done soon. */
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

/** The parts of a duration as text, the largest first; each may be left out. */
const DURATION_FORM = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/;

/** How many milliseconds the parts are. */
const PART_MS = [24 * 60 * 60 * 1000, 60 * 60 * 1000, 60 * 1000, 1000, 1];

/** Reads a duration in milliseconds; the action tells what is not possible without one. */
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

/** Lets the event loop go round: what is on its way inside this process arrives. */
async function pass(): Promise<void> {
  await new Promise<void>((resolve) => void setImmediate(resolve));
  // Only a loop that has nothing to do for a moment is sure to look at its sockets.
  await new Promise<void>((resolve) => void setTimeout(resolve, 1));
}
