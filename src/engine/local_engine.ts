import { type BackupInfo, BrokerError } from "../../protocol.ts";
import { Residency } from "../broker/backlog/residency.ts";
import { Broker } from "../broker/broker.ts";
import type { HashKey } from "../broker/collections/keyed_hash.ts";
import type { ClusterSeat, Engine, EngineCounters } from "../broker/engine.ts";
import type { BackupSource, EventLog, LoggedState } from "../broker/event_log.ts";
import { ClockReader } from "../broker/rules/clock_reader.ts";
import type { Warn } from "../broker/rules/notices.ts";
import type { PieceHead } from "../broker/events/piece_head.ts";
import type { SnapshotPiece } from "../broker/state/snapshot.ts";
import { CronerReader } from "./cron.ts";
import { compilePattern } from "./pattern.ts";

/** The interval at which the time is written while events are written, in milliseconds. */
const NOTE_TIME_MS = 10_000;

export interface LocalEngineOptions {
  readonly log: EventLog;
  /** Returns a monotonic time, in milliseconds. */
  readonly now: () => number;
  /** Returns the machine's clock, if that is another one. */
  readonly dateNow?: (() => number) | undefined;
  /** Hears of a deadline that is earlier than `tick` returned. */
  readonly hasten?: ((at: number) => void) | undefined;
  /** The most bytes of messages in memory, if the log can read others back. */
  readonly memoryLimit?: number;
  readonly report?: Warn | undefined;
  /** Hears how many messages of the log are ready again, of all; the engine waits for what it returns. */
  readonly noteReady?: ((messages: number, of: number) => Promise<void> | undefined) | undefined;
  /** The secret key of hashes: random where clients are not trusted; fixed by default. */
  readonly hashKey?: HashKey | undefined;
  /** Does something soon, but not at once; by default as a microtask. */
  readonly schedule?: (work: () => void) => void;
}

/** The rules in this process, on any log; the log decides what is durable, and when. */
export class LocalEngine extends Broker implements Engine, LoggedState {
  readonly name: string;
  readonly durability: string;
  readonly cluster: ClusterSeat | undefined;
  readonly #log: EventLog;
  readonly #options: LocalEngineOptions;
  readonly #clockReader: ClockReader = new ClockReader(this.context);
  /** How far the time of the rules, which continues that of an earlier broker, is ahead of `now`. */
  #offsetMs = 0;
  /** Whether it may not append yet: it decides nothing. */
  #isReading = false;
  #isWoken = false;
  /** When the time is written next, and the number of events at the last time. */
  #noteTimeAt = -Infinity;
  #notedCount = 0;

  constructor(options: LocalEngineOptions) {
    const { log, report, hasten, hashKey, memoryLimit: bytesMax = Infinity } = options;
    super({
      log,
      report,
      hashKey,
      compilePattern,
      cron: new CronerReader(),
      residency: new Residency({ bytesMax, pager: log.pager }),
      now: () => this.now,
      wake: () => this.#wake(),
      hasten: (at) => hasten?.(at - this.#offsetMs),
    });
    this.name = log.name;
    this.durability = log.durability;
    this.cluster = log.cluster;
    // What became ready while this broker might not deliver.
    log.cluster?.watch(() => log.cluster!.isServing && this.#wake());
    this.#log = log;
    this.#options = options;
  }

  static async open(options: LocalEngineOptions): Promise<LocalEngine> {
    const engine = new LocalEngine(options);
    await engine.open();
    return engine;
  }

  /**
   * Reads the log, and begins to serve with the right to append. Until then only events of the log are
   * applied.
   */
  async open(): Promise<void> {
    this.#isReading = true;
    this.state.beginRestoration();
    const appender = await this.#log.open(this);
    const prepared = this.schedules.prepare();
    if (prepared !== undefined) await prepared;
    this.begin(appender);
    this.#continueTime();
    await this.#finishRestoration();
    this.#isReading = false;
    this.schedules.begin();
    this.deadLetters.noteRecovered();
    this.coalescing.noteRecovered();
    void this.removal.keepLimits();
    if (this.cluster === undefined) return;
    this.#log.begun?.();
    // What is due was not looked after meanwhile.
    this.#options.hasten?.(this.#options.now());
  }

  get now(): number {
    return this.#options.now() + this.#offsetMs;
  }

  get counters(): EngineCounters {
    return this.context.counters;
  }

  /** How many streams there are. */
  get streamCount(): number {
    return this.state.router.streamCount;
  }

  /** The bytes of memory that notes about failures take. */
  get bookedBytes(): number {
    return this.context.bookedBytes;
  }

  noteTime(at: number): void {
    this.state.noteTime(at);
  }

  restorePiece(piece: SnapshotPiece): void {
    this.state.restorePiece(piece);
  }

  passPiece(head: PieceHead): boolean {
    return this.state.passPiece(head);
  }

  skipIds(stream: number, nextId: number): void {
    this.state.skipIds(stream, nextId);
  }

  takeSnapshot(): Iterable<SnapshotPiece> {
    if (this.#isReading) this.#continueTime();
    return this.state.takeSnapshot(this.now);
  }

  whenDurable(): Promise<void> | void {
    return this.context.whenDurable();
  }

  async openBackup(): Promise<BackupInfo> {
    const info = await this.#backups.open();
    return { ...info, at: Math.floor(this.#date) };
  }

  async readBackup(backup: number, file: string, offset: number): Promise<Uint8Array> {
    return await this.#backups.read(backup, file, offset);
  }

  closeBackup(backup: number): boolean {
    return this.#log.backups?.close(backup) ?? false;
  }

  override dispatch(): void {
    if (this.cluster === undefined || this.cluster.isServing) super.dispatch();
  }

  override tick(now: number): number {
    if (this.#isReading) return Infinity;
    this.#readClock();
    return super.tick(now + this.#offsetMs) - this.#offsetMs;
  }

  tend(now: number): number {
    if (this.#isReading) return this.#log.tend(now);
    // The next start continues from this time, if events were written since.
    const isNoted = now >= this.#noteTimeAt && this.context.log.eventCount !== this.#notedCount;
    this.#readClock(isNoted);
    if (now >= this.#noteTimeAt) {
      this.#noteTimeAt = now + NOTE_TIME_MS;
      this.#notedCount = this.context.log.eventCount;
    }
    return this.#log.tend(now);
  }

  close(): Promise<void> {
    if (!this.#isReading) this.#readClock(true);
    this.context.notices.end();
    return this.#log.close();
  }

  get #backups(): BackupSource {
    if (this.#log.backups !== undefined) return this.#log.backups;
    throw new BrokerError(
      "BAD_REQUEST",
      `Cannot back up the broker: its engine "${this.name}" keeps nothing on a disk; ` +
        "storage.engine: journal does, and export works with every engine",
    );
  }

  get #date(): number {
    const { now, dateNow = now } = this.#options;
    return dateNow();
  }

  /** Continues the time of the rules after recovery. */
  #continueTime(): void {
    this.#offsetMs = this.state.continueTime(this.#date) - this.#options.now();
  }

  /**
   * Makes the streams ready, in turns. A broker of a cluster does it in one: others know it as the owner of the
   * log already, and clients come.
   */
  async #finishRestoration(): Promise<void> {
    const { noteReady } = this.#options;
    if (noteReady === undefined || this.cluster !== undefined) {
      return this.state.finishRestoration(this.now);
    }
    let [count, total] = [0, 0];
    for (const { backlog } of this.state.router.streams) total += backlog.count;
    for (const step of this.state.finishRestorationInSteps(this.now)) {
      count += step;
      const turn = noteReady(count, total);
      if (turn !== undefined) await turn;
    }
  }

  /** Checks whether the machine's clock was set; `isNoted` if the time is written in any case. */
  #readClock(isNoted = false): void {
    this.#clockReader.read(this.now, this.#date, isNoted);
  }

  /** Dispatches once for all events until then. */
  #wake(): void {
    if (this.#isWoken) return;
    this.#isWoken = true;
    const { schedule = queueMicrotask } = this.#options;
    schedule(() => {
      this.#isWoken = false;
      this.dispatch();
    });
  }
}
