import type { BackupInfo } from "../../../../protocol.ts";
import { describe } from "../../settings/found_value.ts";

/** The file of a backup that says what the backup consists of. */
export const MANIFEST_NAME = "backup.json";

/** The version of the manifest; a later one is refused. */
const MANIFEST_VERSION = 1;

/** The most characters of a manifest: a million segments have less. */
export const MANIFEST_LENGTH_MAX: number = 256 * 1024 * 1024;

/** The names that files of a backup may have: nothing else is ever read or written. */
const NAME_RULE = /^([0-9a-f]{16}\.journal|closed)$/;

/** A file of a backup, with its checksum. */
export interface ManifestFile {
  readonly name: string;
  readonly bytes: number;
  /** SHA-256 of its bytes, in hexadecimal digits. */
  readonly sha256: string;
}

/** What a backup consists of, and what it is of. */
export interface Manifest {
  readonly manifestVersion: number;
  /** The version of the program that wrote it. */
  readonly program: string;
  /** The version of the journal's format. */
  readonly formatVersion: number;
  readonly journalId: number;
  /** Everything that was confirmed before is in it. */
  readonly at: string;
  /** The segment that it ends in, and where. */
  readonly segment: string;
  readonly offset: number;
  readonly position: number;
  readonly files: readonly ManifestFile[];
}

/** Whether a file of a backup may have that name. */
export function isBackupFileName(name: string): boolean {
  return NAME_RULE.test(name);
}

/** Makes the manifest of a backup that has been read. */
export function makeManifest(
  info: BackupInfo,
  files: readonly ManifestFile[],
  program: string,
): Manifest {
  const { formatVersion, journalId, at, segment, offset, position } = info;
  return {
    manifestVersion: MANIFEST_VERSION,
    program,
    formatVersion,
    journalId,
    at: new Date(at).toISOString(),
    segment,
    offset,
    position,
    files,
  };
}

/** The text of a manifest. */
export function formatManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}

/** Reads a manifest; returns all mistakes if it cannot be used. */
export function readManifest(text: string): Manifest | readonly string[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return [`it is no JSON: ${error instanceof Error ? error.message : error}`];
  }
  if (typeof value !== "object" || value === null) return ["it is no JSON object"];
  const manifest = value as Manifest;
  const version = manifest.manifestVersion;
  if (version !== MANIFEST_VERSION) {
    return [
      `found manifestVersion ${describe(version)}, allowed is ${MANIFEST_VERSION}; ` +
      "use the program that wrote it, or a later one",
    ];
  }
  if (!Array.isArray(manifest.files)) return ["it has no list of files"];
  const mistakes = manifest.files.flatMap(findFileMistakes);
  const names = manifest.files.map(({ name }) => name);
  if (new Set(names).size < names.length) mistakes.push("a file is listed twice");
  if (manifest.files.length < 2) mistakes.push("it lists no segment");
  return mistakes.length > 0 ? mistakes : manifest;
}

function findFileMistakes(file: unknown): string[] {
  const { name, bytes, sha256 } = (file ?? {}) as Partial<Record<keyof ManifestFile, unknown>>;
  if (typeof name !== "string" || !isBackupFileName(name)) {
    return [`found a file ${describe(name)}, allowed are segments of a journal and "closed"`];
  }
  const mistakes: string[] = [];
  if (!Number.isSafeInteger(bytes) || Number(bytes) < 0) {
    mistakes.push(`found ${describe(bytes)} bytes of "${name}", allowed is a whole number`);
  }
  if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)) {
    mistakes.push(`found checksum ${describe(sha256)} of "${name}", allowed are 64 digits`);
  }
  return mistakes;
}
