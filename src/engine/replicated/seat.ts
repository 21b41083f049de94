import type { ClusterSeat } from "../../broker/cluster_seat.ts";
import { BrokerError, type ClusterRole, type ClusterStatus } from "../../../protocol.ts";

/** What a seat is asked for, by whoever knows. */
export interface SeatHost {
  readonly role: ClusterRole;
  readonly isServing: boolean;
  readonly sendsAway: boolean;
  readonly active: string | undefined;
  readonly brokers: readonly string[];
  describe(): ClusterStatus;
  handOver(): Promise<void>;
}

/** The place of this broker in its cluster: what the log says, for sessions. */
export class Seat implements ClusterSeat {
  readonly #host: SeatHost;
  readonly #watchers = new Set<() => void>();
  #waiting: PromiseWithResolvers<void>[] = [];
  #isOver = false;

  constructor(host: SeatHost) {
    this.#host = host;
  }

  get role(): ClusterRole {
    return this.#host.role;
  }

  get isServing(): boolean {
    return !this.#isOver && this.#host.isServing;
  }

  get sendsAway(): boolean {
    return this.#isOver || this.#host.sendsAway;
  }

  get active(): string | undefined {
    return this.#host.active;
  }

  get brokers(): readonly string[] {
    return this.#host.brokers;
  }

  whenServing(): Promise<void> {
    if (this.isServing) return Promise.resolve();
    if (this.#isOver) return Promise.reject(this.#refuse());
    const waiting = Promise.withResolvers<void>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  watch(changed: () => void): () => void {
    // The same function may watch twice.
    const watcher = () => changed();
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  describe(): ClusterStatus {
    return this.#host.describe();
  }

  async handOver(): Promise<void> {
    if (this.#isOver || this.role !== "active") throw this.#refuse();
    await this.#host.handOver();
  }

  /** Tells all who watch, and lets those go on that wait. */
  noteChange(): void {
    if (this.isServing) { for (const { resolve } of this.#waiting.splice(0)) resolve(); }
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** It never serves again. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const { reject, promise } of this.#waiting.splice(0)) {
      promise.catch(() => {});
      reject(this.#refuse());
    }
    this.noteChange();
  }

  #refuse(): BrokerError {
    const { active } = this;
    const where = active === undefined ? "which one is not known" : `the one at ${active} is`;
    return new BrokerError(
      "NOT_ACTIVE",
      `Cannot do that here: this broker is not the active one of its cluster; ${where}`,
      active === undefined ? {} : { details: { active } },
    );
  }
}
