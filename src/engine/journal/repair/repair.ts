/**
 * Makes a damaged journal usable again by giving up a part of it. The removed bytes are kept in a file
 * beside it.
 *
 * Positions never change, or the checksums of intact records would be wrong. So a part that is given up is
 * covered by a void record of the same length.
 *
 * @module
 */

import { RecordType } from "../../../broker/events/record.ts";
import { CLOSED_NAME } from "../segments/directory.ts";
import { type Disk, type DiskFile, writeAll } from "../disk/disk.ts";
import {
  checksum,
  encodeSegmentHead,
  GROUP_HEAD_BYTES,
  headChecksum,
  RECORD_HEAD_BYTES,
  SEGMENT_HEAD_BYTES,
  type Spot,
  writeGroupHead,
} from "../segments/format.ts";
import { JournalError } from "../disk/journal_error.ts";
import type { Finding, Survey } from "./survey.ts";

export type RepairWay = "skip-damaged" | "cut";

export interface RepairOptions {
  readonly disk: Disk;
  readonly survey: Survey;
  /** A text that no file's name here contains, such as the time. */
  readonly suffix: string;
}

/** Gives up unreadable parts, and keeps everything else; returns the names of the side files. */
export async function skipDamaged({ disk, survey, suffix }: RepairOptions): Promise<string[]> {
  const { journalId, findings } = survey;
  if (journalId === undefined) {
    throw new JournalError("damaged", `Cannot repair ${disk.path}: no segment has an intact head`);
  }
  const sideFiles: string[] = [];
  for (const finding of findings) {
    const { segment: { name, base }, offset, end } = finding;
    const file = disk.open(name);
    try {
      sideFiles.push(...await putAside(disk, file, { name, offset, end, suffix }));
      cover(file, finding, { base, journalId });
      await file.sync();
    } finally {
      file.close();
    }
  }
  await disk.sync();
  return sideFiles;
}

/** Ends the journal before the first fault; returns the names of the side files. */
export async function cutBeforeDamage(
  { disk, survey, suffix }: RepairOptions,
): Promise<string[]> {
  const [first] = survey.findings;
  if (first === undefined) return [];
  const { segments } = survey.content;
  const index = segments.indexOf(first.segment);
  const { name, size } = first.segment;
  const sideFiles: string[] = [];
  // The mark is about an end that is given up.
  if (survey.content.hasEnd) disk.remove(CLOSED_NAME);
  // The last one first: after a crash in between, the rest is still a beginning of the journal.
  for (const later of segments.slice(index + 1).reverse()) {
    sideFiles.push(`${later.name}.removed-${suffix}`);
    disk.rename(later.name, sideFiles.at(-1)!);
    await disk.sync();
  }
  if (first.groupOffset <= SEGMENT_HEAD_BYTES) {
    sideFiles.push(`${name}.removed-${suffix}`);
    disk.rename(name, sideFiles.at(-1)!);
  } else {
    const file = disk.open(name);
    const offset = first.groupOffset;
    sideFiles.push(...await putAside(disk, file, { name, offset, end: size, suffix }));
    file.truncate(Math.min(size, offset));
    await file.sync();
    file.close();
  }
  await disk.sync();
  return sideFiles;
}

/** Keeps bytes of a file in a file beside it. */
async function putAside(
  disk: Disk,
  file: DiskFile,
  { name, offset, end, suffix }: {
    readonly name: string;
    readonly offset: number;
    readonly end: number;
    readonly suffix: string;
  },
): Promise<string[]> {
  const bytes = new Uint8Array(Math.max(0, Math.min(end, file.measure()) - offset));
  if (bytes.length === 0) return [];
  file.read(bytes, offset);
  const aside = `${name}.removed-${offset}-${suffix}`;
  const side = disk.create(aside);
  try {
    writeAll(side, bytes, 0);
    await side.sync();
  } finally {
    side.close();
  }
  return [aside];
}

function cover(
  file: DiskFile,
  { kind, offset, end, groupOffset }: Finding,
  head: { readonly base: number; readonly journalId: number },
): void {
  if (kind === "head") return writeAll(file, encodeSegmentHead(head), 0);
  if (kind === "record") return coverRecord(file, offset, head);
  const isInGroup = groupOffset < offset;
  const bytes = isInGroup
    ? makeVoidRecord(end - offset, { position: head.base + offset, journalId: head.journalId })
    : makeVoidGroup(end - offset, { position: head.base + offset, journalId: head.journalId });
  writeAll(file, bytes, offset);
  // A missing part gets its length back, and nothing else.
  if (file.measure() < end) writeAll(file, new Uint8Array(1), end - 1);
}

/** Marks a record as void; its meta still lists its messages. */
function coverRecord(
  file: DiskFile,
  offset: number,
  { base, journalId }: { readonly base: number; readonly journalId: number },
): void {
  const head = new Uint8Array(RECORD_HEAD_BYTES);
  file.read(head, offset);
  const metaBytes = new DataView(head.buffer).getUint32(4);
  const bytes = new Uint8Array(RECORD_HEAD_BYTES + metaBytes);
  file.read(bytes, offset);
  bytes[0] = bytes[0]! | RecordType.void;
  const spot = { position: base + offset, journalId };
  new DataView(bytes.buffer).setUint32(16, headChecksum(bytes, 0, bytes.length, spot));
  writeAll(file, bytes, offset);
}

function makeVoidRecord(length: number, spot: Spot): Uint8Array {
  const bytes = new Uint8Array(RECORD_HEAD_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, RecordType.void);
  view.setUint32(8, length - RECORD_HEAD_BYTES);
  view.setUint32(16, checksum(bytes.subarray(0, 16), spot.position, spot.journalId));
  return bytes;
}

/** The heads of a group that has a length and only one void record. */
function makeVoidGroup(length: number, spot: Spot): Uint8Array {
  const hasRecord = length >= GROUP_HEAD_BYTES + RECORD_HEAD_BYTES;
  const bytes = new Uint8Array(GROUP_HEAD_BYTES + (hasRecord ? RECORD_HEAD_BYTES : 0));
  const group = { length: length - GROUP_HEAD_BYTES, count: hasRecord ? 1 : 0, durable: 0 };
  writeGroupHead(new DataView(bytes.buffer), group, spot);
  if (hasRecord) {
    const position = spot.position + GROUP_HEAD_BYTES;
    bytes.set(
      makeVoidRecord(length - GROUP_HEAD_BYTES, { ...spot, position }),
      GROUP_HEAD_BYTES,
    );
  }
  return bytes;
}
