/**
 * Writes a number into a body, so that nothing can be lost, doubled or mixed up unnoticed: into its
 * first four bytes, and the lowest of them once more into its last byte.
 *
 * @param body The body, of five bytes at least.
 * @param number The number, below 2^32.
 */
export function writeNumber(body: Uint8Array, number: number): void {
  body[0] = number >>> 24;
  body[1] = number >>> 16;
  body[2] = number >>> 8;
  body[3] = number;
  body[body.length - 1] = number;
}

/**
 * Reads the number of a body.
 *
 * @param body A body.
 * @param bytes How long it should be.
 * @throws {Error} If its length or its last byte is wrong.
 */
export function readNumber(body: Uint8Array, bytes: number): number {
  if (body.length !== bytes) {
    throw new Error(`A message came with ${body.length} bytes, sent were ${bytes}`);
  }
  if (body[bytes - 1] !== body[3]) throw new Error("A message came with another end than was sent");
  return (body[0]! * 2 ** 24) + (body[1]! << 16 | body[2]! << 8 | body[3]!);
}
