import { BrokerError, type ClusterBroker, type ClusterStatus } from "../../../protocol.ts";
import type { ClusterSeat } from "../../../src/broker/cluster_seat.ts";

/** A standby that follows well. */
export const STANDBY: ClusterBroker = {
  id: "b",
  address: "b.example:9090",
  role: "standby",
  version: "0.1.0",
  sequence: 4711,
  lagRecords: 0,
  lagMs: 0,
  heardMs: 120,
};

/** The active broker beside it. */
export const ACTIVE: ClusterBroker = {
  ...STANDBY,
  id: "a",
  address: "a.example:9090",
  role: "active",
};

/** What a broker in good order knows of its cluster. */
export function statusOf(change: Partial<ClusterStatus> = {}): ClusterStatus {
  return {
    name: "main",
    id: "a",
    role: "active",
    serving: true,
    epoch: 3,
    leaseMs: 2000,
    firstSequence: 1200,
    lastSequence: 4711,
    logBytes: 50_000_000,
    logBytesMax: 200_000_000,
    lastAppendMs: 180,
    leader: "n1",
    replicas: 3,
    reelections: 1,
    brokers: [ACTIVE, STANDBY],
    problems: [],
    ...change,
  };
}

/** A seat whose status a test sets. */
export class TestSeat implements ClusterSeat {
  /** Whether clients are sent away although no other broker is known to be active. */
  isCutOff = false;
  /** How often the lead was handed over. */
  handovers = 0;
  #status: ClusterStatus;
  readonly #watchers = new Set<() => void>();

  constructor(status: ClusterStatus = statusOf()) {
    this.#status = status;
  }

  get role(): ClusterStatus["role"] {
    return this.#status.role;
  }

  get isServing(): boolean {
    return this.#status.serving;
  }

  get sendsAway(): boolean {
    return this.role === "standby" || this.isCutOff;
  }

  get active(): string | undefined {
    const { brokers, id } = this.#status;
    return brokers.find(({ role, id: other }) => role === "active" && other !== id)?.address;
  }

  get brokers(): readonly string[] {
    return this.#status.brokers.map(({ address }) => address);
  }

  whenServing(): Promise<void> {
    if (this.isServing) return Promise.resolve();
    return Promise.reject(new BrokerError("NOT_ACTIVE", "the broker is a standby"));
  }

  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  }

  describe(): ClusterStatus {
    return this.#status;
  }

  handOver(): Promise<void> {
    const heir = this.#status.brokers.find(({ role }) => role === "standby");
    if (heir === undefined) {
      return Promise.reject(new BrokerError("BAD_REQUEST", "Cannot hand over: no standby follows"));
    }
    this.handovers++;
    this.lose(heir.id);
    return Promise.resolve();
  }

  /** Another broker has taken over. */
  lose(heir: string): void {
    const brokers = this.#status.brokers.map((broker) => ({
      ...broker,
      role: broker.id === heir ? "active" as const : "standby" as const,
    }));
    this.set({ role: "standby", serving: false, brokers });
  }

  /** This broker takes over. */
  take(): void {
    const { brokers, id, epoch } = this.#status;
    const roles = brokers.map((broker) => ({
      ...broker,
      role: broker.id === id ? "active" as const : "standby" as const,
    }));
    this.set({ role: "active", serving: true, epoch: epoch + 1, brokers: roles });
  }

  /** Changes what is known, and tells those who watch. */
  set(change: Partial<ClusterStatus>): void {
    this.#status = { ...this.#status, ...change };
    for (const changed of [...this.#watchers]) changed();
  }
}
