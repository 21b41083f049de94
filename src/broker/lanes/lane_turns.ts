import { PRIORITY_MAX } from "../../protocol/messages/entry.ts";
import type { Backlog } from "../backlog/backlog.ts";
import type { Lane, LaneDefaults } from "./lane.ts";
import { LaneHeap } from "./lane_heap.ts";

/** What decides whose turn it is. */
export interface TurnRules extends LaneDefaults {
  /** Whether a message of a higher priority goes before those of all lanes. */
  readonly priorityAcross: boolean;
}

/** Hears what happens in a share with lanes. */
export interface LaneListener {
  /** The messages of the share. */
  readonly backlog: Backlog;
  /** Messages may go that might not before. */
  opened(): void;
  /** A lane waits for a time. */
  waits(until: number): void;
}

/** How many messages by weight a lane may catch up that got less than others for a while. */
const CREDIT_MAX = 4;

/** The shortest time for which a lane waits, in milliseconds. */
const PAUSE_MS_MIN = 0.01;

/** Heaps for each priority: of lanes with limits, and of those without. */
const HEAPS_PER_PRIORITY = 2;

/**
 * Whose turn it is. The lane with the least pending work is next: followers hold the fewest whole turns of
 * its messages, where a turn is as many messages as the lane has weight. Among those it is the lane that
 * has got the least so far by its weight. So lanes share the followers, also where one's messages take
 * longer than the other's, and of equal work each gets what its weight says, also with few followers.
 *
 * A lane stands among those that may go, or among those that wait for a time, or in none: then it has
 * nothing to deliver, or waits for something that will be told.
 */
export class LaneTurns {
  readonly #rules: TurnRules;
  /** Lanes that may go, by priority and by whether they have limits. */
  readonly #open: (LaneHeap | undefined)[] = [];
  /** Lanes with messages that wait for a time. */
  readonly #timed = new LaneHeap(isDueBefore);
  /** Lanes without messages whose buckets are not full yet, or whose breakers are open. */
  readonly #resting = new LaneHeap(isDueBefore);
  /** How many lanes may go. */
  #openCount = 0;
  /** What a lane has got that had its turn last; others continue from about there. */
  #pass = 0;
  /** Lanes with messages that wait for something that will be told, in no order. */
  readonly #blocked = new LaneHeap(() => false);

  constructor(rules: TurnRules) {
    this.#rules = rules;
  }

  /** When a lane that waits has to be looked at; `Infinity` if none waits for a time. */
  get nextAt(): number {
    return Math.min(
      this.#timed.first?.dueAt ?? Infinity,
      this.#resting.first?.dueAt ?? Infinity,
    );
  }

  get restingCount(): number {
    return this.#resting.size;
  }

  /** The lane that rests and may be forgotten first. */
  get firstResting(): Lane | undefined {
    return this.#resting.first;
  }

  /** How many lanes may go. */
  get openCount(): number {
    return this.#openCount;
  }

  /** How many lanes have messages that may not go now. */
  get limitedCount(): number {
    return this.#timed.size + this.#blocked.size;
  }

  /** Those lanes, in no order, up to so many. */
  listLimited(countMax: number): Lane[] {
    const blocked = this.#blocked.list(countMax);
    return blocked.concat(this.#timed.list(countMax - blocked.length));
  }

  /** Whether a lane may go. */
  get hasOpen(): boolean {
    return this.#openCount > 0;
  }

  /** Whether a lane without limits may go. */
  get hasFree(): boolean {
    for (let index = 0; index < this.#open.length; index += HEAPS_PER_PRIORITY) {
      if ((this.#open[index]?.size ?? 0) > 0) return true;
    }
    return false;
  }

  /** Whether only one lane may go. */
  get isAlone(): boolean {
    return this.#openCount === 1;
  }

  /**
   * Puts a lane where it belongs now.
   *
   * @returns Whether it may go, and might not before.
   */
  place(lane: Lane, now: number): boolean {
    const { home } = lane;
    const wasOpen = home !== undefined && home !== this.#timed && home !== this.#resting &&
      home !== this.#blocked;
    if (lane.count > 0 && lane.room(now) >= 1) {
      // Thousands of comparisons need it, and it lies apart from the lane.
      lane.headId = lane.firstId;
      this.#requireHeap(lane).put(lane);
      if (!wasOpen) this.#openCount++;
      return !wasOpen;
    }
    if (wasOpen) this.#openCount--;
    if (lane.count > 0) {
      this.#wait(this.#timed, lane, Math.max(lane.opensAt(now), now + PAUSE_MS_MIN));
    } else if (lane.isEmpty && lane.restsAt > now) this.#wait(this.#resting, lane, lane.restsAt);
    else home?.remove(lane);
    return false;
  }

  #wait(heap: LaneHeap, lane: Lane, until: number): void {
    lane.dueAt = until;
    (until === Infinity ? this.#blocked : heap).put(lane);
  }

  /** Notes that a lane has messages again that had none: what it did not use is over. */
  rejoin(lane: Lane): void {
    lane.pass = Math.max(lane.pass, this.#pass);
  }

  /** The lanes whose times have come, one after the other; each is to be placed again. */
  takeDue(now: number): Lane | undefined {
    for (const heap of [this.#timed, this.#resting]) {
      const { first } = heap;
      if (first === undefined || first.dueAt > now) continue;
      heap.remove(first);
      return first;
    }
    return undefined;
  }

  /** The lane whose turn it is, among all or only among those without limits. */
  next(withLimited: boolean): Lane | undefined {
    if (this.#rules.priorityAcross && this.#rules.agingMs !== null) {
      return this.#nextAged(withLimited, this.#rules.agingMs);
    }
    for (let index = this.#open.length - HEAPS_PER_PRIORITY; index >= 0;) {
      const found = this.#firstAt(index, withLimited);
      if (found !== undefined) return found;
      index -= HEAPS_PER_PRIORITY;
    }
    return undefined;
  }

  /** Has messages of a lane go: it has got so much more. */
  charge(lane: Lane, count: number, now: number): void {
    lane.pass = Math.max(lane.pass, this.#pass - CREDIT_MAX);
    this.#pass = Math.max(this.#pass, lane.pass);
    lane.charge(count, now);
  }

  #firstAt(index: number, withLimited: boolean): Lane | undefined {
    const free = this.#open[index]?.first;
    const limited = withLimited ? this.#open[index + 1]?.first : undefined;
    if (free === undefined || limited === undefined) return free ?? limited;
    return isNextBefore(limited, free) ? limited : free;
  }

  /** Compares the lanes that are first at each priority, each with what it has gained by waiting. */
  #nextAged(withLimited: boolean, agingMs: number): Lane | undefined {
    let found: Lane | undefined;
    let earliest = Infinity;
    for (let priority = PRIORITY_MAX; priority >= 0; priority--) {
      const lane = this.#firstAt(priority * HEAPS_PER_PRIORITY, withLimited);
      if (lane === undefined) continue;
      const at = this.#rules.storedAt(lane.firstId) - priority * agingMs;
      if (at >= earliest) continue;
      earliest = at;
      found = lane;
    }
    return found;
  }

  #requireHeap(lane: Lane): LaneHeap {
    const priority = this.#rules.priorityAcross ? lane.firstPriority : 0;
    const index = priority * HEAPS_PER_PRIORITY + (lane.isLimited ? 1 : 0);
    while (this.#open.length < (priority + 1) * HEAPS_PER_PRIORITY) this.#open.push(undefined);
    return this.#open[index] ??= new LaneHeap(isNextBefore);
  }
}

function isNextBefore(one: Lane, other: Lane): boolean {
  const levels = one.level - other.level;
  if (levels !== 0) return levels < 0;
  if (one.pass !== other.pass) return one.pass < other.pass;
  return one.headId < other.headId;
}

function isDueBefore(one: Lane, other: Lane): boolean {
  return one.dueAt < other.dueAt;
}
