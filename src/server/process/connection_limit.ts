/**
 * How many connections this process can hold.
 *
 * @module
 */

import { readSystemFile } from "../system_file.ts";

/** Descriptors that stay free for files, whatever clients do. */
const DESCRIPTORS_RESERVED = 256;

/**
 * Finds the connection limit: the setting, or less if the process may not have as many descriptors.
 *
 * @param setting The setting.
 * @returns How many connections to accept.
 */
export function findConnectionLimit(setting: number): number {
  const descriptors = readDescriptorLimit();
  if (descriptors === undefined) return setting;
  return Math.max(1, Math.min(setting, descriptors - DESCRIPTORS_RESERVED));
}

/** The process's limit of open files, where the system tells it. */
function readDescriptorLimit(): number | undefined {
  const limits = readSystemFile("/proc/self/limits") ?? "";
  const found = /^Max open files\s+(\d+)/m.exec(limits);
  return found === null ? undefined : Number(found[1]);
}
