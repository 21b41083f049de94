/** A profile as V8 writes it, as far as it is used here. */
interface ProfileFile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  readonly samples: readonly number[];
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[];
}

/** What took time by itself, without what it called. */
export interface Cost {
  /** The function, and the file that it is in. */
  readonly name: string;
  /** Its part of the time in which the process was not idle. */
  readonly share: number;
}

/** Where a process has spent its time, as V8 has sampled it. */
export interface CpuProfile {
  /** Which part of the time the process had something to do. */
  readonly busyShare: number;
  /** The functions, the most expensive one first. */
  readonly functions: readonly Cost[];
  /** The files that they are in, the most expensive one first. */
  readonly files: readonly Cost[];
}

const IDLE = "(idle)";

/**
 * Reads a profile.
 *
 * @param text What V8 has written.
 * @throws {SyntaxError} If it is no profile.
 */
export function readCpuProfile(text: string): CpuProfile {
  const { nodes, samples, timeDeltas }: ProfileFile = JSON.parse(text);
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const functions = new Map<string, number>();
  const files = new Map<string, number>();
  let total = 0;
  let idle = 0;
  samples.forEach((id, index) => {
    const micros = Math.max(0, timeDeltas[index] ?? 0);
    const { functionName, url } = frames.get(id)!;
    total += micros;
    if (functionName === IDLE) idle += micros;
    else {
      const file = shorten(url);
      add(functions, `${functionName || "(anonymous)"} ${file}`.trim(), micros);
      add(files, file || functionName, micros);
    }
  });
  const busy = total - idle;
  return {
    busyShare: total === 0 ? 0 : busy / total,
    functions: rank(functions, busy),
    files: rank(files, busy),
  };
}

/** The last parts of an address are enough to find a file. */
function shorten(url: string): string {
  return url.split("/").slice(-2).join("/");
}

function add(sums: Map<string, number>, name: string, value: number): void {
  sums.set(name, (sums.get(name) ?? 0) + value);
}

function rank(sums: ReadonlyMap<string, number>, total: number): Cost[] {
  return [...sums]
    .map(([name, value]) => ({ name, share: total === 0 ? 0 : value / total }))
    .sort((one, other) => other.share - one.share);
}
