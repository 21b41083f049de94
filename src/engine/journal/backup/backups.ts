import { type BackupInfo, BrokerError } from "../../../../protocol.ts";
import type { BackupSource } from "../../../broker/event_log.ts";
import type { Disk } from "../disk/disk.ts";
import type { Report } from "../recovery/recovery.ts";
import type { SegmentList } from "../segments/segment_list.ts";
import { OpenBackup } from "./open_backup.ts";

/** The most backups that are open at a time. */
const BACKUPS_MAX = 4;

/** A backup of which nothing was read for so long is given up, in milliseconds. */
const IDLE_MS = 60_000;

/** A backup is given up after so long in any case, in milliseconds: 12 hours. */
const TOTAL_MS = 12 * 60 * 60 * 1000;

export interface BackupsOptions {
  readonly disk: Disk;
  readonly journalId: number;
  readonly segments: Pick<SegmentList, "all">;
  /** Calls `done` with a position before which everything counts; `undefined` if nothing ever will any more. */
  readonly prove: (done: (position: number | undefined) => void) => void;
  /** Tells the time, in milliseconds; the same as `tend` is given. */
  readonly now: () => number;
  readonly report: Report;
}

interface TimedBackup {
  readonly backup: OpenBackup;
  readonly openedAt: number;
  usedAt: number;
}

/**
 * The open backups of a journal. Each fixes a position; the segments before it are not removed until they
 * are read. A backup that nobody reads pins nothing for long: it ends after a minute, and at once if the disk is
 * full and it keeps a segment that nothing else needs.
 */
export class Backups implements BackupSource {
  readonly #options: BackupsOptions;
  /** By number. */
  readonly #open = new Map<number, TimedBackup>();
  #openingCount = 0;
  #isOver = false;

  constructor(options: BackupsOptions) {
    this.#options = options;
  }

  async open(): Promise<Omit<BackupInfo, "at">> {
    if (this.#open.size + this.#openingCount >= BACKUPS_MAX) {
      throw new BrokerError(
        "BAD_REQUEST",
        `Cannot begin a backup: ${BACKUPS_MAX} are open, which is the limit; one that nobody reads ends ` +
          `after ${IDLE_MS / 1000} seconds`,
      );
    }
    if (this.#isOver) throw explainEnd();
    this.#openingCount++;
    try {
      return await new Promise((resolve, reject) => {
        // At once: before the next event the segments are those of the position.
        this.#options.prove((position) => {
          if (this.#isOver || position === undefined) reject(explainEnd());
          else resolve(this.#begin(position));
        });
      });
    } finally {
      this.#openingCount--;
    }
  }

  async read(number: number, file: string, offset: number): Promise<Uint8Array> {
    const timed = this.#open.get(number);
    if (timed === undefined) {
      throw new BrokerError(
        "BAD_REQUEST",
        `Cannot read backup ${number}: it is over, or was never open; begin another one`,
      );
    }
    timed.usedAt = this.#options.now();
    return await timed.backup.read(file, offset);
  }

  close(number: number): boolean {
    this.#open.get(number)?.backup.close();
    return this.#open.delete(number);
  }

  /** Gives up backups that nobody reads, or that are in the way; returns when to call it again. */
  tend(now: number, isFull: boolean): number {
    let next = Infinity;
    for (const [number, { backup, openedAt, usedAt }] of this.#open) {
      const endsAt = Math.min(usedAt + IDLE_MS, openedAt + TOTAL_MS);
      if (isFull && backup.keepsWaste) this.#giveUp(number, "the disk is full");
      else if (now >= endsAt) this.#giveUp(number, "nobody reads it, or it took too long");
      else next = Math.min(next, endsAt);
    }
    return next;
  }

  /** Ends all: the journal is being closed. */
  end(): void {
    this.#isOver = true;
    for (const number of this.#open.keys()) this.close(number);
  }

  #begin(position: number): Omit<BackupInfo, "at"> {
    const { disk, journalId, segments, now } = this.#options;
    const number = this.#chooseNumber();
    const backup = new OpenBackup({ disk, number, journalId, segments: segments.all, position });
    this.#open.set(number, { backup, openedAt: now(), usedAt: now() });
    return backup.info;
  }

  /** A random number: after a restart of the broker, nobody must read another one's backup as his own. */
  #chooseNumber(): number {
    for (;;) {
      const [number = 0] = crypto.getRandomValues(new Uint32Array(1));
      if (number !== 0 && !this.#open.has(number)) return number;
    }
  }

  #giveUp(number: number, why: string): void {
    this.close(number);
    this.#options.report("warning", "a backup was given up", { why });
  }
}

function explainEnd(): BrokerError {
  return new BrokerError("SHUTTING_DOWN", "Cannot begin a backup: the broker ends");
}
