import { DescriptorShortageError, DiskFullError } from "../../journal/disk/disk.ts";
import type { Report } from "../../journal/recovery/recovery.ts";
import type { Chain, TakenRecord } from "../chain.ts";
import type { Log, LogBounds, LogFollowing } from "../log.ts";
import type { Silence } from "./silence.ts";
import type { Timing } from "../timing.ts";
import type { Replica } from "./replica.ts";

/** The pause before something is tried again for which there was no room, in milliseconds. */
const RETRY_MS = 500;

export interface StandbyOptions {
  readonly log: Log;
  readonly chain: Chain;
  readonly replica: Replica;
  readonly silence: Silence;
  readonly timing: Timing;
  readonly report: Report;
  /** Hears of each record that was read. */
  readonly noted: (taken: TakenRecord) => void;
  /** Hears what the log says. */
  readonly looked: (bounds: LogBounds) => void;
  /** Checks a log that ends before what was read. */
  readonly compare: (last: number) => Promise<void>;
}

/** The log has dropped records that were not read: what was read before is of no use any more. */
export class LogTrimmedError extends Error {
  override readonly name = "LogTrimmedError";

  constructor(next: number, first: number) {
    super(
      `Cannot follow the log from record ${next} on: it begins with ${first}; this broker begins anew from there`,
    );
  }
}

/** This broker is being closed. */
export class StandbyClosedError extends Error {
  override readonly name = "StandbyClosedError";

  constructor() {
    super("Cannot follow the log: the broker ends; a broker that was started again does");
  }
}

/** Follows the log, record by record, until the active broker has been silent for too long. */
export class Standby {
  readonly #options: StandbyOptions;
  #following: LogFollowing | undefined;
  #isFollowing = false;
  #failure: Error | undefined;
  /** Whether a record waits for room on the own disk. */
  #isStuck = false;
  #wake = new AbortController();

  constructor(options: StandbyOptions) {
    this.#options = options;
  }

  /** Follows until this broker is to take over; resolves to what the log has said then. */
  async follow(): Promise<LogBounds> {
    const { silence, timing } = this.#options;
    this.#begin();
    try {
      for (;;) {
        this.#requireSound();
        const ms = silence.dueAt - timing.now();
        if (ms > 0) {
          this.#wake = new AbortController();
          await timing.wait(ms, this.#wake.signal).catch(() => {});
          continue;
        }
        const bounds = await this.#look();
        this.#requireSound();
        if (bounds !== undefined && silence.isOver(timing.now())) return bounds;
      }
    } finally {
      this.#end();
    }
  }

  /** Ends following with an error. */
  stop(error: Error = new StandbyClosedError()): void {
    this.#failure ??= error;
    this.#end();
    this.#wake.abort();
  }

  #end(): void {
    this.#isFollowing = false;
    this.#following?.stop();
    this.#following = undefined;
  }

  #requireSound(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #look(): Promise<LogBounds | undefined> {
    const { log, silence, timing, chain, looked } = this.#options;
    try {
      const bounds = await log.bounds();
      looked(bounds);
      // Who has no room cannot take over, either.
      silence.noteAnswer(timing.now(), this.#isStuck || bounds.last > chain.sequence);
      return bounds;
    } catch {
      silence.noteFailure(timing.now());
      return undefined;
    }
  }

  #begin(from: number = this.#options.chain.sequence + 1): void {
    const { log, chain, compare } = this.#options;
    this.#isFollowing = true;
    this.#following = log.follow(from, {
      take: (sequence, bytes) => this.#take(sequence, bytes),
      trimmed: (first) => {
        // A broker that has read nothing yet may begin anywhere.
        if (chain.sequence === 0) this.#begin(first);
        else this.stop(new LogTrimmedError(from, first));
      },
      shorter: (last) => void compare(last).catch((error) => this.stop(error)),
    });
  }

  #take(sequence: number, bytes: Uint8Array): void {
    // What was on its way when following ended is read again.
    if (!this.#isFollowing || this.#failure !== undefined) return;
    const { chain, replica } = this.#options;
    try {
      const before = chain.point;
      const taken = chain.take(sequence, bytes);
      try {
        replica.take(sequence, taken, bytes, before);
      } catch (error) {
        if (!isShortage(error)) throw error;
        const kept = bytes.slice();
        const body = kept.subarray(bytes.length - taken.body.length);
        const again = () => replica.take(sequence, { ...taken, body }, kept, before);
        return void this.#tryAgain(again, error).then(() => this.#note(taken));
      }
      this.#note(taken);
    } catch (error) {
      this.stop(error as Error);
    }
  }

  #note(taken: TakenRecord): void {
    const { silence, timing, noted } = this.#options;
    if (taken.kind === "release") {
      silence.noteRelease(timing.now());
      this.#wake.abort();
    } else if (taken.kind !== "void") {
      silence.noteRecord(timing.now());
    }
    noted(taken);
  }

  /** Waits for room on the own disk; the log keeps what comes meanwhile. */
  async #tryAgain(again: () => void, cause: unknown): Promise<void> {
    const { timing, report } = this.#options;
    this.#isStuck = true;
    this.#end();
    report("warning", "there is no room for the records of the log: this broker falls behind", {
      error: cause,
    });
    while (this.#failure === undefined) {
      await timing.wait(RETRY_MS);
      try {
        again();
        break;
      } catch (error) {
        if (!isShortage(error)) this.stop(error as Error);
      }
    }
    this.#isStuck = false;
    if (this.#failure === undefined) this.#begin();
  }
}

function isShortage(error: unknown): boolean {
  return error instanceof DiskFullError || error instanceof DescriptorShortageError;
}
