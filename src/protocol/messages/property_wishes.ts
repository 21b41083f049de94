import { joinBytes, writeU16, writeU32, writeU64 } from "../bytes.ts";
import { LABEL_LENGTH_MAX, SPAN_MS_MAX } from "../limits.ts";
import { encodeUtf8, findTextMistake } from "../utf8.ts";
import { MORE_FLAG, PRIORITY_MAX } from "./entry.ts";
import {
  type DeadLetter,
  findStoryMistake,
  type Redriven,
  STORY_BYTES_MAX,
} from "./dead_letter.ts";
import { type Coalesce, writeMore } from "./more_properties.ts";
import { PropertyFlag, type ReplyAddress, TIME_MAX } from "./properties.ts";

/** The properties that a publisher chooses; spans may stand in the place of times. */
export interface PropertyWishes {
  /** The message is not delivered before this time, in milliseconds since 1970. */
  readonly deliverAt?: number | undefined;
  /** The message is not delivered before this many milliseconds have passed. */
  readonly delayMs?: number | undefined;
  /** How long the message may wait after the earliest time of its delivery, in milliseconds. */
  readonly ttlMs?: number | undefined;
  /** Messages of one key are processed one at a time. */
  readonly key?: string | undefined;
  /** The priority, 0 to 9; it is written in the entry's head. */
  readonly priority?: number | undefined;
  /** The reply address, if the message is a request. */
  readonly request?: ReplyAddress | undefined;
  /** The id by which a repetition is recognised. */
  readonly dedupId?: string | undefined;
  /** Whose message it is. */
  readonly lane?: string | undefined;
  /** How it is joined with others of the same id. */
  readonly coalesce?: Coalesce | undefined;
  /** The story of a dead letter that is imported; only administrators may send one. */
  readonly deadLetter?: DeadLetter | undefined;
}

/** Properties, ready to be written. */
export interface EncodedProperties {
  /** Which there are. */
  readonly flags: number;
  /** Their bytes. */
  readonly bytes: Uint8Array;
}

/** Room for two times, three labels, a number and further properties; they are copied out of it at once. */
const scratch = new Uint8Array(1024);
const encoder = new TextEncoder();

/** Encodes properties that {@linkcode findPropertyMistake} has allowed; `undefined` if there are none. */
export function encodeProperties(wishes: PropertyWishes): EncodedProperties | undefined {
  const { deliverAt, delayMs, ttlMs, key, request, dedupId, deadLetter, lane, coalesce } = wishes;
  let flags = 0;
  let end = 0;
  const time = deliverAt ?? delayMs;
  if (time !== undefined) {
    flags |= PropertyFlag.deliverAt | (deliverAt === undefined ? PropertyFlag.isDelay : 0);
    end = writeTime(end, time);
  }
  if (ttlMs !== undefined) {
    flags |= PropertyFlag.expiresAt | PropertyFlag.isTtl;
    end = writeTime(end, ttlMs);
  }
  if (key !== undefined) {
    flags |= PropertyFlag.key;
    end = writeLabel(end, key);
  }
  if (request !== undefined) {
    flags |= PropertyFlag.request;
    end = writeLabel(end, request.stream);
    writeU32(scratch, end, request.number);
    end += 4;
  }
  if (dedupId !== undefined) {
    flags |= PropertyFlag.dedupId;
    end = writeLabel(end, dedupId);
  }
  const storyAt = end;
  if (lane !== undefined || coalesce !== undefined) {
    flags |= MORE_FLAG;
    end = writeMore(scratch, end, { lane, coalesce }, writeLabel);
  }
  if (deadLetter !== undefined) {
    const [before, behind] = [scratch.slice(0, storyAt), scratch.slice(storyAt, end)];
    const bytes = joinBytes([before, encodeStory(deadLetter), behind]);
    return { flags: flags | PropertyFlag.story, bytes };
  }
  return flags === 0 ? undefined : { flags, bytes: scratch.slice(0, end) };
}

/** A story, or what is left of one, as a text. The trace is not in it, but in a header. */
export function writeStory(story: DeadLetter | Redriven): string {
  const { traceId, ...kept }: Partial<DeadLetter> = story;
  return JSON.stringify(traceId === undefined ? story : kept);
}

/** A story with its length. */
export function encodeStory(story: DeadLetter | Redriven): Uint8Array {
  const text = encodeUtf8(writeStory(story));
  const length = new Uint8Array(2);
  writeU16(length, 0, text.length);
  return joinBytes([length, text]);
}

function writeTime(at: number, time: number): number {
  writeU64(scratch, at, time);
  return at + 8;
}

function writeLabel(at: number, text: string): number {
  const { written } = encoder.encodeInto(text, scratch.subarray(at + 1, at + 1 + LABEL_LENGTH_MAX));
  scratch[at] = written;
  return at + 1 + written;
}

/** Describes the mistake in a message's properties, if there is one. */
export function findPropertyMistake(wishes: PropertyWishes): string | undefined {
  const { deliverAt, delayMs, ttlMs, key, priority, dedupId, deadLetter, lane, coalesce } = wishes;
  if (deliverAt !== undefined && delayMs !== undefined) {
    return "delayMs and deliverAt exclude each other";
  }
  if (!isWhole(deliverAt, 0, TIME_MAX)) {
    return `deliverAt must be a whole number from 0 to ${TIME_MAX}, in milliseconds since 1970, found ${deliverAt}`;
  }
  if (!isWhole(delayMs, 0, SPAN_MS_MAX)) {
    return `delayMs must be a whole number from 0 to ${SPAN_MS_MAX}, found ${delayMs}`;
  }
  if (!isWhole(ttlMs, 1, SPAN_MS_MAX)) {
    return `ttlMs must be a whole number from 1 to ${SPAN_MS_MAX}, found ${ttlMs}`;
  }
  if (!isWhole(priority, 0, PRIORITY_MAX)) {
    return `priority must be a whole number from 0 to ${PRIORITY_MAX}, found ${priority}`;
  }
  return findShortTextMistake("key", key) ?? findShortTextMistake("dedupId", dedupId) ??
    findShortTextMistake("lane", lane) ?? findCoalesceMistake(coalesce) ??
    findLongStoryMistake(deadLetter);
}

function findCoalesceMistake(coalesce: Coalesce | undefined): string | undefined {
  if (coalesce === undefined) return undefined;
  const { id, quietMs, atMostMs, take, whileWorked } = coalesce;
  if (id === undefined) return "coalesce.id is missing";
  for (const [name, span] of Object.entries({ quietMs, atMostMs })) {
    if (isWhole(span, 0, SPAN_MS_MAX)) continue;
    return `coalesce.${name} must be a whole number from 0 to ${SPAN_MS_MAX}, found ${span}`;
  }
  if (take !== "first" && take !== "last") return `coalesce.take must be "first" or "last"`;
  if (whileWorked !== "wait" && whileWorked !== "drop") {
    return `coalesce.whileWorked must be "wait" or "drop"`;
  }
  return findShortTextMistake("coalesce.id", id);
}

function findLongStoryMistake(story: DeadLetter | undefined): string | undefined {
  if (story === undefined) return undefined;
  const mistake = findStoryMistake(story);
  if (mistake !== undefined) return mistake;
  const bytes = encodeUtf8(JSON.stringify(story)).length;
  if (bytes <= STORY_BYTES_MAX) return undefined;
  return `the story of a dead letter has ${bytes} bytes, limit is ${STORY_BYTES_MAX}`;
}

function isWhole(value: number | undefined, least: number, most: number): boolean {
  return value === undefined || Number.isSafeInteger(value) && value >= least && value <= most;
}

/** Describes the mistake in a key, a lane or an id, if there is one. */
export function findShortTextMistake(what: string, text: unknown): string | undefined {
  if (text === undefined) return undefined;
  if (typeof text !== "string") return `${what} must be a string`;
  const fault = findTextMistake(text);
  if (fault !== undefined) return `${what} ${fault}`;
  // A UTF-16 unit is one byte of UTF-8 at least, and three at most.
  if (text.length >= 1 && text.length * 3 <= LABEL_LENGTH_MAX) return undefined;
  const bytes = encodeUtf8(text).length;
  if (bytes >= 1 && bytes <= LABEL_LENGTH_MAX) return undefined;
  return `${what} must have 1 to ${LABEL_LENGTH_MAX} bytes, found ${bytes}`;
}
