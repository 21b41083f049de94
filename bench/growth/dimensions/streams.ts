import type { Dimension } from "./dimension.ts";
import { measureLines } from "../point.ts";
import { SHAPE } from "../shape.ts";

/** Streams that get more. */
export const streams: Dimension = {
  name: "streams",
  title: "Streams",
  description:
    "A publisher for each stream, all on one connection; one follower, bound to all of " +
    "them by a regular expression; bodies of 100 bytes. The calls go to the streams in turn, with " +
    "256 bodies each, or with one: then neighbours are never of one stream. Latencies at 1,000 " +
    "messages/s, each to the next stream.",
  label: "streams",
  latency: "from due to the follower",
  points: [1, 10, 100, 1000, 10_000],
  async *measure(x, pace) {
    const shape = { ...SHAPE, streams: x };
    const single = { ...shape, callCount: 1 };
    const steady = { rate: 1000 };
    yield* measureLines(x, pace, [
      { line: "journal, 256 bodies to a call", engine: "journal", shape, steady },
      { line: "journal, 1 body to a call", engine: "journal", shape: single },
      { line: "memory, 1 body to a call", engine: "memory", shape: single },
    ]);
  },
};
