import { Residency } from "../broker/backlog/residency.ts";
import { Broker } from "../broker/broker.ts";
import type { Engine } from "../broker/engine.ts";
import type { EventLog, LoggedState } from "../broker/event_log.ts";
import { ClockReader } from "../broker/rules/clock_reader.ts";
import type { Warn } from "../broker/rules/notices.ts";
import type { SnapshotPiece } from "../broker/state/snapshot.ts";
import { compilePattern } from "./pattern.ts";

/** While something is written, what time it is is written so often, in milliseconds. */
const NOTE_TIME_MS = 10_000;

export interface LocalEngineOptions {
  readonly log: EventLog;
  /** Tells a time that nobody sets, in milliseconds. */
  readonly now: () => number;
  /** Tells what the machine's clock says, if that is something else. */
  readonly dateNow?: (() => number) | undefined;
  /** Is told of a deadline that is earlier than `tick` has said. */
  readonly hasten?: ((at: number) => void) | undefined;
  /** How many bytes of messages may be in memory, if the log can read the others back. */
  readonly memoryLimit?: number;
  readonly report?: Warn | undefined;
  /** Does something soon, but not at once; as a microtask if nothing is said. */
  readonly schedule?: (work: () => void) => void;
}

/** The rules in this process, on any log: what is durable, and when, is left to it. */
export class LocalEngine extends Broker implements Engine, LoggedState {
  readonly name: string;
  readonly durability: string;
  readonly #log: EventLog;
  readonly #options: LocalEngineOptions;
  readonly #clockReader: ClockReader = new ClockReader(this.context);
  /** By so much the time of the rules, which goes on where an earlier broker has ended, is ahead. */
  #offsetMs = 0;
  /** Whether it may not append yet: it decides nothing. */
  #isReading = false;
  #isWoken = false;
  /** When it is written next what time it is, and what had been written when it was last. */
  #noteTimeAt = -Infinity;
  #notedCount = 0;

  constructor(options: LocalEngineOptions) {
    const { log, report, hasten, memoryLimit: bytesMax = Infinity } = options;
    super({
      log,
      report,
      compilePattern,
      residency: new Residency({ bytesMax, pager: log.pager }),
      now: () => this.now,
      wake: () => this.#wake(),
      hasten: (at) => hasten?.(at - this.#offsetMs),
    });
    this.name = log.name;
    this.durability = log.durability;
    this.#log = log;
    this.#options = options;
  }

  static async open(options: LocalEngineOptions): Promise<LocalEngine> {
    const engine = new LocalEngine(options);
    await engine.open();
    return engine;
  }

  /**
   * Reads the log, and begins to serve when it may be appended to. Until then nothing but what is in
   * the log becomes true here.
   */
  async open(): Promise<void> {
    this.#isReading = true;
    this.state.beginRestoration();
    this.begin(await this.#log.open(this));
    this.#isReading = false;
    this.#continueTime();
    this.state.finishRestoration(this.now);
  }

  get now(): number {
    return this.#options.now() + this.#offsetMs;
  }

  /** How many bytes of memory are taken up by what is known of failures. */
  get bookedBytes(): number {
    return this.context.bookedBytes;
  }

  restorePiece(piece: SnapshotPiece): void {
    this.state.restorePiece(piece);
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

  override tick(now: number): number {
    if (this.#isReading) return Infinity;
    this.#readClock();
    return super.tick(now + this.#offsetMs) - this.#offsetMs;
  }

  tend(now: number): number {
    if (this.#isReading) return this.#log.tend(now);
    // So that the next start goes on from there, if anything was written since.
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
    return this.#log.close();
  }

  get #date(): number {
    const { now, dateNow = now } = this.#options;
    return dateNow();
  }

  /** Has the time of the rules go on where it was, after everything was made again. */
  #continueTime(): void {
    this.#offsetMs = this.state.continueTime(this.#date) - this.#options.now();
  }

  /** Looks whether the machine's clock was set; `isNoted` if what it says is written in any case. */
  #readClock(isNoted = false): void {
    this.#clockReader.read(this.now, this.#date, isNoted);
  }

  /** Dispatches once for all that happens until then. */
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
