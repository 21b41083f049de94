import { BrokerError } from "../error.ts";
import type { FrameDecoder } from "./frame_decoder.ts";
import { FrameType } from "./frame_type.ts";
import type { FrameWriter } from "./frame_writer.ts";
import { writeBatch } from "./message_frame.ts";
import { LABEL_LENGTH_MAX } from "../limits.ts";
import type { MessageBatch } from "../messages/batch.ts";
import { readEntryFlags, readEntrySize } from "../messages/entry.ts";
import { PropertyFlag, readProperties } from "../messages/properties.ts";
import { decodeStrictUtf8, encodeUtf8 } from "../utf8.ts";

/** `reply`: replies to requests of one client. */
export interface ReplyFields {
  /** The requester's stream for replies. */
  readonly stream: string;
  /** The number of the query to answer when the replies are passed on, or 0 for no answer. */
  readonly query: number;
}

/** Writes a `reply` frame. */
export function writeReply(writer: FrameWriter, fields: ReplyFields, batch: MessageBatch): void {
  const name = encodeUtf8(fields.stream);
  writer.begin(FrameType.reply);
  writer.u32(fields.query);
  writer.u8(name.length);
  writer.bytes(name);
  writeBatch(writer, batch);
  writer.end();
}

/** Reads the fields of a `reply` frame; {@linkcode readBatch} reads what follows. */
export function readReply(frame: FrameDecoder): ReplyFields {
  const query = frame.u32();
  const length = frame.u8();
  const end = frame.offset + length;
  if (length === 0 || length > LABEL_LENGTH_MAX || end > frame.end) {
    throw badReply(`the name of its stream has ${length} bytes`);
  }
  const stream = readName(frame.buffer.subarray(frame.offset, end));
  frame.offset = end;
  return { stream, query };
}

/** Writes a `replies` frame. */
export function writeReplies(writer: FrameWriter, batch: MessageBatch): void {
  writer.begin(FrameType.replies);
  writeBatch(writer, batch);
  writer.end();
}

/**
 * Checks that the entries of a batch are replies to requests of one client. The batch itself must have been
 * checked before.
 *
 * @throws {BrokerError} With code `BAD_FRAME` if an entry is not.
 */
export function checkReplies({ buffer, start, end }: MessageBatch, stream: string): void {
  for (let offset = start; offset < end; offset += readEntrySize(buffer, offset)) {
    if (readEntryFlags(buffer, offset) !== PropertyFlag.request) {
      throw badReply("each of its messages says which request it answers, and nothing else");
    }
    if (readProperties(buffer, offset).request?.stream !== stream) {
      throw badReply("one of its messages is for another stream");
    }
  }
}

function readName(bytes: Uint8Array): string {
  try {
    return decodeStrictUtf8(bytes);
  } catch (cause) {
    throw badReply("the name of its stream is not UTF-8", cause);
  }
}

function badReply(why: string, cause?: unknown): BrokerError {
  return new BrokerError("BAD_FRAME", `Cannot read a frame of type reply: ${why}`, { cause });
}
