import { BrokerError } from "../../../protocol.ts";
import { endTaken, endTakenOf } from "../coalescing/coalescing.ts";
import { countIds, type IdRange } from "../collections/id_ranges.ts";
import type {
  CancelCounts,
  CancelDetails,
  CancelResult,
  CancelSelection,
} from "../engine_cancel.ts";
import type { DeadLetters } from "../rules/dead_letters.ts";
import type { Returns } from "../rules/returns.ts";
import type { RuleContext } from "../rules/rule_context.ts";
import { addFailure } from "../failures/failure.ts";
import type { FollowerState } from "../share/follower_state.ts";
import type { PendingRun } from "../share/pending_list.ts";
import { findTags } from "../share/pending_ranges.ts";
import type { Share } from "../share/share.ts";
import type { Stream } from "../stream/stream.ts";
import { MessageSearch } from "./message_search.ts";

/** The most messages that one step cancels. */
const STEP_COUNT_MAX = 1000;

/** What followers are told if no reason is given. */
const REASON_DEFAULT = "it was cancelled";

/** Messages that are being cancelled, all in the same way. */
interface Cancelling extends CancelDetails {
  readonly stream: Stream;
  readonly now: number;
  readonly counts: { ready: number; delayed: number; pending: number };
}

/** Messages that are in no list of their share any more. */
interface TakenRun extends IdRange {
  /** How often a handler has had them. */
  readonly attempts: number;
  /** The name of the follower that had them; empty if none did. */
  readonly follower: string;
}

/**
 * Takes messages out of circulation, wherever they are. One event removes a message, be it by a cursor or by
 * an acknowledgement: what comes first counts, and the other finds it gone.
 */
export class Cancels {
  readonly #context: RuleContext;
  readonly #returns: Returns;
  readonly #deadLetters: DeadLetters;

  constructor(context: RuleContext, returns: Returns, deadLetters: DeadLetters) {
    this.#context = context;
    this.#returns = returns;
    this.#deadLetters = deadLetters;
  }

  /** Cancels a message, and tells what it was. */
  async cancel(stream: Stream, id: number, details: CancelDetails = {}): Promise<CancelResult> {
    const { ready, delayed, pending } = this.#cancel(stream, [{ firstId: id, count: 1 }], details);
    // Also if it is gone: that may not be durable yet.
    await this.#context.whenDurable();
    return {
      was: ready > 0 ? "ready" : delayed > 0 ? "delayed" : pending > 0 ? "pending" : "gone",
    };
  }

  /** Cancels some of the messages of a lane, a key or a dedup id. */
  async cancelSome(stream: Stream, selection: CancelSelection): Promise<CancelCounts> {
    const { limit = STEP_COUNT_MAX, after = 0, lane, key, dedupId } = selection;
    if ([lane, key, dedupId].filter((wish) => wish !== undefined).length !== 1) {
      const why = "give exactly one of a lane, a key and a dedup id";
      throw new BrokerError("BAD_REQUEST", `Cannot cancel messages of "${stream.name}": ${why}`);
    }
    const search = new MessageSearch(stream, { lane, key, dedupId });
    const { ranges, next } = search.find(after, Math.min(limit, STEP_COUNT_MAX));
    const counts = this.#cancel(stream, ranges, selection);
    if (lane !== undefined) {
      endTakenOf(stream, { lane, fromId: after + 1, toId: next ?? Infinity });
    }
    await this.#context.whenDurable();
    return { ...counts, ...next !== undefined && { next } };
  }

  #cancel(
    stream: Stream,
    ranges: readonly IdRange[],
    details: CancelDetails,
  ): Cancelling["counts"] {
    const { share } = stream;
    const now = this.#context.now();
    const counts = { ready: 0, delayed: 0, pending: 0 };
    const cancelling = { ...details, stream, now, counts };
    if (ranges.length === 0) return counts;
    // What has expired is not cancelled.
    if (stream.expiries.nextAt <= now) {
      for (const range of ranges) this.#returns.expireOf(share, range, now);
    }
    const unheld = share.takeUnheld(ranges);
    for (const run of unheld) {
      counts[run.dueAt > 0 ? "delayed" : "ready"] += run.count;
      this.#end({ ...run, follower: "" }, cancelling);
    }
    if (countIds(unheld) < countIds(ranges)) {
      this.#takeBack(share, ranges, cancelling);
      for (const range of ranges) endTaken(stream, range);
    }
    this.#context.dispatcher.noteReady(share);
    return counts;
  }

  /** Takes messages back from the followers that have them. */
  #takeBack(share: Share, ranges: readonly IdRange[], cancelling: Cancelling): void {
    const { now, reason = "", counts } = cancelling;
    for (const { follower } of [...share.attachments]) {
      const taken = takeHeld(follower, share, ranges);
      if (taken.length === 0) continue;
      for (const { run, attempts } of taken) {
        counts.pending += run.count;
        // What goes to the dead letters holds its key until it is there.
        if (cancelling.isDeadLetter && share.noteBack(run)) {
          this.#context.dispatcher.noteReady(share);
        }
        const { firstId, count } = run;
        this.#end({ firstId, count, attempts, follower: follower.name }, cancelling);
      }
      const runs = taken.map(({ run }) => run);
      this.#returns.tellRevoked(follower, runs, reason || REASON_DEFAULT, true);
      this.#returns.noteTaken(follower, now);
    }
  }

  /** Removes messages that are in no list, or carries them to the dead letters. */
  #end(run: TakenRun, { stream, now, reason = "", isDeadLetter }: Cancelling): void {
    const { share, counters, options, isDead } = stream;
    const { firstId, count, attempts, follower } = run;
    if (!isDeadLetter || isDead || !options.deadLetter) {
      counters.noteCancelled(count);
      return this.#context.commit({ type: "dropped", number: stream.number, firstId, count });
    }
    const { failures } = share.notes;
    for (let id = firstId; id < firstId + count; id++) {
      failures.set(id, addFailure(failures.get(id), { now, reason, follower }), true);
    }
    this.#deadLetters.bury(share, { firstId, count, attempts }, "cancelled", now);
  }
}

/** Deliveries that were taken from a follower, and how often a handler has had their messages. */
interface HeldPart {
  readonly run: PendingRun;
  readonly attempts: number;
}

/** Takes the deliveries of some messages from a follower; those that were only fetched are no attempts. */
function takeHeld(
  { pending, reportsBegin }: FollowerState,
  share: Share,
  ranges: readonly IdRange[],
): HeldPart[] {
  const taken: HeldPart[] = [];
  const assumed = reportsBegin ? undefined : pending.first?.firstTag;
  for (const held of [...pending.runs]) {
    if (held.share !== share) continue;
    for (const { firstTag, count } of findTags(held, ranges)) {
      for (const run of pending.take(firstTag, count)) {
        const isSeen = run.isBegun || run.firstTag === assumed;
        taken.push({ run, attempts: isSeen ? run.attempts : run.attempts - 1 });
      }
    }
  }
  return taken;
}
