/**
 * The heads of records, beside the segments that have their bytes: so a broker knows after a restart how far
 * it had read, and can give others the records that the log has lost.
 *
 * For each segment there is a file `<base>.records`. It begins with the point of the chain before its first
 * record; then it has an entry for each record, up to the one that begins the next segment.
 *
 * ```text
 *  0      4        8          16     20      24            88
 *  ┌──────┬────────┬──────────┬──────┬───────┬─────────────┬──────
 *  │ crc  │ length │ sequence │ kind │ 0     │ head, or 0s │ bytes that are in no segment …
 *  └──────┴────────┴──────────┴──────┴───────┴─────────────┴──────
 *  kind: 1 counts, 0 void, 2 the beginning of the file: its bytes are JSON; crc: of bytes 4 and up
 * ```
 *
 * Nothing is flushed: what a power cut takes is read from the log again.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { type Disk, type DiskFile, DiskFullError, writeAll } from "../../journal/disk/disk.ts";
import { nameSegment, readSegmentName } from "../../journal/segments/segment_file.ts";
import type { ChainPoint, TakenRecord } from "../chain.ts";
import { RECORD_HEAD_BYTES, RECORD_TYPES } from "../record.ts";

const ENTRY_BYTES = 24 + RECORD_HEAD_BYTES;

const KIND_VOID = 0;
const KIND_COUNTS = 1;
const KIND_BEGIN = 2;

/** The most bytes that wait for room on the disk. */
const HELD_BYTES_MAX = 4 * 1024 * 1024;

const SUFFIX = ".records";

/** The file of a segment. */
interface IndexFile {
  readonly base: number;
  size: number;
  /** The sequences of the records that begin the segment: all but the last were given up. */
  readonly begun: number[];
  /** How many records have no bytes in the segment. */
  idleCount: number;
}

/** A record, as it is kept. */
export interface IndexEntry {
  readonly sequence: number;
  readonly counts: boolean;
  readonly head: Uint8Array;
  /** Its bytes, if they are in no segment. */
  readonly body: Uint8Array | undefined;
  /** The file that has its bytes otherwise. */
  readonly dataName: string;
  /** Whether the segment in that file was given up. */
  readonly isDropped: boolean;
  /** Where that segment begins. */
  readonly base: number;
  /** Where the entry ends in its file. */
  readonly end: number;
}

export class RecordIndex {
  readonly #disk: Disk;
  /** Oldest first. */
  #files: IndexFile[] = [];
  #open: DiskFile | undefined;
  /** Entries for which there was no room. */
  #held = new Uint8Array(0);

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** How many records since the last segment's beginning have no bytes in it. */
  get idleCount(): number {
    return this.#files.at(-1)?.idleCount ?? 0;
  }

  /** Begins another file if the next record needs one. */
  prepare({ kind, head }: TakenRecord, before: ChainPoint): void {
    const last = this.#files.at(-1);
    const begins = kind === "segment" && last?.base !== head!.position;
    if (last !== undefined && !begins) return;
    this.#begin(kind === "void" ? before.position : head!.position, before);
  }

  /** Notes a record; its bytes are in the segment by now. */
  note(sequence: number, { kind, body }: TakenRecord, bytes: Uint8Array): void {
    if (kind === "segment") this.#files.at(-1)!.begun.push(sequence);
    const isInSegment = kind === "segment" || kind === "bytes";
    if (!isInSegment) this.#files.at(-1)!.idleCount++;
    this.#append(encodeEntry({
      sequence,
      kind: kind === "void" ? KIND_VOID : KIND_COUNTS,
      head: kind === "void" ? undefined : bytes.subarray(0, RECORD_HEAD_BYTES),
      body: isInSegment || kind === "void" ? undefined : body,
    }));
  }

  /** Writes what had no room; throws while that is too much to wait any longer. */
  writeHeld(): void {
    this.#append(new Uint8Array(0));
  }

  /** The position of the first segment behind a base, and the sequence of the record that begins it. */
  findNext(base: number): { readonly position: number; readonly sequence: number } | undefined {
    const next = this.#files.find((file) => file.base > base && file.begun.length > 0);
    return next && { position: next.base, sequence: next.begun.at(-1)! };
  }

  /** The sequence of the record that begins the oldest segment. */
  get firstSequence(): number | undefined {
    return this.#files.find(({ begun }) => begun.length > 0)?.begun.at(-1);
  }

  /** The name that a segment's file gets when the segment is given up before it was complete. */
  nameDropped(base: number): string {
    const file = this.#files.at(-1)!;
    return nameData(base, file.begun.length, true);
  }

  /** Removes what is kept for a segment, and for all before. */
  remove(base: number): void {
    while (this.#files.length > 1 && this.#files[0]!.base <= base) {
      const file = this.#files.shift()!;
      const names = [nameIndex(file.base)];
      for (let turn = 1; turn < file.begun.length; turn++) {
        names.push(nameData(file.base, turn, true));
      }
      for (const { name } of this.#disk.list()) if (names.includes(name)) this.#disk.remove(name);
    }
  }

  /**
   * Reads what is kept on the disk, oldest first, up to the first entry that cannot be used. Before the first
   * entry, and only then, a point is given.
   */
  *load(): Generator<ChainPoint | IndexEntry> {
    this.#files = [];
    const bases = this.#disk.list().flatMap(({ name }) => readIndexName(name) ?? []);
    bases.sort((one, other) => one - other);
    for (const base of bases) {
      const bytes = readFile(this.#disk, nameIndex(base));
      const entries = [...parseEntries(bytes)];
      const [begin, ...records] = entries;
      const point = begin?.kind === KIND_BEGIN ? readPoint(begin.body) : undefined;
      if (point === undefined) return;
      const file: IndexFile = { base, size: begin!.end, begun: [], idleCount: 0 };
      const isFirst = this.#files.length === 0;
      this.#files.push(file);
      if (isFirst) yield point;
      yield* this.#loadFile(file, records);
      if (file.size < bytes.length) return;
    }
  }

  /** Gives the records from a sequence on, oldest first. */
  *readFrom(sequence: number): Generator<IndexEntry> {
    this.#flush();
    for (const [index, { base }] of this.#files.entries()) {
      const [, ...records] = parseEntries(readFile(this.#disk, nameIndex(base)));
      const next = this.#files[index + 1];
      if (next !== undefined && records.at(-1)!.sequence < sequence) continue;
      for (const entry of describe(base, records)) if (entry.sequence >= sequence) yield entry;
    }
  }

  /** Forgets everything behind an entry, or all there is: it cannot be used. */
  cut(last: IndexEntry | undefined): void {
    this.#open?.close();
    this.#open = undefined;
    const known = last === undefined
      ? undefined
      : this.#files.find(({ base }) => base === last.base);
    this.#files = known === undefined ? [] : this.#files.slice(0, this.#files.indexOf(known) + 1);
    const names = new Set(this.#files.map(({ base }) => nameIndex(base)));
    for (const { name } of this.#disk.list()) {
      if (readIndexName(name) !== undefined && !names.has(name)) this.#disk.remove(name);
    }
    if (known === undefined) return;
    const name = nameIndex(known.base);
    const file = this.#disk.open(name);
    file.truncate(last!.end);
    this.#open = file;
    // What was cut off does not count any more, neither as a beginning nor as a record without bytes.
    const [, ...records] = parseEntries(readFile(this.#disk, name));
    known.begun.length = 0;
    known.idleCount = 0;
    for (const entry of describe(known.base, records)) noteEntry(known, entry);
  }

  close(): void {
    this.#open?.close();
    this.#open = undefined;
  }

  *#loadFile(file: IndexFile, records: readonly RawEntry[]): Generator<IndexEntry> {
    for (const entry of describe(file.base, records)) {
      noteEntry(file, entry);
      yield entry;
    }
  }

  #begin(base: number, before: ChainPoint): void {
    this.#flush();
    this.#open?.close();
    const name = nameIndex(base);
    if (this.#disk.list().some((entry) => entry.name === name)) this.#disk.remove(name);
    this.#open = this.#disk.create(name);
    this.#files.push({ base, size: 0, begun: [], idleCount: 0 });
    const body = new TextEncoder().encode(JSON.stringify(before));
    this.#append(
      encodeEntry({ sequence: before.sequence, kind: KIND_BEGIN, head: undefined, body }),
    );
  }

  #append(entry: Uint8Array<ArrayBuffer>): void {
    this.#held = this.#held.length === 0 ? entry : join(this.#held, entry);
    try {
      this.#flush();
    } catch (error) {
      if (!(error instanceof DiskFullError) || this.#held.length > HELD_BYTES_MAX) throw error;
    }
  }

  #flush(): void {
    if (this.#held.length === 0) return;
    const file = this.#files.at(-1)!;
    writeAll(this.#open!, this.#held, file.size);
    file.size += this.#held.length;
    this.#held = new Uint8Array(0);
  }
}

/** The base in the name of such a file. */
export function readIndexName(name: string): number | undefined {
  return name.endsWith(SUFFIX)
    ? readSegmentName(`${name.slice(0, -SUFFIX.length)}.journal`)
    : undefined;
}

function nameIndex(base: number): string {
  return nameSegment(base).replace(".journal", SUFFIX);
}

/** The name of the file with a segment's bytes; of several that begin at one place, all but the last are dropped. */
function nameData(base: number, turn: number, isDropped: boolean): string {
  return isDropped ? `${nameSegment(base)}.dropped-${turn}` : nameSegment(base);
}

interface RawEntry {
  readonly kind: number;
  readonly sequence: number;
  readonly head: Uint8Array;
  readonly body: Uint8Array;
  readonly end: number;
}

function encodeEntry(
  { sequence, kind, head, body = new Uint8Array(0) }: {
    readonly sequence: number;
    readonly kind: number;
    readonly head: Uint8Array | undefined;
    readonly body: Uint8Array | undefined;
  },
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(ENTRY_BYTES + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(4, body.length);
  view.setFloat64(8, sequence);
  view.setUint32(16, kind);
  if (head !== undefined) bytes.set(head, 24);
  bytes.set(body, ENTRY_BYTES);
  view.setUint32(0, crc32(bytes.subarray(4)));
  return bytes;
}

function* parseEntries(bytes: Uint8Array): Generator<RawEntry> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let offset = 0; offset + ENTRY_BYTES <= bytes.length;) {
    const end = offset + ENTRY_BYTES + view.getUint32(offset + 4);
    if (end > bytes.length) return;
    if (crc32(bytes.subarray(offset + 4, end)) !== view.getUint32(offset)) return;
    yield {
      kind: view.getUint32(offset + 16),
      sequence: view.getFloat64(offset + 8),
      head: bytes.subarray(offset + 24, offset + ENTRY_BYTES),
      body: bytes.subarray(offset + ENTRY_BYTES, end),
      end,
    };
    offset = end;
  }
}

/** Tells of each record in which file its bytes are. */
function* describe(base: number, records: readonly RawEntry[]): Generator<IndexEntry> {
  const turns = records.filter((entry) => isBegin(entry)).length;
  let turn = 0;
  for (const entry of records) {
    const { sequence, head, body, end, kind } = entry;
    if (isBegin(entry)) turn++;
    const type = typeOf(head);
    const isInSegment = type === RECORD_TYPES.bytes || type === RECORD_TYPES.segment;
    yield {
      sequence,
      counts: kind === KIND_COUNTS,
      head,
      body: isInSegment ? undefined : body,
      dataName: nameData(base, turn, turn < turns),
      isDropped: isInSegment && turn < turns,
      base,
      end,
    };
  }
}

/** Counts an entry in its file. */
function noteEntry(file: IndexFile, entry: IndexEntry): void {
  if (isBegin(entry)) file.begun.push(entry.sequence);
  if (entry.body !== undefined) file.idleCount++;
  file.size = entry.end;
}

function isBegin({ head }: Pick<RawEntry, "head">): boolean {
  return typeOf(head) === RECORD_TYPES.segment;
}

function typeOf(head: Uint8Array): number {
  return new DataView(head.buffer, head.byteOffset).getUint32(8);
}

function readPoint(body: Uint8Array): ChainPoint | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(body)) as ChainPoint;
  } catch {
    return undefined;
  }
}

function readFile(disk: Disk, name: string): Uint8Array {
  const file = disk.open(name);
  try {
    const bytes = new Uint8Array(file.measure());
    return bytes.subarray(0, file.read(bytes, 0));
  } finally {
    file.close();
  }
}

function join(one: Uint8Array, other: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
