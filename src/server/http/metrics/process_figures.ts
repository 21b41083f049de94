import { statfsSync } from "node:fs";
import { cpuUsage } from "node:process";

/** What this process takes of its machine. */
export interface ProcessFigures {
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  /** Undefined where the system does not tell at once. */
  readonly openFiles: number | undefined;
}

const FILES_PATH = "/proc/self/fd";

/** Looks at this process. */
export function findProcessFigures(): ProcessFigures {
  const { user, system } = cpuUsage();
  return {
    residentBytes: Deno.memoryUsage().rss,
    cpuSeconds: (user + system) / 1e6,
    openFiles: countFiles(),
  };
}

/** The number of open files, as the size of their folder: Linux tells so since 6.2. */
function countFiles(): number | undefined {
  if (Deno.build.os !== "linux") return undefined;
  const { state } = Deno.permissions.querySync({ name: "read", path: FILES_PATH });
  if (state !== "granted") return undefined;
  try {
    return Deno.statSync(FILES_PATH).size || undefined;
  } catch {
    // Only programs that may do everything are allowed to look there.
    return undefined;
  }
}

/** The size of the disk that a directory is on, in bytes; undefined if the system does not tell. */
export function findDiskSize(directory: string): number | undefined {
  try {
    const { blocks, bsize } = statfsSync(directory);
    return blocks * bsize;
  } catch {
    return undefined;
  }
}
