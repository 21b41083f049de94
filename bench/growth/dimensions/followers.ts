import type { Dimension } from "./dimension.ts";
import { measureLines } from "../point.ts";
import { SHAPE } from "../shape.ts";

/** Followers that get more. */
export const followers: Dimension = {
  name: "followers",
  title: "Followers of one stream",
  description: "One publisher, one stream, followers that compete for its messages: all on one " +
    "connection, or each on its own; bodies of 100 bytes, 256 to a call. Latencies at 1,000 " +
    "messages/s.",
  label: "followers",
  latency: "from due to the follower",
  points: [1, 10, 100, 1000],
  async *measure(x, pace) {
    const together = { ...SHAPE, followers: x };
    const apart = { ...together, connections: x };
    const steady = { rate: 1000 };
    yield* measureLines(x, pace, [
      { line: "journal, one connection", engine: "journal", shape: together, steady },
      { line: "journal, a connection each", engine: "journal", shape: apart, steady },
      { line: "memory, one connection", engine: "memory", shape: together },
    ]);
  },
};
