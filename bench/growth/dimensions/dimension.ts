/**
 * A dimension: something that grows while everything else stays as it is.
 *
 * @module
 */

import type { Reading } from "../reading.ts";

/** Something that grows. */
export interface Dimension {
  /** What it is called in arguments and file names. */
  readonly name: string;
  /** What the page calls it. */
  readonly title: string;
  /** What is measured, in a sentence or two. */
  readonly description: string;
  /** What grows, as the axis and the table say it. */
  readonly label: string;
  /** What it is counted in, if not just counted. */
  readonly unit?: string;
  /** Where a point is drawn that a logarithmic axis does not have: an empty backlog. */
  readonly zeroAt?: number;
  /** What the throughput is of, if not of both sides together, in a few words. */
  readonly throughput?: string;
  /** What the latency is of, in a few words. */
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
