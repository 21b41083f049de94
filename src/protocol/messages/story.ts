import { writeU16, writeU32 } from "../bytes.ts";
import type { MessageBatch } from "./batch.ts";
import type { DeadLetter, Redriven } from "./dead_letter.ts";
import {
  ENTRY_HEAD_BYTES,
  MORE_FLAG,
  readEntryFlags,
  readEntryHeaderBytes,
  readEntrySize,
  writeEntryFlags,
  writeEntryHeaderBytes,
} from "./entry.ts";
import { copyLane } from "./more_properties.ts";
import { locateProperties, PropertyFlag } from "./properties.ts";
import { writeStory } from "./property_wishes.ts";

/** Room that is larger is not kept for the next copies, in bytes. */
const ROOM_KEPT = 256 * 1024;

/** A character is at most so many bytes of UTF-8. */
const CHARACTER_BYTES_MAX = 3;

const none = new Uint8Array(0);
const encoder = new TextEncoder();

/** Shared by all calls, none of which waits: memory of its own for each part of an entry costs more than all else. */
let room = new Uint8Array(16 * 1024);

/**
 * Copies of entries with other stories, or none, one behind the other. Their times are left out: a dead letter
 * neither waits nor expires, and one that is sent back is meant to be processed. A request for a reply is left
 * out, too: its sender no longer waits. A lane is kept, and a coalesce id is not.
 */
export class StoryCopies {
  #count = 0;
  #end = 0;
  #bytes = room;

  /** Copies the entry at `offset`. */
  add(buffer: Uint8Array, offset: number, story: DeadLetter | Redriven | undefined): void {
    const size = readEntrySize(buffer, offset);
    const text = story === undefined ? "" : writeStory(story);
    this.#reserve(size + 2 + CHARACTER_BYTES_MAX * text.length);
    const start = this.#end;
    const places = locateProperties(buffer, offset);
    const { end } = places;
    const flags = readEntryFlags(buffer, offset);
    this.#copy(buffer, offset, offset + ENTRY_HEAD_BYTES);
    this.#copy(buffer, places.key, places.request);
    this.#copy(buffer, places.dedupId, places.story);
    if (story !== undefined) this.#writeText(text);
    const lane = flags & MORE_FLAG ? copyLane(buffer, places.more) : none;
    this.#copy(lane, 0, lane.length);
    const after = this.#end - start;
    this.#copy(buffer, end, offset + size);
    const bytes = this.#bytes;
    const kept = flags & (PropertyFlag.key | PropertyFlag.dedupId) |
      (lane.length > 0 ? MORE_FLAG : 0);
    writeU32(bytes, start, this.#end - start);
    writeEntryFlags(bytes, start, story === undefined ? kept : kept | PropertyFlag.story);
    const before = end - offset;
    writeEntryHeaderBytes(bytes, start, readEntryHeaderBytes(buffer, offset) - before + after);
    this.#count++;
  }

  /** All copies, in memory of their own. */
  finish(): MessageBatch {
    room = this.#bytes.length <= ROOM_KEPT ? this.#bytes : new Uint8Array(ROOM_KEPT);
    return {
      count: this.#count,
      buffer: this.#bytes.slice(0, this.#end),
      start: 0,
      end: this.#end,
    };
  }

  #copy(buffer: Uint8Array, from: number, to: number): void {
    if (from === to) return;
    this.#bytes.set(buffer.subarray(from, to), this.#end);
    this.#end += to - from;
  }

  #writeText(text: string): void {
    const at = this.#end + 2;
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(at));
    writeU16(this.#bytes, this.#end, written);
    this.#end = at + written;
  }

  #reserve(size: number): void {
    const needed = this.#end + size;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    grown.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = grown;
  }
}
