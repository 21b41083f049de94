import type { Dimension } from "./dimension.ts";
import { measureLines } from "../point.ts";
import { SHAPE } from "../shape.ts";

/** A call of `sendMessages` has so many bytes, or one body. */
const CALL_BYTES = 128 * 1024;

/** Latencies are measured at so many bytes a second at most. */
const STEADY_BYTES = 32 * 1024 * 1024;

/** Messages that get larger. */
export const size: Dimension = {
  name: "size",
  title: "Size of the messages",
  description:
    "One publisher, one follower, one stream; calls of `sendMessages` with 256 bodies, " +
    "or as many as are 128 KiB. Latencies at 1,000 messages/s, or at 32 MiB/s if that is less.",
  label: "body",
  unit: "B",
  latency: "from due to the follower",
  points: Array.from({ length: 9 }, (_, power) => 16 * 4 ** power),
  async *measure(bodyBytes, pace) {
    const callCount = Math.max(1, Math.min(SHAPE.callCount, Math.floor(CALL_BYTES / bodyBytes)));
    const shape = { ...SHAPE, bodyBytes, callCount };
    const steady = { rate: Math.min(1000, STEADY_BYTES / bodyBytes) };
    yield* measureLines(bodyBytes, pace, [
      { line: "journal", engine: "journal", shape, steady },
      { line: "memory", engine: "memory", shape, steady },
    ]);
  },
};
