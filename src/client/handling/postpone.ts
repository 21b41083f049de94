import { SPAN_MS_MAX } from "../../../protocol.ts";
import { checkNumber } from "../member/option_check.ts";

/** Options of {@linkcode Postpone}. */
export interface PostponeErrorOptions {
  /**
   * The reason, see {@linkcode PostponeOptions.reason}.
   *
   * @default {""}
   */
  readonly reason?: string | Error;
  /**
   * How long all messages of the same lane wait, too, in milliseconds, see {@linkcode PostponeOptions.lane}.
   *
   * @default {only the message waits}
   */
  readonly lane?: number;
}

/**
 * Thrown by a handler that cannot handle its message now: the message comes again later, and no attempt is
 * used up, up to 1,000 times. In a loop, call {@linkcode Message.postpone}.
 *
 * @example Waiting until a service takes more
 * ```ts
 * import { Postpone } from "@simplemq/simplemq";
 * import { serve } from "@simplemq/simplemq/server";
 * import { assertEquals } from "@std/assert";
 *
 * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
 * await using connection = await broker.connect();
 * await connection.cursor().createStream("calls");
 * await connection.publisher("calls").sendMessage("https://example.com");
 *
 * const attempts: number[] = [];
 * const work = connection.follower("calls").handle((message) => {
 *   attempts.push(message.attempts);
 *   if (attempts.length < 3) throw new Postpone(10, { reason: "429 Too Many Requests" });
 *   work.close();
 * });
 * await work.closed;
 * assertEquals(attempts, [1, 1, 1]);
 * ```
 */
export class Postpone extends Error {
  /** The name of the class. */
  override readonly name = "Postpone";
  /** When the message comes again, in milliseconds from now. */
  readonly ms: number;
  /** How long all messages of its lane wait, too, in milliseconds, if they do. */
  readonly lane: number | undefined;

  /**
   * Makes the error.
   *
   * @param ms When the message comes again, in milliseconds from now, 0 to 100 years.
   * @param options The reason, and whether the message's lane waits, too.
   * @throws {TypeError | RangeError} If a time is not such a number, or the lane waits for less time than the message.
   */
  constructor(ms: number, options: PostponeErrorOptions = {}) {
    const { reason = "", lane } = options;
    super(typeof reason === "string" ? reason : reason.message || reason.name);
    if (typeof reason !== "string") this.cause = reason;
    checkNumber("ms", ms ?? null, { low: 0, high: SPAN_MS_MAX }, "Cannot postpone");
    checkNumber("lane", lane, { low: ms, high: SPAN_MS_MAX }, "Cannot postpone");
    this.ms = ms;
    this.lane = lane;
  }
}
