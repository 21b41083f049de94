/**
 * Going through all streams for what they have in one segment, in as many steps as that takes: there
 * may be a hundred thousand streams, and each step finds a few hundred messages.
 *
 * @module
 */

import type { Stream } from "../../../broker/stream/stream.ts";
import type { SegmentFile } from "./segment_file.ts";

/** The streams that may have something in a segment. */
export class SegmentWalk implements Iterable<Stream> {
  /** The segment. */
  readonly segment: SegmentFile;
  readonly #rest: Iterator<Stream>;
  /** Those in which something was found last: there may be more. */
  #again: ReadonlySet<Stream> = new Set();
  #isOver = false;

  /** Begins with the first stream. Those that come later have nothing in an old segment. */
  constructor(segment: SegmentFile, streams: Iterable<Stream>) {
    this.segment = segment;
    this.#rest = streams[Symbol.iterator]();
  }

  /** Whether all streams were looked at. */
  get isOver(): boolean {
    return this.#isOver && this.#again.size === 0;
  }

  /** Has streams looked at again in the next step. */
  lookAgain(streams: Iterable<Stream>): void {
    this.#again = new Set(streams);
  }

  *[Symbol.iterator](): Generator<Stream> {
    const again = this.#again;
    this.#again = new Set();
    yield* again;
    for (let next = this.#rest.next(); !next.done; next = this.#rest.next()) yield next.value;
    this.#isOver = true;
  }
}
