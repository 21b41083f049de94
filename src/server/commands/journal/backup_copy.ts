import { createHash } from "node:crypto";
import type { Cursor } from "../../../../client.ts";
import type { BackupInfo } from "../../../../protocol.ts";
import { ExitCode } from "../../process/exit_code.ts";
import { CommandError } from "../command.ts";
import type { BackupTarget } from "./backup_target.ts";
import {
  formatManifest,
  isBackupFileName,
  makeManifest,
  type Manifest,
  type ManifestFile,
} from "./manifest.ts";

/** So long a piece is waited for, in milliseconds: by then the broker has given the backup up. */
const PIECE_MS = 75_000;

/** How a backup is copied. */
export interface BackupCopyOptions {
  readonly cursor: Pick<Cursor, "openBackup" | "readBackup" | "closeBackup">;
  /** Makes the place for the files; called when the broker has opened the backup. */
  readonly openTarget: (info: BackupInfo) => Promise<BackupTarget>;
  /** The version of this program. */
  readonly program: string;
  /** Stops it. */
  readonly signal: AbortSignal;
  /** Hears how many bytes were copied, of how many. */
  readonly progress: (bytes: number, of: number) => void;
}

/** Copies the journal of a running broker up to one position. */
export async function copyBackup(options: BackupCopyOptions): Promise<Manifest> {
  const { cursor, openTarget, program, signal } = options;
  const info = await cursor.openBackup({ signal });
  let target: BackupTarget | undefined;
  try {
    checkInfo(info);
    target = await openTarget(info);
    const files = await copyFiles(info, target, options);
    const manifest = makeManifest(info, files, program);
    await target.finish(formatManifest(manifest));
    return manifest;
  } catch (error) {
    await target?.abandon();
    throw error;
  } finally {
    // Without a connection it ends by itself.
    await cursor.closeBackup(info.backup, { signal: AbortSignal.timeout(1000) }).catch(() => {});
  }
}

/** Nobody chooses the names of files on this machine, not even a broker. */
function checkInfo({ files }: BackupInfo): void {
  const bad = files.find(({ name }) => !isBackupFileName(name));
  if (bad === undefined) return;
  throw new CommandError(
    `Cannot copy the backup: the broker names a file ${JSON.stringify(bad.name)}`,
    { exitCode: ExitCode.fault },
  );
}

async function copyFiles(
  info: BackupInfo,
  target: BackupTarget,
  { cursor, signal, progress }: BackupCopyOptions,
): Promise<ManifestFile[]> {
  const total = info.files.reduce((sum, { bytes }) => sum + bytes, 0);
  let copied = 0;
  const files: ManifestFile[] = [];
  const read = (file: string, offset: number) => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(PIECE_MS)]);
    return cursor.readBackup({ backup: info.backup, file, offset }, { signal: limit });
  };
  for (const { name, bytes } of info.files) {
    const hash = createHash("sha256");
    await target.begin({ name, bytes });
    let next = bytes > 0 ? read(name, 0) : undefined;
    for (let offset = 0; next !== undefined;) {
      const piece: Uint8Array = await next;
      if (piece.length === 0 || offset + piece.length > bytes) throw refusePiece(name, offset);
      offset += piece.length;
      // The next one is on its way while this one is written.
      next = offset < bytes ? read(name, offset) : undefined;
      // If writing fails, nobody waits for it.
      next?.catch(() => {});
      hash.update(piece);
      await target.write(piece);
      copied += piece.length;
      progress(copied, total);
    }
    await target.end();
    files.push({ name, bytes, sha256: hash.digest("hex") });
  }
  return files;
}

function refusePiece(name: string, offset: number): CommandError {
  return new CommandError(
    `Cannot copy the backup: the broker's answer for "${name}" at offset ${offset} has another size`,
    { exitCode: ExitCode.fault },
  );
}
