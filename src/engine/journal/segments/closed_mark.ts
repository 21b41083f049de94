import { CLOSED_NAME } from "./directory.ts";
import { type Disk, type ReadableDisk, writeAll } from "../disk/disk.ts";
import { checksum } from "./format.ts";

/** A position and its checksum. */
const MARK_BYTES = 12;

/** Makes the content of the file: the journal's end. */
export function encodeClosedMark(
  { position, journalId }: { readonly position: number; readonly journalId: number },
): Uint8Array {
  const bytes = new Uint8Array(MARK_BYTES);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, position);
  view.setUint32(8, checksum(bytes.subarray(0, 8), position, journalId));
  return bytes;
}

/**
 * Writes the journal's end at an orderly stop: a journal that is shorter later was not torn by a crash.
 */
export async function writeClosedMark(
  disk: Disk,
  { position, journalId }: { readonly position: number; readonly journalId: number },
): Promise<void> {
  const bytes = encodeClosedMark({ position, journalId });
  const file = disk.create(CLOSED_NAME);
  try {
    writeAll(file, bytes, 0);
    await file.sync();
    await disk.sync();
  } finally {
    file.close();
  }
}

/** Reads the journal's end at the last orderly stop; `undefined` if there is no valid mark. */
export function readClosedMark(disk: ReadableDisk, journalId: number): number | undefined {
  const file = disk.open(CLOSED_NAME);
  try {
    const bytes = new Uint8Array(MARK_BYTES);
    if (file.read(bytes, 0) < MARK_BYTES) return undefined;
    const view = new DataView(bytes.buffer);
    const position = view.getFloat64(0);
    const crc = checksum(bytes.subarray(0, 8), position, journalId);
    return crc === view.getUint32(8) ? position : undefined;
  } finally {
    file.close();
  }
}
