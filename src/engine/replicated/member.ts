import { BrokerError } from "../../../protocol.ts";
import type { Appender } from "../../broker/event_log.ts";
import type { Disk } from "../journal/disk/disk.ts";
import type { OpeningJournal } from "../journal/journal_source.ts";
import type { Report } from "../journal/recovery/recovery.ts";
import type { OpenSegment } from "../journal/segments/segment_list.ts";
import { Chain, type ChainPoint, LogDamageError, type TakenRecord } from "./chain.ts";
import { compareRecord, repairLog } from "./following/log_repair.ts";
import { readHeadOf } from "./following/own_files.ts";
import type { RecordIndex } from "./following/record_index.ts";
import { Replica } from "./following/replica.ts";
import { restart } from "./following/restart.ts";
import { Silence } from "./following/silence.ts";
import { Standby } from "./following/standby.ts";
import { VoidRecords } from "./following/void_records.ts";
import { Lease } from "./lease.ts";
import { type Log, type LogBounds, RefusedError } from "./log.ts";
import { RECORD_HEAD_BYTES, RECORD_TYPES, RECORD_VERSION } from "./record.ts";
import { Reign } from "./reign.ts";
import type { ReplicatedDisk } from "./replicated_disk.ts";
import type { Timing } from "./timing.ts";
import { Window } from "./window.ts";

/** The pause before the log is asked again, in milliseconds. */
const RETRY_MS = 100;

/** The part of the lease's time in which each of the others announces itself, and a little. */
const LISTEN_PART = 3 / 8;

export interface MemberOptions {
  readonly log: Log;
  readonly local: Disk;
  readonly disk: ReplicatedDisk;
  readonly index: RecordIndex;
  readonly parts: OpeningJournal;
  /** The cluster's name. */
  readonly name: string;
  readonly id: string;
  readonly address: string;
  readonly version: string;
  readonly leaseMs: number;
  readonly pipeline: number;
  readonly newJournalId?: number | undefined;
  readonly timing: Timing;
  readonly random: () => number;
  readonly report: Report;
  /** How long a broker without records listens for others before it begins an empty log. */
  readonly listenMs?: number;
  /** This broker's place among the standbys. */
  readonly rank: () => number;
  /** Another broker that has records of the log. */
  readonly findReader: () => string | undefined;
  /** Hears of each record that was read or appended. */
  readonly noted: (taken: TakenRecord) => void;
  readonly looked: (bounds: LogBounds, counted?: number) => void;
  readonly changed: () => void;
  readonly fail: (error: unknown) => void;
}

/** A broker at its log: it follows as a standby, takes over, and is the active one from then on. */
export class Member {
  readonly #options: MemberOptions;
  readonly #replica: Replica;
  readonly #closed = new AbortController();
  #chain = new Chain();
  /** The point before the next record. */
  #before: ChainPoint = this.#chain.point;
  /** The last record of the own files, while they are read. */
  #stored = 0;
  #standby: Standby | undefined;
  #hasToldOfImport = false;
  #hasToldOfReader = false;
  /** The end that the log had when it was last found to be shorter. */
  #toldOfLoss = -1;
  #reign: Reign | undefined;

  constructor(options: MemberOptions) {
    this.#options = options;
    const { parts: { state, begin }, local: disk, index } = options;
    const noteTime = (at: number) => state.noteTime(at);
    this.#replica = new Replica({ disk, index, state, begin, noteTime });
  }

  /** The last record that was read or appended; before the own files are read, the last one of those. */
  get sequence(): number {
    return Math.max(this.#chain.sequence, this.#stored);
  }

  get epoch(): number {
    return this.#chain.point.epoch;
  }

  /** The position before which everything is complete. */
  get position(): number {
    return this.#replica.position;
  }

  /** Set from the takeover on. */
  get reign(): Reign | undefined {
    return this.#reign;
  }

  /** Follows the log until this broker takes over; then begins a segment. */
  async open(): Promise<OpenSegment> {
    const isFree = await this.#restart();
    const { log, timing, leaseMs, random, rank, report, noted, looked } = this.#options;
    const voids = new VoidRecords({ log, timing, signal: this.#closed.signal, report });
    const silence = new Silence(leaseMs, timing.now(), random);
    if (isFree) silence.noteRelease(timing.now());
    this.#standby = new Standby({
      log,
      chain: this.#chain,
      replica: this.#replica,
      silence,
      timing,
      report,
      noted,
      looked: (bounds) => {
        silence.rank = rank();
        looked(bounds);
      },
      compare: (last) => this.#compare(last),
    });
    if (this.#closed.signal.aborted) this.#standby.stop();
    for (;;) {
      const bounds = await this.#standby.follow();
      if (this.#replica.isImporting) await this.#waitForImport();
      else if (this.#belongsToOthers(bounds)) await this.#waitForOthers();
      else if (bounds.last < this.sequence) await this.#repair(bounds.last);
      else if (await voids.require(this.#chain) && await this.#takeOver()) break;
    }
    const segments = this.#replica.begin(this.#chain.point.journalId);
    const { position } = this.#replica;
    this.#replica.close();
    return await segments.begin(position);
  }

  /** Ends following. */
  stop(): void {
    this.#closed.abort();
    this.#standby?.stop();
  }

  /** Ends everything: what is not in the log never will be. */
  end(): void {
    this.stop();
    this.#reign?.end();
  }

  /** Lets go, as the last thing that this broker appends. */
  async release(): Promise<void> {
    await this.#reign?.release().catch(() => {});
  }

  /** Lets go, and waits until another broker has taken over. */
  async handOver(appender: Appender): Promise<void> {
    const { log, leaseMs, timing, report, noted, fail } = this.#options;
    const reign = this.#reign!;
    await this.#letGo(reign, appender);
    const { epoch, sequence } = this.#chain.point;
    const taken = new AbortController();
    const following = log.follow(sequence + 1, {
      take: (_, bytes) => {
        const head = readHeadOf(bytes);
        if (head?.type !== RECORD_TYPES.epoch || head.epoch <= epoch) return;
        // Clients are told where it is.
        noted({ kind: "epoch", head, body: bytes.subarray(RECORD_HEAD_BYTES) });
        taken.abort();
      },
      trimmed: () => taken.abort(),
      shorter: () => {},
    });
    await timing.wait(leaseMs, taken.signal).catch(() => {});
    following.stop();
    if (taken.signal.aborted) return;
    report("warning", "nobody has taken over: this broker goes on as the active one");
    await reign.resume().catch((error: unknown) => {
      // Another one had taken over after all, unheard: nothing else is appended that would tell.
      fail(error);
      throw error;
    });
    throw new BrokerError(
      "BAD_REQUEST",
      `Cannot hand over: no other broker has taken over within ${leaseMs} ms; this one goes on`,
    );
  }

  /** Has the log say that this broker lets go, behind all that was decided; not if the log does not take it. */
  async #letGo(reign: Reign, appender: Appender): Promise<void> {
    const { leaseMs, timing, fail } = this.#options;
    const released = Promise.withResolvers<void>();
    const over = new AbortController();
    const begin = () => reign.release().then(released.resolve, released.reject);
    appender.whenDurable(() => void (over.signal.aborted || begin()));
    const late = timing.wait(leaseMs, over.signal).then(() => "late" as const);
    const outcome = await Promise.race([released.promise, late]).catch((error: unknown) => error);
    over.abort();
    if (outcome === undefined) return;
    if (outcome !== "late" && !(outcome instanceof RefusedError)) {
      // Nothing else may be appended any more that would hear of it.
      fail(outcome);
      throw outcome;
    }
    released.promise.catch(() => {});
    void reign.resume().catch(fail);
    const why = outcome === "late" ? `has not answered within ${leaseMs} ms` : "has no room";
    throw new BrokerError(
      "BAD_REQUEST",
      `Cannot hand over: the log ${why}; this broker goes on, and can be asked again`,
    );
  }

  /** Goes on where the own files end; resolves to whether nobody is active, as far as is known. */
  async #restart(): Promise<boolean> {
    const { local: disk, timing, leaseMs, findReader } = this.#options;
    const { chain, isFree, isNew } = await restart({
      ...this.#options,
      disk,
      replica: this.#replica,
      signal: this.#closed.signal,
      found: (sequence) => this.#stored = sequence,
    });
    this.#stored = 0;
    this.#chain = chain;
    this.#before = chain.point;
    if (!isNew) return isFree;
    // Others may have what an empty log has lost.
    const { listenMs = leaseMs * LISTEN_PART } = this.#options;
    await timing.wait(listenMs, this.#closed.signal).catch(() => {});
    return findReader() === undefined;
  }

  async #compare(last: number): Promise<void> {
    try {
      if (last > 0) await compareRecord(this.#options, last);
    } catch (error) {
      if (error instanceof LogDamageError) throw error;
    }
  }

  /** Whether the log has lost everything, and another broker has it: that one gives it back. */
  #belongsToOthers({ last }: LogBounds): boolean {
    return last === 0 && this.sequence === 0 && this.#options.findReader() !== undefined;
  }

  async #waitForOthers(): Promise<void> {
    const { leaseMs, timing, report, findReader } = this.#options;
    if (!this.#hasToldOfReader) {
      report("warning", "the log is empty, and another broker has records of it: this one waits", {
        broker: findReader(),
      });
    }
    this.#hasToldOfReader = true;
    await timing.wait(leaseMs / 2, this.#closed.signal).catch(() => {});
  }

  async #waitForImport(): Promise<void> {
    const { leaseMs, timing, report } = this.#options;
    if (!this.#hasToldOfImport) report("warning", "the import of a journal has not been finished");
    this.#hasToldOfImport = true;
    await timing.wait(leaseMs / 2, this.#closed.signal).catch(() => {});
  }

  /** Gives the log the records back that it has lost. */
  async #repair(last: number): Promise<void> {
    const { log, local: disk, index, report, timing } = this.#options;
    const until = this.sequence;
    // A node that does not know that it leads no more may say so again and again.
    if (this.#toldOfLoss !== until) {
      report("warning", "the log has lost records: this broker appends them again", {
        from: last + 1,
        to: until,
      });
    }
    this.#toldOfLoss = until;
    const isDone = await repairLog({ log, disk, index }, { last, until }).catch((error) => {
      if (error instanceof LogDamageError) throw error;
      return false;
    });
    if (!isDone) await timing.wait(RETRY_MS, this.#closed.signal).catch(() => {});
  }

  /** Takes over, unless somebody else has been first. */
  async #takeOver(): Promise<boolean> {
    const { log, timing, leaseMs, pipeline, random, newJournalId } = this.#options;
    const lease = new Lease(leaseMs, timing.now());
    // A machine may sleep while it takes over, too.
    if (timing.dateNow !== undefined) lease.noteDate(timing.now(), timing.dateNow());
    const window = new Window({
      log,
      chain: this.#chain,
      pipeline,
      timing,
      lease,
      counted: (sequence, taken, bytes) => this.#count(sequence, taken, bytes),
      repair: (last) => this.#repair(last),
    });
    this.#before = this.#chain.point;
    const { epoch, journalId, log: known } = this.#chain.point;
    const owner = Math.floor(random() * Number.MAX_SAFE_INTEGER);
    const newId = newJournalId ?? Math.floor(random() * 2 ** 32);
    const logId = known ?? `${owner.toString(36)}${newId.toString(36)}`;
    this.#closed.signal.addEventListener("abort", () => window.close());
    try {
      await window.takeOver(owner, epoch === 0 ? newId : journalId, this.#describeEpoch(logId));
    } catch (error) {
      window.close();
      if (!(error instanceof RefusedError)) throw error;
      if (error.why === "full") await timing.wait(RETRY_MS, this.#closed.signal).catch(() => {});
      return false;
    }
    this.#beginReign({ window, lease, logId });
    return true;
  }

  #beginReign(
    { window, lease, logId }: {
      readonly window: Window;
      readonly lease: Lease;
      readonly logId: string;
    },
  ): void {
    const { log, timing, leaseMs, parts: { state }, changed, looked, fail, disk } = this.#options;
    this.#reign = new Reign({
      log,
      window,
      room: disk.room,
      lease,
      timing,
      leaseMs,
      logId,
      now: () => state.now,
      changed,
      looked,
      fail,
    });
    disk.begin(this.#reign);
    // What was trimmed, and what the log has not removed yet.
    const { firstSequence } = this.#options.index;
    if (firstSequence !== undefined) void this.#reign.trim(firstSequence);
  }

  #describeEpoch(log: string) {
    const { id, address, version, leaseMs, parts: { state } } = this.#options;
    return {
      log,
      id,
      address,
      version,
      recordVersion: RECORD_VERSION,
      leaseMs,
      at: state.now,
      position: this.#replica.position,
    };
  }

  /** Keeps a record that this broker has appended, or found behind its own. */
  #count(sequence: number, taken: TakenRecord, bytes: Uint8Array): void {
    const { index, noted } = this.#options;
    const before = this.#before;
    this.#before = this.#chain.point;
    if (taken.kind === "epoch") this.#replica.take(sequence, taken, bytes, before);
    else {
      index.prepare(taken, before);
      index.note(sequence, taken, bytes);
    }
    noted(taken);
    this.#reign?.noteCounted();
  }
}
