import type { LoggedState } from "../../../broker/event_log.ts";
import { LiveSearch } from "../../../broker/state/live_facts.ts";
import type { Disk } from "../../journal/disk/disk.ts";
import { JournalError } from "../../journal/disk/journal_error.ts";
import { writeClosedMark } from "../../journal/segments/closed_mark.ts";
import { SegmentList } from "../../journal/segments/segment_list.ts";
import { Chain } from "../chain.ts";
import { Replica } from "../following/replica.ts";
import type { Log } from "../log.ts";

/** What was exported. */
export interface ExportedLog {
  /** The last record of the log that is in it. */
  readonly sequence: number;
  readonly segments: number;
  readonly bytes: number;
}

/** Events are checked, and change nothing. */
const NOBODY: LoggedState = {
  now: 0,
  apply() {},
  noteTime() {},
  restorePiece() {},
  passPiece: () => true,
  skipIds() {},
  noteDamage() {},
  takeSnapshot: () => [],
  findLive: (segment) => new LiveSearch(segment, []),
};

/**
 * Writes what the log has into an empty directory, as the journal of a single broker that was stopped in
 * order. Brokers may go on appending meanwhile: it ends with the record that was the last one at the beginning.
 *
 * @throws {JournalError} If the directory is not empty, or the log has nothing.
 * @throws {LogDamageError} If the log is damaged.
 */
export async function exportLog(log: Log, disk: Disk): Promise<ExportedLog> {
  if (disk.list().some(({ name }) => name !== "LOCK")) {
    throw new JournalError(
      "unusable",
      `Cannot export to ${disk.path}: only an empty directory is allowed`,
    );
  }
  const { first, last } = await log.bounds();
  let segments: SegmentList | undefined;
  let journalId = 0;
  const replica = new Replica({
    disk,
    state: NOBODY,
    index: {
      prepare() {},
      note() {},
      writeHeld() {},
      nameDropped: (base) => `${base.toString(16)}.dropped`,
    },
    noteTime() {},
    begin: (id) => {
      journalId = id;
      const fail = (error: unknown) => {
        throw error;
      };
      return segments = new SegmentList({
        disk,
        journalId: id,
        segmentBytes: Infinity,
        takeSnapshot: () => [],
        fail,
      });
    },
  });
  await readTo(log, { first, last }, replica);
  const { position, isImporting } = replica;
  if (isImporting) {
    throw new JournalError(
      "unusable",
      "Cannot export the log: the import of a journal has not been finished; only a whole one is exported",
    );
  }
  replica.giveUpRest();
  await segments?.finishRemoving();
  if (segments === undefined || segments.all.length === 0) {
    throw new JournalError(
      "unusable",
      "Cannot export the log: it has no complete segment; only a log that was written to is exported",
    );
  }
  for (const { file, size } of segments.all) {
    file.truncate(size);
    await file.sync();
  }
  const result = { sequence: last, segments: segments.all.length, bytes: segments.totals.bytes };
  segments.close();
  for (const { name } of disk.list()) if (name.endsWith(".dropped")) disk.remove(name);
  await disk.sync();
  await writeClosedMark(disk, { position, journalId });
  return result;
}

/** Reads the records of the log up to one. */
async function readTo(
  log: Log,
  { first, last }: { readonly first: number; readonly last: number },
  replica: Replica,
): Promise<void> {
  if (last < first) return;
  const chain = new Chain();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const following = log.follow(first, {
    take: (sequence, bytes) => {
      if (chain.sequence >= last) return;
      try {
        const before = chain.point;
        replica.take(sequence, chain.take(sequence, bytes), bytes, before);
        if (sequence === last) resolve();
      } catch (error) {
        reject(error);
      }
    },
    trimmed: () =>
      reject(
        new JournalError(
          "unusable",
          "Cannot export the log: what was not read yet has been removed from it; begin again",
        ),
      ),
    shorter: () => {},
  });
  try {
    await promise;
  } finally {
    following.stop();
  }
}
