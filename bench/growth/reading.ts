import { findQuantile } from "../harness/statistics.ts";

/** A figure of a point. Kept results have these names. */
export type Figure =
  | "rate"
  | "brokerMicros"
  | "clientMicros"
  | "flushMs"
  | "p50Ms"
  | "p99Ms"
  | "memoryMiB";

/** The figures of a point, as far as they were measured. */
export type Figures = Partial<Readonly<Record<Figure, number>>>;

/** What one round has measured at one point of one line. */
export interface Reading {
  /** Which line: `journal`. */
  readonly line: string;
  /** Where on it. */
  readonly x: number;
  readonly figures: Figures;
}

/** Sums up rounds: of each point of each line the median of each figure. */
export function sumUp(readings: readonly Reading[]): Reading[] {
  return groupPoints(readings).map((rounds) => {
    const { line, x } = rounds[0]!;
    const names = new Set(rounds.flatMap(({ figures }) => Object.keys(figures) as Figure[]));
    const figures: Partial<Record<Figure, number>> = {};
    for (const name of names) {
      const values = rounds.map(({ figures }) => figures[name]).filter((one) => one !== undefined);
      figures[name] = findQuantile(values, 0.5);
    }
    return { line, x, figures };
  });
}

/** How often each point was measured. */
export function countRounds(readings: readonly Reading[]): number {
  return Math.min(...groupPoints(readings).map(({ length }) => length));
}

function groupPoints(readings: readonly Reading[]): Reading[][] {
  return [...Map.groupBy(readings, ({ line, x }) => `${x} ${line}`).values()];
}
