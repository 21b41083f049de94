/**
 * How much memory a process occupies.
 *
 * @module
 */

/**
 * Reads how many bytes of memory a process occupies.
 *
 * @param pid The process.
 * @returns The bytes, or `undefined` where there is no `/proc`.
 */
export function readResidentBytes(pid: number): number | undefined {
  try {
    const found = /^VmRSS:\s+(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
    return found === null ? undefined : Number(found[1]) * 1024;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
