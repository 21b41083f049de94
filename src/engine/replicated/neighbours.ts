import { type ClusterNotes, type NotedBroker, readNotes } from "../../broker/cluster_notes.ts";
import type { ClusterBroker, ClusterRole } from "../../../protocol.ts";
import { RECORD_VERSION } from "./record.ts";

/** Brokers that were not heard of for so long are forgotten, in milliseconds. */
const FORGET_MS = 10 * 60 * 1000;

/** The most brokers that are known: more are not a cluster, but somebody's mistake. */
const COUNT_MAX = 32;

/** The longest texts that are believed, in characters. */
const TEXT_LENGTH_MAX = 512;

/** What a broker says of itself. */
export interface Announcement extends Partial<ClusterNotes> {
  readonly id: string;
  readonly address: string;
  readonly role: ClusterRole;
  readonly version: string;
  readonly recordVersion: number;
  /** The last record that it has applied. */
  readonly sequence: number;
  /** Its process: two brokers with one id are a mistake. */
  readonly turn: number;
}

interface Neighbour {
  readonly said: Announcement;
  readonly notes: ClusterNotes;
  readonly heardAt: number;
  /** Since when it has been behind. */
  readonly behindSince: number | undefined;
}

/** The other brokers, by what they announce: nothing is decided by it but who tries first. */
export class Neighbours {
  readonly #id: string;
  readonly #turn: number;
  readonly #all = new Map<string, Neighbour>();
  #doubleAt = -Infinity;

  constructor(id: string, turn: number) {
    this.#id = id;
    this.#turn = turn;
  }

  /** Hears an announcement; returns whether a broker, its address or its role is new. */
  hear(text: string, now: number, last: number): boolean {
    const said = readAnnouncement(text);
    if (said === undefined || said.turn === this.#turn) return false;
    if (said.id === this.#id) {
      this.#doubleAt = now;
      return false;
    }
    const before = this.#all.get(said.id);
    if (before === undefined && this.#all.size >= COUNT_MAX) return false;
    const isBehind = said.role === "standby" && said.sequence < last;
    const behindSince = isBehind ? before?.behindSince ?? now : undefined;
    const notes = readNotes(said as unknown as Record<string, unknown>);
    this.#all.set(said.id, { said, notes, heardAt: now, behindSince });
    return before?.said.address !== said.address || before.said.role !== said.role;
  }

  /** How many other standbys come before this one. */
  rank(now: number, leaseMs: number): number {
    return this.#listStandbys(now, leaseMs).filter(({ said: { id } }) => id < this.#id).length;
  }

  hasStandby(now: number, leaseMs: number): boolean {
    return this.#listStandbys(now, leaseMs).length > 0;
  }

  /** Another broker that has records of the log, if one has said so lately. */
  findReader(now: number, leaseMs: number): string | undefined {
    const readers = [...this.#all.values()].filter(({ said, heardAt }) =>
      said.sequence > 0 && heardAt >= now - leaseMs
    );
    return readers[0]?.said.id;
  }

  /** The address of the broker that says it is active, if one has said so lately. */
  findActive(now: number, leaseMs: number): string | undefined {
    const active = [...this.#all.values()].filter(({ said, heardAt }) =>
      said.role === "active" && heardAt >= now - leaseMs
    );
    active.sort((one, other) => other.heardAt - one.heardAt);
    return active[0]?.said.address;
  }

  get addresses(): string[] {
    return [...this.#all.values()].map(({ said: { address } }) => address);
  }

  get notes(): NotedBroker[] {
    return [...this.#all].map(([id, { notes }]) => ({ id, notes }));
  }

  describe(now: number, last: number): ClusterBroker[] {
    for (const [id, { heardAt }] of this.#all) if (heardAt < now - FORGET_MS) this.#all.delete(id);
    return [...this.#all.values()].map(({ said, notes: { page }, heardAt, behindSince }) => ({
      id: said.id,
      address: said.address,
      role: said.role,
      version: said.version,
      sequence: said.sequence,
      lagRecords: Math.max(0, last - said.sequence),
      lagMs: behindSince === undefined ? 0 : Math.round(now - behindSince),
      heardMs: Math.round(now - heardAt),
      ...page !== undefined && { page },
    }));
  }

  /** What an operator should look at, a sentence each. */
  findProblems(now: number, leaseMs: number): string[] {
    const problems = this.#doubleAt < now - 4 * leaseMs
      ? []
      : [`two brokers have the id ${this.#id}: give each its own`];
    for (const { said: { id, recordVersion = 0 } } of this.#all.values()) {
      if (recordVersion >= RECORD_VERSION) continue;
      problems.push(
        `broker ${id} is of an earlier version, and ends when one of this version is active: upgrade it`,
      );
    }
    return problems;
  }

  #listStandbys(now: number, leaseMs: number): Neighbour[] {
    return [...this.#all.values()].filter(({ said, heardAt }) =>
      said.role === "standby" && heardAt >= now - leaseMs
    );
  }
}

function readAnnouncement(text: string): Announcement | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && isAnnouncement(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isAnnouncement(value: object): value is Announcement {
  const { id, address, role, version, sequence, turn } = value as Record<string, unknown>;
  return [id, address, version].every(isText) && (role === "active" || role === "standby") &&
    Number.isSafeInteger(sequence) && Number.isSafeInteger(turn);
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "" && value.length <= TEXT_LENGTH_MAX;
}
