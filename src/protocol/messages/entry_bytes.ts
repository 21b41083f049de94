/**
 * Where the fixed parts of an entry are, and the numbers in it.
 *
 * @module
 */

/** Where an entry's kind is, with its priority. */
export const KIND_AT = 4;
/** Where the flags of its properties are. */
export const FLAGS_AT = 5;
/** Where is said how many bytes its properties and headers have. */
export const HEADER_BYTES_AT = 6;
/** Where its properties begin. */
export const PROPERTIES_AT = 8;
/** The bytes of a time. */
export const TIME_BYTES = 8;
/** The bytes of a request's number. */
export const NUMBER_BYTES = 4;

/** Writes a time, or a span. */
export function writeTime(buffer: Uint8Array, at: number, time: number): void {
  writeU32(buffer, at, Math.floor(time / 2 ** 32));
  writeU32(buffer, at + 4, time >>> 0);
}

/** Reads a time, or a span. */
export function readTime(buffer: Uint8Array, at: number): number {
  return readSize(buffer, at) * 2 ** 32 + readSize(buffer, at + 4);
}

/** Writes a number of 32 bits. */
export function writeU32(buffer: Uint8Array, at: number, value: number): void {
  buffer[at] = value >>> 24;
  buffer[at + 1] = value >>> 16;
  buffer[at + 2] = value >>> 8;
  buffer[at + 3] = value;
}

/** Reads a number of 32 bits. */
export function readSize(buffer: Uint8Array, at: number): number {
  return ((buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) |
    buffer[at + 3]!) >>> 0;
}
