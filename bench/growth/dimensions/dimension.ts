import type { Reading } from "../reading.ts";

/** Something that grows while everything else stays as it is. */
export interface Dimension {
  /** Its name in arguments and file names. */
  readonly name: string;
  /** Its heading on the page. */
  readonly title: string;
  /** What is measured, in a sentence or two. */
  readonly description: string;
  /** What grows, as the axis and the table say it. */
  readonly label: string;
  /** Its unit, if it has one. */
  readonly unit?: string;
  /** Where a point is drawn that a logarithmic axis does not have: an empty backlog. */
  readonly zeroAt?: number;
  /** What the throughput counts, if not both sides together, in a few words. */
  readonly throughput?: string;
  /** Which way the latency is measured, in a few words. */
  readonly latency: string;
  /** How large it gets. */
  readonly points: readonly number[];
  /** Measures all lines at one point, one after the other. */
  measure(x: number, pace: Pace): AsyncIterable<Reading>;
}

/** How much time there is. */
export interface Pace {
  /** About how long to measure each rate, and each latency, in seconds. */
  readonly seconds: number;
  /** How many messages warm a broker up. */
  readonly warmUpCount: number;
}
