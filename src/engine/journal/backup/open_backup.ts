import { BrokerError } from "../../../../protocol.ts";
import {
  BACKUP_PIECE_BYTES_MAX,
  type BackupFile,
  type BackupInfo,
} from "../../../protocol/answers/backup_frame.ts";
import type { Disk, DiskFile } from "../disk/disk.ts";
import { CLOSED_NAME } from "../segments/directory.ts";
import { encodeClosedMark } from "../segments/closed_mark.ts";
import { FORMAT_VERSION } from "../segments/format.ts";
import type { SegmentFile } from "../segments/segment_file.ts";

export interface OpenBackupOptions {
  readonly disk: Disk;
  readonly number: number;
  readonly journalId: number;
  /** The segments of the journal, oldest first. */
  readonly segments: readonly SegmentFile[];
  /** Where it ends; everything before is flushed. */
  readonly position: number;
}

/** A segment of a backup, and how much of it belongs there. */
interface HeldSegment extends BackupFile {
  readonly segment: SegmentFile;
}

/**
 * The journal up to a position, as files. Bytes before that position never change, so nothing is copied:
 * the segments are only kept from being removed until they are read.
 *
 * The first file is the mark of an orderly stop, with the position. A journal that is restored from these
 * files was proven to its end: if something is missing there, that is damage and no torn write. No broker
 * starts on a copy that has the mark and only some of the segments.
 */
export class OpenBackup {
  readonly info: Omit<BackupInfo, "at">;
  readonly #disk: Disk;
  readonly #held: readonly HeldSegment[];
  readonly #mark: Uint8Array;
  /** The index of the first segment that is still held. */
  #first = 0;
  #file: { readonly name: string; readonly file: DiskFile } | undefined;
  /** The reading under way: one at a time, so that a backup takes one thread at most. */
  #turn: Promise<unknown> = Promise.resolve();
  #isOver = false;

  constructor({ disk, number, journalId, segments, position }: OpenBackupOptions) {
    this.#disk = disk;
    this.#held = segments.filter(({ base }) => base < position).map((segment) => {
      const bytes = Math.min(segment.size, position - segment.base);
      return { name: segment.name, bytes, segment };
    });
    for (const { segment } of this.#held) segment.holdCount++;
    this.#mark = encodeClosedMark({ position, journalId });
    const last = this.#held.at(-1)!;
    this.info = {
      backup: number,
      formatVersion: FORMAT_VERSION,
      journalId,
      segment: last.name,
      offset: last.bytes,
      position,
      files: [
        { name: CLOSED_NAME, bytes: this.#mark.length },
        ...this.#held.map(({ name, bytes }) => ({ name, bytes })),
      ],
    };
  }

  /** Whether a segment is on the disk for its sake alone, or may be for that of others like it. */
  get keepsWaste(): boolean {
    return this.#held[this.#first]?.segment.isWaste ?? false;
  }

  /** Reads some bytes; files before are given up. */
  read(name: string, offset: number): Promise<Uint8Array> {
    const result = this.#turn.then(() => this.#read(name, offset));
    this.#turn = result.catch(() => {});
    return result;
  }

  /** Gives up everything that is held. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#giveUp(this.#held.length);
    this.#closeFile();
  }

  async #read(name: string, offset: number): Promise<Uint8Array> {
    const index = this.info.files.findIndex((file) => file.name === name);
    const found = this.info.files[index];
    if (this.#isOver) throw refuse(name, "the backup is over; begin another one");
    if (found === undefined) throw refuse(name, "the backup has no such file");
    if (offset > found.bytes) throw refuse(name, `found offset ${offset}, allowed ${found.bytes}`);
    if (name === CLOSED_NAME) return this.#mark.slice(offset);
    // The mark comes before the segments.
    if (index - 1 < this.#first) throw refuse(name, "a later file was read, so it is given up");
    this.#giveUp(index - 1);
    const length = Math.min(BACKUP_PIECE_BYTES_MAX, found.bytes - offset);
    const bytes = new Uint8Array(length);
    try {
      const count = await this.#open(name).readLater(bytes, offset);
      if (count === length) return bytes;
    } catch (cause) {
      if (this.#isOver) throw refuse(name, "the backup is over; begin another one");
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new BrokerError("STREAM_DAMAGED", `Cannot read ${name} for a backup: ${why}`, {
        cause,
      });
    }
    const end = offset + length;
    throw new BrokerError(
      "STREAM_DAMAGED",
      `Cannot read ${name} for a backup: it ends before offset ${end}; "verify" tells more`,
    );
  }

  /** A handle of its own: the journal writes with another one meanwhile. */
  #open(name: string): DiskFile {
    if (this.#file?.name !== name) {
      this.#closeFile();
      this.#file = { name, file: this.#disk.open(name) };
    }
    return this.#file.file;
  }

  #closeFile(): void {
    this.#file?.file.close();
    this.#file = undefined;
  }

  /** Lets the journal remove the segments before an index. */
  #giveUp(end: number): void {
    const count = Math.min(end, this.#held.length);
    for (; this.#first < count; this.#first++) this.#held[this.#first]!.segment.holdCount--;
  }
}

function refuse(name: string, why: string): BrokerError {
  return new BrokerError("BAD_REQUEST", `Cannot read "${name}" of a backup: ${why}`);
}
