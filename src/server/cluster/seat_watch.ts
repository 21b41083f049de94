import { BrokerError } from "../../../protocol.ts";
import type { ClusterSeat } from "../../broker/engine.ts";
import { systemClock } from "../../transport/clock.ts";
import type { Log } from "../log.ts";

/** A standby hears of the active broker several times in this many leases. */
const HEARD_LEASES = 2;

/** A standby may be the next active broker when the active one has been silent for this part of the lease. */
const SILENT_LEASES = 1 / 2;

/**
 * For this part of the lease it lets a client wait for that, and no longer than this, in milliseconds: a client
 * that has not been told of the lease yet gives a broker up after two seconds.
 */
const EXPECTING_LEASES = 1 / 4;
const EXPECTING_MS_MAX = 500;

/** A client that waits for what becomes of the cluster. */
interface Expecting extends PromiseWithResolvers<void> {
  /** Until when, by the broker's clock. */
  readonly until: number;
}

/** What has been told of the broker's place. */
interface Told {
  readonly role: ClusterSeat["role"];
  readonly isServing: boolean;
  readonly active: string | undefined;
}

/**
 * The broker's place in its cluster, as sessions ask for it: whether they may be served, and where clients
 * go if not.
 */
export class SeatWatch {
  readonly seat: ClusterSeat;
  readonly #log: Log;
  readonly #unwatch: () => void;
  #changed: () => void = () => {};
  /** Whether the engine has served: before, it has no streams that anybody could use. */
  #isOpened = false;
  #told: Told;
  #letsGoUntil = -Infinity;
  /** The epoch in which it served last. */
  #epoch = -1;
  /** Set while somebody waits until the broker serves. */
  #waiting: PromiseWithResolvers<void> | undefined;
  #expecting: Expecting[] = [];
  readonly #now: () => number;

  /**
   * @param log Is told what becomes of the broker.
   * @param now The time, in milliseconds.
   */
  constructor(seat: ClusterSeat, log: Log, now: () => number = systemClock.now) {
    this.seat = seat;
    this.#log = log;
    this.#now = now;
    this.#told = this.#find();
    this.#unwatch = seat.watch(() => this.look());
  }

  /** Whether the engine may be used: this broker decides, and may answer. */
  get isServing(): boolean {
    return this.#isOpened && this.seat.isServing;
  }

  /** Whether the engine must not be called: it follows, or has not got all of its streams. */
  get isClosed(): boolean {
    return !this.#isOpened || this.seat.role === "standby";
  }

  /**
   * Whether the lead is being given away, and was this broker's just now: what has been decided before may still
   * be told.
   */
  get isLettingGo(): boolean {
    return systemClock.now() < this.#letsGoUntil;
  }

  /** Whether clients should go elsewhere. */
  get isAway(): boolean {
    return this.seat.role === "standby" || this.seat.sendsAway;
  }

  /** Whether clients should go elsewhere, and this broker is not about to take over. */
  get isSettled(): boolean {
    return this.isAway && this.#silentMs < 0;
  }

  /** Resolves when the broker serves; rejects with `NOT_ACTIVE` when clients should go elsewhere. */
  whenServing(): Promise<void> {
    if (this.isServing) return Promise.resolve();
    if (this.isAway) return Promise.reject(this.refuse("Cannot answer"));
    if (this.#waiting === undefined) {
      this.#waiting = Promise.withResolvers();
      // Whoever waits may have left by then.
      this.#waiting.promise.catch(() => {});
    }
    return this.#waiting.promise;
  }

  /**
   * Resolves when the broker serves; rejects with `NOT_ACTIVE` when clients should go elsewhere. While the
   * active broker is silent, this may be the next one at any moment: a client that comes then waits for that for
   * a while. It hears at once, and thousands do not ask several times in a second.
   */
  whenDecided(): Promise<void> {
    if (!this.isAway || this.isSettled) return this.whenServing();
    const waitMs = Math.min(this.seat.describe().leaseMs * EXPECTING_LEASES, EXPECTING_MS_MAX);
    const until = this.#now() + waitMs;
    const expecting = { ...Promise.withResolvers<void>(), until };
    this.#expecting.push(expecting);
    return expecting.promise;
  }

  /** How much longer than usual the active broker has been silent; negative if it was not, or is this one. */
  get #silentMs(): number {
    if (this.seat.role !== "standby") return -1;
    const { leaseMs, lastAppendMs } = this.seat.describe();
    return lastAppendMs - leaseMs * SILENT_LEASES;
  }

  /** Makes the error for a client that should go elsewhere. @param action Its beginning: `Cannot publish`. */
  refuse(action: string): BrokerError {
    const { role, active } = this.seat;
    const { name, brokers } = this.seat.describe();
    const { id } = brokers.find(({ address }) => address === active) ?? {};
    const what = role === "standby"
      ? `a standby of cluster "${name}"`
      : `cut off from the log of cluster "${name}"`;
    const who = id === undefined ? `broker at ${active}` : `broker ${id} at ${active}`;
    const where = active === undefined ? "no broker is known to be active" : `${who} is active`;
    const message = `${action}: this broker is ${what}; ${where}`;
    return new BrokerError(
      "NOT_ACTIVE",
      message,
      active === undefined ? {} : {
        details: { active },
      },
    );
  }

  /** Why the broker is not ready, if it is not: a standby that follows is. */
  findProblem(): string | undefined {
    if (this.isServing) return undefined;
    const { leaseMs, lastAppendMs } = this.seat.describe();
    const heard = lastAppendMs < Infinity
      ? `for ${Math.floor(lastAppendMs / 1000)} s nothing was heard of it`
      : "nothing was heard of it";
    if (this.seat.role === "standby") {
      if (lastAppendMs < HEARD_LEASES * leaseMs) return undefined;
      return `the standby cannot follow the log: ${heard}`;
    }
    return this.#isOpened
      ? `the log cannot be appended to, and nothing is confirmed or delivered: ${heard}`
      : "the broker takes over: its streams are being made ready";
  }

  /** Gives the lead to another broker, as the seat does. */
  async handOver(): Promise<void> {
    // Less than the rest of the lease: a process that stands still meanwhile tells nothing afterwards.
    this.#letsGoUntil = systemClock.now() + this.seat.describe().leaseMs / 2;
    try {
      await this.seat.handOver();
    } finally {
      this.#letsGoUntil = -Infinity;
      this.look();
    }
  }

  /** The engine serves for the first time. */
  noteOpened(): void {
    this.#isOpened = true;
    this.look();
  }

  /** Looks whether something has changed: called at changes, and from time to time. */
  look(): void {
    if (this.#waiting !== undefined) {
      if (this.isServing) this.#waiting.resolve();
      else if (this.isAway) this.#waiting.reject(this.refuse("Cannot answer"));
      if (this.isServing || this.isAway) this.#waiting = undefined;
    }
    this.#answerExpecting();
    this.#tell();
    this.#changed();
  }

  /** Tells those who wait for what becomes of the cluster, if that is known, or if they have waited enough. */
  #answerExpecting(): void {
    if (this.#expecting.length === 0) return;
    const [isServing, isAway, now] = [this.isServing, this.isAway, this.#now()];
    const isOver = this.isSettled;
    const left: Expecting[] = [];
    for (const expecting of this.#expecting) {
      if (isServing) expecting.resolve();
      else if (isOver || (isAway && now >= expecting.until)) {
        expecting.reject(this.refuse("Cannot open a session"));
      } else left.push(expecting);
    }
    this.#expecting = left;
  }

  /** Has somebody hear of changes, and perhaps more often. */
  watch(changed: () => void): void {
    this.#changed = changed;
  }

  /** The broker is closed: nothing more is heard, and whoever waits waits in vain. */
  close(): void {
    this.#unwatch();
    this.#changed = () => {};
    const stopped = new BrokerError("SHUTTING_DOWN", "the broker is being stopped");
    for (const { reject } of this.#expecting.splice(0)) reject(stopped);
    this.#waiting?.reject(stopped);
    this.#waiting = undefined;
  }

  #find(): Told {
    const { role, active } = this.seat;
    return { role, isServing: this.isServing, active };
  }

  #tell(): void {
    const before = this.#told;
    const now = this.#told = this.#find();
    const cluster = this.seat.describe().name;
    if (now.role !== before.role && now.role === "standby") {
      this.#log.warning("another broker takes over", { cluster, active: now.active });
    } else if (now.isServing && !before.isServing) {
      const isNew = before.role === "standby" || this.#epoch !== this.seat.describe().epoch;
      const message = isNew ? "this broker is active" : "the lease is held again";
      this.#epoch = this.seat.describe().epoch;
      this.#log.info(message, { cluster, epoch: this.#epoch });
    } else if (before.isServing && !now.isServing && !this.isLettingGo) {
      const message = "the lease is over: nothing is confirmed or delivered until it is held again";
      this.#log.warning(message, { cluster, epoch: this.#epoch });
    } else if (now.role === "standby" && now.active !== before.active) {
      this.#log.info("this broker follows", { cluster, active: now.active });
    }
  }
}
