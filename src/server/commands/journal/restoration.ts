import { createHash } from "node:crypto";
import { ExitCode } from "../../process/exit_code.ts";
import { CommandError } from "../command.ts";
import type { SourceFile } from "./backup_source.ts";
import {
  isBackupFileName,
  type Manifest,
  MANIFEST_LENGTH_MAX,
  MANIFEST_NAME,
  type ManifestFile,
  readManifest,
} from "./manifest.ts";
import { TargetDirectory } from "./target_directory.ts";

/** How a backup is restored. */
export interface RestorationOptions {
  /** Where it comes from, in words. */
  readonly from: string;
  readonly files: AsyncIterable<SourceFile>;
  /** The manifest, if it is known before the files are read; it may be one of them. */
  readonly manifest?: Manifest | undefined;
  /** Whether there is none: then only the journal's own checksums are checked. */
  readonly isUnlisted?: boolean;
  /** The directory; a new one, or an empty one. */
  readonly to: string;
  /** Stops it. */
  readonly signal: AbortSignal;
  /** Checks the journal in a directory; returns what is wrong with it. */
  readonly verify: (directory: string) => Promise<readonly string[]>;
  /** Hears how many bytes were copied. */
  readonly progress: (bytes: number) => void;
}

/** What was restored. */
export interface Restored {
  readonly manifest: Manifest | undefined;
  readonly files: readonly ManifestFile[];
}

/** Copies a backup to a directory, and checks it: the manifest, all checksums, then the journal. */
export async function restoreBackup(options: RestorationOptions): Promise<Restored> {
  const { from, to, isUnlisted = false, verify } = options;
  const target = await TargetDirectory.open(to, "restore to");
  try {
    const { files, manifest: found } = await copyFiles(options, target);
    const manifest = options.manifest ?? found;
    if (manifest === undefined && !isUnlisted) {
      throw damaged(from, [`it has no ${MANIFEST_NAME}: it is not complete`]);
    }
    const mistakes = manifest === undefined ? [] : compare(manifest.files, files);
    if (mistakes.length > 0) throw damaged(from, mistakes);
    await target.finish();
    const faults = await verify(to);
    if (faults.length === 0) return { manifest, files };
    throw damaged(from, faults);
  } catch (error) {
    await target.abandon();
    throw error;
  }
}

async function copyFiles(
  { from, files, signal, progress }: RestorationOptions,
  target: TargetDirectory,
): Promise<{ files: ManifestFile[]; manifest: Manifest | undefined }> {
  const copied: ManifestFile[] = [];
  let manifest: Manifest | undefined;
  let total = 0;
  for await (const { name, pieces } of files) {
    if (name === MANIFEST_NAME) {
      manifest = parseManifest(from, await readText(from, pieces));
      continue;
    }
    if (!isBackupFileName(name)) {
      throw damaged(from, [`found a file ${JSON.stringify(name)}, which no backup has`]);
    }
    const hash = createHash("sha256");
    let bytes = 0;
    await target.begin({ name, bytes });
    for await (const piece of pieces) {
      signal.throwIfAborted();
      hash.update(piece);
      bytes += piece.length;
      await target.write(piece);
      progress(total += piece.length);
    }
    await target.end();
    copied.push({ name, bytes, sha256: hash.digest("hex") });
  }
  return { files: copied, manifest };
}

/** Reads the text of a manifest, or tells all that is wrong with it. */
export function parseManifest(from: string, text: string): Manifest {
  const manifest = readManifest(text);
  if ("files" in manifest) return manifest;
  throw damaged(from, manifest.map((mistake) => `${MANIFEST_NAME}: ${mistake}`));
}

async function readText(from: string, pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of pieces) {
    text += decoder.decode(piece, { stream: true });
    if (text.length > MANIFEST_LENGTH_MAX) throw damaged(from, [`${MANIFEST_NAME} is too long`]);
  }
  return text + decoder.decode();
}

/** Tells all differences between what should be there and what is. */
function compare(expected: readonly ManifestFile[], found: readonly ManifestFile[]): string[] {
  const byName = new Map(found.map((file) => [file.name, file]));
  const names = new Set(expected.map(({ name }) => name));
  const mistakes = expected.flatMap(({ name, bytes, sha256 }) => {
    const file = byName.get(name);
    if (file === undefined) return [`"${name}" is missing`];
    if (file.bytes !== bytes) return [`"${name}" has ${file.bytes} bytes, ${bytes} are listed`];
    return file.sha256 === sha256 ? [] : [`"${name}" has not the checksum that is listed`];
  });
  const extra = found.filter(({ name }) => !names.has(name));
  return [...mistakes, ...extra.map(({ name }) => `"${name}" is not listed`)];
}

/** The error for a backup that is not whole: one line for each thing that is wrong. */
export function damaged(from: string, mistakes: readonly string[]): CommandError {
  return new CommandError(
    mistakes.map((mistake) => `Cannot restore ${from}: ${mistake}`),
    { exitCode: ExitCode.damaged },
  );
}
