import { writeU32 } from "../bytes.ts";
import { encodeUtf8 } from "../utf8.ts";
import type { FrameType } from "./frame_type.ts";

/** The length field in front of each frame. */
export const FRAME_LENGTH_BYTES = 4;

/** The length field and the type. */
export const FRAME_HEAD_BYTES = 5;

/** Above this, a buffer is not kept for the next frames. */
const KEPT_BYTES_MAX = 2 * 1024 * 1024;

const none = new Uint8Array(0);

/** Bytes that wait to be taken in one piece. */
interface Piece {
  readonly bytes: Uint8Array;
  /** Called when nobody needs them any more, if they are not the writer's own. */
  readonly release: (() => void) | undefined;
}

/**
 * Collects frames in a growing buffer: all frames of a turn leave in one write. A large frame that is in a buffer
 * already can be lent, which saves a copy: it leaves in a write of its own.
 *
 * @example One frame
 * ```ts
 * import { FrameDecoder, FrameType, FrameWriter } from "@simplemq/simplemq/protocol";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const writer = new FrameWriter();
 * writer.begin(FrameType.query);
 * writer.u32(7);
 * writer.json({ operation: "getStreams" });
 * writer.end();
 *
 * const decoder = new FrameDecoder(65_536);
 * const bytes = writer.take();
 * decoder.space(bytes.length).set(bytes);
 * decoder.received(bytes.length);
 * assert(decoder.next());
 * assertEquals(decoder.type, FrameType.query);
 * assertEquals(decoder.u32(), 7);
 * assertEquals(decoder.json(), { operation: "getStreams" });
 * ```
 */
export class FrameWriter {
  #buffer: Uint8Array = none;
  #spare: Uint8Array = none;
  #length = 0;
  #frameStart = 0;
  /** Lent frames, and what was written before each of them. */
  #pieces: Piece[] = [];
  #pieceBytes = 0;
  /** The lent frame that was taken and not given back. */
  #loan: Piece | undefined;

  /** The bytes collected so far. */
  get length(): number {
    return this.#length + this.#pieceBytes;
  }

  /** Whether {@linkcode FrameWriter.take} takes a part only: there are lent frames. */
  get isDivided(): boolean {
    return this.#pieces.length > 0;
  }

  /** Begins a frame; its fields follow, then {@linkcode FrameWriter.end}. */
  begin(type: FrameType): void {
    this.#reserve(FRAME_HEAD_BYTES);
    this.#frameStart = this.#length;
    this.#buffer[this.#length + FRAME_LENGTH_BYTES] = type;
    this.#length += FRAME_HEAD_BYTES;
  }

  /** Ends the frame by writing its length in front of it. */
  end(): void {
    const bytes = this.#length - this.#frameStart - FRAME_LENGTH_BYTES;
    writeU32(this.#buffer, this.#frameStart, bytes);
  }

  /** Writes an unsigned byte. */
  u8(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  /** Writes an unsigned 32-bit number. */
  u32(value: number): void {
    this.#reserve(4);
    writeU32(this.#buffer, this.#length, value);
    this.#length += 4;
  }

  /** Writes a safe integer, not negative, as an unsigned 64-bit number. */
  u64(value: number): void {
    this.u32(Math.floor(value / 0x1_0000_0000));
    this.u32(value >>> 0);
  }

  /** Writes bytes as they are: `source` from `start` to `end`. */
  bytes(source: Uint8Array, start = 0, end: number = source.length): void {
    const count = end - start;
    this.#reserve(count);
    // A view costs less than a loop from a few dozen bytes on.
    if (count <= 32) {
      for (let index = 0; index < count; index++) {
        this.#buffer[this.#length + index] = source[start + index]!;
      }
    } else {
      this.#buffer.set(source.subarray(start, end), this.#length);
    }
    this.#length += count;
  }

  /** Writes text as UTF-8 to the end of the frame, without a length. */
  text(text: string): void {
    this.bytes(encodeUtf8(text));
  }

  /** Writes a value as JSON to the end of the frame. */
  json(value: unknown): void {
    this.text(JSON.stringify(value));
  }

  /**
   * Adds a whole frame without copying it, between other frames.
   *
   * @param frame The frame with its length and its type; nobody changes it until it is released.
   * @param release Called when the frame has left. It is never called if the frame may still leave.
   */
  lend(frame: Uint8Array, release: () => void): void {
    if (this.#length > 0) this.#addPiece({ bytes: this.#takeOwn(), release: undefined });
    this.#addPiece({ bytes: frame, release });
  }

  /**
   * Takes what was collected, or its next part if frames were lent; the next frames go into another buffer.
   *
   * @returns A view that stays untouched until it is given to {@linkcode FrameWriter.recycle}.
   */
  take(): Uint8Array {
    if (this.#pieces.length === 0) return this.#takeOwn();
    const piece = this.#pieces.shift()!;
    this.#pieceBytes -= piece.bytes.length;
    if (piece.release !== undefined) this.#loan = piece;
    return piece.bytes;
  }

  /** Gives a taken view's buffer back: for the frames after the next, or to its owner. */
  recycle(taken: Uint8Array): void {
    if (this.#loan?.bytes === taken) {
      const { release } = this.#loan;
      this.#loan = undefined;
      return release?.();
    }
    const bytes = taken.buffer.byteLength;
    if (bytes > this.#spare.length && bytes <= KEPT_BYTES_MAX) {
      this.#spare = new Uint8Array(taken.buffer as ArrayBuffer);
    }
  }

  /** Drops what was not taken; lent frames of it are released. */
  drop(): void {
    this.#length = 0;
    this.#pieceBytes = 0;
    for (const { release } of this.#pieces.splice(0)) release?.();
  }

  /** Releases the unused buffers of an idle link. */
  shrink(): void {
    this.#spare = none;
    if (this.#length === 0) this.#buffer = none;
  }

  #takeOwn(): Uint8Array {
    const taken = this.#buffer.subarray(0, this.#length);
    this.#buffer = this.#spare;
    this.#spare = none;
    this.#length = 0;
    return taken;
  }

  #addPiece(piece: Piece): void {
    this.#pieces.push(piece);
    this.#pieceBytes += piece.bytes.length;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(256, this.#buffer.length * 2, needed));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}
