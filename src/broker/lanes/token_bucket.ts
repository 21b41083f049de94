// A bucket of tokens, one for each delivery. Its whole state is the time at which it would be full again if
// nothing more were taken: a number, so that each of many lanes can have one.

import type { Rate } from "../../../protocol.ts";

/** Times are sums of fractions: a token that is there but for this much is there. */
const TOLERANCE = 1e-6;

/** The state of a bucket that is full. */
export const FULL: number = -Infinity;

/** The state of a bucket that is empty. */
export function emptyAt({ perMs }: Rate, now: number): number {
  return now + perMs;
}

/** How many tokens there are. */
export function countTokens({ count, perMs }: Rate, fullAt: number, now: number): number {
  const missing = Math.max(0, fullAt - now) * count / perMs;
  return Math.max(0, Math.floor(count - missing + TOLERANCE));
}

/** When there is a token. */
export function findTokenAt({ count, perMs }: Rate, fullAt: number): number {
  return fullAt - perMs + perMs / count;
}

/** Takes tokens; returns the new state. */
export function takeTokens(
  { count, perMs }: Rate,
  fullAt: number,
  { taken, now }: { readonly taken: number; readonly now: number },
): number {
  return Math.max(fullAt, now) + taken * perMs / count;
}

/** Puts tokens back; returns the new state. */
export function putTokens({ count, perMs }: Rate, fullAt: number, put: number): number {
  return fullAt - put * perMs / count;
}

/** A bucket that was last used at another rate is empty at most; returns the new state. */
export function capEmpty(rate: Rate, fullAt: number, now: number): number {
  return Math.min(fullAt, emptyAt(rate, now));
}

/** Has a bucket fill at another rate, with as many tokens missing as before; returns the new state. */
export function changeRate(from: Rate | null, to: Rate, fullAt: number, now: number): number {
  if (from === null) return capEmpty(to, fullAt, now);
  if (fullAt <= now) return fullAt;
  const missing = (fullAt - now) * from.count / from.perMs;
  return now + Math.min(to.perMs, missing * to.perMs / to.count);
}
