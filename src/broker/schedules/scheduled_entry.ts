import { BrokerError, decodeBatch, encodeBatch, type MessageBatch } from "../../../protocol.ts";
import { decodeBase64 } from "../../protocol/base64.ts";
import { checkBatch, COALESCE_FLAG, findFlags } from "../../protocol/messages/batch.ts";
import { hasEntryPriority } from "../../protocol/messages/entry.ts";
import { PropertyFlag } from "../../protocol/messages/properties.ts";
import { SCHEDULE_BYTES_MAX } from "../../protocol/messages/schedule_settings.ts";
import { resolveSpans } from "../../protocol/messages/spans.ts";

/** What a message of a schedule has no use for, or gets from it. */
const REFUSED: readonly (readonly [flag: number, what: string])[] = [
  [PropertyFlag.dedupId, "a dedup id: each message of a schedule gets one"],
  [PropertyFlag.request, "a reply address"],
  [PropertyFlag.story, "the story of a dead letter"],
  [COALESCE_FLAG, "coalesce: overlap says what becomes of the message before"],
];

/** Which date a message of a schedule is for, and when it is made. */
export interface EntryDate {
  /** The name of the schedule. */
  readonly name: string;
  /** The date, in milliseconds since 1970. */
  readonly date: number;
  /** How long the message has been due, in milliseconds. */
  readonly lateMs: number;
  /** The time of the rules; the calendar is ahead of it by `aheadMs`. */
  readonly now: number;
  readonly aheadMs: number;
}

/** A message of a schedule, ready to be stored. */
export interface ScheduledEntry {
  readonly batch: MessageBatch;
  readonly flags: number;
  readonly dedupId: string;
}

/** Checks the message of a schedule; throws `BAD_REQUEST` or `MESSAGE_TOO_LARGE` if it is not allowed. */
export function checkScheduledEntry(entry: string, name: string): void {
  try {
    const flags = checkBatch(readEntry(entry), SCHEDULE_BYTES_MAX);
    const [, what] = REFUSED.find(([flag]) => (flags & flag) !== 0) ?? [];
    if (what !== undefined) throw badEntry(name, `its message has ${what}`);
    const isDated = (flags & PropertyFlag.deliverAt) !== 0 && (flags & PropertyFlag.isDelay) === 0;
    if (isDated) throw badEntry(name, "its message has deliverAt, which is the same for all dates");
    // With the header that it gets, it may have too many.
    makeScheduledEntry(entry, { name, date: 0, lateMs: 0, now: 0, aheadMs: 0 });
  } catch (error) {
    const isOther = error instanceof BrokerError && error.code !== "BAD_FRAME";
    if (isOther || !(error instanceof Error)) throw error;
    throw badEntry(name, error.message);
  }
}

/** The message of a schedule for a date; undefined if its time to live, which begins when it is due, is over. */
export function makeScheduledEntry(
  entry: string,
  { name, date, lateMs, now, aheadMs }: EntryDate,
): ScheduledEntry | undefined {
  const template = readEntry(entry);
  const { kind, body, headers, properties, priority } = decodeBatch(template)[0]!;
  // Both are spans.
  const { key, lane, deliverAt: delayMs, expiresAt } = properties;
  const ttlMs = expiresAt === undefined ? undefined : expiresAt - Math.floor(lateMs);
  if (ttlMs !== undefined && ttlMs <= 0) return undefined;
  const scheduledAt = new Date(date).toISOString();
  const dedupId = `schedule/${name}/${scheduledAt}`;
  const order = { key, lane, ...hasEntryPriority(template.buffer, 0) && { priority } };
  const wishes = { ...order, delayMs, ttlMs, dedupId };
  const batch = encodeBatch([{ kind, body, headers: { ...headers, scheduledAt }, wishes }]);
  resolveSpans(batch, now, aheadMs);
  return { batch, flags: findFlags(batch), dedupId };
}

function readEntry(entry: string): MessageBatch {
  const buffer = decodeBase64(entry);
  if (buffer === undefined) throw new BrokerError("BAD_REQUEST", "Cannot read an entry: no base64");
  return { count: 1, buffer, start: 0, end: buffer.length };
}

function badEntry(name: string, why: string): BrokerError {
  return new BrokerError("BAD_REQUEST", `Cannot put schedule "${name}": ${why}`);
}
