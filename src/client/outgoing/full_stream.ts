import { BrokerError } from "../../../protocol.ts";
import { describeFull } from "../../protocol/full_text.ts";
import type { OutgoingBatch } from "./outgoing_batch.ts";

/** A batch that a full stream has refused, and the broker's error. */
export interface RefusedBatch {
  readonly batch: OutgoingBatch;
  readonly error: BrokerError;
}

/**
 * The limits of a wait for room, in milliseconds. The broker's estimate is based on recent departures, and
 * the stream may be emptied at any time.
 */
const WAIT_MS_MIN = 10;
const WAIT_MS_MAX = 1000;

/** The wait if the broker gives no estimate, in milliseconds. */
const RETRY_MS = 100;

/** A decision about refused batches. */
export interface FullDecision {
  /** Sent again, in this order, before everything else. */
  readonly again: OutgoingBatch[];
  readonly lost: RefusedBatch[];
  /** The wait before anything but `head` is sent, in milliseconds; undefined for none. */
  readonly waitMs: number | undefined;
  /** The batch for which there is room now. */
  readonly head: OutgoingBatch | undefined;
}

/**
 * Decides about refused batches.
 *
 * @param refused The batches, in order. Only the first was refused for its own sake; the others may have been
 * refused because they are behind it.
 * @param whenFull Whether calls fail or wait.
 */
export function decideWhenFull(
  refused: readonly [RefusedBatch, ...RefusedBatch[]],
  whenFull: "error" | "wait",
): FullDecision {
  return whenFull === "error" ? fail(refused) : wait(refused);
}

/** Sends the batches again for which there is room; all others fail. */
function fail([first, ...others]: readonly [RefusedBatch, ...RefusedBatch[]]): FullDecision {
  const { batch, error } = first;
  const count = findPart(first);
  if (count === 0) {
    return { again: [], lost: [first, ...others], waitMs: undefined, head: undefined };
  }
  const rest = { batch: batch.cut(count), error };
  const lost = [rest, ...others].map((refused) => foresee(refused, batch, error));
  return { again: [batch], lost, waitMs: undefined, head: undefined };
}

/** Predicts the broker's answer for a batch behind the head. */
function foresee(
  { batch, error }: RefusedBatch,
  head: OutgoingBatch,
  { code, details }: BrokerError,
): RefusedBatch {
  const { retryAfterMs: _, ...figures } = details;
  const { stream, what, depth: before, limit } = figures;
  if (what === undefined || before === undefined || limit === undefined) return { batch, error };
  const depth = before + measure(head, what);
  const canFit = batch.findSmallest(what) <= limit;
  const retryAfterMs = error.details.retryAfterMs ?? (canFit ? RETRY_MS : undefined);
  const message = describeFull(stream, "it", { what, depth, size: measure(batch, what), limit });
  return {
    batch,
    error: new BrokerError(code, message, {
      details: { ...figures, depth, room: 0, ...retryAfterMs !== undefined && { retryAfterMs } },
    }),
  };
}

function measure({ count, bytes }: OutgoingBatch, what: "messages" | "bytes"): number {
  return what === "messages" ? count : bytes;
}

/** Sends everything again, as soon as there is room; only batches that can never fit fail. */
function wait([first, ...others]: readonly [RefusedBatch, ...RefusedBatch[]]): FullDecision {
  const { batch, error } = first;
  const { retryAfterMs } = error.details;
  const behind = others.map((refused) => refused.batch);
  const count = findPart(first);
  if (retryAfterMs === undefined) return cutSmaller(first, behind, count);
  const waitMs = Math.max(WAIT_MS_MIN, Math.min(retryAfterMs, WAIT_MS_MAX));
  if (count === 0) return { again: [batch, ...behind], lost: [], waitMs, head: undefined };
  const again = [batch, batch.cut(count), ...behind];
  return { again, lost: [], waitMs, head: batch };
}

/** Cuts a batch that is larger than the stream's limit: its calls may be small enough one by one. */
function cutSmaller(first: RefusedBatch, behind: OutgoingBatch[], part: number): FullDecision {
  const { batch } = first;
  const count = part > 0 ? part : batch.findMiddle();
  if (count === 0) return { again: behind, lost: [first], waitMs: undefined, head: undefined };
  const again = [batch, batch.cut(count), ...behind];
  return { again, lost: [], waitMs: undefined, head: undefined };
}

/** The number of leading messages for which there is room, without cutting a call. */
function findPart({ batch, error }: RefusedBatch): number {
  const count = batch.findCut(error.details.room ?? 0);
  // The whole batch was refused: sending all of it again at once would change nothing.
  return count < batch.count ? count : 0;
}

/** The wait for room in a full stream: only the head is sent meanwhile. */
export class RoomWait {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #head: OutgoingBatch | undefined;

  /** Waits as long as was decided, if at all. */
  begin({ waitMs, head }: FullDecision, done: () => void): void {
    if (waitMs === undefined) return;
    this.#head = head;
    this.#timer = setTimeout(() => {
      this.end();
      done();
    }, waitMs);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#head = undefined;
  }

  holdsBack(batch: OutgoingBatch): boolean {
    return this.#timer !== undefined && batch !== this.#head;
  }
}
