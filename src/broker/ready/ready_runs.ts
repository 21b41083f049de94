import { PRIORITY_DEFAULT, PRIORITY_MAX } from "../../protocol/messages/entry.ts";
import { type IdRange, olderOf } from "../collections/id_ranges.ts";
import { RunList } from "../collections/run_list.ts";
import type { NotedRun } from "../collections/run_part.ts";
import { attemptsOf, packTraits } from "../collections/timed_runs.ts";
import { asReady, type HeadStart, type ReadyList, type ReadyRun } from "./ready_run.ts";

export type { ReadyRun } from "./ready_run.ts";

/**
 * The ready messages: by descending priority, then by id.
 *
 * Fresh messages, never delivered, are mostly one run: there are more where messages in between are
 * delayed or have another priority. Messages that come back are put at their ids, and join neighbours with
 * the same attempts.
 *
 * Where messages gain priority by waiting, a level of priority is worth a head start of so many
 * milliseconds: the message goes first whose time of storing, less its head start, is the earliest. That
 * order does not change with time, so nothing is sorted again.
 */
export class ReadyRuns implements ReadyList {
  /** Messages of the default priority; the notes are attempts and lanes. */
  readonly #usual = new RunList();
  /** By priority, the default included; undefined until a message has another priority. */
  #byPriority: (RunList | undefined)[] | undefined;
  readonly #headStart: HeadStart | undefined;
  #count = 0;
  #returnedCount = 0;

  /** @param headStart What messages gain by waiting; nothing by default. */
  constructor(headStart?: HeadStart) {
    this.#headStart = headStart;
  }

  get count(): number {
    return this.#count;
  }

  get hasNext(): boolean {
    return this.#count > 0;
  }

  /** How many of them were delivered before. */
  get returnedCount(): number {
    return this.#returnedCount;
  }

  get visits(): number {
    if (this.#byPriority === undefined) return this.#usual.visits;
    return this.#byPriority.reduce((sum, list) => sum + (list?.visits ?? 0), 0);
  }

  list(fromId?: number, toId?: number): ReadyRun[] {
    return this.#gather((list) => list.list(fromId, toId));
  }

  listReturned(fromId?: number, toId?: number): ReadyRun[] {
    if (this.#returnedCount === 0) return [];
    return this.list(fromId, toId).filter(({ attempts }) => attempts > 0);
  }

  append(
    firstId: number,
    count: number,
    priority: number = PRIORITY_DEFAULT,
    lane: number = 0,
  ): void {
    this.#count += count;
    this.#listOf(priority).add(firstId, count, packTraits(0, lane));
  }

  giveBack({ firstId, count, attempts, priority = PRIORITY_DEFAULT, lane }: ReadyRun): void {
    this.#count += count;
    if (attempts > 0) this.#returnedCount += count;
    this.#listOf(priority).add(firstId, count, packTraits(attempts, lane));
  }

  remove(ranges: readonly IdRange[]): ReadyRun[] {
    const removed = this.#gather((list) => list.remove(ranges));
    for (const { count, attempts } of removed) {
      this.#count -= count;
      if (attempts > 0) this.#returnedCount -= count;
    }
    return removed;
  }

  peek(): ReadyRun | undefined {
    if (this.#byPriority === undefined) return peekAt(this.#usual);
    const priority = this.#findFirst();
    const run = peekAt(this.#byPriority[priority], priority);
    return run === undefined || this.#agingMs === null ? run : this.#cutAged(run, priority);
  }

  findOldest(): IdRange | undefined {
    if (this.#byPriority === undefined) return peekAt(this.#usual);
    let oldest: IdRange | undefined;
    for (const list of this.#byPriority) oldest = olderOf(oldest, peekAt(list));
    return oldest;
  }

  take(count: number): void {
    if (count === 0) return;
    const list = this.#byPriority === undefined
      ? this.#usual
      : this.#byPriority[this.#findFirst()]!;
    this.#count -= count;
    if (this.#returnedCount > 0 && attemptsOf(list.firstNote) > 0) this.#returnedCount -= count;
    list.take(count);
  }

  get #agingMs(): number | null {
    return this.#headStart?.agingMs ?? null;
  }

  /** The priority whose messages go first; the lowest if there are none. */
  #findFirst(): number {
    if (this.#agingMs !== null) return this.#findEarliest() ?? 0;
    let priority = PRIORITY_MAX;
    while (priority > 0 && (this.#byPriority![priority]?.count ?? 0) === 0) priority--;
    return priority;
  }

  /** The priority whose first message was stored first, less its head start. */
  #findEarliest(besides?: number): number | undefined {
    let found: number | undefined;
    let earliest = Infinity;
    for (let priority = PRIORITY_MAX; priority >= 0; priority--) {
      const list = this.#byPriority![priority];
      if (list === undefined || list.count === 0 || priority === besides) continue;
      const at = this.#rank(list.firstId, priority);
      if (at >= earliest) continue;
      earliest = at;
      found = priority;
    }
    return found;
  }

  #rank(id: number, priority: number): number {
    return this.#headStart!.storedAt(id) - priority * this.#agingMs!;
  }

  /** Those of a run's messages that go before the first message of any other priority. */
  #cutAged(run: ReadyRun, priority: number): ReadyRun {
    const other = this.#findEarliest(priority);
    if (other === undefined) return run;
    const until = this.#rank(this.#byPriority![other]!.firstId, other);
    const goesFirst = (index: number) => {
      const at = this.#rank(run.firstId + index, priority);
      return at < until || (at === until && priority > other);
    };
    let low = 1;
    let high = run.count;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (goesFirst(middle - 1)) low = middle;
      else high = middle - 1;
    }
    return low === run.count ? run : { ...run, count: low };
  }

  #gather(runsOf: (list: RunList) => NotedRun[]): ReadyRun[] {
    if (this.#byPriority === undefined) return runsOf(this.#usual).map((run) => asReady(run));
    const gathered: ReadyRun[] = [];
    for (let priority = 0; priority < this.#byPriority.length; priority++) {
      const list = this.#byPriority[priority];
      if (list === undefined || list.count === 0) continue;
      for (const run of runsOf(list)) gathered.push(asReady(run, priority));
    }
    return gathered;
  }

  #listOf(priority: number): RunList {
    if (priority === PRIORITY_DEFAULT) return this.#usual;
    if (this.#byPriority === undefined) {
      this.#byPriority = new Array(PRIORITY_MAX + 1).fill(undefined);
      this.#byPriority[PRIORITY_DEFAULT] = this.#usual;
    }
    return this.#byPriority[priority] ??= new RunList();
  }
}

function peekAt(list: RunList | undefined, priority?: number): ReadyRun | undefined {
  if (list === undefined || list.count === 0) return undefined;
  list.joinFirst();
  return asReady({ firstId: list.firstId, count: list.firstCount, note: list.firstNote }, priority);
}
