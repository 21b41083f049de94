// The properties behind those of the flags, as drawn in the specification in protocol.ts: a byte that tells
// which there are, and the properties. They came with the capability `work`.

import { readU64, writeU64 } from "../bytes.ts";
import { SPAN_MS_MAX } from "../limits.ts";
import { badProperties, checkLabel, labelBytes, readLabel } from "./short_text.ts";

/** Which further properties an entry has. */
export const MoreFlag = {
  /** It has a lane. */
  lane: 0x01,
  /** It is coalesced with others of the same id. */
  coalesce: 0x02,
} as const;

const KNOWN_FLAGS = MoreFlag.lane | MoreFlag.coalesce;

/** The bits of a coalesce property's mode. */
const TAKE_FIRST = 0x01;
const DROP_WHILE_WORKED = 0x02;

/** The mode and two spans in front of a coalesce id. */
const COALESCE_HEAD_BYTES = 1 + 8 + 8;

/** How a message is joined with others of the same id in its stream: at most one of them waits. */
export interface Coalesce {
  /** What they have in common, 1 to 128 bytes of UTF-8. */
  readonly id: string;
  /** How long no other one must have come before it is delivered, in milliseconds. */
  readonly quietMs: number;
  /** The longest time from the first one to the delivery, in milliseconds; 0 for no limit. */
  readonly atMostMs: number;
  /** Which one stays: the last, which takes the place of the one before, or the first. */
  readonly take: "first" | "last";
  /** What becomes of one that comes while another one is worked on. */
  readonly whileWorked: "wait" | "drop";
}

/** The properties behind those of the flags. */
export interface MoreProperties {
  /** Whose message it is. */
  readonly lane?: string;
  /** How it is joined with others. */
  readonly coalesce?: Coalesce;
}

/** The size of the further properties at `at`, which may lie behind the end of the buffer. */
export function readMoreBytes(buffer: Uint8Array, at: number): number {
  const flags = buffer[at]!;
  let end = at + 1;
  if (flags & MoreFlag.lane) end += labelBytes(buffer, end);
  if (flags & MoreFlag.coalesce) {
    end += COALESCE_HEAD_BYTES + labelBytes(buffer, end + COALESCE_HEAD_BYTES);
  }
  return end - at;
}

/** Reads the further properties at `at`. */
export function readMore(buffer: Uint8Array, at: number): MoreProperties {
  const flags = buffer[at]!;
  let next = at + 1;
  const lane = flags & MoreFlag.lane ? readLabel(buffer, next) : undefined;
  if (lane !== undefined) next += labelBytes(buffer, next);
  return {
    ...lane !== undefined && { lane },
    ...(flags & MoreFlag.coalesce) !== 0 && { coalesce: readCoalesce(buffer, next) },
  };
}

function readCoalesce(buffer: Uint8Array, at: number): Coalesce {
  const mode = buffer[at]!;
  return {
    id: readLabel(buffer, at + COALESCE_HEAD_BYTES),
    quietMs: readU64(buffer, at + 1),
    atMostMs: readU64(buffer, at + 9),
    take: mode & TAKE_FIRST ? "first" : "last",
    whileWorked: mode & DROP_WHILE_WORKED ? "drop" : "wait",
  };
}

/** Where the length byte of an entry's lane is, if its further properties at `at` have one; else 0. */
export function findLaneAt(buffer: Uint8Array, at: number): number {
  return buffer[at]! & MoreFlag.lane ? at + 1 : 0;
}

/** Where the length byte of an entry's coalesce id is, if its further properties at `at` have one; else 0. */
export function findCoalesceIdAt(buffer: Uint8Array, at: number): number {
  const flags = buffer[at]!;
  if ((flags & MoreFlag.coalesce) === 0) return 0;
  const behindLane = flags & MoreFlag.lane ? at + 1 + labelBytes(buffer, at + 1) : at + 1;
  return behindLane + COALESCE_HEAD_BYTES;
}

/** Copies further properties without all but the lane; empty if there is none. */
export function copyLane(buffer: Uint8Array, at: number): Uint8Array {
  const laneAt = findLaneAt(buffer, at);
  if (laneAt === 0) return new Uint8Array(0);
  const copy = buffer.slice(at, laneAt + labelBytes(buffer, laneAt));
  copy[0] = MoreFlag.lane;
  return copy;
}

/** Throws `BAD_FRAME` if the further properties that a client has sent are not allowed. */
export function checkMore(buffer: Uint8Array, at: number): void {
  const flags = buffer[at]!;
  if (flags === 0 || (flags & ~KNOWN_FLAGS) !== 0) {
    throw badProperties(`further flags are ${flags}`);
  }
  let next = at + 1;
  if (flags & MoreFlag.lane) {
    checkLabel(buffer, next, "a lane");
    next += labelBytes(buffer, next);
  }
  if ((flags & MoreFlag.coalesce) === 0) return;
  const mode = buffer[next]!;
  if (mode > (TAKE_FIRST | DROP_WHILE_WORKED)) throw badProperties(`a coalesce mode is ${mode}`);
  for (const spanAt of [next + 1, next + 9]) {
    const span = readU64(buffer, spanAt);
    if (span > SPAN_MS_MAX) throw badProperties(`a span is ${span} ms, limit is ${SPAN_MS_MAX}`);
  }
  checkLabel(buffer, next + COALESCE_HEAD_BYTES, "a coalesce id");
}

/** Writes further properties; returns where they end. Labels are written by `writeLabel`. */
export function writeMore(
  buffer: Uint8Array,
  at: number,
  { lane, coalesce }: {
    readonly lane?: string | undefined;
    readonly coalesce?: Coalesce | undefined;
  },
  writeLabel: (at: number, text: string) => number,
): number {
  buffer[at] = (lane === undefined ? 0 : MoreFlag.lane) |
    (coalesce === undefined ? 0 : MoreFlag.coalesce);
  let end = at + 1;
  if (lane !== undefined) end = writeLabel(end, lane);
  if (coalesce === undefined) return end;
  buffer[end] = (coalesce.take === "first" ? TAKE_FIRST : 0) |
    (coalesce.whileWorked === "drop" ? DROP_WHILE_WORKED : 0);
  writeU64(buffer, end + 1, coalesce.quietMs);
  writeU64(buffer, end + 9, coalesce.atMostMs);
  return writeLabel(end + COALESCE_HEAD_BYTES, coalesce.id);
}
