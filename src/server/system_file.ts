/** The parts of the runtime that are needed. */
export interface SystemFiles {
  readonly permissions: Pick<Deno.Permissions, "querySync">;
  readonly readTextFileSync: (path: string) => string;
}

/**
 * Reads a file in which Linux tells of the machine or the process. It is nice to know and not needed,
 * so no permission to read it is asked for: in a terminal the question would keep the broker from
 * working until it is answered.
 *
 * @param path The file.
 * @param system How to read it.
 * @returns Its text; `undefined` where there is no such file, or reading it is not allowed.
 */
export function readSystemFile(path: string, system: SystemFiles = Deno): string | undefined {
  if (system.permissions.querySync({ name: "read", path }).state !== "granted") return undefined;
  try {
    return system.readTextFileSync(path);
  } catch {
    // Not Linux; or only programs that may do everything are allowed to read it.
    return undefined;
  }
}

/** Descriptors that stay free for files, whatever clients do. */
const DESCRIPTORS_RESERVED = 256;

/** How many connections to accept: the setting, or less if the process may have fewer descriptors. */
export function findConnectionLimit(setting: number): number {
  const limits = readSystemFile("/proc/self/limits") ?? "";
  const found = /^Max open files\s+(\d+)/m.exec(limits);
  if (found === null) return setting;
  return Math.max(1, Math.min(setting, Number(found[1]) - DESCRIPTORS_RESERVED));
}
