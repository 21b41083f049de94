import { checkNames, type SendOptions } from "../outgoing/send_options.ts";

/** Options of {@linkcode Publisher.request}. */
export interface RequestOptions
  extends Omit<SendOptions, "delayMs" | "deliverAt" | "dedupId" | "timeoutMs" | "ttlMs"> {
  /**
   * How long to wait for the reply, in milliseconds, 1 to 2^31 - 1. After that the call rejects with
   * `REPLY_TIMEOUT`.
   *
   * @default {30000}
   */
  readonly timeoutMs?: number;
  /**
   * How long the request may wait to be delivered, in milliseconds, 1 to 100 years. After that it is
   * removed, so that no follower works on a request that has timed out.
   *
   * @default {timeoutMs}
   */
  readonly ttlMs?: number;
}

const TIMEOUT_MS_DEFAULT = 30_000;

/** Options that make no sense for a request. */
const FORBIDDEN = ["delayMs", "deliverAt", "dedupId"] as const;
const NAMES = ["headers", "key", "priority", "signal", "timeoutMs", "ttlMs"];

/** The resolved options of a request. */
export interface RequestTerms {
  readonly timeoutMs: number;
  /** The options of its message. */
  readonly send: SendOptions;
}

/**
 * Checks a request's options and puts defaults in.
 *
 * @throws {TypeError | RangeError} If one is not allowed.
 */
export function resolveRequestOptions(options: RequestOptions): RequestTerms {
  for (const name of FORBIDDEN) {
    if ((options as SendOptions)[name] === undefined) continue;
    throw new TypeError(`Cannot request: ${name} is not an option of requests`);
  }
  checkNames(options, NAMES, "Cannot request");
  const { timeoutMs = TIMEOUT_MS_DEFAULT, ttlMs = timeoutMs, signal: _signal, ...others } = options;
  return { timeoutMs, send: { ...others, ttlMs } };
}
