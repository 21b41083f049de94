import { Child } from "../harness/process/child.ts";
import { HOSTNAME } from "../harness/broker_process.ts";

/** The line with which a broker says that it is ready. */
const READY = /is listening address=\S*:(\d+)/;

/** A read of a file takes so many bytes. */
const CHUNK = new Uint8Array(4 * 1024 * 1024);

const MiB = 2 ** 20;

/** What a start took. */
export interface StartTime {
  readonly seconds: number;
  /** The most memory that the process had until then, in MiB. */
  readonly peakMiB: number | undefined;
  /** How often it said how far it was. */
  readonly reports: number;
}

/** Starts a broker on a journal, measures from its beginning until it is ready, and ends it at once. */
export async function measureStart(program: URL, directory: string): Promise<StartTime> {
  const begin = performance.now();
  const child = new Child({
    program,
    args: ["--host", HOSTNAME, "--port", "0", "--no-http", "--log-level", "info"]
      .concat("--storage-engine", "journal", "--storage-directory", directory),
    output: "stderr",
  });
  try {
    let reports = 0;
    for await (const line of child.lines) {
      if (line.includes("reading the journal")) reports++;
      if (READY.test(line)) break;
    }
    const seconds = (performance.now() - begin) / 1000;
    return { seconds, peakMiB: readPeak(child.pid), reports };
  } finally {
    await child.stop();
  }
}

/** Has the system forget what it has read; returns whether it may be told to. */
export function dropCaches(): boolean {
  try {
    Deno.writeTextFileSync("/proc/sys/vm/drop_caches", "3");
    return true;
  } catch {
    return false;
  }
}

/** Reads all files of a directory, one after the other; returns the seconds. */
export function measureReading(directory: string): number {
  const begin = performance.now();
  for (const { name } of Deno.readDirSync(directory)) {
    using file = Deno.openSync(`${directory}/${name}`);
    while ((file.readSync(CHUNK) ?? 0) > 0);
  }
  return (performance.now() - begin) / 1000;
}

/** The bytes of all files in a directory. */
export function measureBytes(directory: string): number {
  let bytes = 0;
  for (const { name } of Deno.readDirSync(directory)) {
    bytes += Deno.statSync(`${directory}/${name}`).size;
  }
  return bytes;
}

function readPeak(pid: number): number | undefined {
  try {
    const found = /^VmHWM:\s+(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
    return found === null ? undefined : Number(found[1]) * 1024 / MiB;
  } catch {
    return undefined;
  }
}
