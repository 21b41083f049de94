// Bytes as numbers: unsigned, big-endian, as everywhere on the wire.

/** Reads a number of 16 bits. */
export function readU16(buffer: Uint8Array, at: number): number {
  return (buffer[at]! << 8) | buffer[at + 1]!;
}

/** Reads a number of 32 bits. */
export function readU32(buffer: Uint8Array, at: number): number {
  return ((buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) |
    buffer[at + 3]!) >>> 0;
}

/** Reads a number of 64 bits; it may be larger than a safe integer. */
export function readU64(buffer: Uint8Array, at: number): number {
  return readU32(buffer, at) * 2 ** 32 + readU32(buffer, at + 4);
}

/** Writes a number of 16 bits. */
export function writeU16(buffer: Uint8Array, at: number, value: number): void {
  buffer[at] = value >>> 8;
  buffer[at + 1] = value;
}

/** Writes a number of 32 bits. */
export function writeU32(buffer: Uint8Array, at: number, value: number): void {
  buffer[at] = value >>> 24;
  buffer[at + 1] = value >>> 16;
  buffer[at + 2] = value >>> 8;
  buffer[at + 3] = value;
}

/** Writes a safe integer, not negative, as a number of 64 bits. */
export function writeU64(buffer: Uint8Array, at: number, value: number): void {
  writeU32(buffer, at, Math.floor(value / 2 ** 32));
  writeU32(buffer, at + 4, value >>> 0);
}

/** Puts pieces of bytes behind each other. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
