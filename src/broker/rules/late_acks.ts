/**
 * Acknowledgements that come late: the delivery was taken back meanwhile, because it ran out or its
 * follower was silent. The work is done, so they count as long as nobody else has the message.
 *
 * @module
 */

import type { TagRange } from "../../../protocol.ts";
import type { BrokerParts } from "./broker_parts.ts";
import type { Follower } from "../share/follower.ts";
import { intersectRanges } from "../collections/id_ranges.ts";
import type { LapsedRun } from "../share/lapsed_list.ts";

/** Ends deliveries that were taken back. */
export class LateAcks {
  readonly #parts: BrokerParts;

  constructor(parts: BrokerParts) {
    this.#parts = parts;
  }

  /** Ends those of a range that were taken back, if that can be; returns how many. */
  settle(follower: Follower, range: TagRange): number {
    if (follower.lapsed.count === 0) return 0;
    let count = 0;
    for (const run of follower.lapsed.take(range)) count += this.#settle(follower, run);
    return count;
  }

  #settle(follower: Follower, run: LapsedRun): number {
    const { stream, firstId, count, isLoss } = run;
    const { number } = stream;
    // Its stream may be gone, or be another one of the same name.
    if (this.#parts.state.router.getNumbered(number) !== stream) return 0;
    let settledCount = 0;
    for (const free of stream.takeUnheld([{ firstId, count }])) {
      const { firstId, count } = free;
      this.#parts.commit({ type: "acknowledged", number, firstId, count });
      settledCount += count;
    }
    if (settledCount < count) settledCount += this.#settleAgain(follower, run);
    if (isLoss && settledCount < count) this.#forgive(run);
    return settledCount;
  }

  /** Ends later deliveries of the same messages to the same follower: it has done them before. */
  #settleAgain(follower: Follower, { stream, firstId, count }: LapsedRun): number {
    const { number } = stream;
    const held = findHeld(follower, { stream, firstId, count });
    let settledCount = 0;
    for (const { firstTag, count } of held) {
      for (const part of follower.pending.take(firstTag, count)) {
        follower.pendingBytes -= stream.backlog.measure(part.firstId, part.count);
        const { firstId, count } = part;
        this.#parts.commit({ type: "acknowledged", number, firstId, count });
        settledCount += count;
      }
    }
    if (held.length > 0) follower.sink.revoke(held, "an earlier delivery was acknowledged");
    return settledCount;
  }

  /** Somebody else has the message by now: at least, that its follower was lost does not count. */
  #forgive(lapsed: LapsedRun): void {
    for (const { follower } of lapsed.stream.attachments) {
      for (const { firstTag, count } of findHeld(follower, lapsed)) {
        for (const run of follower.pending.find(firstTag, count)) {
          if (run.attempts > 1) this.#parts.attempts.forgive(follower, run);
        }
      }
    }
  }
}

/** Which of some messages a follower holds, by tag. */
function findHeld(
  { pending }: Follower,
  { stream, firstId, count }: Pick<LapsedRun, "stream" | "firstId" | "count">,
): TagRange[] {
  return pending.runs.filter((run) => run.stream === stream).flatMap((run) =>
    intersectRanges(run, [{ firstId, count }]).map((part) => {
      return { firstTag: run.firstTag + part.firstId - run.firstId, count: part.count };
    })
  );
}
