import type { BrokerError } from "../../../protocol.ts";
import type { Published, Replaced } from "../event.ts";
import type { ScheduleStep } from "./table/schedule_event.ts";
import type { Removal } from "../rules/removal.ts";
import type { RuleContext } from "../rules/rule_context.ts";
import type { UnheldRun } from "../share/share.ts";
import type { Stream } from "../stream/stream.ts";
import { findFull, findFullLane, reserveLanes } from "../stream/stream_limits.ts";
import type { ScheduledEntry } from "./scheduled_entry.ts";

/** A message of a schedule on its way into its stream. */
export interface Scheduled {
  readonly stream: Stream;
  readonly entry: ScheduledEntry;
  /** Where the schedule goes on: one record has both. */
  readonly step: ScheduleStep;
  /** The message that it takes the place of, if no follower holds it. */
  readonly replaced?: number | undefined;
  readonly now: number;
}

/** Stores messages of schedules. */
export class ScheduleStore {
  readonly #context: RuleContext;
  readonly #removal: Removal;

  constructor(context: RuleContext, removal: Removal) {
    this.#context = context;
    this.#removal = removal;
  }

  /** The error for a message that its stream cannot take now. */
  findObstacle(
    stream: Stream,
    { batch, flags }: ScheduledEntry,
    now: number,
  ): BrokerError | undefined {
    return stream.damage ?? findFull(stream, batch, now) ?? findFullLane(stream, batch, flags) ??
      this.#context.findObstacle(batch.end - batch.start);
  }

  /** Stores a message; `done` hears the error if there is no room. */
  store(scheduled: Scheduled, done: (error?: BrokerError) => void): void {
    const { stream, entry: { batch, flags, dedupId }, step, replaced, now } = scheduled;
    const { name, number, options: { ttlMs, dedupWindowMs }, intake } = stream;
    const bytes = batch.end - batch.start;
    const storedAt = Math.floor(now);
    const taken = replaced === undefined ? [] : this.#take(stream, replaced);
    const replaces: Replaced[] = taken.map(({ firstId: id }) => ({ number, id }));
    const firstId = intake.reserve(1, bytes);
    reserveLanes(stream, firstId, { ...batch, flags });
    stream.dedupIds.add(dedupId, { id: firstId, at: storedAt, isStored: false }, dedupWindowMs);
    const expiry = ttlMs !== null && { expiresAt: storedAt + ttlMs };
    const event: Published = {
      type: "published",
      publisher: 0,
      sequence: 0,
      storedIn: [{ stream: name, number, firstId, ...expiry }],
      storedAt,
      flags,
      notes: { schedule: step, ...replaces.length > 0 && { replaces } },
      batch,
    };
    const end = () => {
      intake.conclude(1, bytes);
      stream.share.lanes?.conclude(firstId);
      for (const run of taken) stream.share.notes.leaving.delete(run);
    };
    this.#context.log.store(event, {
      stored: (durable) => {
        end();
        stream.counters.noteDropped(taken.length);
        stream.counters.notePublished(1);
        stream.dedupIds.markStored(dedupId, firstId);
        this.#context.state.apply(durable);
        this.#removal.makeRoom(stream, { firstId, count: 1 });
        done();
      },
      failed: (error) => {
        end();
        intake.returnIds(firstId);
        stream.dedupIds.delete(dedupId, firstId);
        this.#putBack(stream, taken);
        done(error);
      },
    });
  }

  /** Takes a message out that no follower holds. */
  #take({ share }: Stream, id: number): UnheldRun[] {
    const taken = share.takeUnheld([{ firstId: id, count: 1 }]);
    for (const run of taken) share.notes.leaving.add(run);
    return taken;
  }

  #putBack({ share, alarm }: Stream, taken: readonly UnheldRun[]): void {
    for (const run of taken) {
      // The lane may have been forgotten meanwhile.
      share.delay({ ...run, lane: share.findLane(run.firstId) }, run.dueAt);
      if (run.dueAt > 0) this.#context.clock.hasten(alarm, run.dueAt);
      else this.#context.dispatcher.noteReady(share);
    }
  }
}
