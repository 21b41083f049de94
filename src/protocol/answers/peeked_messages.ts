import { BrokerError } from "../error.ts";
import { readEntrySize } from "../messages/entry.ts";
import type { FrameDecoder } from "../frames/frame_decoder.ts";
import { FrameType } from "../frames/frame_type.ts";
import type { FrameWriter } from "../frames/frame_writer.ts";

/** Whether a message is ready, held back, or held by a follower. */
export type MessageState = "ready" | "delayed" | "pending";

/** The state of a message that was peeked at. */
export interface MessageInfo {
  /** Its id. */
  readonly id: number;
  /** Its state. */
  readonly state: MessageState;
  /** The number of its deliveries, the present one included. */
  readonly attempts: number;
  /** How often it was postponed; absent if it never was. */
  readonly postponed?: number;
  /** When it was stored, in milliseconds since 1970; earlier brokers do not tell. */
  readonly storedAt?: number;
  /** When it becomes ready, in milliseconds since 1970; only while it is held back. */
  readonly dueAt?: number;
  /** The name of the follower that holds it. */
  readonly follower?: string;
}

/** Messages that were peeked at. */
export interface PeekedMessages {
  /** The state of each, in the order of the entries. */
  readonly infos: readonly MessageInfo[];
  /** Their entries, back to back. */
  readonly entries: Uint8Array;
}

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
export function readMessages(decoder: FrameDecoder): { query: number; messages: PeekedMessages } {
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
