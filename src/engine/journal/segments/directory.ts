import { type DiskEntry, type DiskFile, LOCK_NAME, type ReadableDisk } from "../disk/disk.ts";
import {
  decodeSegmentHead,
  FORMAT_VERSION,
  SEGMENT_HEAD_BYTES,
  type SegmentHead,
} from "./format.ts";
import { JournalError } from "../disk/journal_error.ts";
import { readSegmentName } from "./segment_file.ts";

/** The file that reserves room for acknowledgements. */
export const RESERVE_NAME = "reserve";

/** The file with the journal's end at an orderly stop. */
export const CLOSED_NAME = "closed";

/** The file that says what a backup consists of. */
export const MANIFEST_NAME = "backup.json";

/** The file with the name of the cluster that a broker's directory belongs to. */
export const CLUSTER_NAME = "cluster";

/** Side files: bytes that were cut off or taken away. */
const ASIDE_RULE = /^[0-9a-f]{16}\.journal\.(torn|removed)-/;

/** Files of a cluster: heads of records, and segments that were given up. */
const CLUSTER_RULE = /^[0-9a-f]{16}\.(records|journal\.dropped-\d+)$/;

/** A segment that was not finished. */
const UNFINISHED_RULE = /^[0-9a-f]{16}\.journal\.tmp$/;

export interface FoundSegment {
  readonly name: string;
  readonly base: number;
  /** How many bytes it has. */
  readonly size: number;
}

export interface DirectoryContent {
  readonly segments: readonly FoundSegment[];
  /** Files that were not finished, and may be removed. */
  readonly unfinished: readonly string[];
  /** Files that are not the journal's. */
  readonly foreign: readonly string[];
  readonly hasReserve: boolean;
  readonly hasEnd: boolean;
  /** Whether a broker of a cluster uses it. */
  readonly isOfCluster: boolean;
}

/** Lists the files of a directory by kind. Throws a {@linkcode JournalError} for a segment that is no file. */
export function readDirectory(disk: ReadableDisk): DirectoryContent {
  const entries = disk.list();
  const segments = entries.flatMap((entry) => findSegment(disk, entry));
  segments.sort((one, other) => one.base - other.base);
  const names = entries.map(({ name }) => name);
  return {
    segments,
    unfinished: names.filter((name) => UNFINISHED_RULE.test(name)),
    foreign: names.filter((name) => !isOurs(name)),
    hasReserve: names.includes(RESERVE_NAME),
    hasEnd: names.includes(CLOSED_NAME),
    isOfCluster: names.includes(CLUSTER_NAME),
  };
}

/** Reads the head of a segment; throws a {@linkcode JournalError} if it is not valid. */
export function readHead(
  disk: ReadableDisk,
  { name, base }: FoundSegment,
  file: DiskFile,
): SegmentHead {
  const bytes = new Uint8Array(SEGMENT_HEAD_BYTES);
  const head = decodeSegmentHead(bytes.subarray(0, file.read(bytes, 0)));
  const where = `${disk.path}/${name}`;
  if (head === "a later version") throw refuseLaterVersion(where, bytes);
  if (typeof head === "string") throw damaged(disk, `${where} at offset 0: its head is ${head}`);
  if (head.base === base) return head;
  throw damaged(
    disk,
    `${where} at offset 0: it begins at position ${head.base}, its name says ${base}`,
  );
}

/** The id of the journal that begins with a segment; another one if there is none. */
export function findJournalId(
  disk: ReadableDisk,
  { segments: [first] }: DirectoryContent,
  newId: number = crypto.getRandomValues(new Uint32Array(1))[0]!,
): number {
  if (first === undefined) return newId;
  const bytes = new Uint8Array(SEGMENT_HEAD_BYTES);
  const file = disk.open(first.name);
  const head = decodeSegmentHead(bytes.subarray(0, file.read(bytes, 0)));
  file.close();
  // Its faults are reported when it is opened.
  return typeof head === "string" ? 0 : head.journalId;
}

/** The error for a segment of a later format, which this broker must not touch. */
export function refuseLaterVersion(where: string, head: Uint8Array): JournalError {
  const version = new DataView(head.buffer, head.byteOffset).getUint32(8);
  return new JournalError(
    "unusable",
    `Cannot read ${where}: it has format version ${version}, this broker knows versions up to ` +
      `${FORMAT_VERSION}; use the broker that wrote it, or a later one`,
  );
}

/** The error for a directory of a cluster, whose log has the last word on what is in it. */
export function refuseCluster({ path }: ReadableDisk): JournalError {
  return new JournalError(
    "unusable",
    `Cannot use ${path} for a single broker: it is of a broker of a cluster; ` +
      '"simplemq cluster export" makes a journal of the cluster\'s log',
  );
}

/** The error for damage that concerns more than single streams. */
export function damaged(disk: ReadableDisk, what: string): JournalError {
  return new JournalError(
    "damaged",
    `The journal is damaged: ${what}. "verify ${disk.path}" tells all of it, ` +
      `"repair ${disk.path}" what can be done`,
  );
}

function findSegment(disk: ReadableDisk, { name, size, isFile }: DiskEntry): FoundSegment[] {
  const base = readSegmentName(name);
  if (base === undefined) return [];
  if (isFile) return [{ name, base, size }];
  throw new JournalError("unusable", `Cannot use ${disk.path}/${name}: it is not a plain file`);
}

function isOurs(name: string): boolean {
  return [LOCK_NAME, RESERVE_NAME, CLOSED_NAME, MANIFEST_NAME, CLUSTER_NAME].includes(name) ||
    ASIDE_RULE.test(name) || CLUSTER_RULE.test(name) ||
    UNFINISHED_RULE.test(name) || readSegmentName(name) !== undefined;
}
