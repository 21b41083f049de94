/**
 * Streams with nothing around them, and what they need: memory without a limit.
 *
 * @module
 */

import { Residency } from "../../../src/broker/backlog/residency.ts";
import { Stream } from "../../../src/broker/stream/stream.ts";

let streamCount = 0;

/** A residency that keeps everything in memory. */
export function unlimited(): Residency {
  return new Residency({ bytesMax: Infinity, pager: undefined });
}

/** A stream of that name, with a number of its own. */
export function streamOf(name: string): Stream {
  return new Stream({ number: ++streamCount, name, residency: unlimited() });
}
