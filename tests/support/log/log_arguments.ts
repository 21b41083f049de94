/** Throws a `RangeError` unless it is what an append may expect. */
export function requireExpected(expected: number): void {
  if (Number.isSafeInteger(expected) && expected >= 0) return;
  const rule = "the last sequence is a whole number from 0 on";
  throw new RangeError(`Cannot append: ${rule}, found ${expected}`);
}

/** Throws a `RangeError` unless it is a sequence. */
export function requireSequence(what: string, sequence: number): void {
  if (Number.isSafeInteger(sequence) && sequence >= 1) return;
  throw new RangeError(`Cannot ${what}: sequences are whole numbers from 1 on, found ${sequence}`);
}
