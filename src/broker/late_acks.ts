/**
 * Acknowledgements that come late: the delivery was taken back meanwhile, because it ran out or its
 * follower was silent. The work is done, so they count as long as nobody else has the message.
 *
 * @module
 */

import type { TagRange } from "../../protocol.ts";
import type { BrokerParts } from "./broker_parts.ts";
import type { Follower } from "./follower.ts";
import type { LapsedRun } from "./lapsed_list.ts";

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
    for (const run of follower.lapsed.take(range)) count += this.#settle(run);
    return count;
  }

  #settle(run: LapsedRun): number {
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
    if (isLoss && settledCount < count) this.#forgive(run);
    return settledCount;
  }

  /** Somebody else has the message by now: at least, that its follower was lost does not count. */
  #forgive({ stream, firstId, count }: LapsedRun): void {
    for (const { follower } of stream.attachments) {
      const { pending } = follower;
      for (const run of [...pending.runs]) {
        const from = Math.max(firstId, run.firstId);
        const to = Math.min(firstId + count, run.firstId + run.count);
        if (run.stream !== stream || from >= to || run.attempts === 1) continue;
        const firstTag = run.firstTag + from - run.firstId;
        for (const part of pending.find(firstTag, to - from)) {
          this.#parts.attempts.forgive(follower, part);
        }
      }
    }
  }
}
