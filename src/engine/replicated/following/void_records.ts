import { Chain, LogDamageError } from "../chain.ts";
import type { Log } from "../log.ts";
import type { Timing } from "../timing.ts";

/** The most records that are looked at: what others took for void, and was lost, is among the first ones. */
const LOOKED_AT_MAX = 64;

/** A record that is not there, by a node that may lag behind, is asked for so often, after pauses in milliseconds. */
const READS_MAX = 10;
const READ_AGAIN_MS = 100;

export interface VoidRecordsParts {
  readonly log: Log;
  readonly timing: Timing;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/**
 * Reads the void records at the end once more. A log that has lost one of them may have a record in its place that
 * counts: the active broker has never read the void one, and all that it has appended since seems void, too. Who
 * believes that hears no active broker, and would take over from one that is well, with less than was confirmed.
 *
 * Resolves to whether the log has told.
 *
 * @throws {LogDamageError} If one of them counts, or was trimmed.
 */
export async function requireVoid(
  parts: VoidRecordsParts,
  { point, voidCount }: Chain,
): Promise<boolean> {
  const before = point.sequence - voidCount;
  const again = new Chain({ ...point, sequence: before });
  const last = Math.min(point.sequence, before + LOOKED_AT_MAX);
  for (let sequence = before + 1; sequence <= last; sequence++) {
    const bytes = await readAgain(parts, sequence);
    if (bytes === undefined) return false;
    if (bytes !== "trimmed" && again.take(sequence, bytes).kind === "void") continue;
    // What is trimmed is before a record that counts, and says so.
    const what = bytes === "trimmed"
      ? "the log has dropped it, and no record that this broker counts says so"
      : "it counts, and this broker has read another one there, which did not: the log has lost that one";
    const remedy = "With an empty directory this broker reads the log anew";
    throw new LogDamageError(sequence, `${what}. ${remedy}`);
  }
  return true;
}

/** Reads a record that was read before. */
async function readAgain(
  { log, timing, signal }: VoidRecordsParts,
  sequence: number,
): Promise<Uint8Array | "trimmed" | undefined> {
  for (let count = 0; count < READS_MAX && !signal.aborted; count++) {
    try {
      const bytes = await log.read(sequence);
      if (bytes !== undefined) return bytes;
      const { first } = await log.bounds();
      if (first > sequence) return "trimmed";
    } catch {
      // It is asked again.
    }
    await timing.wait(READ_AGAIN_MS, signal).catch(() => {});
  }
  return undefined;
}
