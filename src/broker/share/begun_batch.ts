import type { PendingRun } from "./pending_list.ts";
import { countAll } from "./pending_ranges.ts";

/** What one handler has together; deliveries of the same batch have the same object. */
export interface BegunBatch {
  readonly count: number;
}

/** Deliveries that failed. */
export interface FailedParts {
  /** Halves of batches, as runs that are batches of their own from now on. */
  readonly halves: PendingRun[];
  /** Those that were alone in their handlers. */
  readonly alone: PendingRun[];
}

/**
 * Divides deliveries that failed: it is not known which message of a batch is at fault, so the batch is cut in
 * halves. A half with gaps is cut there, too.
 *
 * @param runs The deliveries, by tag.
 */
export function divideFailed(runs: readonly PendingRun[]): FailedParts {
  const batches = new Map<BegunBatch, PendingRun[]>();
  const alone: PendingRun[] = [];
  for (const run of runs) {
    if (run.batch === undefined) alone.push(run);
    else if (batches.has(run.batch)) batches.get(run.batch)!.push(run);
    else batches.set(run.batch, [run]);
  }
  const halves: PendingRun[] = [];
  for (const batch of batches.values()) {
    if (batch.length === 1 && batch[0]!.count === 1) alone.push(batch[0]!);
    else halves.push(...halve(batch));
  }
  return { halves, alone };
}

/** Cuts a batch in two, and each half at its gaps. */
export function halve(runs: readonly PendingRun[]): PendingRun[] {
  const halves: [PendingRun[], PendingRun[]] = [[], []];
  let left = Math.ceil(countAll(runs) / 2);
  for (const run of runs) {
    const { firstTag, firstId } = run;
    const count = Math.min(left, run.count);
    left -= count;
    if (count > 0) add(halves[0], { ...run, count, lanes: run.lanes?.slice(0, count) });
    if (count === run.count) continue;
    const rest = { firstTag: firstTag + count, firstId: firstId + count, count: run.count - count };
    add(halves[1], { ...run, ...rest, lanes: run.lanes?.slice(count) });
  }
  return halves.flat();
}

/** Adds messages to a half; they are joined to the last ones if they continue them. */
function add(half: PendingRun[], run: PendingRun): void {
  const last = half.at(-1);
  const isNext = last !== undefined && last.share === run.share &&
    last.firstId + last.count === run.firstId && last.attempts === run.attempts &&
    last.priority === run.priority && last.lane === run.lane;
  if (!isNext) return void half.push(run);
  if (last.lanes !== undefined || run.lanes !== undefined) {
    last.lanes = [...lanesOf(last), ...lanesOf(run)];
  }
  last.count += run.count;
}

/** The lane of each message of a run that has no lane, or several. */
function lanesOf({ lanes, count }: PendingRun): readonly number[] {
  return lanes ?? new Array<number>(count).fill(0);
}
