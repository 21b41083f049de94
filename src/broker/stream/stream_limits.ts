// The limits of a stream, and the messages to drop for new ones.

import { BrokerError, type MessageBatch } from "../../../protocol.ts";
import { describeFull } from "../../protocol/full_text.ts";
import { LANE_FLAG } from "../../protocol/messages/batch.ts";
import { readEntrySize } from "../../protocol/messages/entry.ts";
import type { IdRange } from "../collections/id_ranges.ts";
import type { Store } from "../store/store.ts";
import type { Stream } from "./stream.ts";

/** The error for a batch that does not fit into a stream, if it does not. */
export function findFull(
  stream: Store,
  batch: MessageBatch,
  now: number,
): BrokerError | undefined {
  const { maxMessages, maxBytes, overflow } = stream.options;
  if ((maxMessages === null && maxBytes === null) || overflow !== "reject") return undefined;
  const { count } = batch;
  stream.intake.drain.look(countLeft(stream), now);
  // Messages that others take the place of need no room.
  const { leavingCount = 0, leavingBytes = 0 } = stream.coalesced ?? {};
  const depthCount = stream.depthCount - leavingCount;
  if (maxMessages !== null && depthCount + count > maxMessages) {
    const sizes = { depth: depthCount, size: count, limit: maxMessages };
    return explainFull(stream, batch, { ...sizes, what: "messages", now });
  }
  const size = batch.end - batch.start;
  const depthBytes = stream.depthBytes - leavingBytes;
  if (maxBytes !== null && depthBytes + size > maxBytes) {
    const sizes = { depth: depthBytes, size, limit: maxBytes };
    return explainFull(stream, batch, { ...sizes, what: "bytes", now });
  }
  return undefined;
}

/** Whether the messages of a batch count for limits of their lanes. */
function countsLanes({ options: { laneLimits } }: Store, flags: number): boolean {
  return (flags & LANE_FLAG) !== 0 && (laneLimits?.maxMessages ?? null) !== null;
}

/** The error for a batch with messages of a lane that has as many as it may have, if there is one. */
export function findFullLane(
  stream: Stream,
  batch: MessageBatch,
  flags: number,
): BrokerError | undefined {
  if (!countsLanes(stream, flags)) return undefined;
  const { name, share, options: { laneLimits } } = stream;
  const limit = laneLimits!.maxMessages!;
  const lanes = share.requireLanes();
  const counts = lanes.table.countLanes(batch);
  // A lane that is new, and gets nothing, is forgotten in time.
  for (const lane of counts.keys()) lanes.place(lane);
  for (const [lane, count] of counts) {
    const depth = lane.messageCount;
    if (depth + count <= limit) continue;
    return new BrokerError(
      "STREAM_FULL",
      describeFull(name, `lane ${JSON.stringify(lane.name)}`, {
        what: "messages",
        depth,
        size: count,
        limit,
      }),
      { details: { stream: name, lane: lane.name, what: "messages", depth, limit, room: 0 } },
    );
  }
  return undefined;
}

/** Counts messages that are about to be stored for the limits of their lanes. */
export function reserveLanes(
  stream: Stream,
  firstId: number,
  batch: MessageBatch & { readonly flags?: number },
): void {
  if (countsLanes(stream, batch.flags ?? 0)) stream.share.requireLanes().reserve(firstId, batch);
}

/** How many ids may be looked at, and how many messages and bytes may be too much, at most. */
export interface ExcessBounds {
  readonly ids?: number;
  readonly count?: number;
  readonly bytes?: number;
}

/**
 * Finds messages to drop, if a stream is over its limit after messages were added: the oldest ones, and those
 * among them that followers hold.
 *
 * @param most How much of what is too much, if not all.
 */
export function findExcess(
  stream: Stream,
  added: IdRange,
  most: ExcessBounds = {},
): IdRange | undefined {
  const { maxMessages, maxBytes, overflow } = stream.options;
  if (overflow !== "drop-oldest") return undefined;
  const { count, bytes } = stream.backlog;
  const { ids = Infinity, count: countMax = Infinity, bytes: bytesMax = Infinity } = most;
  const excess = maxMessages === null ? 0 : Math.min(count - maxMessages, countMax);
  const excessBytes = maxBytes === null ? 0 : Math.min(bytes - maxBytes, bytesMax);
  if (excess <= 0 && excessBytes <= 0) return undefined;
  const run = stream.share.findOldest();
  // The newest message stays, even if followers hold so much that there is no room for it.
  const endId = added.firstId + (excess > 0 ? Math.max(0, added.count - 1) : 0);
  if (run === undefined || run.firstId >= endId) return undefined;
  const { firstId } = run;
  const idCount = Math.min(ids, endId - firstId);
  // So many ids have no more messages than are too many.
  if (excess > 0) return { firstId, count: Math.min(idCount, excess) };
  const all = { firstId, count: idCount };
  if (measure(stream, all) <= excessBytes) return all;
  const inRun = Math.min(run.count, idCount);
  return { firstId, count: countFor(stream, firstId, inRun, excessBytes) };
}

/** The bytes of those of some messages that are there. */
function measure(stream: Store, range: IdRange): number {
  let bytes = 0;
  for (const { firstId, count } of stream.findPresent(range)) {
    bytes += stream.backlog.measure(firstId, count);
  }
  return bytes;
}

/** How many messages have left, counted from a fixed moment. */
function countLeft({ intake, backlog }: Store): number {
  return intake.storedNextId - backlog.count;
}

/** The number of messages, from `firstId` on, that have at least `bytes` together. */
function countFor(stream: Store, firstId: number, countMax: number, bytes: number): number {
  let low = 1;
  let high = countMax;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (stream.backlog.measure(firstId, middle) >= bytes) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The figures of a full stream. */
interface Fullness {
  readonly what: "messages" | "bytes";
  readonly depth: number;
  readonly size: number;
  readonly limit: number;
  readonly now: number;
}

function explainFull(stream: Store, batch: MessageBatch, fullness: Fullness): BrokerError {
  const { what, depth, size, limit, now } = fullness;
  const room = countRoom(stream, batch);
  const excess = depth + size - limit;
  // Bytes leave with messages, so the time is that for as many messages on average.
  const messages = what === "messages" ? excess : Math.ceil(excess * stream.depthCount / depth);
  const canFit = size <= limit;
  const retryAfterMs = canFit
    ? stream.intake.drain.estimate(Math.max(1, messages), countLeft(stream), now)
    : undefined;
  return new BrokerError(
    "STREAM_FULL",
    describeFull(stream.name, "it", fullness),
    {
      details: {
        stream: stream.name,
        what,
        depth,
        limit,
        room,
        ...retryAfterMs !== undefined && { retryAfterMs },
      },
    },
  );
}

/** How many of a batch's messages, from the first on, a stream has room for. */
function countRoom(stream: Store, { buffer, start, end, count }: MessageBatch): number {
  const { maxMessages, maxBytes } = stream.options;
  const most = Math.max(0, Math.min(count, (maxMessages ?? Infinity) - stream.depthCount));
  if (maxBytes === null) return most;
  let left = maxBytes - stream.depthBytes;
  let room = 0;
  for (let offset = start; offset < end && room < most; room++) {
    const size = readEntrySize(buffer, offset);
    left -= size;
    if (left < 0) break;
    offset += size;
  }
  return room;
}
