import type { IndexEntry } from "../following/record_index.ts";
import { isSame } from "../log_tail.ts";
import type { Log, LogBounds } from "../log.ts";
import { RECORD_HEAD_BYTES } from "../record.ts";
import type { OwnRecords } from "./own_records.ts";

/**
 * How a directory and the log are to each other.
 *
 * - `empty`: the directory has no record.
 * - `removed`: the log has removed all of the directory's records since.
 * - `same`: where both have records, they have the same ones.
 * - `shorter`: they have the same ones, and the log ends before the directory.
 * - `different`: from a sequence on they have other ones.
 * - `stranger`: they never had the same ones.
 */
export type LogRelation = "empty" | "removed" | "same" | "shorter" | "different" | "stranger";

export interface LogComparison {
  readonly relation: LogRelation;
  readonly bounds: LogBounds;
  /** The first sequence at which they differ. */
  readonly at: number | undefined;
}

/** Compares what a directory has with the log. Nothing is changed. */
export async function compareLog(log: Log, { entries }: OwnRecords): Promise<LogComparison> {
  // The directory was read before: it can only have fallen behind meanwhile.
  const bounds = await log.bounds();
  const first = entries[0];
  const last = entries.at(-1);
  if (first === undefined || last === undefined) {
    return { relation: "empty", bounds, at: undefined };
  }
  const common = entries.filter(({ sequence, counts }) =>
    counts && sequence >= bounds.first && sequence <= bounds.last
  );
  // It has lost more than this directory can give back, or is another one.
  if (bounds.last + 1 < first.sequence) return { relation: "stranger", bounds, at: undefined };
  const isShorter = bounds.last < last.sequence;
  if (common.length === 0) {
    return { relation: isShorter ? "shorter" : "removed", bounds, at: undefined };
  }
  // The chain covers all that is before a record: who has the same one has the same ones before.
  const differing = await findFirst(common, async (entry) => !await hasSame(log, entry));
  if (differing === undefined) {
    return { relation: isShorter ? "shorter" : "same", bounds, at: undefined };
  }
  const relation = differing === common[0] ? "stranger" : "different";
  return { relation, bounds, at: differing.sequence };
}

/** Finds the first one of which something is true that is true of all behind it. */
async function findFirst(
  entries: readonly IndexEntry[],
  isTrue: (entry: IndexEntry) => Promise<boolean>,
): Promise<IndexEntry | undefined> {
  if (!await isTrue(entries.at(-1)!)) return undefined;
  let [low, high] = [0, entries.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (await isTrue(entries[middle]!)) high = middle;
    else low = middle + 1;
  }
  return entries[high];
}

async function hasSame(log: Log, { sequence, head }: IndexEntry): Promise<boolean> {
  for (let look = 1;; look++) {
    const found = await log.read(sequence);
    if (found !== undefined) return isSame(found.subarray(0, RECORD_HEAD_BYTES), head);
    // A node that lags behind; or it was removed meanwhile.
    if (look === LOOKS_MAX) {
      const { first } = await log.bounds();
      if (sequence < first) return true;
      throw new Error(
        `Cannot read record ${sequence} of the log: the nodes say that it is not there`,
      );
    }
  }
}

/** How often a record is looked for that should be there. */
const LOOKS_MAX = 20;
