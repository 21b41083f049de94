import type { Coalesce } from "../../../../protocol.ts";
import type { WorkLife } from "../work_parts.ts";
import type { WorkStream } from "../work_streams.ts";

/** How a message is sent. */
export interface WorkInit {
  readonly label: string;
  readonly lane: string | undefined;
  readonly key: string | undefined;
  readonly coalesce: Coalesce | undefined;
  readonly delayMs: number | undefined;
}

/** A message in one stream, and all that clients know of it. */
export class WorkCopy {
  readonly label: string;
  readonly stream: WorkStream;
  readonly lane: string | undefined;
  readonly key: string | undefined;
  readonly coalesce: Coalesce | undefined;
  /** Whether it was sent with a delay: until it is delivered it has no place in the order of its key. */
  readonly isDelayed: boolean;
  readonly sentAt: number;
  /** What its publisher was told. */
  outcome: "sent" | "stored" | "refused" | "kept" = "sent";
  /** Its id, once somebody has told it, and that of the message in whose place it came. */
  id: number | undefined;
  replaced: number | undefined;
  /** Whether its publisher knows what it has replaced. */
  isTold = false;
  /** Why it must not be delivered any more; undefined if it may be there. */
  goneFor: string | undefined;
  goneAt: number = Infinity;
  /** Before this time, by the true clock, it must not be delivered: whatever happens, and by one process. */
  notBefore: number;
  heldBack: { readonly life: WorkLife; readonly until: number } | undefined;
  /** How many ends of it are under way, by process: perhaps it is gone. */
  readonly ends: Map<WorkLife, number> = new Map();
  /** The processes that have ended it, by an event that may be lost with them. */
  readonly endedIn: Set<WorkLife> = new Set();
  /** Whether somebody has asked to make it a dead letter, and whether that was confirmed. */
  deadWish: "none" | "asked" | "confirmed" = "none";
  /** How many attempts it may have used up, at the most. */
  paid = 0;
  wasDelivered = false;
  /** The processes that know that a handler has it, or that this was no attempt, and may forget that. */
  readonly begunIn: Set<WorkLife> = new Set();
  beginCount = 0;
  /** A later message of its key has begun, in this process, which took this one for gone. */
  skipped: { readonly life: WorkLife; readonly by: string } | undefined;

  constructor(init: WorkInit, stream: WorkStream, now: number) {
    this.label = init.label;
    this.stream = stream;
    this.lane = init.lane;
    this.key = init.key;
    this.coalesce = init.coalesce;
    this.isDelayed = init.delayMs !== undefined;
    this.sentAt = now;
    this.notBefore = now + (init.delayMs ?? 0);
  }

  get place(): string {
    return `${this.stream.name}:${this.id}`;
  }

  toString(): string {
    return `${this.label} (${this.place})`;
  }

  /** What it must not be worked on together with: its key, or its coalesce id. */
  get exclusive(): string | undefined {
    if (this.key !== undefined) return `key ${this.key}`;
    return this.coalesce && `coalesce id ${this.coalesce.id}`;
  }

  /** Whether it is stored for sure, and nobody has done anything that might end it. */
  get mustBeThere(): boolean {
    return this.outcome === "stored" && this.goneFor === undefined && this.ends.size === 0 &&
      !this.mayBeDead;
  }

  /** Whether it may be a dead letter. */
  get mayBeDead(): boolean {
    return this.deadWish !== "none" || this.paid >= this.stream.options.maxDeliveries!;
  }

  /** Something that may end it is under way, or was refused. */
  noteEnd(life: WorkLife, by: 1 | -1): void {
    const count = (this.ends.get(life) ?? 0) + by;
    if (count <= 0) this.ends.delete(life);
    else this.ends.set(life, count);
  }

  /** It is gone for sure. */
  end(why: string, now: number): void {
    this.goneFor ??= why;
    this.goneAt = Math.min(this.goneAt, now);
  }
}
