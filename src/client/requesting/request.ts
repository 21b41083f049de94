/**
 * What can be said of a request when it is sent.
 *
 * @module
 */

import { checkNames, type SendOptions } from "../outgoing/send_options.ts";

/** Options of {@linkcode Publisher.request}: those of a message that is not for later. */
export interface RequestOptions
  extends Omit<SendOptions, "delayMs" | "deliverAt" | "dedupId" | "timeoutMs" | "ttlMs"> {
  /**
   * How long to wait for the reply, in milliseconds, 1 to 2^31 - 1, from the call on. After that the
   * call rejects with `REPLY_TIMEOUT`.
   *
   * @default {30000}
   */
  readonly timeoutMs?: number;
  /**
   * How long the request may wait to be delivered, in milliseconds: 1 to a hundred years. After that
   * it is gone, so that nobody works on what nobody waits for.
   *
   * @default {timeoutMs}
   */
  readonly ttlMs?: number;
}

/** How long a request waits unless somebody says otherwise, in milliseconds. */
const TIMEOUT_MS_DEFAULT = 30_000;

/** What makes no sense of a message that somebody waits for. */
const FORBIDDEN = ["delayMs", "deliverAt", "dedupId"] as const;

/** What can be said of a request. */
const NAMES = ["headers", "key", "priority", "signal", "timeoutMs", "ttlMs"];

/** A request's options, checked as far as they are not those of every message. */
export interface RequestTerms {
  /** How long to wait for the reply. */
  readonly timeoutMs: number;
  /** What is said of the message. */
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
    throw new TypeError(`Cannot request: ${name} is for messages that nobody waits for`);
  }
  checkNames(options, NAMES, "Cannot request");
  const { timeoutMs = TIMEOUT_MS_DEFAULT, ttlMs = timeoutMs, signal: _signal, ...others } = options;
  return { timeoutMs, send: { ...others, ttlMs } };
}
