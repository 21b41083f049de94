import type { Disk, DiskEntry, DiskFile } from "../journal/disk/disk.ts";
import { readSegmentName } from "../journal/segments/segment_file.ts";
import type { RecordIndex } from "./following/record_index.ts";
import { RefusedError } from "./log.ts";
import { LogRoom } from "./log_room.ts";
import { RECORD_BODY_BYTES_MAX, RECORD_TYPES, type TrimFields } from "./record.ts";

/** The name of a segment that is not complete yet. */
const UNFINISHED_RULE = /^([0-9a-f]{16}\.journal)\.tmp$/;

/** The log, as this disk needs it. */
export interface DiskLog {
  /** Appends a record behind all that were appended before, as {@linkcode Window.append}. */
  append(type: number, position: number, body: Uint8Array): Promise<void>;
  /** Whether a record with so many bytes may be appended now; `true` if nothing may any more. */
  hasRoom(type: number, length: number): boolean;
  /** Set while nothing may be appended; resolves when that is over. */
  readonly gate: Promise<void> | undefined;
  /** Resolves when this broker has the lease. */
  holdLease(): Promise<void>;
  /** Resolves after a pause, when something had no room. */
  pause(): Promise<void>;
  /** What a trim record says beside its place. */
  readonly log: string;
  /** Removes the records before a sequence from the log; that it fails does no harm. */
  trim(below: number): Promise<void>;
}

export interface ReplicatedDiskOptions {
  readonly local: Disk;
  readonly index: RecordIndex;
  /** The most bytes of a record; by default as many as are allowed. */
  readonly recordBytes?: number | undefined;
}

/**
 * The disk of a journal whose bytes are in a log that several brokers share. Files are written to the own
 * directory, and that a segment is flushed means that the log has its bytes. What is not of a segment is
 * local.
 */
export class ReplicatedDisk implements Disk {
  /** The log's. */
  readonly room: LogRoom = new LogRoom();
  readonly #local: Disk;
  readonly #index: RecordIndex;
  readonly #recordBytes: number;
  /** Set while this broker appends. */
  #log: DiskLog | undefined;

  constructor({ local, index, recordBytes = RECORD_BODY_BYTES_MAX }: ReplicatedDiskOptions) {
    this.#local = local;
    this.#index = index;
    this.#recordBytes = recordBytes;
  }

  get path(): string {
    return this.#local.path;
  }

  /** From now on segments are appended to the log. */
  begin(log: DiskLog): void {
    this.#log = log;
  }

  list(): DiskEntry[] {
    return this.#local.list();
  }

  create(name: string): DiskFile {
    const file = this.#local.create(name);
    const [, segment] = UNFINISHED_RULE.exec(name) ?? [];
    if (segment === undefined || this.#log === undefined) return file;
    return new ReplicatedFile(file, (from, to) => this.#append(segment, file, from, to));
  }

  open(name: string): DiskFile {
    return this.#local.open(name);
  }

  rename(from: string, to: string): void {
    try {
      this.#local.rename(from, to);
    } catch (cause) {
      // The log has its bytes by now: it cannot be tried again as on a full disk.
      throw new Error(`Cannot give ${from} its name`, { cause });
    }
  }

  remove(name: string): void {
    this.#local.remove(name);
  }

  async discard(name: string): Promise<void> {
    const base = readSegmentName(name);
    if (base !== undefined) {
      if (this.#log !== undefined) await this.#trim(this.#log, base);
      this.#index.remove(base);
    }
    await this.#local.discard(name);
  }

  /** Which files there are follows from the log. */
  sync(): Promise<void> {
    return Promise.resolve();
  }

  measureFree(): number | undefined {
    const local = this.#local.measureFree();
    const { free } = this.room;
    return free === Infinity ? local : Math.min(local ?? Infinity, free);
  }

  findLoss(names: () => Iterable<string>): string | undefined {
    return this.#local.findLoss(names);
  }

  close(): void {
    this.#local.close();
  }

  /** Appends some bytes of a segment; resolves when the log has them, and this broker may say so. */
  async #append(segment: string, file: DiskFile, from: number, to: number): Promise<void> {
    const log = this.#log!;
    const base = readSegmentName(segment)!;
    let done = from;
    while (done < to) {
      if (log.gate !== undefined) await log.gate;
      try {
        await this.#appendPieces(file, { base, from: done, to }, (end) => done = end);
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error;
        // What was refused is not in the log; its position waits for it until there is room.
        await log.pause();
      }
    }
    await log.holdLease();
  }

  async #appendPieces(
    file: DiskFile,
    { base, from, to }: { readonly base: number; readonly from: number; readonly to: number },
    counted: (end: number) => void,
  ): Promise<void> {
    const log = this.#log!;
    const appends: Promise<void>[] = [];
    let isHeldBack = false;
    for (let start = from; start < to; start += this.#recordBytes) {
      const end = Math.min(to, start + this.#recordBytes);
      const type = start === 0 ? RECORD_TYPES.segment : RECORD_TYPES.bytes;
      isHeldBack = !log.hasRoom(type, end - start);
      // What is behind it has no place without it.
      if (isHeldBack) break;
      const bytes = new Uint8Array(end - start);
      if (file.read(bytes, start) < bytes.length) {
        throw new Error("Cannot read what was just written");
      }
      const append = log.append(type, base + start, bytes).then(() => counted(end));
      append.catch(() => {});
      appends.push(append);
      // A checkpoint may be larger than what should be in memory.
      if (appends.length > 8) await appends[appends.length - 8];
    }
    await Promise.all(appends);
    if (isHeldBack) throw new RefusedError("Cannot append: the log is almost full", "full");
  }

  /** Says in the log that a segment is not wanted any more, then removes its records. */
  async #trim(log: DiskLog, base: number): Promise<void> {
    const next = this.#index.findNext(base);
    if (next === undefined) return;
    const fields: TrimFields = { ...next, log: log.log };
    const body = new TextEncoder().encode(JSON.stringify(fields));
    for (let isNoted = false; !isNoted;) {
      if (log.gate !== undefined) await log.gate;
      try {
        await log.append(RECORD_TYPES.trim, 0, body);
        isNoted = true;
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error;
        // A full log is no reason to end: other segments that go may make room.
        await log.pause();
      }
    }
    await log.trim(next.sequence);
  }
}

/** A segment that is written to: its bytes are appended to the log when it is flushed. */
class ReplicatedFile implements DiskFile {
  readonly #file: DiskFile;
  readonly #append: (from: number, to: number) => Promise<void>;
  /** Bytes from here to there are not in the log yet. */
  #from = 0;
  #to = 0;

  constructor(file: DiskFile, append: (from: number, to: number) => Promise<void>) {
    this.#file = file;
    this.#append = append;
  }

  measure(): number {
    return this.#file.measure();
  }

  read(buffer: Uint8Array, position: number): number {
    return this.#file.read(buffer, position);
  }

  readLater(buffer: Uint8Array, position: number): Promise<number> {
    return this.#file.readLater(buffer, position);
  }

  write(bytes: Uint8Array, position: number): number {
    const count = this.#file.write(bytes, position);
    this.#to = Math.max(this.#to, position + count);
    return count;
  }

  async sync(): Promise<void> {
    const from = this.#from;
    const to = this.#to;
    this.#from = to;
    await this.#append(from, to);
  }

  truncate(size: number): void {
    this.#file.truncate(size);
    this.#to = Math.min(this.#to, size);
  }

  isAt(name: string): boolean {
    return this.#file.isAt(name);
  }

  close(): void {
    this.#file.close();
  }
}
