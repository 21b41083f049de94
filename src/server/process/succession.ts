import { deadline } from "@std/async/deadline";
import { BrokerError } from "../../../protocol.ts";
import type { SeatWatch } from "../cluster/seat_watch.ts";
import type { SessionTable } from "../front_door/session_table.ts";
import type { Log } from "../log.ts";

/** How long clients that are sent to another broker may take to leave, in milliseconds. */
const LEAVE_MS = 1000;

/** How long a broker that stops waits for another one to take over, in leases. */
const TAKEOVER_LEASES = 2;

/** What a broker of a cluster does with its clients when it may not serve them, or gives the lead away. */
export class Succession {
  readonly seat: SeatWatch;
  readonly #sessions: SessionTable;
  readonly #log: Log;
  #wasServing: boolean;
  #wasAway: boolean;
  /** The brokers that clients know, in order. */
  #told: string;
  /** Set while clients are being sent to another broker. */
  #leaving: Promise<void> | undefined;
  #handover: Promise<string | undefined> | undefined;
  #isHandedOver = false;

  constructor(seat: SeatWatch, sessions: SessionTable, log: Log) {
    this.seat = seat;
    this.#sessions = sessions;
    this.#log = log;
    this.#wasServing = seat.isServing;
    this.#wasAway = seat.isAway;
    this.#told = this.#findBrokers();
    seat.watch(() => this.#look());
  }

  /** Whether another broker has the lead because this one gave it away. */
  get isHandedOver(): boolean {
    return this.#isHandedOver;
  }

  /**
   * Gives the lead to another broker; resolves to that one's address, if it is known. Rejects with `NOT_ACTIVE`,
   * or with `BAD_REQUEST` if no standby follows.
   */
  handOver(): Promise<string | undefined> {
    this.#handover ??= this.#handOver().finally(() => this.#handover = undefined);
    return this.#handover;
  }

  /** The broker stops: gives the lead away if somebody can take it. */
  async stop(): Promise<void> {
    const { seat } = this.seat;
    if (!this.seat.isServing) return;
    try {
      await deadline(this.handOver(), TAKEOVER_LEASES * seat.describe().leaseMs);
    } catch (error) {
      const isAlone = error instanceof BrokerError && error.code === "BAD_REQUEST";
      if (!isAlone) this.#log.warning("no broker has taken over", { error: String(error) });
    }
  }

  /** Resolves when clients that are sent to another broker have left, or have had their time. */
  async whenLeft(): Promise<void> {
    this.seat.look();
    if (this.#leaving !== undefined) await deadline(this.#leaving, LEAVE_MS).catch(() => {});
  }

  async #handOver(): Promise<string | undefined> {
    const { seat } = this.seat;
    const { name: cluster, epoch } = seat.describe();
    this.#log.info("the lead is given away", { cluster, epoch });
    await this.seat.handOver();
    this.#isHandedOver = true;
    return seat.active;
  }

  #look(): void {
    const { isServing, isAway } = this.seat;
    if (isServing !== this.#wasServing) this.#sessions.noteSeat();
    if (isAway && !this.#wasAway) {
      const left = this.#sessions.sendAway(() => this.seat.refuse("Cannot go on"));
      this.#leaving = left.finally(() => this.#leaving = undefined);
    }
    if (isServing) this.#tellBrokers();
    this.#wasServing = isServing;
    this.#wasAway = isAway;
  }

  /** Clients that came before a broker must know it when they have lost the others. */
  #tellBrokers(): void {
    const brokers = this.#findBrokers();
    if (brokers === this.#told) return;
    this.#told = brokers;
    this.#sessions.tellBrokers(this.seat.seat.brokers);
  }

  #findBrokers(): string {
    return this.seat.seat.brokers.toSorted().join();
  }
}
