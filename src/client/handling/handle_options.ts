import { SPAN_MS_MAX } from "../../../protocol.ts";
import type { Message } from "../deliveries/message.ts";
import { checkDrainTime } from "../member/call_options.ts";
import { checkNumber, checkOptionNames } from "../member/option_check.ts";

/** The most handlers that may run at once. */
export const CONCURRENCY_MAX = 4096;

/** How long a handler may run, and for how long its message is reserved, unless told, in milliseconds. */
const HANDLER_MS_DEFAULT = 30 * 60_000;

/** The least time for which a message is reserved: that of a stream's `ackTimeoutMs`. */
const EXTEND_MS_MIN = 100;

/** Options of all handlers, whether they get messages or batches. */
export interface WorkOptions<Unit> {
  /**
   * How many handlers run at once, 1 to 4,096. Messages that the follower fetches ahead come on top.
   *
   * @default {1}
   */
  readonly concurrency?: number;
  /**
   * How long a handler may run, in milliseconds, 1 to 100 years; `null` for any time. After that the signal
   * aborts, and the attempt fails with `HANDLER_TIMEOUT`. A handler that runs on in spite of its signal no
   * longer counts, and another one begins.
   *
   * @default {1800000}
   */
  readonly timeoutMs?: number | null;
  /**
   * While a handler runs, its message is reserved for this time again and again, each time after a third of it,
   * in milliseconds, 100 to 100 years. So the stream's `ackTimeoutMs` ends no handler that is alive.
   * `null` leaves the message to `ackTimeoutMs`.
   *
   * @default {1800000}
   */
  readonly extendMs?: number | null;
  /**
   * What becomes of a message whose handler throws: `"nack"` gives it back for another attempt, `"reject"` moves
   * it to the dead letters, with the error as reason. A function is called with the error, for a log, and may
   * decide about the message itself; otherwise it is given back when the function is done. What the function
   * throws is ignored. It is not called for {@linkcode Reject} and {@linkcode Postpone}.
   *
   * @default {"nack"}
   */
  readonly onError?: "nack" | "reject" | ((error: unknown, unit: Unit) => unknown);
  /**
   * How long closing waits for handlers, in milliseconds, 0 to 2^31 - 1.
   *
   * @default {the `drainMs` given to `connect`, or 5000}
   */
  readonly drainMs?: number;
  /** Ends the work as {@linkcode Handling.close} does. */
  readonly signal?: AbortSignal;
}

/** Options of {@linkcode Follower.handle}. */
export interface HandleOptions<Body = unknown> extends WorkOptions<Message<Body>> {}

/** The names of {@linkcode WorkOptions}. */
export const WORK_OPTION_NAMES: readonly (keyof WorkOptions<never>)[] = [
  "concurrency",
  "timeoutMs",
  "extendMs",
  "onError",
  "drainMs",
  "signal",
];

/** The options of handlers, completed: times without a limit are `Infinity`. */
export interface ResolvedWorkOptions<Unit> {
  readonly concurrency: number;
  readonly timeoutMs: number;
  readonly extendMs: number;
  readonly onError: "nack" | "reject" | ((error: unknown, unit: Unit) => unknown);
  readonly drainMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Checks and completes the options of {@linkcode Follower.handle}. */
export function resolveHandleOptions<Unit>(
  handler: unknown,
  options: WorkOptions<Unit>,
  drainMs: number,
): ResolvedWorkOptions<Unit> {
  const action = "Cannot handle messages";
  checkHandler(handler, action);
  if ((options as { autoAck?: unknown } | null)?.autoAck !== undefined) {
    throw new TypeError(
      `${action}: autoAck does not go with a handler, whose message is acknowledged when it has returned; ` +
        `getMessages({ autoAck: true }) acknowledges before`,
    );
  }
  checkOptionNames(options, WORK_OPTION_NAMES, action);
  return resolveWorkOptions(options, drainMs, action);
}

export function checkHandler(handler: unknown, action: string): void {
  if (typeof handler === "function") return;
  const found = handler === null ? "null" : typeof handler;
  throw new TypeError(`${action}: the handler must be a function, found ${found}`);
}

/** Checks and completes the options that all handlers have. */
export function resolveWorkOptions<Unit>(
  options: WorkOptions<Unit>,
  drainMsDefault: number,
  action: string,
): ResolvedWorkOptions<Unit> {
  const { concurrency = 1, onError = "nack", drainMs = drainMsDefault, signal } = options;
  const { timeoutMs = HANDLER_MS_DEFAULT, extendMs = HANDLER_MS_DEFAULT } = options;
  checkNumber("concurrency", concurrency, { low: 1, high: CONCURRENCY_MAX }, action);
  if (timeoutMs !== null) {
    checkNumber("timeoutMs", timeoutMs, { low: 1, high: SPAN_MS_MAX }, action);
  }
  if (extendMs !== null) {
    checkNumber("extendMs", extendMs, { low: EXTEND_MS_MIN, high: SPAN_MS_MAX }, action);
  }
  if (typeof onError !== "function" && onError !== "nack" && onError !== "reject") {
    throw new TypeError(`${action}: onError must be "nack", "reject" or a function`);
  }
  checkDrainTime(drainMs, action);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(`${action}: signal must be an AbortSignal`);
  }
  const [timeout, extend] = [timeoutMs ?? Infinity, extendMs ?? Infinity];
  return { concurrency, timeoutMs: timeout, extendMs: extend, onError, drainMs, signal };
}
