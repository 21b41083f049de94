/** Clock ticks a second, in which the system counts: 100 wherever Linux runs. */
const TICKS_PER_SECOND = 100;

/**
 * Reads how many bytes of memory a process occupies.
 *
 * @returns The bytes, or `undefined` where there is no `/proc`.
 */
export function readResidentBytes(pid: number): number | undefined {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(read(`${pid}/status`) ?? "");
  return found === null ? undefined : Number(found[1]) * 1024;
}

/**
 * Reads the processor time of all threads of a process.
 *
 * @returns Seconds, or `undefined` where there is no `/proc`.
 */
export function readCpuSeconds(pid: number): number | undefined {
  const text = read(`${pid}/stat`);
  if (text === undefined) return undefined;
  // The name may have spaces in it, and ends with the last bracket.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/**
 * Reads the processor time of a process and of all below it, those that have ended included.
 *
 * @returns Seconds, or `undefined` where there is no `/proc`.
 */
export function readTreeCpuSeconds(pid: number): number | undefined {
  const fields = listTree(pid).map(readStat).filter((found) => found !== undefined);
  if (fields.length === 0) return undefined;
  const ticks = fields.flatMap(({ times }) => times).reduce((sum, time) => sum + time, 0);
  return ticks / TICKS_PER_SECOND;
}

/**
 * Reads how many bytes of memory a process and all below it occupy; what several of them share counts
 * once. Shared memory counts also where the process that has written to it is gone, as long as nobody else
 * of this system takes any meanwhile.
 *
 * @param sharedBefore What {@linkcode readSharedBytes} gave before they were started.
 * @returns The bytes, or `undefined` where there is no `/proc`.
 */
export function readTreeBytes(pid: number, sharedBefore: number): number | undefined {
  const tree = listTree(pid);
  if (tree.length < 2) return readResidentBytes(pid);
  const own = tree.map((one) => read(`${one}/smaps_rollup`) ?? "").map(readOwnBytes);
  const shared = Math.max(0, readSharedBytes() - sharedBefore);
  return own.reduce((sum, bytes) => sum + bytes, shared);
}

/** Reads how many bytes of memory all processes of this system share; 0 where there is no `/proc`. */
export function readSharedBytes(): number {
  return readKilobytes(read("meminfo") ?? "", "Shmem") * 1024;
}

/** A process's share of what is not shared memory: of files, it shares pages with others. */
function readOwnBytes(rollup: string): number {
  return (readKilobytes(rollup, "Pss_Anon") + readKilobytes(rollup, "Pss_File")) * 1024;
}

function readKilobytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1] ?? 0);
}

/** What the system tells of a process. */
interface Stat {
  readonly parent: number;
  /** Its processor time, and that of its children that have ended, in ticks. */
  readonly times: readonly number[];
}

/** The numbers of a process and of all below it; none where there is no `/proc`. */
function listTree(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const one of listProcesses()) {
    const parent = readStat(one)?.parent;
    if (parent !== undefined) children.set(parent, [...children.get(parent) ?? [], one]);
  }
  const tree: number[] = [];
  for (
    let level = [pid];
    level.length > 0;
    level = level.flatMap((one) => children.get(one) ?? [])
  ) {
    tree.push(...level);
  }
  return children.size === 0 ? [] : tree;
}

function listProcesses(): number[] {
  try {
    return [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter(Number.isInteger);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function readStat(pid: number): Stat | undefined {
  const text = read(`${pid}/stat`);
  if (text === undefined) return undefined;
  // The name may have spaces in it, and ends with the last bracket.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ").map(Number);
  return { parent: fields[1]!, times: fields.slice(11, 15) };
}

function read(file: string): string | undefined {
  try {
    return Deno.readTextFileSync(`/proc/${file}`);
  } catch (error) {
    // A process may end while its file is read: the system has no such process then.
    if (error instanceof Deno.errors.NotFound || isGone(error)) return undefined;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && /os error 3\b/.test(error.message);
}
