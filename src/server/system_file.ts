/**
 * What Linux tells in files of the whole machine. It is nice to know and not needed, so nobody is
 * asked for a permission to read it: in a terminal the question would keep the broker from working
 * until somebody answers.
 *
 * @module
 */

/** What is needed of the runtime. */
export interface SystemFiles {
  /** What this program may do. */
  readonly permissions: Pick<Deno.Permissions, "querySync">;
  /** Reads a file. */
  readonly readTextFileSync: (path: string) => string;
}

/**
 * Reads a file of the system.
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
