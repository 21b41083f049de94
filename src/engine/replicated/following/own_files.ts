import { type Disk, type DiskFile, writeAll } from "../../journal/disk/disk.ts";
import { JournalError } from "../../journal/disk/journal_error.ts";
import { CLUSTER_NAME } from "../../journal/segments/directory.ts";
import { readSegmentName } from "../../journal/segments/segment_file.ts";
import { Chain, LogDamageError } from "../chain.ts";
import type { LogBounds } from "../log.ts";
import {
  readRecordHead,
  RECORD_HEAD_BYTES,
  RECORD_TYPES,
  type RecordHead,
  type TrimFields,
} from "../record.ts";
import type { Timing } from "../timing.ts";
import type { IndexEntry, RecordIndex } from "./record_index.ts";
import { readJson, type Replica } from "./replica.ts";

/** How long own files are read before others have their turn, in milliseconds. */
const TURN_MS = 50;

const NOTHING = new Uint8Array(0);

/** A file with a segment's bytes that has another name than the segment. */
const ASIDE_RULE = /^([0-9a-f]{16}\.journal)\.(?:tmp|dropped-\d+)$/;

export interface OwnFilesParts {
  readonly disk: Disk;
  readonly index: RecordIndex;
  readonly replica: Replica;
  readonly timing: Timing;
}

/** What the own files have. */
export interface Restored {
  readonly chain: Chain;
  /** The last record that counts, to be compared with the log's. */
  readonly last: { readonly sequence: number; readonly isRelease: boolean } | undefined;
}

/**
 * Takes a directory for a broker of a cluster, and refuses one that is something else: segments of no cluster
 * would be taken for what a crash has left, and removed.
 */
export async function claimDirectory(disk: Disk, cluster: string): Promise<void> {
  const names = disk.list().map(({ name }) => name);
  if (names.includes(CLUSTER_NAME)) {
    const found = new TextDecoder().decode(readAll(disk, CLUSTER_NAME)).trim();
    if (found === cluster || found === "") return;
    throw new JournalError(
      "unusable",
      `Cannot use ${disk.path} for cluster "${cluster}": it belongs to cluster "${found}"; ` +
        "its own directory is allowed, or an empty one",
    );
  }
  if (names.some((name) => readSegmentName(name) !== undefined)) {
    throw new JournalError(
      "unusable",
      `Cannot use ${disk.path} for a broker of a cluster: it has the journal of a single broker; ` +
        `an empty directory is allowed, and "simplemq cluster import ${disk.path}" puts a journal into ` +
        "an empty cluster",
    );
  }
  const file = disk.create(CLUSTER_NAME);
  writeAll(file, new TextEncoder().encode(`${cluster}\n`), 0);
  await file.sync();
  file.close();
  await disk.sync();
}

/**
 * The last record of own files that go on where the log does, and have all that it still has before: 0 if
 * there are none; nothing if the log has dropped what follows, or if segments were lost that no trim record
 * names.
 */
export function findUsableEnd(
  index: RecordIndex,
  { first }: Pick<LogBounds, "first">,
): number | undefined {
  let oldest: IndexEntry | undefined;
  let last = 0;
  let trimmed = 0;
  for (const entry of index.load()) {
    if (!("counts" in entry)) continue;
    oldest ??= entry;
    last = entry.sequence;
    const isTrim = entry.counts && viewHead(entry).getUint32(8) === RECORD_TYPES.trim;
    if (isTrim) trimmed = Math.max(trimmed, readJson<TrimFields>(entry.body!).position ?? 0);
  }
  if (oldest === undefined) return 0;
  const isWhole = oldest.sequence <= first || oldest.base <= trimmed;
  return last + 1 >= first && isWhole ? last : undefined;
}

/** Removes everything: it is of no use any more, and is read from the log again. */
export function removeOwnFiles(disk: Disk, index: RecordIndex): void {
  for (const { name } of disk.list()) if (isOfSegment(name)) disk.remove(name);
  index.cut(undefined);
}

/** Applies what the own files have, up to the first record that is not whole; the rest is removed. */
export async function restoreOwnFiles(parts: OwnFilesParts): Promise<Restored> {
  const { disk, index, replica } = parts;
  finishNames(disk);
  const reader = new BodyReader(disk);
  const found = await restore(parts, reader);
  reader.close();
  replica.apply(found.chain.sequence);
  replica.cut();
  index.cut(found.entry);
  const bases = new Set(replica.segments?.all.map(({ base }) => base));
  for (const { name } of disk.list()) {
    const base = readSegmentName(name) ?? readSegmentName(ASIDE_RULE.exec(name)?.[1] ?? "");
    const isKept = base === undefined || bases.has(base) || name.includes(".dropped-");
    if (!isKept) disk.remove(name);
  }
  return found;
}

/** Puts a record together again; `undefined` if its bytes are not there. */
export function readRecord(entry: IndexEntry, reader: BodyReader): Uint8Array | undefined {
  if (!entry.counts) return NOTHING;
  const { body } = entry;
  const head = viewHead(entry);
  const length = body?.length ?? head.getUint32(56);
  const bytes = new Uint8Array(RECORD_HEAD_BYTES + length);
  bytes.set(entry.head);
  const rest = bytes.subarray(RECORD_HEAD_BYTES);
  if (body !== undefined) rest.set(body);
  else if (!reader.read(entry.dataName, rest, head.getFloat64(32) - entry.base)) return undefined;
  return bytes;
}

/** Reads the bytes of records where they lie in files. */
export class BodyReader {
  readonly #disk: Disk;
  #name = "";
  #file: DiskFile | undefined;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** Fills a buffer from an offset on; returns whether the file has so much. */
  read(name: string, into: Uint8Array, offset: number): boolean {
    if (name !== this.#name) {
      this.close();
      const names = this.#disk.list().map((entry) => entry.name);
      // A segment gets its name when all of its checkpoint is in the log.
      const found = [name, `${name}.tmp`].find((one) => names.includes(one));
      if (found === undefined) return false;
      this.#file = this.#disk.open(found);
      this.#name = name;
    }
    return this.#file!.read(into, offset) === into.length;
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#name = "";
  }
}

async function restore(
  { index, replica, timing }: OwnFilesParts,
  reader: BodyReader,
): Promise<Restored & { entry: IndexEntry | undefined }> {
  let chain = new Chain();
  let entry: IndexEntry | undefined;
  let last: Restored["last"];
  let turnAt = timing.now();
  for (const next of index.load()) {
    if (!("counts" in next)) {
      chain = new Chain(next);
      continue;
    }
    const bytes = readRecord(next, reader);
    const taken = bytes && takeIfWhole(chain, next.sequence, bytes);
    if (taken === undefined) break;
    replica.takeStored(next.sequence, taken, next.isDropped);
    entry = next;
    if (next.counts) last = { sequence: next.sequence, isRelease: taken.kind === "release" };
    if (timing.now() - turnAt < TURN_MS) continue;
    await timing.wait(1);
    turnAt = timing.now();
  }
  return { chain, last, entry };
}

function takeIfWhole(chain: Chain, sequence: number, bytes: Uint8Array) {
  try {
    return chain.take(sequence, bytes);
  } catch (error) {
    if (!(error instanceof LogDamageError)) throw error;
    return undefined;
  }
}

/** A segment of which records are in the log may not have got its name yet. */
function finishNames(disk: Disk): void {
  const names = new Set(disk.list().map(({ name }) => name));
  for (const name of names) {
    const [, segment] = /^([0-9a-f]{16}\.journal)\.tmp$/.exec(name) ?? [];
    if (segment === undefined) continue;
    if (names.has(segment)) disk.remove(name);
    else disk.rename(name, segment);
  }
}

function isOfSegment(name: string): boolean {
  return readSegmentName(name) !== undefined || ASIDE_RULE.test(name);
}

function viewHead({ head }: IndexEntry): DataView {
  return new DataView(head.buffer, head.byteOffset, head.length);
}

/** The head of a record of the log, if it is one. */
export function readHeadOf(bytes: Uint8Array): RecordHead | undefined {
  const head = readRecordHead(bytes);
  return typeof head === "string" ? undefined : head;
}

function readAll(disk: Disk, name: string): Uint8Array {
  const file = disk.open(name);
  try {
    const bytes = new Uint8Array(file.measure());
    return bytes.subarray(0, file.read(bytes, 0));
  } finally {
    file.close();
  }
}
