/**
 * Backups of journals in tests: read as a client reads them, and put on another disk.
 *
 * @module
 */

import type { BackupInfo } from "../../../../protocol.ts";
import type { Engine } from "../../../../src/broker/engine.ts";
import { SimulatedDisk } from "../../../support/disk/simulated_disk.ts";

/** A backup that has been read. */
export interface ReadBackup {
  readonly info: BackupInfo;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Reads an open backup to its end; between two pieces something else may be done. */
export async function readFiles(
  engine: Engine,
  info: BackupInfo,
  meanwhile: () => Promise<void> | void = () => {},
): Promise<ReadBackup> {
  const files = new Map<string, Uint8Array>();
  for (const { name, bytes } of info.files) {
    const content = new Uint8Array(bytes);
    for (let offset = 0; offset < bytes;) {
      const piece = await engine.readBackup(info.backup, name, offset);
      content.set(piece, offset);
      offset += piece.length;
      await meanwhile();
    }
    files.set(name, content);
  }
  return { info, files };
}

/** Opens a backup, reads it and closes it. */
export async function takeBackup(engine: Engine): Promise<ReadBackup> {
  const info = await engine.openBackup();
  const read = await readFiles(engine, info);
  engine.closeBackup(info.backup);
  return read;
}

/** Puts files on a disk of their own. */
export function restoreOn({ files }: ReadBackup, seed = 1): SimulatedDisk {
  const disk = new SimulatedDisk({ seed });
  for (const [name, bytes] of files) disk.replace(name, bytes);
  return disk;
}
