import type { ReadyRun } from "../ready/ready_run.ts";
import type { Lane } from "./lane.ts";

/** How many messages are to be chosen. */
export interface Choice {
  readonly countMax: number;
  /** How many of these at most from lanes with limits. */
  readonly limitedMax: number;
  /** Messages with as many deliveries are given up. */
  readonly attemptsMax: number;
  /** Takes such messages out. */
  readonly exhaust: (run: ReadyRun) => void;
}

/** Adjacent messages of one lane whose turn it is. */
export interface ChosenRun {
  readonly lane: Lane;
  readonly firstId: number;
  count: number;
  readonly attempts: number;
  readonly priority: number | undefined;
  /** Whether its lane has limits. */
  readonly isLimited: boolean;
}

/** Adjacent messages that can be delivered together, of one lane or of several. */
export interface ChosenGroup {
  readonly firstId: number;
  count: number;
  readonly attempts: number;
  readonly priority: number | undefined;
  readonly isLimited: boolean;
  /** The runs that it consists of, in order. */
  readonly runs: ChosenRun[];
}

/**
 * Joins chosen messages into groups. Where all have the same priority, they are sorted by id first: then
 * messages of many lanes that were stored one after the other leave together.
 */
export function groupChosen(chosen: ChosenRun[]): ChosenGroup[] {
  if (chosen.every(({ priority }) => priority === chosen[0]!.priority)) {
    chosen.sort((one, other) => one.firstId - other.firstId);
  }
  const groups: ChosenGroup[] = [];
  for (const run of chosen) {
    const last = groups.at(-1);
    const goesOn = last !== undefined && last.firstId + last.count === run.firstId &&
      last.attempts === run.attempts && last.priority === run.priority &&
      last.isLimited === run.isLimited;
    if (!goesOn) {
      groups.push({ ...run, runs: [run] });
      continue;
    }
    last.count += run.count;
    const before = last.runs.at(-1)!;
    if (before.lane === run.lane) before.count += run.count;
    else last.runs.push(run);
  }
  return groups;
}

/** The lanes of a group's messages: one number if it has one lane, else one for each message. */
export function listLanes(
  runs: readonly ChosenRun[],
): { readonly lane?: number | undefined; readonly lanes?: readonly number[] } {
  const [first] = runs;
  if (runs.length === 1) return { lane: first!.lane.number || undefined };
  const lanes: number[] = [];
  for (const { lane: { number }, count } of runs) {
    for (let left = count; left > 0; left--) lanes.push(number);
  }
  return { lanes };
}
