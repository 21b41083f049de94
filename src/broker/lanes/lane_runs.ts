import type { LaneFigures, MessageBatch } from "../../../protocol.ts";
import type { LaneSettings } from "../../protocol/lane_settings.ts";
import { countIds, type IdRange } from "../collections/id_ranges.ts";
import type { KeyedHash } from "../collections/keyed_hash.ts";
import type { ReadyList, ReadyRun } from "../ready/ready_run.ts";
import type { ReadyRuns } from "../ready/ready_runs.ts";
import { IdleLanes, type LaneKeeper } from "./idle_lanes.ts";
import type { Lane } from "./lane.ts";
import type { Choice, ChosenRun } from "./lane_choice.ts";
import { LaneIntake } from "./lane_intake.ts";
import { LaneIndex } from "./lane_index.ts";
import { LanePlacing, PLACE_MS } from "./lane_placing.ts";
import { LaneTable } from "./lane_table.ts";
import { type LaneListener, LaneTurns, type TurnRules } from "./lane_turns.ts";

/** Messages that are chosen together at least, if there are so many: adjacent ones leave together. */
const CHOICE_MIN = 64;

/** How many lanes without messages are kept because their buckets are not full. */
const RESTING_MAX = 100_000;

/** Lanes that are held back no more are forgotten when there are so many, and twice as many as the last time. */
const HELD_MIN = 1024;

/**
 * The ready messages of a share whose messages have lanes: those of the lane whose turn it is come first.
 *
 * Messages without a lane are together one lane. It has no limits, as each of them would be a lane of its
 * own, and it takes part in the turns like every other one: many messages without a lane do not keep those
 * of lanes waiting, and a backlog without lanes stays one run.
 */
export class LaneRuns implements ReadyList, LaneKeeper {
  readonly table: LaneTable;
  readonly #turns: LaneTurns;
  readonly #index: LaneIndex;
  readonly #listener: LaneListener;
  #count = 0;
  #settingsCount = 0;
  #intake: LaneIntake | undefined;
  /** The lane that `peek` has found last. */
  #current: Lane | undefined;
  /** Lanes that were held back; undefined if none was. */
  #held: Set<Lane> | undefined;
  /** At so many of these, those that are held back no more are forgotten. */
  #heldMax = HELD_MIN;
  readonly #idle: IdleLanes;
  readonly #placing: LanePlacing;
  /** The choice of messages that is made, or was made last. */
  #turn = 0;
  /** The latest time that it was told. */
  #now = 0;

  constructor(rules: TurnRules, hash: KeyedHash | undefined, listener: LaneListener) {
    this.table = new LaneTable(rules, hash);
    this.#idle = new IdleLanes(this.table);
    this.#placing = new LanePlacing(this.table, (lane) => this.place(lane));
    this.#turns = new LaneTurns(rules);
    this.#index = new LaneIndex(this.table, listener.backlog);
    this.#listener = listener;
  }

  get count(): number {
    return this.#count;
  }

  /** How many lanes there are, and where they stand. */
  get figures(): LaneFigures {
    const { openCount, limitedCount: limited } = this.#turns;
    return { count: this.table.size, waiting: openCount + limited, limited };
  }

  /** Lanes with messages that may not go, in no order, up to so many. */
  listLimited(countMax: number): Lane[] {
    return this.#turns.listLimited(countMax);
  }

  get hasNext(): boolean {
    return this.#turns.hasOpen;
  }

  /** Whether all messages that may go are of lanes with limits. */
  get isAllLimited(): boolean {
    return !this.#turns.hasFree;
  }

  get visits(): number {
    let visits = this.#index.visits;
    for (const lane of this.table) visits += lane.visits;
    return visits;
  }

  /** When it has to be woken; `Infinity` if nothing waits for a time. */
  get nextAt(): number {
    const nextAt = Math.min(this.#turns.nextAt, this.#idle.at);
    if (this.#placing.isUnderWay) return Math.min(nextAt, this.#now + PLACE_MS);
    return this.#turns.restingCount > RESTING_MAX ? Math.min(nextAt, this.#now) : nextAt;
  }

  list(fromId: number = 0, toId: number = Infinity): ReadyRun[] {
    const count = toId - fromId;
    const lanes = count > this.table.size
      ? this.table
      : new Set([...this.#index.list({ firstId: fromId, count })].map(({ lane }) => lane));
    return [...lanes].flatMap((lane) => ofLane(lane, lane.list(fromId, toId)));
  }

  listReturned(fromId?: number, toId?: number): ReadyRun[] {
    return [...this.#index.listReturning(fromId, toId)].flatMap((lane) =>
      ofLane(lane, lane.list(fromId, toId).filter(({ attempts }) => attempts > 0))
    );
  }

  append(firstId: number, count: number, priority?: number, lane?: number): void {
    this.giveBack({ firstId, count, attempts: 0, priority, lane });
  }

  /** Notes that all messages of a batch are here: before that, it may name lanes that are unused. */
  noteAdded(): void {
    this.#forgetResting(false);
    this.#idle.forgetMany(this.#now, this);
  }

  giveBack(run: ReadyRun): void {
    const lane = this.table.get(run.lane);
    if (lane.count === 0) this.#turns.rejoin(lane);
    lane.giveBack(run);
    this.#count += run.count;
    this.#index.add(lane, run);
    this.place(lane);
  }

  /** Takes over a list as the messages without a lane, however many runs it has. */
  adopt(runs: ReadyRuns): void {
    const { nameless } = this.table;
    nameless.adopt(runs);
    this.#count += runs.count;
    this.#index.adopt(nameless);
    this.place(nameless);
  }

  /**
   * Does some of the work before many messages are looked for by id: a look at each lane, where it is needed. What
   * is left of it is done when they are looked for.
   *
   * @returns Whether nothing is left.
   */
  prepareFind(range: IdRange): boolean {
    return this.#index.prepareFor(range);
  }

  remove(ranges: readonly IdRange[]): ReadyRun[] {
    if (this.#count === 0) return [];
    const removed: ReadyRun[] = [];
    for (const { lane, range } of this.#index.find(ranges)) {
      const runs = lane.remove([range]);
      if (runs.length === 0) continue;
      const count = countIds(runs);
      this.#count -= count;
      this.#index.take(lane, count);
      this.place(lane);
      for (const run of ofLane(lane, runs)) removed.push(run);
    }
    return removed;
  }

  peek(): ReadyRun | undefined {
    const lane = this.#current = this.#next(true);
    return lane && ofLane(lane, [lane.peek()!])[0];
  }

  take(count: number): void {
    const lane = this.#current ?? this.#next(true);
    if (count === 0 || lane === undefined) return;
    this.#take(lane, count);
    this.place(lane);
  }

  findOldest(): IdRange | undefined {
    return this.#index.findOldest()?.findOldest();
  }

  /** Chooses messages whose turn it is, and counts them as given to a follower. */
  choose(choice: Choice, now: number): ChosenRun[] {
    this.wake(now);
    this.#idle.forget(true, this.#now, this);
    this.#turn++;
    const chosen: ChosenRun[] = [];
    let { countMax: left, limitedMax } = choice;
    for (let total = 0; left > 0;) {
      const lane = this.#next(limitedMax > 0);
      if (lane === undefined || this.#isRoundOver(lane, total)) break;
      const run = lane.peek()!;
      if (run.attempts >= choice.attemptsMax) {
        this.#current = lane;
        choice.exhaust(ofLane(lane, [run])[0]!);
        continue;
      }
      const { isLimited } = lane;
      const most = Math.min(run.count, left, isLimited ? limitedMax : left);
      const count = this.#turns.isAlone ? Math.min(most, lane.room(now)) : 1;
      const { firstId, attempts, priority } = run;
      this.#take(lane, count);
      this.#turns.charge(lane, count, now);
      this.place(lane);
      lane.turnCount += count;
      chosen.push({ lane, firstId, count, attempts, priority, isLimited });
      total += count;
      left -= count;
      if (isLimited) limitedMax -= count;
    }
    this.#current = undefined;
    return chosen;
  }

  /** Puts chosen messages back: they have gone to none. */
  putBack(lane: Lane, run: ReadyRun): void {
    lane.uncharge(run.count, this.#now);
    this.giveBack({ ...run, lane: lane.number });
  }

  /** Notes that chosen messages wait for their keys. */
  park(lane: Lane, count: number): void {
    lane.uncharge(count, this.#now);
    this.place(lane);
  }

  /** Notes that messages wait for a time, or their keys, or no longer do. */
  noteElsewhere(
    number: number | undefined,
    where: "delayedCount" | "parkedCount",
    count: number,
  ): void {
    const lane = this.table.get(number);
    lane[where] += count;
    if (lane.messageCount === 0) this.place(lane);
  }

  /** Notes that messages of a lane have left their follower. */
  settle(number: number | undefined, count: number, deliveredAt: number): void {
    const lane = this.table.get(number);
    lane.settle(count, deliveredAt);
    this.place(lane);
  }

  /** Notes that messages that have left their follower were not worked on. */
  refund(number: number | undefined, count: number, deliveredAt: number): void {
    const lane = this.table.get(number);
    lane.refund(count, deliveredAt);
    this.place(lane);
  }

  /** How many lanes have settings. */
  get settingsCount(): number {
    return this.#settingsCount;
  }

  /** Sets what holds for one lane; `undefined` removes it. */
  set(lane: Lane, settings: LaneSettings | undefined, now: number): void {
    if (lane.settings !== undefined) this.#settingsCount--;
    if (settings !== undefined) this.#settingsCount++;
    lane.change(settings, now);
    this.place(lane);
  }

  /** Counts messages that are about to be stored. */
  reserve(firstId: number, batch: MessageBatch): void {
    (this.#intake ??= new LaneIntake(this.table)).reserve(firstId, batch);
  }

  /** Notes that they were stored or refused. */
  conclude(firstId: number): void {
    for (const lane of this.#intake?.conclude(firstId) ?? []) this.place(lane);
  }

  /** Holds a lane back until a time: a follower has said that it is of no use before. */
  hold(lane: Lane, until: number): void {
    lane.heldUntil = Math.max(lane.heldUntil, until);
    (this.#held ??= new Set()).add(lane);
    this.place(lane);
    if (this.#held.size < this.#heldMax) return;
    this.#heldMax = Math.max(HELD_MIN, 2 * this.listHeld(this.#now).length);
  }

  /** How many lanes are kept since they were held back; tests bound this. */
  get heldCount(): number {
    return this.#held?.size ?? 0;
  }

  /** The lanes that are held back now. */
  listHeld(now: number): Lane[] {
    const held: Lane[] = [];
    for (const lane of this.#held ?? []) {
      if (lane.heldUntil > now) held.push(lane);
      else this.#held!.delete(lane);
    }
    return held;
  }

  /** Does what is due in a turn of its own: places some more lanes after a change of the rules. */
  work(now: number): void {
    this.wake(now);
    if (!this.#placing.isUnderWay) return;
    this.#placing.go(this.#now);
    this.#listener.opened();
  }

  /** Has the lanes whose times have come take part again. */
  wake(now: number): void {
    this.#now = Math.max(this.#now, now);
    for (let lane = this.#turns.takeDue(now); lane; lane = this.#turns.takeDue(now)) {
      lane.rest(now);
      this.place(lane);
    }
    this.#forgetResting(true);
    if (now >= this.#idle.at) this.#idle.forget(true, this.#now, this);
  }

  /** Ends a restoration: what was delivered before is not known, so all buckets are empty. */
  restore(now: number): void {
    this.table.emptyAsOf(now);
    for (const lane of [...this.table]) {
      if (lane.isUnused && lane.heldUntil <= now) this.table.delete(lane);
    }
    this.placeAll(now);
    this.#placing.go(this.#now, Infinity);
  }

  /** Puts all lanes where they belong after a change of the rules: some at once, the others in later turns. */
  placeAll(now: number): void {
    this.#now = Math.max(this.#now, now);
    this.#placing.begin(this.#now);
    if (this.#placing.isUnderWay) this.#listener.waits(this.nextAt);
  }

  #next(withLimited: boolean): Lane | undefined {
    return this.#placing.next(this.#turns, withLimited, this.#now);
  }

  /** Puts a lane where it belongs after a change; forgets it in time if it is unused. */
  place(lane: Lane): void {
    const before = this.nextAt;
    if (this.#turns.place(lane, this.#now)) this.#listener.opened();
    const { nextAt } = this;
    if (nextAt < before) this.#listener.waits(nextAt);
    if (!lane.isEmpty || lane.home !== undefined || lane.isIdle) return;
    if (this.#idle.add(lane, this.#now)) this.#listener.waits(this.#idle.at);
  }

  /** Notes that an idle lane was forgotten. */
  forgotten(lane: Lane): void {
    this.#held?.delete(lane);
  }

  /**
   * Forgets the lanes whose buckets are full first, if there are too many; new ones begin as empty as these are,
   * so no rate is exceeded. With the right to decide, also those that have an open breaker.
   */
  #forgetResting(mayDecide: boolean): void {
    while (this.#turns.restingCount > RESTING_MAX) {
      const lane = this.#turns.firstResting!;
      if (!lane.isUnused) {
        // That is an event, and none comes about while another one is applied.
        if (!mayDecide) return;
        lane.gate?.giveUp?.();
      }
      this.table.emptyLike(lane);
      lane.home?.remove(lane);
      this.table.delete(lane);
    }
  }

  #take(lane: Lane, count: number): void {
    lane.take(count);
    this.#count -= count;
    this.#index.take(lane, count);
  }

  /** Whether all lanes had their turns in a choice that has messages enough. */
  #isRoundOver(lane: Lane, total: number): boolean {
    if (lane.turn !== this.#turn) {
      lane.turn = this.#turn;
      lane.turnCount = 0;
    }
    return total >= CHOICE_MIN && lane.turnCount >= lane.weight;
  }
}

function ofLane({ number }: Lane, runs: readonly ReadyRun[]): ReadyRun[] {
  return number === 0 ? [...runs] : runs.map((run) => ({ ...run, lane: number }));
}
