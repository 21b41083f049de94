import { writeU32, writeU64 } from "../bytes.ts";
import type { MessageBatch } from "../messages/batch.ts";
import { BrokerError } from "../error.ts";
import type { FrameDecoder } from "./frame_decoder.ts";
import { FrameType } from "./frame_type.ts";
import { FRAME_HEAD_BYTES, FRAME_LENGTH_BYTES, type FrameWriter } from "./frame_writer.ts";
import { BATCH_COUNT_MAX } from "../limits.ts";

/** The highest bit of the attempts in a `deliver` frame. */
const DOUBTFUL = 0x8000_0000;

/** The bit below it: the frame tells when its messages were stored. */
const TIMED = 0x4000_0000;

/** The bit below that one: the messages of the frame were in a batch whose follower was lost. */
const SUSPECT = 0x2000_0000;

/** `publish`: a batch from a publisher. */
export interface PublishFields {
  /** The publisher's number in this session. */
  readonly publisher: number;
  /** The number of the batch's first message; a publisher numbers its messages from 1. */
  readonly sequence: number;
  /** The publisher knows the outcomes of all messages below this number. */
  readonly settled: number;
}

/** The place of a batch: `count` consecutive ids of one stream, from `firstId` on. */
export interface StoredRange {
  /** The stream's number in this session. */
  readonly stream: number;
  /** The id of the batch's first message in that stream. */
  readonly firstId: number;
  /** The id of the message that it has replaced there, by its coalesce id; absent if there was none. */
  readonly replaced?: number | undefined;
  /** Whether the message with that id stays in its place, and it was let go. */
  readonly isKept?: boolean | undefined;
}

/** `confirm`: a batch is stored. */
export interface ConfirmFields {
  /** The publisher that sent it. */
  readonly publisher: number;
  /** The number of its first message. */
  readonly sequence: number;
  /** The number of its messages. */
  readonly count: number;
  /** Whether the batch was not stored again. */
  readonly isDuplicate: boolean;
  /** Whether the reason is an earlier message with the same dedup id. */
  readonly hasSameId: boolean;
  /** The streams it was stored in. */
  readonly stored: readonly StoredRange[];
}

/** Consecutive messages that were stored at the same time. */
export interface StoredRun {
  /** How many they are. */
  readonly count: number;
  /** When, in milliseconds since 1970; 0 if that is not known. */
  readonly at: number;
}

/** `deliver`: consecutive messages of one stream. */
export interface DeliverFields {
  /** The follower they are for. */
  readonly follower: number;
  /** The stream's number in this session. */
  readonly stream: number;
  /** The tag of the first delivery; the others count on from there. */
  readonly firstTag: number;
  /** The id of the first message; the others count on from there. */
  readonly firstId: number;
  /** The number of deliveries of each message, this one included. */
  readonly attempts: number;
  /** Whether a `begin` has to be sent before a handler gets them. */
  readonly isDoubtful?: boolean;
  /** Whether they were in a batch that failed as a whole: they are handed out in batches of their own. */
  readonly isSuspect?: boolean;
  /** When they were stored, in runs that make up the whole batch; absent without that capability. */
  readonly storedAt?: readonly StoredRun[] | undefined;
}

/** Consecutive deliveries of one follower. */
export interface TagRange {
  /** The first tag. */
  readonly firstTag: number;
  /** The number of tags. */
  readonly count: number;
}

/** `ack`, `release`, `begin` and `beginBatch`: some deliveries of a follower. */
export interface TagFields {
  /** The follower that holds them. */
  readonly follower: number;
  /** The number of the query to answer, or 0 for no answer. */
  readonly query: number;
  /** The deliveries. */
  readonly ranges: readonly TagRange[];
}

/** The types of frames with these fields. */
export type TagsType =
  | typeof FrameType.ack
  | typeof FrameType.release
  | typeof FrameType.begin
  | typeof FrameType.beginBatch;

/** `credit`: the new limits of what a follower may hold unacknowledged. */
export interface CreditFields {
  /** The follower. */
  readonly follower: number;
  /** Messages. */
  readonly messages: number;
  /** Bytes. */
  readonly bytes: number;
  /** How many messages it works on at once; absent without the capability `work`. */
  readonly slots?: number | undefined;
}

/** Writes a `publish` frame. */
export function writePublish(
  writer: FrameWriter,
  fields: PublishFields,
  batch: MessageBatch,
): void {
  writer.begin(FrameType.publish);
  writer.u32(fields.publisher);
  writer.u64(fields.sequence);
  writer.u64(fields.settled);
  writeBatch(writer, batch);
  writer.end();
}

/** The bytes of a `publish` frame in front of its entries. */
export const PUBLISH_HEAD_BYTES: number = FRAME_HEAD_BYTES + 24;

/**
 * Makes a `publish` frame of a batch where it lies: its head is written in front of it.
 *
 * @param batch A batch with {@linkcode PUBLISH_HEAD_BYTES} unused bytes before its first entry.
 * @returns The frame.
 */
export function framePublish(
  { publisher, sequence, settled }: PublishFields,
  { buffer, start, end, count }: MessageBatch,
): Uint8Array {
  const at = start - PUBLISH_HEAD_BYTES;
  writeU32(buffer, at, end - at - FRAME_LENGTH_BYTES);
  buffer[at + FRAME_LENGTH_BYTES] = FrameType.publish;
  writeU32(buffer, at + FRAME_HEAD_BYTES, publisher);
  writeU64(buffer, at + FRAME_HEAD_BYTES + 4, sequence);
  writeU64(buffer, at + FRAME_HEAD_BYTES + 12, settled);
  writeU32(buffer, at + FRAME_HEAD_BYTES + 20, count);
  return buffer.subarray(at, end);
}

/** Reads the fields of a `publish` frame; {@linkcode readBatch} reads what follows. */
export function readPublish(decoder: FrameDecoder): PublishFields {
  return { publisher: decoder.u32(), sequence: decoder.u64(), settled: decoder.u64() };
}

/** Why nothing new was stored: a message with the same dedup id, or this very batch, was there. */
const SAME_ID = 1;
const SENT_AGAIN = 2;

/** Added to one of these or to 0: each range tells what became of another message of its coalesce id. */
const JOINED = 4;

/** What became of another message: nothing, or it was replaced, or it stays. */
const Joined = { alone: 0, replaced: 1, kept: 2 } as const;

/** Writes a `confirm` frame. */
export function writeConfirm(writer: FrameWriter, fields: ConfirmFields): void {
  writer.begin(FrameType.confirm);
  writer.u32(fields.publisher);
  writer.u64(fields.sequence);
  writer.u32(fields.count);
  const isJoined = fields.stored.some(({ replaced, isKept }) => isKept || replaced !== undefined);
  const repetition = fields.hasSameId ? SAME_ID : fields.isDuplicate ? SENT_AGAIN : 0;
  writer.u8(isJoined ? repetition + JOINED : repetition);
  writer.u32(fields.stored.length);
  for (const { stream, firstId, replaced, isKept } of fields.stored) {
    writer.u32(stream);
    writer.u64(firstId);
    if (!isJoined) continue;
    writer.u8(isKept ? Joined.kept : replaced === undefined ? Joined.alone : Joined.replaced);
    writer.u64(replaced ?? 0);
  }
  writer.end();
}

/** Reads a `confirm` frame. */
export function readConfirm(decoder: FrameDecoder): ConfirmFields {
  const publisher = decoder.u32();
  const sequence = decoder.u64();
  const count = decoder.u32();
  const mark = decoder.u8();
  const repetition = mark & ~JOINED;
  const stored: StoredRange[] = [];
  for (let left = decoder.u32(); left > 0; left--) {
    const range = { stream: decoder.u32(), firstId: decoder.u64() };
    stored.push(mark & JOINED ? { ...range, ...readJoined(decoder) } : range);
  }
  decoder.finish();
  const isDuplicate = repetition !== 0;
  return { publisher, sequence, count, isDuplicate, hasSameId: repetition === SAME_ID, stored };
}

function readJoined(decoder: FrameDecoder): Pick<StoredRange, "replaced" | "isKept"> {
  const what = decoder.u8();
  const replaced = decoder.u64();
  if (what === Joined.kept) return { isKept: true };
  return what === Joined.replaced ? { replaced } : {};
}

/** Writes a `deliver` frame. */
export function writeDeliver(
  writer: FrameWriter,
  fields: DeliverFields,
  batch: MessageBatch,
): void {
  writer.begin(FrameType.deliver);
  writer.u32(fields.follower);
  writer.u32(fields.stream);
  writer.u64(fields.firstTag);
  writer.u64(fields.firstId);
  const { attempts, isDoubtful, isSuspect, storedAt } = fields;
  const marks = (isDoubtful ? DOUBTFUL : 0) + (isSuspect ? SUSPECT : 0);
  writer.u32(attempts + marks + (storedAt === undefined ? 0 : TIMED));
  if (storedAt !== undefined) writeStoredRuns(writer, storedAt);
  writeBatch(writer, batch);
  writer.end();
}

/** Reads the fields of a `deliver` frame; {@linkcode readBatch} reads what follows. */
export function readDeliver(decoder: FrameDecoder): DeliverFields {
  const follower = decoder.u32();
  const stream = decoder.u32();
  const firstTag = decoder.u64();
  const firstId = decoder.u64();
  const word = decoder.u32();
  const isDoubtful = word >= DOUBTFUL;
  const rest = isDoubtful ? word - DOUBTFUL : word;
  const isTimed = rest >= TIMED;
  const isSuspect = (rest & SUSPECT) !== 0;
  return {
    follower,
    stream,
    firstTag,
    firstId,
    attempts: rest % SUSPECT,
    ...isDoubtful && { isDoubtful },
    ...isSuspect && { isSuspect },
    ...isTimed && { storedAt: readStoredRuns(decoder) },
  };
}

function writeStoredRuns(writer: FrameWriter, runs: readonly StoredRun[]): void {
  writer.u32(runs.length);
  for (const { count, at } of runs) {
    writer.u32(count);
    writer.u64(at);
  }
}

function readStoredRuns(decoder: FrameDecoder): StoredRun[] {
  const runs: StoredRun[] = [];
  for (let left = decoder.u32(); left > 0; left--) {
    runs.push({ count: decoder.u32(), at: decoder.u64() });
  }
  return runs;
}

/** Writes a `credit` frame. */
export function writeCredit(writer: FrameWriter, fields: CreditFields): void {
  writer.begin(FrameType.credit);
  writer.u32(fields.follower);
  writer.u32(fields.messages);
  writer.u32(fields.bytes);
  if (fields.slots !== undefined) writer.u32(fields.slots);
  writer.end();
}

/** Reads a `credit` frame. */
export function readCredit(decoder: FrameDecoder): CreditFields {
  const fields = { follower: decoder.u32(), messages: decoder.u32(), bytes: decoder.u32() };
  const slots = decoder.offset < decoder.end ? decoder.u32() : undefined;
  decoder.finish();
  return slots === undefined ? fields : { ...fields, slots };
}

/** Writes an `ack`, `release`, `begin` or `beginBatch` frame. */
export function writeTags(
  writer: FrameWriter,
  type: TagsType,
  fields: TagFields,
): void {
  writer.begin(type);
  writer.u32(fields.follower);
  writer.u32(fields.query);
  writeTagRanges(writer, fields.ranges);
  writer.end();
}

/** Writes the number of ranges, and the ranges. */
export function writeTagRanges(writer: FrameWriter, ranges: readonly TagRange[]): void {
  writer.u32(ranges.length);
  for (const range of ranges) {
    writer.u64(range.firstTag);
    writer.u32(range.count);
  }
}

/**
 * Reads an `ack`, `release`, `begin` or `beginBatch` frame.
 *
 * @param countMax How many deliveries there may be.
 */
export function readTags(decoder: FrameDecoder, countMax?: number): TagFields {
  const follower = decoder.u32();
  const query = decoder.u32();
  const ranges = readTagRanges(decoder, countMax);
  decoder.finish();
  return { follower, query, ranges };
}

/** Reads the number of ranges, and the ranges, of so many deliveries at most. */
export function readTagRanges(decoder: FrameDecoder, countMax: number = Infinity): TagRange[] {
  const ranges: TagRange[] = [];
  let count = 0;
  for (let left = decoder.u32(); left > 0; left--) {
    const range = { firstTag: decoder.u64(), count: decoder.u32() };
    if (range.firstTag === 0 || range.count === 0) {
      throw new BrokerError("BAD_FRAME", "Cannot read a range of deliveries: it is empty");
    }
    count += range.count;
    if (count > countMax) {
      const why = `they are more than the ${countMax} that one handler may have together`;
      throw new BrokerError("BAD_FRAME", `Cannot read deliveries: ${why}`);
    }
    ranges.push(range);
  }
  return ranges;
}

/** Writes the count and the entries with which frames that carry messages end. */
export function writeBatch(writer: FrameWriter, batch: MessageBatch): void {
  writer.u32(batch.count);
  writer.bytes(batch.buffer, batch.start, batch.end);
}

/**
 * Reads the rest of the current frame as a batch, in place; a very large one gets the buffer.
 *
 * @param decoder A decoder whose current frame's own fields have been read.
 * @returns The batch; its entries are not checked yet.
 * @throws {BrokerError} With code `BAD_FRAME` if the count is not allowed.
 */
export function readBatch(decoder: FrameDecoder): MessageBatch {
  const count = decoder.u32();
  if (count === 0 || count > BATCH_COUNT_MAX) {
    throw new BrokerError(
      "BAD_FRAME",
      `Cannot read a batch of messages: it has ${count}, allowed are 1 to ${BATCH_COUNT_MAX}`,
    );
  }
  const { buffer, offset: start, end } = decoder;
  return decoder.giveAway()
    ? { count, buffer, start, end, isOwn: true }
    : { count, buffer, start, end };
}
