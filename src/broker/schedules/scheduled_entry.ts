import { BrokerError, decodeBatch, encodeBatch, type MessageBatch } from "../../../protocol.ts";
import { decodeBase64 } from "../../protocol/base64.ts";
import { writeU64 } from "../../protocol/bytes.ts";
import { checkBatch, COALESCE_FLAG, findFlags } from "../../protocol/messages/batch.ts";
import { hasEntryPriority } from "../../protocol/messages/entry.ts";
import { locateProperties, PropertyFlag } from "../../protocol/messages/properties.ts";
import { SCHEDULE_BYTES_MAX } from "../../protocol/messages/schedule_settings.ts";
import { resolveSpans, SPAN_FLAGS } from "../../protocol/messages/spans.ts";

/** What a message of a schedule has no use for, or gets from it. */
const REFUSED: readonly (readonly [flag: number, what: string])[] = [
  [PropertyFlag.dedupId, "a dedup id: each message of a schedule gets one"],
  [PropertyFlag.request, "a reply address"],
  [PropertyFlag.story, "the story of a dead letter"],
  [COALESCE_FLAG, "coalesce: overlap says what becomes of the message before"],
];

/** Which date a message of a schedule is for, and when it is made. */
export interface EntryDate {
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

/** The text of any date has as many bytes. */
const DATE_BYTES = new Date(0).toISOString().length;

const encoder = new TextEncoder();

/** Checks the message of a schedule; throws `BAD_REQUEST` or `MESSAGE_TOO_LARGE` if it is not allowed. */
export function checkScheduledEntry(entry: string, name: string): void {
  try {
    const flags = checkBatch(readEntry(entry), SCHEDULE_BYTES_MAX);
    const [, what] = REFUSED.find(([flag]) => (flags & flag) !== 0) ?? [];
    if (what !== undefined) throw badEntry(name, `its message has ${what}`);
    const isDated = (flags & PropertyFlag.deliverAt) !== 0 && (flags & PropertyFlag.isDelay) === 0;
    if (isDated) throw badEntry(name, "its message has deliverAt, which is the same for all dates");
    // With the header that it gets, it may have too many.
    new EntryTemplate(entry, name);
  } catch (error) {
    const isOther = error instanceof BrokerError && error.code !== "BAD_FRAME";
    if (isOther || !(error instanceof Error)) throw error;
    throw badEntry(name, error.message);
  }
}

/** The message of a schedule as bytes, in which only dates are missing. */
export class EntryTemplate {
  readonly #bytes: Uint8Array;
  readonly #flags: number;
  readonly #idStart: string;
  /** Where the date is in the dedup id and in the header, and the time to live. */
  readonly #inId: number;
  readonly #inHeader: number;
  readonly #ttlAt: number | undefined;
  readonly #ttlMs: number;

  /** @param entry What was put. @param name The name of the schedule. */
  constructor(entry: string, name: string) {
    const given = readEntry(entry);
    const { kind, body, headers, properties, priority } = decodeBatch(given)[0]!;
    // Both are spans.
    const { key, lane, deliverAt: delayMs, expiresAt: ttlMs } = properties;
    this.#idStart = `schedule/${name}/`;
    const scheduledAt = new Date(0).toISOString();
    const order = { key, lane, ...hasEntryPriority(given.buffer, 0) && { priority } };
    const wishes = { ...order, delayMs, ttlMs, dedupId: this.#idStart + scheduledAt };
    const { scheduledAt: _, ...others } = headers;
    // The last header: its end is known.
    const all = { ...others, scheduledAt };
    const batch = encodeBatch([{ kind, body, headers: all, wishes }]);
    this.#bytes = batch.buffer;
    this.#flags = findFlags(batch);
    const at = locateProperties(this.#bytes, 0);
    this.#inId = at.dedupId + 1 + this.#bytes[at.dedupId]! - DATE_BYTES;
    this.#ttlAt = ttlMs === undefined ? undefined : at.expiresAt;
    this.#ttlMs = ttlMs ?? 0;
    this.#inHeader = this.#bytes.length - body.length - DATE_BYTES;
  }

  /** The message for a date; undefined if its time to live, which begins when it is due, is over. */
  make({ date, lateMs, now, aheadMs }: EntryDate): ScheduledEntry | undefined {
    const ttlMs = this.#ttlMs - Math.floor(lateMs);
    if (this.#ttlAt !== undefined && ttlMs <= 0) return undefined;
    const buffer = this.#bytes.slice();
    const scheduledAt = new Date(date).toISOString();
    encoder.encodeInto(scheduledAt, buffer.subarray(this.#inId));
    encoder.encodeInto(scheduledAt, buffer.subarray(this.#inHeader));
    if (this.#ttlAt !== undefined) writeU64(buffer, this.#ttlAt, ttlMs);
    const batch = { count: 1, buffer, start: 0, end: buffer.length };
    const flags = this.#flags;
    if (flags & SPAN_FLAGS) resolveSpans(batch, now, aheadMs);
    return { batch, flags, dedupId: this.#idStart + scheduledAt };
  }
}

function readEntry(entry: string): MessageBatch {
  const buffer = decodeBase64(entry);
  if (buffer === undefined) throw new BrokerError("BAD_REQUEST", "Cannot read an entry: no base64");
  return { count: 1, buffer, start: 0, end: buffer.length };
}

function badEntry(name: string, why: string): BrokerError {
  return new BrokerError("BAD_REQUEST", `Cannot put schedule "${name}": ${why}`);
}
