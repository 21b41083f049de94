/** Throws if a condition is false that holds whatever clients send: a fault of this program. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`Broken invariant: ${message}`);
}
