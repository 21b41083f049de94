import { summarise, type Summary } from "../harness/statistics.ts";
import { formatNumber } from "../harness/table.ts";

/**
 * Gives the order of each round: the same things, and every second time the other way round, so that
 * none always comes first.
 */
export function alternate<T>(things: readonly T[]): () => readonly T[] {
  let isReversed = true;
  return () => {
    isReversed = !isReversed;
    return isReversed ? things.toReversed() : things;
  };
}

/** What was measured, by the names of the doors. */
export type ByName<T> = Readonly<Record<string, readonly T[]>>;

/** Takes one row out of the results of all rounds. */
export function gather<T>(
  rounds: readonly (readonly Readonly<Record<string, T>>[])[],
  row: number,
): ByName<T> {
  const found: Record<string, T[]> = {};
  for (const rows of rounds) {
    for (const [name, value] of Object.entries(rows[row]!)) (found[name] ??= []).push(value);
  }
  return found;
}

/**
 * Compares measurements with others of the same rounds: what disturbs a round disturbs both.
 *
 * @throws {RangeError} If there are none, or not as many of both.
 */
export function compare(values: readonly number[], bases: readonly number[]): Summary {
  if (values.length !== bases.length) {
    throw new RangeError(`Cannot compare ${values.length} measurements with ${bases.length}`);
  }
  return summarise(values.map((value, round) => value / bases[round]!));
}

/** The mean: of counts in coarse steps, such as processor time, it is finer than the median. */
export function findMean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Half of the rounds, of what takes long and differs little. */
export function halve(rounds: number): number {
  return Math.ceil(rounds / 2);
}

/** Writes a ratio as a percentage. */
export function formatPercent(ratio: number): string {
  return `${formatNumber(ratio * 100)} %`;
}
