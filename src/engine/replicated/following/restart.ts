import type { Chain } from "../chain.ts";
import { LogDamageError } from "../chain.ts";
import type { Log, LogBounds } from "../log.ts";
import type { Timing } from "../timing.ts";
import { compareRecord } from "./log_repair.ts";
import {
  claimDirectory,
  findUsableEnd,
  type OwnFilesParts,
  removeOwnFiles,
  restoreOwnFiles,
} from "./own_files.ts";
import { LogTrimmedError, StandbyClosedError } from "./standby.ts";

/** The pause before the log is asked again, in milliseconds. */
const RETRY_MS = 100;

export interface RestartParts extends OwnFilesParts {
  readonly log: Log;
  /** The cluster's name. */
  readonly name: string;
  /** Ends it. */
  readonly signal: AbortSignal;
  readonly looked: (bounds: LogBounds) => void;
  /** Hears which record is the last one that the own files have, before they are read. */
  readonly found: (sequence: number) => void;
}

/** Where a broker goes on. */
export interface Restarted {
  readonly chain: Chain;
  /** Whether nobody is active, as far as is known. */
  readonly isFree: boolean;
  /** Whether neither the own files nor the log have anything. */
  readonly isNew: boolean;
}

/** Applies what the own files have, and compares it with the log. */
export async function restart(parts: RestartParts): Promise<Restarted> {
  const { disk, index, name, log, timing, signal, looked, found } = parts;
  await claimDirectory(disk, name);
  const bounds = await ask(parts, () => log.bounds());
  looked(bounds);
  const end = findUsableEnd(index, bounds);
  if (end === undefined) removeOwnFiles(disk, index);
  found(end ?? 0);
  const { chain, last } = await restoreOwnFiles(parts);
  if (chain.sequence > 0 && chain.sequence + 1 < bounds.first) {
    removeOwnFiles(disk, index);
    throw new LogTrimmedError(chain.sequence + 1, bounds.first);
  }
  const isFree = last?.isRelease ?? false;
  const isNew = chain.sequence === 0 && bounds.last === 0;
  if (last === undefined || last.sequence < bounds.first) return { chain, isFree, isNew };
  for (;;) {
    // The active broker may have trimmed it since.
    const { first, last: logEnd } = await ask(parts, () => log.bounds());
    const at = Math.min(logEnd, last.sequence);
    const isLike = at < first || await ask(parts, () => compareRecord({ log, index }, at));
    if (isLike) return { chain, isFree, isNew };
    await timing.wait(RETRY_MS, signal).catch(() => {});
  }
}

/** Asks the log until it answers. */
async function ask<T>(
  { timing, signal }: { readonly timing: Timing; readonly signal: AbortSignal },
  question: () => Promise<T>,
): Promise<T> {
  for (;;) {
    if (signal.aborted) throw new StandbyClosedError();
    try {
      return await question();
    } catch (error) {
      if (error instanceof LogDamageError) throw error;
      await timing.wait(RETRY_MS, signal).catch(() => {});
    }
  }
}
