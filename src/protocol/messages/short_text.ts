// Short texts in the properties of a message: a length byte, and UTF-8.

import { BrokerError } from "../error.ts";
import { LABEL_LENGTH_MAX } from "../limits.ts";
import { decodeUtf8, isUtf8 } from "../utf8.ts";

/** The size of a short text with its length byte, which may lie behind the end of the buffer. */
export function labelBytes(buffer: Uint8Array, at: number): number {
  return 1 + (buffer[at]! | 0);
}

/** Reads a short text. */
export function readLabel(buffer: Uint8Array, at: number): string {
  return decodeUtf8(buffer.subarray(at + 1, at + 1 + buffer[at]!));
}

/** Throws `BAD_FRAME` if a short text from a client is none. */
export function checkLabel(buffer: Uint8Array, at: number, what: string): void {
  const length = buffer[at]!;
  if (length < 1 || length > LABEL_LENGTH_MAX) {
    throw badProperties(`${what} must have 1 to ${LABEL_LENGTH_MAX} bytes, found ${length}`);
  }
  if (!isUtf8(buffer, at + 1, at + 1 + length)) throw badProperties(`${what} is not UTF-8`);
}

export function badProperties(why: string): BrokerError {
  return new BrokerError("BAD_FRAME", `Cannot read a message's properties: ${why}`);
}
