import { PRIORITY_DEFAULT } from "../../protocol/messages/entry.ts";
import type { IdRange } from "../collections/id_ranges.ts";
import { ReadyRuns } from "./ready_runs.ts";
import type { HeadStart, ReadyRun } from "./ready_run.ts";

/**
 * The ready messages of one lane. Most lanes have one run of messages that were never delivered, so that one
 * is kept here; only with more of them a list of runs is made, which goes when it is empty.
 */
export class FewRuns {
  #firstId = 0;
  #count = 0;
  #runs: ReadyRuns | undefined;
  /** The first messages of the list, if it was asked for since the last change. */
  #head: ReadyRun | undefined;
  readonly #headStart: HeadStart;

  constructor(headStart: HeadStart) {
    this.#headStart = headStart;
  }

  get count(): number {
    return this.#runs?.count ?? this.#count;
  }

  get returnedCount(): number {
    return this.#runs?.returnedCount ?? 0;
  }

  get visits(): number {
    return this.#runs?.visits ?? 0;
  }

  list(fromId: number = 0, toId: number = Infinity): ReadyRun[] {
    if (this.#runs !== undefined) return this.#runs.list(fromId, toId);
    const isMeant = this.#count > 0 && this.#firstId < toId &&
      this.#firstId + this.#count > fromId;
    return isMeant ? [this.#own()] : [];
  }

  append(firstId: number, count: number, priority: number = PRIORITY_DEFAULT): void {
    this.giveBack({ firstId, count, attempts: 0, priority });
  }

  giveBack({ firstId, count, attempts, priority = PRIORITY_DEFAULT }: ReadyRun): void {
    if (this.#runs === undefined && attempts === 0 && priority === PRIORITY_DEFAULT) {
      if (this.#count === 0) this.#firstId = firstId;
      if (firstId === this.#firstId + this.#count) return void (this.#count += count);
      if (firstId + count === this.#firstId) {
        this.#firstId = firstId;
        this.#count += count;
        return;
      }
    }
    this.#requireRuns().giveBack({ firstId, count, attempts, priority });
    this.#head = undefined;
  }

  /** Takes over all messages of a list, as it is; it must have none itself. */
  adopt(runs: ReadyRuns): void {
    this.#runs = runs.count === 0 ? undefined : runs;
    this.#head = undefined;
  }

  remove(ranges: readonly IdRange[]): ReadyRun[] {
    if (this.count === 0) return [];
    const [range] = ranges;
    // Mostly the first messages, or all of them, or none.
    if (this.#runs === undefined && range !== undefined && ranges.length === 1) {
      const endId = this.#firstId + this.#count;
      const until = Math.min(endId, range.firstId + range.count);
      if (until <= this.#firstId || range.firstId >= endId) return [];
      if (range.firstId <= this.#firstId) {
        const removed = { ...this.#own(), count: until - this.#firstId };
        this.take(removed.count);
        return [removed];
      }
    }
    const removed = this.#requireRuns().remove(ranges);
    this.#head = undefined;
    this.#shrink();
    return removed;
  }

  peek(): ReadyRun | undefined {
    if (this.#runs !== undefined) return this.#head ??= this.#runs.peek();
    return this.#count === 0 ? undefined : this.#own();
  }

  /** The priority of the first message to go; there must be one. */
  get firstPriority(): number {
    return this.#runs === undefined ? PRIORITY_DEFAULT : this.peek()!.priority ?? PRIORITY_DEFAULT;
  }

  /** The id of the first message to go; there must be one. */
  get firstId(): number {
    return this.#runs === undefined ? this.#firstId : this.peek()!.firstId;
  }

  /** Notes that what decides about the first message may have changed. */
  forgetHead(): void {
    this.#head = undefined;
  }

  take(count: number): void {
    if (this.#runs === undefined) {
      this.#firstId += count;
      this.#count -= count;
      return;
    }
    this.#runs.take(count);
    this.#head = undefined;
    this.#shrink();
  }

  findOldest(): IdRange | undefined {
    return this.#runs === undefined ? this.peek() : this.#runs.findOldest();
  }

  #own(): ReadyRun {
    return { firstId: this.#firstId, count: this.#count, attempts: 0 };
  }

  #requireRuns(): ReadyRuns {
    if (this.#runs !== undefined) return this.#runs;
    const runs = this.#runs = new ReadyRuns(this.#headStart);
    if (this.#count > 0) runs.append(this.#firstId, this.#count);
    this.#count = 0;
    return runs;
  }

  #shrink(): void {
    if (this.#runs?.count === 0) this.#runs = undefined;
  }
}
