/**
 * What Linux tells of a process from outside: its memory, its descriptors, and how much is in a directory.
 *
 * @module
 */

import { readResidentBytes } from "../../../bench/harness/process/process_meter.ts";
import type { Figures } from "./figures.ts";

/** The memory that a process occupies, in bytes. */
export const RESIDENT = "resident bytes";

/** What a journal takes up, in bytes. */
export const DISK = "bytes on disk";

/** Takes the figures of a process; nothing where there is no `/proc`. */
export function takeProcessFigures(pid: number, directory?: string): Figures {
  const figures: Record<string, number> = {};
  const resident = readResidentBytes(pid);
  if (resident !== undefined) figures[RESIDENT] = resident;
  for (const kind of listDescriptors(pid)) figures[kind] = (figures[kind] ?? 0) + 1;
  if (directory !== undefined) figures[DISK] = measureDirectory(directory);
  return figures;
}

/** The kinds of all descriptors: sockets, pipes, and files by their names without numbers. */
function listDescriptors(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  const kinds: string[] = [];
  try {
    for (const { name } of Deno.readDirSync(folder)) {
      const target = readLink(`${folder}/${name}`);
      if (target === undefined) continue;
      const [, kind] = /^(?:anon_inode:)?\[?(\w+)\]?(?::\[\d+\])?$/.exec(target) ?? [];
      const file = target.slice(target.lastIndexOf("/") + 1).replace(/\d+/g, "N");
      kinds.push(`descriptors of ${kind ?? file}`);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return kinds;
}

/** Where a descriptor leads; nothing if it was closed meanwhile, as that of the folder itself. */
function readLink(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return undefined;
  }
}

function measureDirectory(directory: string): number {
  let bytes = 0;
  for (const { name, isFile } of Deno.readDirSync(directory)) {
    try {
      if (isFile) bytes += Deno.statSync(`${directory}/${name}`).size;
    } catch (error) {
      // A segment may go at any time.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return bytes;
}
