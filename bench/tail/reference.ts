/**
 * A program of its own: what the disk and this runtime allow. It has the same arrivals as a broker, from
 * the same schedule with the same sleep, but no sockets: each time it writes all that has come during the
 * last flush, flushes it on the spot, and notes how long it was since each message was due. It says
 * `ready`, reads a line with the time on the shared clock of the first arrival, and prints what it has
 * found as a line of JSON.
 *
 * ```text
 * deno run -A reference.ts '{"directory": …, "work": {"rate": 10000, …}, "count": …, "warmUpCount": …}'
 * ```
 *
 * @module
 */

import { runMain } from "../harness/frame/main.ts";
import { LatencyLog } from "../harness/latency_log.ts";
import { print } from "../harness/print.ts";
import { readLines } from "../harness/process/child.ts";
import { toLocalTime } from "../harness/process/monotonic.ts";
import { Ticker } from "../harness/process/ticker.ts";
import type { Percentiles } from "../harness/statistics.ts";
import { GRAIN_MS, type Pace, Schedule } from "../work/steady/schedule.ts";

/** What a journal writes beside the bodies: for a flush, and for each message in it. */
const FLUSH_BYTES = 100;
const MESSAGE_BYTES = 16;

/** What it is told. */
export interface ReferencePlan {
  /** On the disk of the journal. */
  readonly directory: string;
  readonly work: Pace & { readonly bodyBytes: number };
  readonly count: number;
  /** So many arrivals are not timed. */
  readonly warmUpCount: number;
}

/** What it has found. */
export interface Reference {
  /** From when a message was due to the end of its flush. */
  readonly flushedMs: Percentiles;
  readonly flushCount: number;
}

async function flushOnSchedule(
  { directory, work, count, warmUpCount }: ReferencePlan,
): Promise<Reference> {
  const path = await Deno.makeTempFile({ dir: directory });
  using file = await Deno.open(path, { write: true });
  using ticker = await Ticker.start();
  print("ready");
  const { value: begin } = await readLines(Deno.stdin.readable).next();
  const schedule = new Schedule(work, toLocalTime(Number(begin)));
  const messageBytes = work.bodyBytes + MESSAGE_BYTES;
  let buffer = new Uint8Array(64 * 1024).fill(1);
  const latency = new LatencyLog(warmUpCount + 1, count - warmUpCount);
  ticker.begin(schedule.begin, schedule.intervalOf(GRAIN_MS));
  let flushCount = 0;
  for (let flushed = 0; flushed < count;) {
    await ticker.next();
    const dueCount = Math.min(count, schedule.countDue(performance.now()));
    if (dueCount === flushed) continue;
    const bytes = FLUSH_BYTES + (dueCount - flushed) * messageBytes;
    if (bytes > buffer.length) buffer = new Uint8Array(bytes * 2).fill(1);
    write(file, buffer.subarray(0, bytes));
    file.syncDataSync();
    flushCount++;
    for (; flushed < dueCount; flushed++) {
      if (flushed < warmUpCount) continue;
      latency.due(flushed + 1, schedule.dueAt(flushed + 1));
      latency.confirmed(flushed + 1);
    }
  }
  return { flushedMs: latency.confirm, flushCount };
}

function write(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) {
    written += file.writeSync(bytes.subarray(written));
  }
}

async function main(): Promise<void> {
  print(JSON.stringify(await flushOnSchedule(JSON.parse(Deno.args[0] ?? ""))));
}

if (import.meta.main) await runMain(main, "reference");
