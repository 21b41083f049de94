import type { Disk } from "../../journal/disk/disk.ts";
import { LogDamageError } from "../chain.ts";
import { type Log, RefusedError } from "../log.ts";
import {
  type EpochFields,
  readRecordHead,
  RECORD_HEAD_BYTES,
  RECORD_TYPES,
  writeRecord,
} from "../record.ts";
import { BodyReader, readRecord } from "./own_files.ts";
import type { IndexEntry, RecordIndex } from "./record_index.ts";
import { readJson } from "./replica.ts";

export interface LogRepairParts {
  readonly log: Log;
  readonly disk: Disk;
  readonly index: RecordIndex;
}

/**
 * Appends records again that the log has lost, as they were. In the place of void ones, which nobody
 * keeps, come fillers. Resolves to whether it did: not if somebody else does, or the log is not shorter at all.
 *
 * @param last The last sequence that the log has.
 * @param until The last one that it is to have.
 */
export async function repairLog(
  { log, disk, index }: LogRepairParts,
  { last, until }: { readonly last: number; readonly until: number },
): Promise<boolean> {
  if (last > 0) await compareRecord({ log, index }, last);
  const reader = new BodyReader(disk);
  try {
    let next = last + 1;
    for (const entry of index.readFrom(next)) {
      if (entry.sequence > until) break;
      const bytes = entry.sequence === next ? readRecord(entry, reader) : undefined;
      if (bytes === undefined) break;
      await log.append(next - 1, bytes.length === 0 ? makeFiller() : bytes);
      next++;
    }
    if (next > until) return true;
    await requireSameLog({ log, index }, next);
    throw new LogDamageError(next, "the log has lost it, and this broker does not have it either");
  } catch (error) {
    // Somebody else repairs it, or goes on behind it.
    if (!(error instanceof RefusedError) || error.why === "full") throw error;
    return false;
  } finally {
    reader.close();
  }
}

/** Checks that a record of the log is the one that this broker has read; resolves to whether the log has it. */
export async function compareRecord(
  { log, index }: Pick<LogRepairParts, "log" | "index">,
  sequence: number,
): Promise<boolean> {
  const [entry] = index.readFrom(sequence);
  if (entry === undefined || entry.sequence !== sequence || !entry.counts) return true;
  const bytes = await log.read(sequence);
  if (bytes === undefined) return false;
  const head = bytes.subarray(0, RECORD_HEAD_BYTES);
  if (isSame(head, entry)) return true;
  await requireSameLog({ log, index }, sequence);
  const found = readRecordHead(bytes);
  const what = typeof found === "string" ? found : `one of epoch ${found.epoch}`;
  throw new LogDamageError(
    sequence,
    `another record is there than was read before: ${what}; it was lost and written anew, or the log is another one`,
  );
}

/**
 * Tells a log that is another one from a log that has lost records: what has to be done is not the same. Says
 * nothing if one of the identities cannot be found.
 */
async function requireSameLog(
  { log, index }: Pick<LogRepairParts, "log" | "index">,
  sequence: number,
): Promise<void> {
  const { first } = await log.bounds();
  const bytes = await log.read(first);
  const found = bytes && readIdentity(bytes, bytes.subarray(RECORD_HEAD_BYTES));
  let own: string | undefined;
  for (const { counts, head, body } of index.readFrom(1)) {
    if (counts && body !== undefined) own ??= readIdentity(head, body);
    if (own !== undefined) break;
  }
  if (found === undefined || own === undefined || found === own) return;
  throw new LogDamageError(
    sequence,
    `the directory is of another log: it has records of the log ${own}, and this is the log ${found}. ` +
      `"simplemq cluster verify" compares them. To follow this log, empty the directory; to go on with what ` +
      `the directory has, put it into an empty log with "simplemq cluster import"`,
  );
}

/** The identity of the log, if the record is one that names it. */
function readIdentity(bytes: Uint8Array, body: Uint8Array): string | undefined {
  if (bytes.length < RECORD_HEAD_BYTES) return undefined;
  const type = new DataView(bytes.buffer, bytes.byteOffset).getUint32(8);
  if (type !== RECORD_TYPES.epoch && type !== RECORD_TYPES.trim) return undefined;
  return readJson<EpochFields>(body).log;
}

function isSame(head: Uint8Array, entry: IndexEntry): boolean {
  return head.length === entry.head.length && head.every((byte, at) => byte === entry.head[at]);
}

function makeFiller(): Uint8Array {
  const bytes = new Uint8Array(RECORD_HEAD_BYTES);
  writeRecord(bytes, {
    type: RECORD_TYPES.filler,
    epoch: 0,
    owner: 0,
    number: 0,
    position: 0,
    journalId: 0,
    previousCrc: 0,
  });
  return bytes;
}
