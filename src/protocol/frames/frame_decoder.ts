import { readU32 } from "../bytes.ts";
import { BrokerError } from "../error.ts";
import { hasManyStrings } from "../json_strings.ts";
import { decodeStrictUtf8 } from "../utf8.ts";
import { describeFrameType } from "./frame_type.ts";
import { FRAME_LENGTH_BYTES } from "./frame_writer.ts";

/** An idle connection holds a buffer of this size: 10,000 of them are 10 MB. */
export const BUFFER_BYTES_MIN = 1024;

/**
 * The buffer of a busy connection: a frame with a batch of the size that our own clients and brokers send.
 * Larger reads gain nothing. Smaller ones cost a copy of each such frame into a buffer that grows for it and
 * is given back after it (measured with 64 KiB: 4 % of a busy broker).
 */
const BUFFER_BYTES_BUSY = 129 * 1024;

/**
 * A buffer that must grow for a large frame gets the size of the frame at once, but no more than so many times
 * its size: each time it grows, what has come is copied.
 */
const GROWTH_MAX = 8;

/** A buffer is given away with a frame that is this part of it at least: little memory is lost. */
const OWN_SHARE_MIN = 7 / 8;

/** A frame of this size stays where it is if it has room behind what is before it, which has been read. */
const LARGE_FRAME_BYTES = 64 * 1024;

/**
 * Finds frames in a stream of bytes, and reads their fields in place. It allocates for received bytes, never
 * for announced ones.
 *
 * The owner of the socket reads into {@linkcode FrameDecoder.space}, reports the number of bytes with
 * {@linkcode FrameDecoder.received}, and calls {@linkcode FrameDecoder.next} until it is false.
 * After a true `next`, the fields of the current frame are read in their order with `u8`, `u32`,
 * `u64` and so on; reading past the frame's end is a `BAD_FRAME`.
 *
 * Invariant: `#head ≤ #tail ≤ #buffer.length`; bytes between head and tail are received and not yet
 * handed out.
 *
 * @example Half a frame is not a frame
 * ```ts
 * import { FrameDecoder, FrameType } from "@simplemq/simplemq/protocol";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const decoder = new FrameDecoder(65_536);
 * const push = (...bytes: number[]) => {
 *   decoder.space(bytes.length).set(bytes);
 *   decoder.received(bytes.length);
 * };
 * push(0, 0, 0);
 * assert(!decoder.next());
 * push(1, FrameType.heartbeat);
 * assert(decoder.next());
 * assertEquals(decoder.type, FrameType.heartbeat);
 * ```
 */
export class FrameDecoder {
  /** The type of the current frame. */
  type = 0;
  /** Where in {@linkcode FrameDecoder.buffer} the next field of the current frame begins. */
  offset = 0;
  /** Where in {@linkcode FrameDecoder.buffer} the current frame ends. */
  end = 0;
  /** The most strings, keys included, in the JSON of a frame. */
  jsonStringsMax: number = Infinity;
  #buffer = new Uint8Array(BUFFER_BYTES_MIN);
  #head = 0;
  #tail = 0;
  #frameBytesMax: number;
  #hasFilled = false;
  #unfinishedBytes = 0;

  /**
   * Creates a decoder.
   *
   * @param frameBytesMax The largest frame to accept: type and fields, without the length field.
   */
  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** The buffer that the current frame lies in; valid until {@linkcode FrameDecoder.space}. */
  get buffer(): Uint8Array {
    return this.#buffer;
  }

  /** The size of the buffer, in bytes. */
  get bufferBytes(): number {
    return this.#buffer.length;
  }

  /** The size, with its length, of a frame of which only a part has come; 0 if there is none. */
  get unfinishedBytes(): number {
    return this.#unfinishedBytes;
  }

  /** Whether the last bytes have filled the buffer: more may be waiting. */
  get hasFilled(): boolean {
    return this.#hasFilled;
  }

  /** The bytes received and not handed out yet. */
  get pendingBytes(): number {
    return this.#tail - this.#head;
  }

  /** Accepts frames up to another size, from the next one on; for the end of the handshake. */
  raiseLimit(frameBytesMax: number): void {
    this.#frameBytesMax = frameBytesMax;
  }

  /**
   * Gives room for the next bytes. Frames handed out before are gone after this.
   *
   * @param countMin The least number of bytes that must fit.
   * @param isThrifty Whether the buffer should be no larger than the received bytes need.
   * @returns The free part of the buffer.
   */
  space(countMin = 1, isThrifty = false): Uint8Array {
    if (this.#head === this.#tail) {
      this.#head = 0;
      this.#tail = 0;
    } else if (this.#head > 0 && !this.#hasRoomBehind) {
      this.#buffer.copyWithin(0, this.#head, this.#tail);
      this.#tail -= this.#head;
      this.#head = 0;
    }
    this.#resize(countMin, isThrifty);
    return this.#tail === 0 ? this.#buffer : this.#buffer.subarray(this.#tail);
  }

  /** Says that `count` bytes were put into the space. */
  received(count: number): void {
    this.#tail += count;
    this.#hasFilled = this.#tail === this.#buffer.length;
  }

  /**
   * Takes bytes that are not a frame: the magic in front of the first one.
   *
   * @param count The number of bytes.
   * @returns A copy of them, or `undefined` if they have not all come.
   */
  takePreface(count: number): Uint8Array | undefined {
    if (this.pendingBytes < count) return undefined;
    const preface = this.#buffer.slice(this.#head, this.#head + count);
    this.#head += count;
    return preface;
  }

  /**
   * Goes on to the next frame.
   *
   * @returns Whether there is a whole one.
   * @throws {BrokerError} With code `FRAME_TOO_LARGE` or `BAD_FRAME` if its length is not allowed.
   */
  next(): boolean {
    if (this.pendingBytes < FRAME_LENGTH_BYTES) return false;
    const buffer = this.#buffer;
    const at = this.#head;
    const bytes = readU32(buffer, at);
    if (bytes > this.#frameBytesMax) {
      throw new BrokerError(
        "FRAME_TOO_LARGE",
        `Cannot read a frame: it announces ${bytes} bytes, limit is ${this.#frameBytesMax}`,
      );
    }
    if (bytes === 0) throw new BrokerError("BAD_FRAME", "Cannot read a frame: it has no type");
    if (this.pendingBytes < FRAME_LENGTH_BYTES + bytes) {
      this.#unfinishedBytes = FRAME_LENGTH_BYTES + bytes;
      return false;
    }
    this.#unfinishedBytes = 0;
    this.type = buffer[at + FRAME_LENGTH_BYTES]!;
    this.offset = at + FRAME_LENGTH_BYTES + 1;
    this.end = at + FRAME_LENGTH_BYTES + bytes;
    this.#head = this.end;
    return true;
  }

  /** Reads an unsigned byte of the current frame. */
  u8(): number {
    this.#require(1);
    return this.#buffer[this.offset++]!;
  }

  /** Reads an unsigned 32-bit number of the current frame. */
  u32(): number {
    this.#require(4);
    const at = this.offset;
    this.offset = at + 4;
    return readU32(this.#buffer, at);
  }

  /** Reads an unsigned 64-bit number of the current frame; it must be a safe integer. */
  u64(): number {
    const high = this.u32();
    const value = high * 0x1_0000_0000 + this.u32();
    if (!Number.isSafeInteger(value)) throw this.#malformed("a number is not a safe integer");
    return value;
  }

  /** Reads the rest of the current frame as UTF-8 text. */
  text(): string {
    try {
      const text = decodeStrictUtf8(this.#buffer.subarray(this.offset, this.end));
      this.offset = this.end;
      return text;
    } catch (cause) {
      throw this.#malformed("its text is not UTF-8", cause);
    }
  }

  /** Reads the rest of the current frame as one JSON value. */
  json(): unknown {
    const text = this.text();
    if (hasManyStrings(text, this.jsonStringsMax)) {
      throw this.#malformed(`its JSON has more than ${this.jsonStringsMax} strings`);
    }
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw this.#malformed("its JSON cannot be parsed", cause);
    }
  }

  /**
   * Gives the buffer away if it was made for the current frame, so that its bytes need not be copied. Then
   * {@linkcode FrameDecoder.buffer}, as it was, belongs to the caller, and the frame is at its end here.
   *
   * @returns Whether it did.
   */
  giveAway(): boolean {
    const { length } = this.#buffer;
    if (length <= BUFFER_BYTES_BUSY || this.end - this.offset < length * OWN_SHARE_MIN) {
      return false;
    }
    const rest = this.#buffer.subarray(this.#head, this.#tail);
    this.#buffer = new Uint8Array(Math.max(BUFFER_BYTES_BUSY, rest.length));
    this.#buffer.set(rest);
    this.#head = 0;
    this.#tail = rest.length;
    this.offset = 0;
    this.end = 0;
    return true;
  }

  /** Makes sure that all of the current frame has been read. */
  finish(): void {
    if (this.offset !== this.end) throw this.#malformed(`${this.end - this.offset} bytes are left`);
  }

  /** Whether the rest of a large frame fits behind what came before it. */
  get #hasRoomBehind(): boolean {
    const bytes = this.#unfinishedBytes;
    return bytes >= LARGE_FRAME_BYTES && this.#head + bytes <= this.#buffer.length;
  }

  /** Grows with the received bytes, and gives a very large frame's memory back afterwards. */
  #resize(countMin: number, isThrifty: boolean): void {
    const needed = this.#tail + countMin;
    const size = this.#buffer.length;
    if (isThrifty) {
      if (needed <= BUFFER_BYTES_MIN && size > BUFFER_BYTES_MIN) this.#replace(BUFFER_BYTES_MIN);
      else if (needed > size) this.#replace(Math.max(size * 2, needed));
    } else if (size > BUFFER_BYTES_BUSY && needed <= BUFFER_BYTES_BUSY && !this.#hasFilled) {
      this.#replace(BUFFER_BYTES_BUSY);
    } else if (needed > BUFFER_BYTES_BUSY && needed > size) {
      // With a byte more it is not full when the frame is there: only then more may be waiting.
      const wanted = this.#unfinishedBytes === 0 ? size * 2 : this.#unfinishedBytes + 1;
      this.#replace(Math.max(needed, Math.min(size * GROWTH_MAX, wanted)));
    } else if (needed > size || (this.#hasFilled && size < BUFFER_BYTES_BUSY)) {
      this.#replace(Math.min(Math.max(size * 2, needed), BUFFER_BYTES_BUSY));
    }
    this.#hasFilled = false;
  }

  #replace(size: number): void {
    const buffer = new Uint8Array(size);
    buffer.set(this.#buffer.subarray(0, this.#tail));
    this.#buffer = buffer;
  }

  #require(count: number): void {
    if (this.end - this.offset < count) throw this.#malformed("it ends too early");
  }

  #malformed(why: string, cause?: unknown): BrokerError {
    return new BrokerError(
      "BAD_FRAME",
      `Cannot read a frame of type ${describeFrameType(this.type)}: ${why}`,
      { cause },
    );
  }
}
