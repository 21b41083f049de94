import type { BreakerOptions } from "../../protocol/messages/stream_options.ts";
import type { BreakerOwner } from "../breaker/breaker.ts";
import { BreakerTable } from "../breaker/breaker_table.ts";
import type { LaneLimits } from "../../../protocol.ts";
import type { LaneSettings } from "../../protocol/lane_settings.ts";
import { type Attachment, AttachmentQueue } from "./attachment.ts";
import type { Backlog } from "../backlog/backlog.ts";
import type { Gate } from "../lanes/gate.ts";
import { LaneRuns } from "../lanes/lane_runs.ts";
import type { LaneListener, TurnRules } from "../lanes/lane_turns.ts";
import { type DatedRun, DatedRuns } from "../collections/dated_runs.ts";
import { type IdRange, joinRanges, olderOf, subtractRanges } from "../collections/id_ranges.ts";
import type { KeyedHash } from "../collections/keyed_hash.ts";
import { Keys } from "../ready/keys.ts";
import type { ListedTimes } from "../store/message_times.ts";
import { MessageNotes } from "./message_notes.ts";
import { COALESCE_FLAG } from "../../protocol/messages/batch.ts";
import { PropertyFlag } from "../../protocol/messages/properties.ts";
import { RareSet } from "../collections/rare_set.ts";
import type { ReadyList } from "../ready/ready_run.ts";
import { type ReadyRun, ReadyRuns } from "../ready/ready_runs.ts";
import type { PendingRun } from "./pending_list.ts";
import type { ReasonPool } from "../failures/reason_pool.ts";
import type { FollowerState } from "./follower_state.ts";
import type { Store } from "../store/store.ts";

/** Messages that no follower holds. */
export interface UnheldRun extends ReadyRun {
  /** The end of their delay; 0 if they are ready. */
  readonly dueAt: number;
  /** Whether that is a calendar time. */
  readonly isDated?: boolean | undefined;
}

/** Hears what happens in the lanes of a share. */
export interface LaneWatch {
  /** Messages may go that might not before. */
  opened(share: Share): void;
  /** A lane waits for a time. */
  waits(share: Share, until: number): void;
}

/** Messages that a follower holds. */
export interface HeldRun {
  readonly follower: FollowerState;
  readonly run: PendingRun;
}

/**
 * One share of a stream: its ready and its delayed messages, and the followers that compete for them.
 *
 * A message is ready, then pending at one follower, then gone; or it comes back, and is ready again,
 * perhaps after a delay. Messages in none of the lists here are pending, or on their way to another
 * stream.
 */
export class Share implements TurnRules, LaneListener {
  readonly store: Store;
  ready: ReadyList = new ReadyRuns(this);
  /** Messages with the times at which they are ready. */
  readonly delayed: DatedRuns;
  readonly notes: MessageNotes;
  readonly waiting: AttachmentQueue = new AttachmentQueue();
  /** All followers, waiting or not; those that have ended leave in turns. */
  readonly attachments: RareSet<Attachment> = new RareSet();
  /** Undefined before the first message with a key. */
  keys: Keys | undefined;
  /** The ready messages by lane, from the first message with one on; undefined before. */
  lanes: LaneRuns | undefined;
  /** What holds its messages back: limits, a breaker; undefined if nothing does. */
  gates: readonly Gate[] | undefined;
  /** Whether one of its gates counts what is worked on. */
  isLimited = false;
  /** Undefined if its stream has no breaker. */
  breakers: BreakerTable | undefined;
  /** Whether it hears of deliveries that end: it has gates or lanes. */
  isGuarded = false;
  /** How many of its followers have no slots for it. */
  stalledCount = 0;
  /** Whether deliveries are paused. */
  isPaused = false;
  /** Whether the dispatcher leaves it alone until its alarm rings, or one of its gates opens. */
  isPostponed = false;
  readonly #hash: KeyedHash | undefined;
  readonly #laneWatch: LaneWatch | undefined;
  #pendingCount = 0;
  #limits: readonly Gate[] | undefined;
  /** When all buckets of lanes were empty; undefined if they never were. */
  #emptyAsOf: number | undefined;

  constructor(store: Store, reasons: ReasonPool, hash?: KeyedHash, laneWatch?: LaneWatch) {
    this.store = store;
    this.#hash = hash;
    this.#laneWatch = laneWatch;
    this.delayed = new DatedRuns(store.calendar);
    this.notes = new MessageNotes(reasons);
  }

  /** How many messages followers hold, including those on their way to another stream. */
  get pendingCount(): number {
    return this.#pendingCount;
  }

  /** How many messages are ready, including those that wait for their keys. */
  get readyCount(): number {
    return this.ready.count + (this.keys?.parkedCount ?? 0);
  }

  /** The smallest id of a ready message; undefined if none is ready. */
  get oldestReadyId(): number | undefined {
    const first = this.ready.findOldest()?.firstId;
    const parked = this.keys?.firstParkedId;
    return first === undefined || parked === undefined ? first ?? parked : Math.min(first, parked);
  }

  get agingMs(): number | null {
    return this.store.options.priorityAgingMs;
  }

  get laneLimits(): LaneLimits | null {
    return this.store.options.laneLimits;
  }

  get priorityAcross(): boolean {
    return this.store.options.priorityAcross;
  }

  /** Whether all that it has to deliver takes up slots. */
  get needsSlots(): boolean {
    return this.isLimited || (this.lanes?.isAllLimited ?? false);
  }

  opened(): void {
    this.#laneWatch?.opened(this);
  }

  waits(until: number): void {
    this.#laneWatch?.waits(this, until);
  }

  storedAt(id: number): number {
    return this.store.backlog.storedAt(id);
  }

  get backlog(): Backlog {
    return this.store.backlog;
  }

  get visits(): number {
    return this.ready.visits + this.delayed.visits + (this.keys?.visits ?? 0);
  }

  add({ fresh, delayed }: ListedTimes, flags: number = 0): void {
    if (flags & (PropertyFlag.key | COALESCE_FLAG)) this.requireKeys();
    for (const { firstId, count, priority, lane } of fresh) {
      this.ready.append(firstId, count, priority, lane);
    }
    for (const run of delayed) this.holdBack(run);
    this.lanes?.noteAdded();
  }

  /** Adds messages that wait for a time. */
  holdBack(run: DatedRun): void {
    this.delayed.add(run);
    this.lanes?.noteElsewhere(run.lane, "delayedCount", run.count);
  }

  /** Its lanes, from now on if it had none: what it has so far has no lane. */
  requireLanes(): LaneRuns {
    if (this.lanes !== undefined) return this.lanes;
    const lanes = this.lanes = new LaneRuns(this, this.#hash, this);
    const { nameless } = lanes.table;
    nameless.pendingCount = this.countHeld();
    if (this.#emptyAsOf !== undefined) lanes.table.emptyAsOf(this.#emptyAsOf);
    nameless.delayedCount = this.delayed.messageCount;
    nameless.parkedCount = this.keys?.parkedCount ?? 0;
    if (this.ready instanceof ReadyRuns) lanes.adopt(this.ready);
    this.ready = lanes;
    this.isGuarded = true;
    return lanes;
  }

  /** Sets what holds for some lanes, by name; `null` removes it. */
  setLanes(all: Iterable<readonly [string, LaneSettings | null]>, now: number): void {
    const lanes = this.requireLanes();
    for (const [name, settings] of all) {
      lanes.set(lanes.table.require(name), settings ?? undefined, now);
    }
  }

  /**
   * Ends a restoration: it is not known what was delivered before, so all buckets of its lanes are empty, also
   * of those that come later and had messages then.
   */
  finishLanes(now: number): void {
    this.#emptyAsOf = now;
    this.lanes?.restore(now);
  }

  /** Its keys, from now on if it had none. */
  requireKeys(): Keys {
    return this.keys ??= new Keys(this.#hash, {
      noted: (lane, count) => this.lanes?.noteElsewhere(lane, "parkedCount", count),
      read: (id) => this.store.backlog.tryRead(id),
    });
  }

  /** Notes that ready messages have gone to a follower, or are on their way to another stream. */
  takeReady(count: number): void {
    this.ready.take(count);
    this.#pendingCount += count;
  }

  /** The number of a message's lane, from its bytes; undefined if it has none, or they cannot be read. */
  findLane(id: number): number | undefined {
    const batch = this.lanes && this.store.backlog.tryRead(id);
    return batch && (this.lanes!.table.at(batch.buffer, batch.start).number || undefined);
  }

  /** How many messages followers hold; counted anew, for limits that begin. */
  countHeld(): number {
    return this.listHeld().reduce((sum, { run }) => sum + run.count, 0);
  }

  /** Notes messages, in none of its lists, that were given up before a restart. */
  noteStuck(run: ReadyRun): void {
    this.notes.stuck.add(run);
    this.#pendingCount += run.count;
  }

  /** Notes that messages whose lanes had their turn have gone to a follower. */
  noteChosen(count: number): void {
    this.#pendingCount += count;
  }

  /** How many followers are open. */
  get followerCount(): number {
    return this.attachments.countOf(({ follower }) => !follower.isEnded);
  }

  /** The ready messages in a range of ids that were delivered before. */
  listReturned(fromId?: number, toId?: number): ReadyRun[] {
    const returned = this.ready.listReturned(fromId, toId);
    if (this.keys === undefined) return returned;
    return returned.concat(this.keys.listReturned(fromId, toId));
  }

  /** The deliveries that followers hold, by follower and tag. */
  listHeld(): HeldRun[] {
    return [...this.attachments].flatMap(({ follower }) =>
      follower.pending.runs.filter((run) => run.share === this).map((run) => ({ follower, run }))
    );
  }

  /** The messages with the smallest ids that no follower holds. */
  findOldest(): IdRange | undefined {
    const { ready, keys, delayed } = this;
    return olderOf<IdRange>(
      olderOf(ready.findOldest(), keys?.findOldest()),
      delayed.findOldest(),
    );
  }

  /** Takes out messages that no follower holds; they count as pending until they are put back or gone. */
  takeUnheld(ranges: readonly IdRange[]): UnheldRun[] {
    const ready = [...this.ready.remove(ranges), ...this.keys?.remove(ranges) ?? []];
    const taken: UnheldRun[] = ready.map((run) => ({ ...run, dueAt: 0 }));
    for (const { at, ...run } of this.delayed.remove(ranges)) {
      this.lanes?.noteElsewhere(run.lane, "delayedCount", -run.count);
      taken.push({ ...run, dueAt: at });
    }
    for (const { count } of taken) this.#pendingCount += count;
    return taken;
  }

  /**
   * Takes expired messages out; the ranges are joined.
   *
   * @returns Those that no follower holds, which count as pending; and the others, noted as overdue.
   */
  takeOverdue(ranges: readonly IdRange[]): { unheld: UnheldRun[]; held: IdRange[] } {
    const unheld = this.takeUnheld(ranges);
    const rest = joinRanges(unheld);
    const held = ranges.flatMap((range) => subtractRanges(range, rest));
    for (const { firstId, count } of held) {
      for (let id = firstId; id < firstId + count; id++) this.notes.overdue.add(id);
    }
    return { unheld, held };
  }

  /** The limits that hold its messages back, without its breaker. */
  get limits(): readonly Gate[] | undefined {
    return this.#limits;
  }

  /** Sets the limits that hold its messages back from now on. */
  setGates(gates: readonly Gate[]): void {
    this.#limits = gates;
    this.noteGates();
  }

  /** Takes over the breaker that its stream has by its options, if it has one. */
  setBreaker(options: BreakerOptions | null, owner: BreakerOwner): void {
    if (options !== null && this.breakers?.fits(options)) return this.breakers.setOptions(options);
    this.breakers?.end();
    this.breakers = options === null ? undefined : new BreakerTable(options, this, owner);
    this.noteGates();
  }

  /** Notes that gates came or went, or that one of them counts what is worked on from now on. */
  noteGates(): void {
    const gates = [...this.#limits ?? [], ...this.breakers?.gates ?? []];
    this.gates = gates.length === 0 ? undefined : gates;
    this.isLimited = gates.some(({ isLimit }) => isLimit);
    this.isGuarded = this.gates !== undefined || this.lanes !== undefined;
  }

  /** Notes that deliveries have left their follower. */
  noteSettled({ lane, lanes, count, deliveredAt }: PendingRun): void {
    for (const gate of this.gates ?? []) gate.settle(count, deliveredAt);
    if (lanes === undefined) this.lanes?.settle(lane, count, deliveredAt);
    else for (const one of lanes) this.lanes?.settle(one, 1, deliveredAt);
  }

  /** Notes that messages that have left their follower were not worked on. */
  noteUnseen({ lane, lanes, count, deliveredAt }: PendingRun): void {
    if (!this.isGuarded) return;
    for (const gate of this.gates ?? []) gate.refund(count, deliveredAt);
    if (lanes === undefined) this.lanes?.refund(lane, count, deliveredAt);
    else for (const one of lanes) this.lanes?.refund(one, 1, deliveredAt);
  }

  giveBack(run: ReadyRun): void {
    this.#pendingCount -= run.count;
    const { keys } = this;
    if (keys === undefined) return this.ready.giveBack(run);
    for (const part of keys.giveBack(run)) this.ready.giveBack(part);
  }

  /**
   * Notes that no follower has pending messages any more, before they are put back or are gone; returns
   * whether others are ready now.
   */
  noteBack(range: IdRange): boolean {
    if (this.keys === undefined) return false;
    const freed = this.keys.noteBack(range);
    for (const run of freed) this.ready.giveBack(run);
    return freed.length > 0;
  }

  /** Delays pending messages until a time, or makes them ready if that is 0. */
  delay(run: ReadyRun & Pick<UnheldRun, "isDated">, dueAt: number): void {
    if (dueAt === 0) return this.giveBack(run);
    const { firstId, count, attempts, priority, lane, isDated } = run;
    this.#pendingCount -= count;
    this.holdBack({ at: dueAt, firstId, count, attempts, priority, lane, isDated });
  }

  /** Makes some runs of messages ready whose delay is over; returns whether there may be more. */
  releaseDue(now: number, runCount: number): boolean {
    for (let left = runCount; left > 0; left--) {
      const run = this.delayed.takeDue(now);
      if (run === undefined) return false;
      this.lanes?.noteElsewhere(run.lane, "delayedCount", -run.count);
      this.ready.giveBack(run);
    }
    return true;
  }

  /** Has its lanes take part again whose time has come; returns when to do that next. */
  wakeLanes(now: number): number {
    this.lanes?.work(now);
    return this.lanes?.nextAt ?? Infinity;
  }

  /** Has a lane wait until a time, by its name. */
  holdLane(name: string, until: number): void {
    const lanes = this.requireLanes();
    lanes.hold(lanes.table.require(name), until);
  }

  /** Makes messages ready that are held back; others are left alone. */
  hasten(ids: readonly number[]): void {
    if (ids.length === 0) return;
    const ranges = joinRanges(ids.map((firstId) => ({ firstId, count: 1 })));
    for (const run of this.delayed.remove(ranges)) {
      this.lanes?.noteElsewhere(run.lane, "delayedCount", -run.count);
      this.ready.giveBack(run);
    }
  }

  /** Removes pending messages; messages that waited for their keys become ready. */
  forget(firstId: number, count: number): void {
    this.#pendingCount -= count;
    this.notes.forget(firstId, count);
    if (this.keys === undefined) return;
    for (const run of this.keys.release({ firstId, count })) this.ready.giveBack(run);
  }
}
