import type { Coalesce, MessageBatch } from "../../../protocol.ts";
import { MORE_FLAG, readEntryFlags } from "../../protocol/messages/entry.ts";
import { readProperties } from "../../protocol/messages/properties.ts";
import type { CoalescedTimes, CoalesceMark } from "./coalesce_index.ts";

/** What a message with a coalescing id says of itself. */
export interface CoalescedContent {
  readonly coalesce: Coalesce;
  readonly mark: CoalesceMark;
  readonly bytes: number;
  /** When it expires if it need not wait; undefined if it has no time to live of its own. */
  readonly expiresAt: number | undefined;
}

/** Reads the only message of a batch; undefined if it has no coalescing id. */
export function readCoalesced(batch: MessageBatch): CoalescedContent | undefined {
  const { buffer, start, end, count } = batch;
  if (count !== 1 || (readEntryFlags(buffer, start) & MORE_FLAG) === 0) return undefined;
  const { coalesce, key, lane, expiresAt } = readProperties(buffer, start);
  if (coalesce === undefined) return undefined;
  const mark = { text: coalesce.id, key, lane };
  return { coalesce, mark, bytes: end - start, expiresAt };
}

export interface CoalescedStart {
  readonly storedAt: number;
  /** Until when the one that it replaces had to be ready; undefined if it is the first. */
  readonly until: number | undefined;
  /** When messages without a time to live of their own expire; undefined for never. */
  readonly expiresAt: number | undefined;
}

/**
 * The times of a message: each one begins the quiet time anew, but no longer than a limit after the first. A
 * later one can only bring this limit forward. The time to live begins when the message is ready.
 */
export function timeCoalesced(
  { coalesce: { quietMs, atMostMs }, expiresAt }: CoalescedContent,
  start: CoalescedStart,
): CoalescedTimes {
  const { storedAt } = start;
  const limit = atMostMs === 0 ? Infinity : storedAt + atMostMs;
  const until = Math.min(start.until ?? Infinity, limit);
  const dueAt = Math.max(storedAt, Math.min(until, findQuietEnd(storedAt, quietMs, atMostMs)));
  const ownExpiresAt = expiresAt ?? start.expiresAt;
  const waited = ownExpiresAt === undefined ? undefined : ownExpiresAt + dueAt - storedAt;
  return { dueAt, until, expiresAt: waited };
}

/** The end of a quiet time that begins now. Without one, a message waits as long as it may, if that is said. */
export function findQuietEnd(now: number, quietMs: number, atMostMs: number): number {
  return quietMs > 0 ? now + quietMs : atMostMs > 0 ? Infinity : now;
}
