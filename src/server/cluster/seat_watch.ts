import { BrokerError } from "../../../protocol.ts";
import type { ClusterSeat } from "../../broker/engine.ts";
import { systemClock } from "../../transport/clock.ts";
import type { Log } from "../log.ts";

/** A standby hears of the active broker several times in this many leases. */
const HEARD_LEASES = 2;

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

  /** @param log Is told what becomes of the broker. */
  constructor(seat: ClusterSeat, log: Log) {
    this.seat = seat;
    this.#log = log;
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
    this.#tell();
    this.#changed();
  }

  /** Has somebody hear of changes, and perhaps more often. */
  watch(changed: () => void): void {
    this.#changed = changed;
  }

  /** The broker is closed: nothing more is heard, and whoever waits waits in vain. */
  close(): void {
    this.#unwatch();
    this.#changed = () => {};
    this.#waiting?.reject(new BrokerError("SHUTTING_DOWN", "the broker is being stopped"));
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
