/** Clock ticks a second, in which the system counts: 100 wherever Linux runs. */
const TICKS_PER_SECOND = 100;

/**
 * Reads how many bytes of memory a process occupies.
 *
 * @returns The bytes, or `undefined` where there is no `/proc`.
 */
export function readResidentBytes(pid: number): number | undefined {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(read(pid, "status") ?? "");
  return found === null ? undefined : Number(found[1]) * 1024;
}

/**
 * Reads the processor time of all threads of a process.
 *
 * @returns Seconds, or `undefined` where there is no `/proc`.
 */
export function readCpuSeconds(pid: number): number | undefined {
  const text = read(pid, "stat");
  if (text === undefined) return undefined;
  // The name may have spaces in it, and ends with the last bracket.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function read(pid: number, file: string): string | undefined {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/${file}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
