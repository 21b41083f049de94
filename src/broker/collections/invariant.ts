/**
 * What must be true whatever anybody sends. A broken invariant is a fault of this program.
 *
 * @module
 */

/** Throws if the condition does not hold. It is never caught to go on as if nothing had been. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`Broken invariant: ${message}`);
}
