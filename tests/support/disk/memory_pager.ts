/**
 * A store in memory: where bytes are written to, and read back from, when a broker lets them go.
 *
 * @module
 */

import { BrokerError, type MessageBatch } from "../../../protocol.ts";
import type { Pager, Place, Segment } from "../../../src/broker/backlog/pager.ts";

/** Keeps the bytes of segments in a map. */
export class MemoryPager implements Pager {
  /** What was read, as the offsets that it began at. */
  readonly reads: number[] = [];
  readonly #stored = new Map<Segment, { bytes: Uint8Array; length: number }>();

  /** Begins a segment. */
  begin(): Segment {
    const segment = { liveCount: 0, liveBytes: 0 };
    this.#stored.set(segment, { bytes: new Uint8Array(1024), length: 0 });
    return segment;
  }

  /** Begins a segment that has the bytes of another one. */
  copy(segment: Segment): Segment {
    const copy = this.begin();
    this.#stored.set(copy, this.#stored.get(segment)!);
    return copy;
  }

  /** Writes a batch to the end of a segment, so many bytes behind what is there. */
  store(segment: Segment, { buffer, start, end }: MessageBatch, gap: number = 3): Place {
    const stored = this.#stored.get(segment)!;
    const offset = stored.length + gap;
    stored.length = offset + end - start;
    if (stored.length > stored.bytes.length) {
      const { bytes } = stored;
      stored.bytes = new Uint8Array(stored.length * 2);
      stored.bytes.set(bytes);
    }
    stored.bytes.set(buffer.subarray(start, end), offset);
    return { segment, offset };
  }

  /** Turns a bit of a byte over. */
  damage({ segment, offset }: Place): void {
    this.#stored.get(segment)!.bytes[offset]! ^= 1;
  }

  read(segment: Segment, offset: number, into: Uint8Array): void {
    this.reads.push(offset);
    into.set(this.#stored.get(segment)!.bytes.subarray(offset, offset + into.length));
  }

  checksum(bytes: Uint8Array): number {
    let sum = bytes.length;
    for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193) >>> 0;
    return sum;
  }

  explainDamage(_segment: Segment, offset: number): BrokerError {
    return new BrokerError("STREAM_DAMAGED", `Cannot read messages at offset ${offset}`);
  }
}
