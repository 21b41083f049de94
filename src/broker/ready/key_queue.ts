import { PRIORITY_DEFAULT } from "../../protocol/messages/entry.ts";
import type { IdRange } from "../collections/id_ranges.ts";
import { type ReadyRun, ReadyRuns } from "./ready_runs.ts";

/**
 * The messages that wait for one key, those that go first in front. For most of very many keys one message waits,
 * so that one is kept here; only with more of them a list is made.
 */
export class KeyQueue {
  #only: ReadyRun | undefined;
  #runs: ReadyRuns | undefined;

  get count(): number {
    return this.#runs?.count ?? (this.#only === undefined ? 0 : 1);
  }

  /** The messages that go first; undefined if there are none. */
  peek(): ReadyRun | undefined {
    return this.#runs === undefined ? this.#only : this.#runs.peek();
  }

  /** Adds one message. */
  add(run: ReadyRun): void {
    if (this.count === 0) {
      this.#runs = undefined;
      this.#only = copyRun(run);
      return;
    }
    if (this.#runs === undefined) {
      this.#runs = new ReadyRuns();
      this.#runs.giveBack(this.#only!);
      this.#only = undefined;
    }
    this.#runs.giveBack(run);
  }

  /** Takes the first message out. */
  takeFirst(): void {
    if (this.#runs === undefined) this.#only = undefined;
    else this.#runs.take(1);
  }

  /** Takes out messages by id, given as joined ranges; returns the ones that were here. */
  remove(ranges: readonly IdRange[]): ReadyRun[] {
    if (this.#runs !== undefined) return this.#runs.remove(ranges);
    const only = this.#only;
    const isMeant = only !== undefined &&
      ranges.some((range) => isIn(range, only.firstId));
    if (!isMeant) return [];
    this.#only = undefined;
    return [only];
  }

  /** Those in a range of ids that were delivered before. */
  listReturned(fromId: number, toId: number): ReadyRun[] {
    if (this.#runs !== undefined) return this.#runs.listReturned(fromId, toId);
    const only = this.#only;
    if (only === undefined || only.attempts === 0) return [];
    return only.firstId >= fromId && only.firstId < toId ? [only] : [];
  }
}

function isIn({ firstId, count }: IdRange, id: number): boolean {
  return id >= firstId && id < firstId + count;
}

/** A run with nothing but what it needs. */
function copyRun({ firstId, count, attempts, priority, lane }: ReadyRun): ReadyRun {
  const own = priority === PRIORITY_DEFAULT ? undefined : priority;
  if (own === undefined && lane === undefined) return { firstId, count, attempts };
  return {
    firstId,
    count,
    attempts,
    ...own !== undefined && { priority: own },
    ...lane !== undefined && { lane },
  };
}
