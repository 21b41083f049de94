/**
 * What a cursor sees: streams, pending entry lists, and messages where they lie.
 *
 * @module
 */

import { type MessageBatch, readEntrySize } from "../messages/batch.ts";
import { BrokerError } from "../error.ts";
import type { FrameDecoder } from "./frame_decoder.ts";
import { FrameType } from "./frame_type.ts";
import type { FrameWriter } from "./frame_writer.ts";
import type { StreamOptions } from "../messages/stream_options.ts";

/** What a stream looks like from outside, at one moment. */
export interface StreamInfo {
  /** Its name. */
  readonly name: string;
  /** Messages that wait to be taken. */
  readonly ready: number;
  /** Messages that are held back until a time. */
  readonly delayed: number;
  /** Messages that followers have taken and not acknowledged. */
  readonly pending: number;
  /** Followers that take from it. */
  readonly followers: number;
  /** The bytes of its messages, ready and pending, with their headers. */
  readonly bytes: number;
  /** The id that the next message will get. */
  readonly nextId: number;
  /** What a confirm promises in this stream. */
  readonly durability: string;
  /** Whether nothing is delivered from it until it is resumed. */
  readonly isPaused: boolean;
  /** What is set for it. */
  readonly options: StreamOptions;
}

/** A delivery that is not acknowledged yet: one entry of a pending entry list. */
export interface PendingEntry {
  /** The stream that the message is in. */
  readonly stream: string;
  /** The message's id in that stream. */
  readonly id: number;
  /** How often it has been delivered, this delivery included. */
  readonly attempts: number;
  /** When it was delivered, in milliseconds since 1970. */
  readonly deliveredAt: number;
  /** How long ago that was, in milliseconds, by the broker's clock. */
  readonly ageMs: number;
  /** When it is taken back unless it is acknowledged or extended, in milliseconds since 1970. */
  readonly deadline: number;
}

/** The entries that the followers of one name hold. */
export interface PendingEntryList {
  /** The followers' name. */
  readonly follower: string;
  /** How many they hold. */
  readonly count: number;
  /** What they hold, in the order of delivery: 50,000 entries at most in one answer. */
  readonly entries: readonly PendingEntry[];
}

/** Where a message is in its life. */
export type MessageState = "ready" | "delayed" | "pending";

/** What is told of a message that is looked at, beside the message itself. */
export interface MessageInfo {
  /** Its id. */
  readonly id: number;
  /** Whether it waits to be taken, is held back, or is held by a follower. */
  readonly state: MessageState;
  /** How often it has been delivered; while a follower holds it, that delivery included. */
  readonly attempts: number;
  /** When it comes back, in milliseconds since 1970, while it is held back. */
  readonly dueAt?: number;
  /** The follower that holds it, if one does. */
  readonly follower?: string;
}

/** Messages that were looked at. */
export interface PeekedMessages {
  /** What is told of each, in the order of the entries. */
  readonly infos: readonly MessageInfo[];
  /** Their entries, one behind the other. */
  readonly entries: Uint8Array;
}

/** Writes a `messages` frame. */
export function writeMessages(
  writer: FrameWriter,
  query: number,
  { infos, entries }: PeekedMessages,
): void {
  writer.begin(FrameType.messages);
  writer.u32(query);
  writer.u32(entries.length);
  writer.bytes(entries);
  writer.json(infos);
  writer.end();
}

/** Reads a `messages` frame; the entries are copied. */
export function readMessages(
  decoder: FrameDecoder,
): { query: number; messages: PeekedMessages } {
  const query = decoder.u32();
  const length = decoder.u32();
  const start = decoder.offset;
  if (length > decoder.end - start) throw badMessages("they end too early");
  const entries = decoder.buffer.slice(start, start + length);
  decoder.offset = start + length;
  const infos = decoder.json() as readonly MessageInfo[];
  if (!Array.isArray(infos) || infos.length !== countEntries(entries)) {
    throw badMessages("there is not one description for each");
  }
  return { query, messages: { infos, entries } };
}

/** Finds where each of some entries begins. */
export function findEntries({ buffer, start, end }: MessageBatch): number[] {
  const offsets: number[] = [];
  for (let offset = start; offset < end; offset += readEntrySize(buffer, offset)) {
    offsets.push(offset);
  }
  return offsets;
}

function countEntries(entries: Uint8Array): number {
  let count = 0;
  let offset = 0;
  while (offset + 4 <= entries.length) {
    const size = readEntrySize(entries, offset);
    if (size === 0) break;
    offset += size;
    count++;
  }
  return offset === entries.length ? count : -1;
}

function badMessages(why: string): BrokerError {
  return new BrokerError("BAD_FRAME", `Cannot read messages: ${why}`);
}
