import { type BindFields, BrokerError, type TagRange } from "../../../protocol.ts";
import { Alarm } from "../collections/alarm_clock.ts";
import { type Attachment, AttachmentQueue, StalledQueue } from "./attachment.ts";
import type { FollowerSink, StreamFilter } from "../engine.ts";
import { LapsedList } from "./lapsed_list.ts";
import { PendingList, type PendingRun } from "./pending_list.ts";
import { RareSet } from "../collections/rare_set.ts";
import type { Share } from "./share.ts";

/** Signs of life of a follower, and when its deliveries run out. */
export class Liveness {
  /** When it last showed life. */
  lifeAt: number = -Infinity;
  /** Whether it let a delivery run out: it gets nothing more until it shows life. */
  isSuspended = false;
  /** Whether it is suspended because nothing was heard from its client. */
  isSilent = false;
  /** The tag of the last delivery that was noted as the oldest one. */
  oldestTag = 0;
  /** The time at which it became the oldest: work on it began then or later. */
  oldestSince = 0;
  /** A time not later than the first deadline of its deliveries. */
  deadline: number = Infinity;
  /** Rings when a deadline may have come. */
  readonly alarm: Alarm;

  constructor(ring: (now: number) => void) {
    this.alarm = new Alarm(ring);
  }
}

/** One follower of one session: its credit, its pending deliveries, and the shares it takes from. */
export class FollowerState {
  /** In the order of opening. */
  number = 0;
  /** A label: two followers may have the same. */
  readonly name: string;
  readonly bind: BindFields;
  /** The streams that its pattern may find; all by default. */
  filter: StreamFilter | undefined;
  /** Whose it is; nobody's by default. */
  readonly owner: string | undefined;
  readonly sink: FollowerSink;
  /** Whether its client reports which deliveries a handler has; if not, the oldest is assumed. */
  readonly reportsBegin: boolean;
  /** Whether its client hands out messages of one key one at a time and in order. */
  readonly ordersKeys: boolean;
  /** How many messages it works on at once: it holds no more of what is limited. */
  slots: number;
  /** Whether it holds nothing any more and hears nothing: it only leaves its streams. */
  isEnded = false;
  readonly attachments: Map<Share, Attachment> = new Map();
  /** The attachments to shares that have messages for it, in the order in which it takes from them. */
  readonly turns: AttachmentQueue = new AttachmentQueue();
  /** The attachments to shares whose messages it has no slots for. */
  readonly stalled: AttachmentQueue = new StalledQueue();
  /** Those to shares in which messages may wait for keys that are lent to it. */
  readonly owing: RareSet<Attachment> = new RareSet();
  readonly pending: PendingList = new PendingList();
  /** Deliveries that were taken back lately and may still be acknowledged. */
  readonly lapsed: LapsedList = new LapsedList();
  readonly liveness: Liveness;
  /** How much it may hold. */
  readonly credit: { messages: number; bytes: number };

  constructor(options: {
    name: string;
    bind: BindFields;
    filter?: StreamFilter | undefined;
    owner?: string | undefined;
    messages: number;
    bytes: number;
    reportsBegin?: boolean | undefined;
    ordersKeys?: boolean | undefined;
    slots?: number | undefined;
    sink: FollowerSink;
    ring?: (follower: FollowerState, now: number) => void;
  }) {
    this.name = options.name;
    this.bind = options.bind;
    this.filter = options.filter;
    this.owner = options.owner;
    this.sink = options.sink;
    this.reportsBegin = options.reportsBegin ?? false;
    this.ordersKeys = options.ordersKeys ?? false;
    this.slots = Math.max(1, options.slots ?? 1);
    this.credit = { messages: options.messages, bytes: options.bytes };
    this.liveness = new Liveness((now) => options.ring?.(this, now));
  }

  get room(): number {
    const { pending: { count, bytes }, credit } = this;
    if (this.liveness.isSuspended || this.sink.isFull || count >= credit.messages) return 0;
    // A follower with no credit of bytes still gets one message at a time.
    if (count > 0 && bytes >= credit.bytes) return 0;
    return credit.messages - count;
  }

  /** How many messages it may take now of what is limited. */
  get slotRoom(): number {
    return Math.max(0, this.slots - this.pending.limitedCount);
  }

  /** How many bytes it may take now; the last message may go beyond them. */
  get roomBytes(): number {
    return Math.max(0, this.credit.bytes - this.pending.bytes);
  }

  /** Sets how much it may hold; returns whether it asks for more than it holds. */
  setCredit(messages: number, bytes: number): boolean {
    // A smaller credit is no sign of work: it only gives something back.
    const isAsking = messages >= this.credit.messages && messages > this.pending.count;
    this.credit.messages = messages;
    this.credit.bytes = bytes;
    return isAsking;
  }

  /** Whether it is assumed to work on a delivery without having reported it. */
  isAssumed(run: PendingRun): boolean {
    return !run.isBegun && !this.reportsBegin && run === this.pending.first;
  }

  /**
   * The deadline of a delivery. Deliveries that were only fetched do not run out while the follower
   * shows life: no handler has them yet.
   */
  deadlineOf(run: PendingRun): number {
    if (run.isBegun) return run.deadline;
    const since = this.isAssumed(run) ? -Infinity : Math.max(this.liveness.lifeAt, run.deliveredAt);
    return Math.max(since, this.liveness.oldestSince) + run.share.store.options.ackTimeoutMs;
  }

  /** The first of all deadlines; `Infinity` if nothing is pending. */
  findDeadline(): number {
    let deadline = Infinity;
    for (const run of this.pending.runs) deadline = Math.min(deadline, this.deadlineOf(run));
    return deadline;
  }

  /** The error for a range of tags of which only `held` deliveries are pending. */
  explainMissing(range: TagRange, held: number): BrokerError {
    const { firstTag, count } = range;
    const missing = `${count - held} of the ${count} deliveries from tag ${firstTag} on`;
    if (firstTag + count > this.pending.nextTag) {
      return new BrokerError(
        "UNKNOWN_DELIVERY",
        `Cannot find ${missing}: the last tag given to follower "${this.name}" is ` +
          `${this.pending.nextTag - 1}`,
      );
    }
    return new BrokerError(
      "STALE_DELIVERY",
      `Cannot find ${missing}: follower "${this.name}" does not hold them any more`,
    );
  }
}
