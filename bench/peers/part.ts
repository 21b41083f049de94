/**
 * Splits bodies, all of the same length, into parts of about so many bytes at most, so that large bodies
 * do not fill the buffers between client and server.
 */
export function* splitBodies(
  bodies: readonly Uint8Array[],
  bytesMax: number,
): Generator<readonly Uint8Array[]> {
  const count = countPerPart(bodies[0]?.length ?? 0, bytesMax);
  for (let begin = 0; begin < bodies.length; begin += count) {
    yield bodies.slice(begin, begin + count);
  }
}

/** How many bodies of a length make a part of about so many bytes: one at least. */
export function countPerPart(length: number, bytesMax: number): number {
  return Math.max(1, Math.floor(bytesMax / Math.max(1, length)));
}
