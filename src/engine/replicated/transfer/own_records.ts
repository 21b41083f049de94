import type { Disk, DiskEntry, DiskFile, ReadableDisk } from "../../journal/disk/disk.ts";
import { CLUSTER_NAME } from "../../journal/segments/directory.ts";
import { Chain, LogDamageError } from "../chain.ts";
import { BodyReader, readRecord } from "../following/own_files.ts";
import { type IndexEntry, RecordIndex } from "../following/record_index.ts";

/** What a broker's directory has of its cluster's log. */
export interface OwnRecords {
  /** The name of the cluster. */
  readonly cluster: string;
  /** The identity of the log, as far as it is known. */
  readonly log: string | undefined;
  readonly epoch: number;
  /** The records that are whole, oldest first; those of the log in front of them are not here any more. */
  readonly entries: readonly IndexEntry[];
  /** Why the record behind them cannot be used, if there is one. */
  readonly fault: string | undefined;
}

/** The name of a segment of which a crash has left the last one of its names out. */
const UNFINISHED_RULE = /^([0-9a-f]{16}\.journal)\.tmp$/;

/**
 * Reads and checks the records in a directory: their heads, their chain, and their bytes in the segments.
 * Changes nothing; a broker may be using the directory.
 */
export function readOwnRecords(disk: ReadableDisk): OwnRecords {
  const view = new FrozenDisk(disk);
  const cluster = readName(disk);
  const entries: IndexEntry[] = [];
  let chain = new Chain();
  let fault: string | undefined;
  const reader = new BodyReader(view);
  try {
    for (const next of new RecordIndex(view).load()) {
      if (!("counts" in next)) {
        chain = new Chain(next);
        continue;
      }
      fault = findFault(next, chain, reader);
      if (fault !== undefined) break;
      entries.push(next);
    }
  } finally {
    reader.close();
  }
  const { log, epoch } = chain.point;
  return { cluster, log, epoch, entries, fault };
}

/** Takes a record; says what is wrong with it. */
function findFault(entry: IndexEntry, chain: Chain, reader: BodyReader): string | undefined {
  const bytes = readRecord(entry, reader);
  if (bytes === undefined) {
    return `record ${entry.sequence}: its bytes are not in ${entry.dataName}`;
  }
  try {
    chain.take(entry.sequence, bytes);
    return undefined;
  } catch (error) {
    if (!(error instanceof LogDamageError)) throw error;
    return `record ${entry.sequence}: it is not as it was read from the log`;
  }
}

function readName(disk: ReadableDisk): string {
  if (!disk.list().some(({ name }) => name === CLUSTER_NAME)) return "";
  const file = disk.open(CLUSTER_NAME);
  try {
    const bytes = new Uint8Array(file.measure());
    return new TextDecoder().decode(bytes.subarray(0, file.read(bytes, 0))).trim();
  } finally {
    file.close();
  }
}

/** A directory that is only read. */
class FrozenDisk implements Disk {
  readonly #disk: ReadableDisk;

  constructor(disk: ReadableDisk) {
    this.#disk = disk;
  }

  get path(): string {
    return this.#disk.path;
  }

  list(): DiskEntry[] {
    const entries = this.#disk.list();
    const names = new Set(entries.map(({ name }) => name));
    return entries.map((entry) => {
      const [, whole] = UNFINISHED_RULE.exec(entry.name) ?? [];
      return whole === undefined || names.has(whole) ? entry : { ...entry, name: whole };
    });
  }

  open(name: string): DiskFile {
    const isThere = this.#disk.list().some((entry) => entry.name === name);
    return this.#disk.open(isThere ? name : `${name}.tmp`);
  }

  create(name: string): DiskFile {
    return this.#refuse(name);
  }

  rename(name: string): void {
    this.#refuse(name);
  }

  remove(name: string): void {
    this.#refuse(name);
  }

  discard(name: string): Promise<void> {
    return this.#refuse(name);
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  measureFree(): undefined {}

  findLoss(): undefined {}

  close(): void {}

  #refuse(name: string): never {
    throw new Error(`Cannot change ${this.path}/${name}: the directory is only read`);
  }
}
