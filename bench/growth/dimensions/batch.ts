import type { Dimension } from "./dimension.ts";
import { measureLines } from "../point.ts";
import { SHAPE } from "../shape.ts";

/** Latencies are measured with so many calls a second at least. */
const CALLS_MIN = 20;

/** Calls that get larger. */
export const batch: Dimension = {
  name: "batch",
  title: "Bodies in a call",
  description: "One publisher, one follower, one stream; bodies of 100 bytes. The calls of " +
    "`sendMessages` are not awaited one by one: 8,192 messages may be unconfirmed, whatever the " +
    "calls are. Latencies at 1,000 messages/s, but 20 calls a second at least; all bodies of a " +
    "call are due at the same time.",
  label: "bodies in a call",
  latency: "from due to the follower",
  points: Array.from({ length: 7 }, (_, power) => 4 ** power),
  async *measure(callCount, pace) {
    const shape = { ...SHAPE, callCount };
    const steady = { rate: Math.max(1000, callCount * CALLS_MIN), burst: callCount };
    yield* measureLines(callCount, pace, [
      { line: "journal", engine: "journal", shape, steady },
      { line: "memory", engine: "memory", shape, steady },
    ]);
  },
};
