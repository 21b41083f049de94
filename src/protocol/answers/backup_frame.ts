import type { FrameDecoder } from "../frames/frame_decoder.ts";
import { FrameType } from "../frames/frame_type.ts";
import type { FrameWriter } from "../frames/frame_writer.ts";

/** A file of a backup. */
export interface BackupFile {
  /** Its name in the backup; never a path. */
  readonly name: string;
  /** How many bytes of it belong to the backup. */
  readonly bytes: number;
}

/** A backup that is open: which files it has, and up to where the journal is in it. */
export interface BackupInfo {
  /** Its number, for reading and closing it. */
  readonly backup: number;
  /** The version of the journal's format. */
  readonly formatVersion: number;
  /** The id of the journal. */
  readonly journalId: number;
  /** When the position was fixed, in milliseconds since 1970: everything confirmed before is in it. */
  readonly at: number;
  /** The segment that it ends in. */
  readonly segment: string;
  /** The offset in that segment where it ends, in bytes. */
  readonly offset: number;
  /** The same as a position in the whole journal. */
  readonly position: number;
  /** The files; they are read in this order. */
  readonly files: readonly BackupFile[];
}

/** The most bytes of a piece. */
export const BACKUP_PIECE_BYTES_MAX: number = 256 * 1024;

/** Writes a `backupPiece` frame: the bytes are the rest of it. */
export function writeBackupPiece(writer: FrameWriter, query: number, bytes: Uint8Array): void {
  writer.begin(FrameType.backupPiece);
  writer.u32(query);
  writer.bytes(bytes);
  writer.end();
}

/** Reads a `backupPiece` frame; the bytes are copied. */
export function readBackupPiece(decoder: FrameDecoder): { query: number; bytes: Uint8Array } {
  const query = decoder.u32();
  const bytes = decoder.buffer.slice(decoder.offset, decoder.end);
  decoder.offset = decoder.end;
  return { query, bytes };
}
