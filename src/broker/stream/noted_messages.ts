import { type IdRange, intersectRanges, subtractRanges } from "../collections/id_ranges.ts";
import { RunList } from "../collections/run_list.ts";
import type { NotedRun } from "../collections/run_part.ts";
import { type Failure, joinFailures } from "../failures/failure.ts";
import type { MessageNotes } from "../share/message_notes.ts";

/** A note of the log about messages after they were stored. */
export interface RestoredNote extends IdRange {
  readonly attempts: number;
  /** The end of their delay; undefined or 0 for none. */
  readonly dueAt?: number;
  readonly failure?: Failure;
  /** How many of the last reasons are in this event; undefined if all are. */
  readonly newReasons?: number;
}

/**
 * What the log says of the messages of a stream after they were stored: attempts, delays, failures. The last note
 * counts. It is kept in runs of ids, in the order of these.
 */
export class NotedMessages {
  /** Messages of which there is a note, with their attempts. */
  readonly attempts: RunList = new RunList();
  /** Those of them that wait for a time, with that time. */
  readonly dueAts: RunList = new RunList();
  readonly #notes: MessageNotes;

  /** @param notes Where failures are kept. */
  constructor(notes: MessageNotes) {
    this.#notes = notes;
  }

  /** How many runs there are; it depends on the live messages, not on all messages. */
  get size(): number {
    return this.attempts.size + this.dueAts.size;
  }

  has(id: number): boolean {
    return this.attempts.list(id, id + 1).length > 0;
  }

  /** Takes a note of messages that are there. */
  note(range: IdRange, { attempts, dueAt, failure, newReasons }: RestoredNote): void {
    for (const { firstId, count } of this.#withoutOver(range, attempts, dueAt)) {
      for (let id = firstId; failure !== undefined && id < firstId + count; id++) {
        const { failures } = this.#notes;
        failures.set(id, joinFailures(failures.get(id), failure, newReasons));
      }
      this.#forget({ firstId, count });
      for (const part of attempts === 0 ? this.#listFailed(firstId, count) : [{ firstId, count }]) {
        this.attempts.add(part.firstId, part.count, attempts);
        if (dueAt) this.dueAts.add(part.firstId, part.count, dueAt);
      }
    }
  }

  /** Forgets messages that are gone. */
  forget(range: IdRange): void {
    this.#forget(range);
    this.#notes.forget(range.firstId, range.count);
  }

  #forget(range: IdRange): void {
    if (this.attempts.count > 0) this.attempts.remove([range]);
    if (this.dueAts.count > 0) this.dueAts.remove([range]);
  }

  /**
   * Those of messages that a note is about: an attempt is written behind the failure that it ended with, if both
   * were written at once.
   */
  #withoutOver(range: IdRange, attempts: number, dueAt: number | undefined): IdRange[] {
    if (dueAt !== undefined || this.dueAts.count === 0) return [range];
    const endId = range.firstId + range.count;
    const over: IdRange[] = [];
    for (const waiting of clip(this.dueAts, range.firstId, endId)) {
      const waitingEndId = waiting.firstId + waiting.count;
      for (const run of clip(this.attempts, waiting.firstId, waitingEndId)) {
        if (run.note >= attempts) over.push(run);
      }
    }
    return over.length === 0 ? [range] : subtractRanges(range, over);
  }

  /** Those of some messages that have failed, one by one: a note of no attempt says nothing of the others. */
  #listFailed(firstId: number, count: number): IdRange[] {
    const { failures } = this.#notes;
    const failed: IdRange[] = [];
    for (let id = firstId; failures.size > 0 && id < firstId + count; id++) {
      if (failures.has(id)) failed.push({ firstId: id, count: 1 });
    }
    return failed;
  }
}

/** The runs of a list from one id to below another, cut there. */
export function clip(list: RunList, fromId: number, toId: number): NotedRun[] {
  const range = [{ firstId: fromId, count: toId - fromId }];
  return list.list(fromId, toId).flatMap((run) =>
    intersectRanges(run, range).map((part) => ({ ...part, note: run.note }))
  );
}
