import { type BindFields, BrokerError, type TagRange } from "../../../protocol.ts";
import { Alarm } from "../collections/alarm_clock.ts";
import { type Attachment, AttachmentQueue } from "./attachment.ts";
import type { FollowerSink } from "../engine.ts";
import { LapsedList } from "./lapsed_list.ts";
import { PendingList, type PendingRun } from "./pending_list.ts";
import type { Share } from "./share.ts";

/** One follower of one session: what it may hold, what it holds, and where its next messages come from. */
export class Follower {
  /** Its number: those that were opened later have higher ones. */
  number = 0;
  /** Its name, a label: two followers may have the same. */
  readonly name: string;
  readonly bind: BindFields;
  readonly sink: FollowerSink;
  /** Whether it says which deliveries a handler has; of others, the oldest is taken for that. */
  readonly reportsBegin: boolean;
  /** By share of a stream that its bind matches. */
  readonly attachments: Map<Share, Attachment> = new Map();
  /** Those that have messages for it, in the order in which it will take from them. */
  readonly turns: AttachmentQueue = new AttachmentQueue();
  /** What it has taken and not acknowledged. */
  readonly pending: PendingList = new PendingList();
  /** What was taken back from it lately: it may say yet that it is done. */
  readonly lapsed: LapsedList = new LapsedList();
  pendingBytes = 0;
  /** The tag of the last delivery of which it is written down that it was the oldest one. */
  attemptedTag = 0;
  /** Since when its oldest delivery is the oldest: it is not worked on before. */
  oldestSince = 0;
  /** When it has shown last that something goes on there. */
  lifeAt: number = -Infinity;
  /** Whether it has let a delivery run out, and gets nothing more until it shows life. */
  isSuspended = false;
  /** Not later than the first deadline of what is pending. */
  deadline: number = Infinity;
  /** Rings when a deadline may have come. */
  readonly alarm: Alarm;
  creditMessages: number;
  creditBytes: number;
  #nextTag = 1;

  constructor(options: {
    name: string;
    bind: BindFields;
    messages: number;
    bytes: number;
    reportsBegin?: boolean | undefined;
    sink: FollowerSink;
    ring?: (follower: Follower, now: number) => void;
  }) {
    this.name = options.name;
    this.bind = options.bind;
    this.sink = options.sink;
    this.reportsBegin = options.reportsBegin ?? false;
    this.creditMessages = options.messages;
    this.creditBytes = options.bytes;
    this.alarm = new Alarm((now) => options.ring?.(this, now));
  }

  get room(): number {
    const { count } = this.pending;
    if (this.isSuspended || this.sink.isFull || count >= this.creditMessages) return 0;
    // A follower with no credit of bytes still gets one message at a time.
    if (count > 0 && this.pendingBytes >= this.creditBytes) return 0;
    return this.creditMessages - count;
  }

  /** How many bytes it may take now; the last message may go beyond them. */
  get roomBytes(): number {
    return Math.max(0, this.creditBytes - this.pendingBytes);
  }

  /** Sets how much it may hold; returns whether it asks for more than it holds. */
  setCredit(messages: number, bytes: number): boolean {
    // Whoever asks for less only gives something back, or has heard that it holds less.
    const isAsking = messages >= this.creditMessages && messages > this.pending.count;
    this.creditMessages = messages;
    this.creditBytes = bytes;
    return isAsking;
  }

  /** Whether a delivery is the one that it is taken to be working on although it has not said so. */
  isAssumed(run: PendingRun): boolean {
    return !run.isBegun && !this.reportsBegin && run === this.pending.runs[0];
  }

  /**
   * Until when a delivery has to be acknowledged. What is only fetched has time as long as something
   * goes on: nobody works on it.
   */
  deadlineOf(run: PendingRun): number {
    if (run.isBegun) return run.deadline;
    const since = this.isAssumed(run) ? -Infinity : Math.max(this.lifeAt, run.deliveredAt);
    return Math.max(since, this.oldestSince) + run.share.store.options.ackTimeoutMs;
  }

  /** Finds the first of the deadlines; `Infinity` if nothing is pending. */
  findDeadline(): number {
    let deadline = Infinity;
    for (const run of this.pending.runs) deadline = Math.min(deadline, this.deadlineOf(run));
    return deadline;
  }

  /** Sets tags aside for deliveries. */
  reserveTags(count: number): number {
    const firstTag = this.#nextTag;
    this.#nextTag += count;
    return firstTag;
  }

  /**
   * Tells what is wrong with a range of tags of which not all is pending.
   *
   * @param range The range.
   * @param held How many of its deliveries are pending.
   */
  explainMissing(range: TagRange, held: number): BrokerError {
    const { firstTag, count } = range;
    const missing = `${count - held} of the ${count} deliveries from tag ${firstTag} on`;
    if (firstTag + count > this.#nextTag) {
      return new BrokerError(
        "UNKNOWN_DELIVERY",
        `Cannot find ${missing}: the last tag given to follower "${this.name}" is ` +
          `${this.#nextTag - 1}`,
      );
    }
    return new BrokerError(
      "STALE_DELIVERY",
      `Cannot find ${missing}: follower "${this.name}" does not hold them any more`,
    );
  }
}
