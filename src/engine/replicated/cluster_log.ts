import { BrokerError, type ClusterRole, type ClusterStatus } from "../../../protocol.ts";
import type { Pager } from "../../broker/backlog/pager.ts";
import { type ClusterNotes, findDifferences } from "../../broker/cluster_notes.ts";
import type { Appender, BackupSource, EventLog, LoggedState } from "../../broker/event_log.ts";
import { Journal, type JournalOptions } from "../journal/journal.ts";
import type { OpenJournalCounters } from "../journal/journal_counters.ts";
import type { JournalSource, OpeningJournal } from "../journal/journal_source.ts";
import type { OpenSegment } from "../journal/segments/segment_list.ts";
import { FencedError, type TakenRecord } from "./chain.ts";
import { readJson } from "./following/replica.ts";
import { RecordIndex } from "./following/record_index.ts";
import type { Log, LogBounds } from "./log.ts";
import { Member } from "./member.ts";
import { Neighbours } from "./neighbours.ts";
import { type EpochFields, RECORD_VERSION } from "./record.ts";
import { ReplicatedDisk } from "./replicated_disk.ts";
import { Seat, type SeatHost } from "./seat.ts";
import type { Timing } from "./timing.ts";

/** The log is looked at so often, in parts of the lease's time, to know its size and its end. */
const LOOK_PART = 1 / 2;

/** How many records without bytes may lie beside a segment: heartbeats of some hours. */
const IDLE_COUNT_MAX = 30_000;

export interface ClusterLogOptions extends
  Pick<
    JournalOptions,
    "segmentBytes" | "reserveBytes" | "now" | "diskNow" | "report" | "fail" | "newJournalId"
  > {
  /** The own directory. */
  readonly disk: JournalOptions["disk"];
  readonly log: Log;
  /** The cluster's name, this broker's id in it, and its address for clients. */
  readonly name: string;
  readonly id: string;
  readonly address: string;
  /** The broker's version. */
  readonly version: string;
  readonly leaseMs: number;
  /** The most records under way at a time; 4 by default. */
  readonly pipeline?: number;
  /** The most bytes of a record. */
  readonly recordBytes?: number | undefined;
  /** How many records without bytes may lie beside a segment; 30,000 by default. */
  readonly idleRecords?: number;
  /** How long a broker without records listens for others before it begins an empty log. */
  readonly listenMs?: number;
  /** What a confirm promises, in a word. */
  readonly durability: string;
  readonly timing: Timing;
  /** Returns a number from 0 on, below 1. */
  readonly random: () => number;
  /** What this broker tells the others of its files. */
  readonly notes?: (() => ClusterNotes) | undefined;
  /** What an operator should look at beside the brokers: the nodes of the log, a sentence each. */
  readonly problems?: (() => readonly string[]) | undefined;
}

/** Another broker has taken over, as this one has asked for: it begins anew, as a standby. */
export class HandedOverError extends Error {
  override readonly name = "HandedOverError";

  constructor() {
    super("Cannot go on as the active broker: the lead was given to another one");
  }
}

/**
 * A log of events that several brokers share: a journal whose bytes are in a {@linkcode Log}. While it is
 * being opened it follows what another broker appends; it is open when this broker has taken over.
 *
 * ```text
 *   LocalEngine ──▶ Journal ──▶ ReplicatedDisk ──▶ Window ──▶ Log     as the active broker
 *   LocalEngine ◀──────────────── Replica ◀─────── Chain ◀─── Log     as a standby
 * ```
 */
export class ClusterLog implements EventLog, JournalSource, SeatHost {
  readonly name = "cluster";
  readonly durability: string;
  readonly pager: Pager;
  readonly counters: OpenJournalCounters;
  readonly cluster: Seat;
  readonly #options: ClusterLogOptions;
  readonly #journal: Journal;
  readonly #disk: ReplicatedDisk;
  readonly #index: RecordIndex;
  readonly #neighbours: Neighbours;
  readonly #ended = new AbortController();
  /** This process, for others: a random number. */
  readonly #turn: number;
  #member: Member | undefined;
  #opening: Promise<unknown> | undefined;
  #appender: Appender | undefined;
  /** Whether the rules serve: they were opened, and nothing has failed since. */
  #isBegun = false;
  #failure: unknown;
  /** Rejects when it has failed. */
  readonly #failed = Promise.withResolvers<never>();
  #bounds: LogBounds | undefined;
  #reelections = 0;
  /** Who took over last, as its epoch record says. */
  #epoch: Partial<EpochFields> | undefined;
  #heardAt: number;
  /** The differences that the log was told of. */
  #warned: ReadonlySet<string> = new Set();

  constructor(options: ClusterLogOptions) {
    const { disk, recordBytes, durability, timing, random, id, log } = options;
    this.#options = options;
    this.durability = durability;
    this.#turn = Math.floor(random() * Number.MAX_SAFE_INTEGER);
    this.#index = new RecordIndex(disk);
    this.#disk = new ReplicatedDisk({ local: disk, index: this.#index, recordBytes });
    this.#journal = new Journal({
      ...options,
      disk: this.#disk,
      level: "always",
      intervalMs: 0,
      name: this.name,
      fail: (error) => this.#fail(error),
      source: this,
    });
    this.pager = this.#journal;
    this.counters = this.#journal.counters;
    this.#neighbours = new Neighbours(id, this.#turn);
    this.#heardAt = timing.now();
    this.cluster = new Seat(this);
    // Perhaps nobody waits for it.
    this.#failed.promise.catch(() => {});
    log.listen((text) => this.#hear(text));
  }

  get seat(): Seat {
    return this.cluster;
  }

  get backups(): BackupSource {
    if (this.position > 0) return this.#journal.backups;
    throw new BrokerError(
      "BAD_REQUEST",
      "Cannot back up the broker: it has read nothing of the cluster's log; only what was read can be backed up",
    );
  }

  // The log of events.

  async open(state: LoggedState): Promise<Appender> {
    void this.#announceOften();
    const opening = this.#journal.open(state);
    this.#opening = opening;
    try {
      this.#appender = await opening;
      return this.#appender;
    } catch (error) {
      this.#failure ??= error;
      this.cluster.end();
      throw this.#ended.signal.aborted
        ? new BrokerError("SHUTTING_DOWN", "Cannot take over: the broker ends", { cause: error })
        : error;
    }
  }

  /** The rules are ready: what was held back may go out. */
  begun(): void {
    this.#isBegun = true;
    this.#announce();
    this.cluster.noteChange();
  }

  findObstacle(bytes: number): BrokerError | undefined {
    return this.#journal.findObstacle(bytes);
  }

  tend(now: number): number {
    // Heartbeats go with their segment: also where nothing else happens, there is another one some time.
    const { idleRecords = IDLE_COUNT_MAX } = this.#options;
    if (this.#isBegun && this.#index.idleCount > idleRecords) this.#journal.renew();
    return this.#journal.tend(now);
  }

  async close(): Promise<void> {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    const { timing, leaseMs, disk, log } = this.#options;
    // A takeover under way is given up.
    if (this.#appender === undefined) this.#member?.end();
    await this.#opening?.catch(() => {});
    if (this.#appender !== undefined) {
      // A log that cannot be reached is not waited for.
      const over = new AbortController();
      void timing.wait(leaseMs, over.signal).catch(() => {}).then(() => this.#member?.end());
      await this.#journal.close();
      over.abort();
    } else if (this.#opening === undefined) disk.close();
    this.#member?.end();
    this.cluster.end();
    this.#index.close();
    await log.close();
  }

  // The journal's source.

  /** @ignore Opens a segment: see {@linkcode JournalSource}. */
  async begin(parts: OpeningJournal): Promise<OpenSegment> {
    const { disk: local, pipeline = 4, newJournalId, leaseMs } = this.#options;
    this.#member = new Member({
      ...this.#options,
      local,
      disk: this.#disk,
      index: this.#index,
      pipeline,
      newJournalId,
      parts,
      rank: () => this.#neighbours.rank(this.#now, leaseMs),
      findReader: () => this.#neighbours.findReader(this.#now, leaseMs),
      noted: (taken) => this.#noteRecord(taken),
      looked: (bounds, counted) => this.#noteBounds(bounds, counted),
      changed: () => this.cluster.noteChange(),
      fail: (error) => this.#journal.giveUp(error),
    });
    if (this.#ended.signal.aborted) this.#member.stop();
    return await this.#member.open();
  }

  get position(): number {
    return this.#member?.position ?? 0;
  }

  async end(): Promise<void> {
    await this.#member?.release();
  }

  // The seat.

  get role(): ClusterRole {
    return this.#member?.reign === undefined || this.#failure !== undefined ? "standby" : "active";
  }

  get isServing(): boolean {
    return this.#isBegun && this.#failure === undefined && (this.#member?.reign?.isHeld ?? false);
  }

  get sendsAway(): boolean {
    if (this.role === "standby") return true;
    return this.#isBegun && this.#member!.reign!.sendsAway;
  }

  get active(): string | undefined {
    if (this.role === "active") return this.sendsAway ? undefined : this.#options.address;
    const { leaseMs, address } = this.#options;
    const told = this.#now < this.#heardAt + 2 * leaseMs ? this.#epoch?.address : undefined;
    const found = this.#neighbours.findActive(this.#now, 2 * leaseMs) ?? told;
    return found === address || found === "" ? undefined : found;
  }

  get brokers(): readonly string[] {
    const { active } = this;
    const own = this.#options.address;
    return [
      ...new Set([own, ...active === undefined ? [] : [active], ...this.#neighbours.addresses]),
    ];
  }

  describe(): ClusterStatus {
    const { name, id, address, version, leaseMs, notes } = this.#options;
    const { leader, replicas, first = 1, last = 0, bytes = 0, bytesMax } = this.#bounds ?? {};
    const sequence = this.#member?.sequence ?? 0;
    const end = Math.max(last, sequence);
    const now = this.#now;
    const own = {
      id,
      address,
      role: this.role,
      version,
      sequence,
      lagRecords: end - sequence,
      lagMs: end === sequence ? 0 : Math.round(now - this.#heardAt),
      heardMs: 0,
      ...notes?.().page !== undefined && { page: notes().page! },
    };
    const brokers = [own, ...this.#neighbours.describe(now, end)];
    return {
      name,
      id,
      role: this.role,
      serving: this.isServing,
      epoch: this.#member?.epoch ?? 0,
      leaseMs,
      firstSequence: first,
      lastSequence: end,
      logBytes: bytes,
      ...bytesMax !== undefined && { logBytesMax: bytesMax },
      lastAppendMs: Math.round(now - this.#heardAt),
      ...leader !== undefined && { leader },
      ...replicas !== undefined && { replicas },
      reelections: this.#reelections,
      brokers: brokers.sort((one, other) => one.id < other.id ? -1 : 1),
      problems: [
        ...this.#options.problems?.() ?? [],
        ...this.#neighbours.findProblems(now, leaseMs),
        ...notes === undefined ? [] : findDifferences(notes(), this.#neighbours.notes),
      ],
    };
  }

  async handOver(): Promise<void> {
    const appender = this.#appender;
    const hasStandby = this.#neighbours.hasStandby(this.#now, this.#options.leaseMs);
    if (appender === undefined || !hasStandby) {
      const why = appender === undefined
        ? "this broker takes over just now; ask again when it serves"
        : "no other broker of the cluster follows; start one, and wait until it has read the log";
      throw new BrokerError("BAD_REQUEST", `Cannot hand over: ${why}`);
    }
    await Promise.race([this.#member!.handOver(appender), this.#failed.promise]);
    this.#journal.giveUp(new HandedOverError());
  }

  get #now(): number {
    return this.#options.timing.now();
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#failed.reject(error);
    if (error instanceof FencedError && error.fields !== undefined) {
      this.#epoch = error.fields;
      this.#heardAt = this.#now;
    }
    this.#member?.end();
    this.cluster.end();
    // Who closes it knows.
    if (!this.#ended.signal.aborted) this.#options.fail(error);
  }

  #noteRecord({ kind, body }: TakenRecord): void {
    if (kind === "void") return;
    this.#heardAt = this.#now;
    if (kind !== "epoch") return;
    this.#epoch = readJson<EpochFields>(body);
    this.cluster.noteChange();
  }

  #noteBounds(bounds: LogBounds, counted: number = this.#disk.room.counted): void {
    const before = this.#bounds?.leader;
    if (before !== undefined && bounds.leader !== undefined && bounds.leader !== before) {
      this.#reelections++;
    }
    this.#bounds = { ...bounds, leader: bounds.leader ?? before };
    this.#disk.room.note(bounds, counted);
  }

  #hear(text: string): void {
    const last = Math.max(this.#bounds?.last ?? 0, this.#member?.sequence ?? 0);
    if (this.#neighbours.hear(text, this.#now, last)) this.cluster.noteChange();
    this.#warn();
  }

  /** Tells the log once of each difference to another broker. */
  #warn(): void {
    const { notes, report } = this.#options;
    if (notes === undefined) return;
    const found = findDifferences(notes(), this.#neighbours.notes);
    for (const sentence of found) if (!this.#warned.has(sentence)) report("warning", sentence);
    // One that is mended and comes back is told again.
    this.#warned = new Set(found);
  }

  async #announceOften(): Promise<void> {
    const { leaseMs, timing, log } = this.#options;
    let lookAt = -Infinity;
    while (!this.#ended.signal.aborted) {
      this.#announce();
      if (this.#now >= lookAt) {
        lookAt = this.#now + leaseMs * LOOK_PART;
        const { counted } = this.#disk.room;
        // Not waited for: a log that does not answer keeps nobody from announcing.
        log.bounds().then((bounds) => this.#noteBounds(bounds, counted), () => {});
      }
      await timing.wait(leaseMs / 4, this.#ended.signal).catch(() => {});
    }
  }

  #announce(): void {
    const { id, address, version, log, notes } = this.#options;
    if (this.#ended.signal.aborted) return;
    log.announce(JSON.stringify({
      id,
      address,
      role: this.#isBegun && this.role === "active" ? "active" : "standby",
      version,
      recordVersion: RECORD_VERSION,
      sequence: this.#member?.sequence ?? 0,
      turn: this.#turn,
      ...notes?.(),
    }));
  }
}
