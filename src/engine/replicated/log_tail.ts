import { FencedError, LogDamageError } from "./chain.ts";
import type { Lease } from "./lease.ts";
import { LeaderlessError, type Log, RefusedError } from "./log.ts";
import type { Timing } from "./timing.ts";

/** The pause before something is tried again: the first one, and the longest. */
const PAUSE_MS_MIN = 5;
const PAUSE_MS_MAX = 250;

interface LogTailOptions {
  readonly log: Log;
  readonly timing: Timing;
  readonly lease: Lease;
  /** See {@linkcode WindowOptions.repair}. */
  repair?(last: number): Promise<void>;
}

/**
 * The end of the log, for a broker whose append is in doubt: what is there, and what is not. The log may
 * not answer, or answer what is old; it is asked until it is known, with pauses.
 */
export class LogTail {
  readonly #options: LogTailOptions;
  readonly #ended = new AbortController();
  #failure: Error | undefined;
  #pauseMs = 0;

  constructor(options: LogTailOptions) {
    this.#options = options;
  }

  /** What is at a sequence: nothing, perhaps by an old answer, or "unknown" if there was no answer. */
  read(sequence: number): Promise<Uint8Array | undefined | "unknown"> {
    return this.#options.log.read(sequence).catch((error) => {
      this.noteError(error);
      return "unknown" as const;
    });
  }

  /**
   * Looks why a record behind the tail was refused, though nothing is there. A log that ends before the tail is
   * repaired. Resolves to whether the log answered.
   *
   * @throws {FencedError} If somebody else has trimmed what was there.
   */
  async compare(tail: number): Promise<boolean> {
    try {
      const { first, last } = await this.#options.log.bounds();
      if (this.#failure !== undefined) return false;
      // The active broker trims nothing that it has not read.
      if (first > tail + 1) throw new FencedError(undefined);
      if (last < tail) await this.#repair(last, tail);
      return true;
    } catch (error) {
      if (error instanceof FencedError || error instanceof LogDamageError) throw error;
      this.noteError(error);
      return false;
    }
  }

  async #repair(last: number, tail: number): Promise<void> {
    if (this.#options.repair === undefined) {
      throw new LogDamageError(last + 1, `the log ends before it, where it had ${tail} records`);
    }
    await this.#options.repair(last);
  }

  /**
   * Appends an epoch record behind the tail; resolves to when it was sent, at the latest. Rejects with a
   * {@linkcode RefusedError} once it is certain that it is not there, and will not be.
   */
  async appendEpoch(tail: number, bytes: Uint8Array): Promise<number> {
    const { log, timing } = this.#options;
    const firstSentAt = timing.now();
    for (let isDoubtful = false;; await this.pause()) {
      this.#requireOpen();
      const sentAt = timing.now();
      const answer = await log.append(tail, bytes).catch((error: unknown) => this.noteError(error));
      this.#requireOpen();
      if (answer === tail + 1) return sentAt;
      const refusal = answer instanceof RefusedError ? answer : undefined;
      isDoubtful ||= refusal === undefined;
      // Each attempt was refused: nothing is in doubt.
      if (!isDoubtful && isFinal(refusal!, tail)) throw refusal;
      const found = await this.read(tail + 1);
      this.#requireOpen();
      if (found instanceof Uint8Array) {
        if (isSame(found, bytes)) return firstSentAt;
        throw refusal ?? refuse(tail);
      }
      if (refusal?.why === "sequence") await this.#compareEarly(tail);
    }
  }

  /** As {@linkcode compare}, for a broker that is not active: nothing was taken from it. */
  async #compareEarly(tail: number): Promise<void> {
    try {
      await this.compare(tail);
    } catch (error) {
      throw error instanceof FencedError ? refuse(tail) : error;
    }
  }

  /** Waits before the next try: longer each time, until something was new. */
  async pause(): Promise<void> {
    this.#pauseMs = Math.min(Math.max(PAUSE_MS_MIN, this.#pauseMs * 2), PAUSE_MS_MAX);
    await this.#options.timing.wait(this.#pauseMs, this.#ended.signal);
  }

  /** Notes an error of the log, and returns it: clients stay while nobody leads the log. */
  noteError(error: unknown): unknown {
    const { lease, timing } = this.#options;
    if (error instanceof LeaderlessError) lease.noteLeaderless(timing.now());
    return error;
  }

  /** Notes that something is known again. */
  noteProgress(): void {
    this.#pauseMs = 0;
  }

  /** Nobody waits any more. */
  end(failure: Error): void {
    this.#failure = failure;
    this.#ended.abort();
  }

  #requireOpen(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** Whether other records are behind the tail, or there is no room; else the log may be shorter. */
function isFinal({ why, last = 0 }: RefusedError, tail: number): boolean {
  return why === "full" || last > tail;
}

function refuse(tail: number): RefusedError {
  return new RefusedError(
    `Cannot take over: record ${tail + 1} of the log is another one; it has to be read first`,
    "sequence",
  );
}

/** Whether two records are the same, byte for byte. */
export function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
