import { statfsSync } from "node:fs";
import { type Disk, type DiskEntry, type DiskFile, LOCK_NAME, type ReadableDisk } from "./disk.ts";
import { DenoFile, type FlushOutlook, isAt, translate } from "./deno_file.ts";
import { JournalError } from "./journal_error.ts";
import { SpareDescriptors } from "./spare_descriptors.ts";

/** Only the broker's user may read the journal. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/** Spare descriptors that opening files for reading leaves: others are closed for those. */
const SPARES_NOT_FOR_READING = 2;

/** Changes of a directory that are closer than this may have the same time, in milliseconds. */
const SAME_TIME_MS = 2500;

/** The attempts to get the lock, and the pause in between, in milliseconds. */
const LOCK_ATTEMPTS = 3;
const LOCK_PAUSE_MS = 10;

/** A directory of this machine that this broker alone uses. */
export class DenoDisk implements Disk {
  readonly path: string;
  /** Open as long as the directory is used: closing it would give up the lock. */
  readonly #lock: Deno.FsFile;
  /**
   * Always open, so that a flush needs no descriptor. Windows can neither open nor flush directories; NTFS
   * itself keeps the order of renaming and removing.
   */
  readonly #directory: Deno.FsFile | undefined;
  readonly #spares: SpareDescriptors;
  /** The directory's time of change at the last check. */
  #changedAt: number | undefined;
  /** Not known yet: the first flush may be one of a disk that takes for ever. */
  readonly #outlook: FlushOutlook = { lastMs: Infinity, changes: 0 };

  private constructor(path: string, lock: Deno.FsFile) {
    this.path = path;
    this.#lock = lock;
    const open = () => Deno.openSync(path, { read: true });
    this.#directory = Deno.build.os === "windows" ? undefined : open();
    this.#spares = new SpareDescriptors(open);
  }

  /**
   * Locks a directory for this broker; creates it if it does not exist.
   *
   * @throws {JournalError} If it cannot be used; the message says why, and what to change.
   */
  static open(path: string): DenoDisk {
    try {
      createDirectory(path);
      const disk = new DenoDisk(path, takeLock(path));
      try {
        disk.measureFree();
      } catch (error) {
        disk.close();
        throw error;
      }
      return disk;
    } catch (cause) {
      if (cause instanceof JournalError) throw cause;
      throw new JournalError("unusable", `Cannot use ${path}: ${describe(cause)}`, { cause });
    }
  }

  list(): DiskEntry[] {
    return this.#listNames().flatMap((name) => {
      // Links are not followed: a user who can put one there must not choose what is written to.
      const found = lstat(this.#pathOf(name));
      return found === undefined ? [] : [{ name, size: found.size, isFile: found.isFile }];
    });
  }

  create(name: string): DiskFile {
    this.#requireOwn();
    return this.#open(name, { createNew: true, mode: FILE_MODE });
  }

  open(name: string): DiskFile {
    return this.#open(name, {}, SPARES_NOT_FOR_READING);
  }

  rename(from: string, to: string): void {
    this.#requireOwn();
    translate(() => Deno.renameSync(this.#pathOf(from), this.#pathOf(to)));
  }

  remove(name: string): void {
    this.#requireOwn();
    try {
      Deno.removeSync(this.#pathOf(name));
    } catch (error) {
      ignoreAbsence(error);
    }
  }

  async discard(name: string): Promise<void> {
    this.#requireOwn();
    // On another thread: giving back 64 MiB takes a file system 5 to 10 ms.
    await this.#change(Deno.remove(this.#pathOf(name)).catch(ignoreAbsence));
  }

  async sync(): Promise<void> {
    if (this.#directory !== undefined) await this.#change(this.#directory.sync());
  }

  /** Has flushes wait on another thread while something is under way that they wait for. */
  async #change(change: Promise<void>): Promise<void> {
    this.#outlook.changes++;
    try {
      await change;
    } finally {
      this.#outlook.changes--;
    }
  }

  measureFree(): number | undefined {
    try {
      const { bavail, bsize } = statfsSync(this.path);
      return bavail * bsize;
    } catch (error) {
      // A full disk that is noticed too late is worse than a broker that does not start.
      if (error instanceof Deno.errors.NotCapable) throw error;
      return undefined;
    }
  }

  findLoss(names: () => Iterable<string>): string | undefined {
    const lost = this.#findOwnLoss();
    if (lost !== undefined || this.#directory === undefined) return lost;
    const changedAt = this.#directory.statSync().mtime?.getTime();
    if (changedAt !== undefined && changedAt === this.#changedAt) return undefined;
    const found = new Set(this.#listNames());
    for (const name of names()) {
      if (!found.has(name)) return `${this.#pathOf(name)} was removed`;
    }
    // A change soon after may have the same time: some file systems count in two seconds.
    if (changedAt !== undefined && Date.now() > changedAt + SAME_TIME_MS) {
      this.#changedAt = changedAt;
    }
    return undefined;
  }

  close(): void {
    this.#lock.close();
    this.#directory?.close();
    this.#spares.close();
  }

  #pathOf(name: string): string {
    return `${this.path}/${name}`;
  }

  #listNames(): string[] {
    const names = this.#spares.use(() => [...Deno.readDirSync(this.path)].map(({ name }) => name));
    this.#spares.refill();
    return names;
  }

  #open(name: string, options: Deno.OpenOptions, keptCount = 0): DiskFile {
    const path = this.#pathOf(name);
    const open = () => Deno.openSync(path, { read: true, write: true, ...options });
    const file = translate(() => this.#spares.use(open, keptCount));
    return new DenoFile(file, {
      outlook: this.#outlook,
      pathOf: (name) => this.#pathOf(name),
      closed: () => this.#spares.refill(),
    });
  }

  /** Throws if another directory has taken the place of this one: operations by name would change that one. */
  #requireOwn(): void {
    const lost = this.#findOwnLoss();
    if (lost !== undefined) throw new Error(lost);
  }

  #findOwnLoss(): string | undefined {
    if (this.#directory !== undefined && !isAt(this.path, this.#directory)) {
      return `the directory ${this.path} was removed or replaced`;
    }
    const lock = this.#pathOf(LOCK_NAME);
    return isAt(lock, this.#lock) ? undefined : `${lock} was removed or replaced`;
  }
}

/**
 * A view of a directory: it may be a read-only copy, and a broker that is using it is not disturbed.
 */
export class DenoDiskView implements ReadableDisk {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  list(): DiskEntry[] {
    return [...Deno.readDirSync(this.path)].flatMap(({ name }) => {
      const found = lstat(`${this.path}/${name}`);
      return found === undefined ? [] : [{ name, size: found.size, isFile: found.isFile }];
    });
  }

  open(name: string): DiskFile {
    const file = Deno.openSync(`${this.path}/${name}`, { read: true });
    return new DenoFile(file, {
      outlook: { lastMs: Infinity, changes: 0 },
      pathOf: (name) => `${this.path}/${name}`,
      closed: () => {},
    });
  }

  /** Describes the broker that is using it, if there is one. */
  findUser(): string | undefined {
    try {
      using lock = Deno.openSync(`${this.path}/${LOCK_NAME}`, { read: true });
      // A broker that starts at this moment tries again.
      return lock.tryLockSync(false) ? undefined : readHolder(lock);
    } catch {
      // Without the file, or without permission, it is unknown.
      return undefined;
    }
  }
}

/** Ignores that a file to be removed is gone already. */
function ignoreAbsence(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

/** Looks at a file, which may have gone since it was listed. */
function lstat(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Creates a directory that is not there, and makes it durable that it is. */
function createDirectory(path: string): void {
  if (lstat(path) !== undefined) return;
  Deno.mkdirSync(path, { recursive: true, mode: DIRECTORY_MODE });
  if (Deno.build.os === "windows") return;
  try {
    using parent = Deno.openSync(`${path}/..`, { read: true });
    parent.syncSync();
  } catch (cause) {
    Deno.removeSync(path);
    if (!(cause instanceof Deno.errors.NotCapable)) throw cause;
    throw new JournalError(
      "unusable",
      `Cannot create ${path}: reading the directory above it is not allowed; ` +
        "create it yourself, or add --allow-read for that directory",
      { cause },
    );
  }
}

function takeLock(path: string): Deno.FsFile {
  const lock = Deno.openSync(`${path}/${LOCK_NAME}`, {
    create: true,
    read: true,
    write: true,
    mode: FILE_MODE,
  });
  if (!tryLock(lock)) {
    const holder = readHolder(lock);
    lock.close();
    throw new JournalError("inUse", `Cannot use ${path}: ${holder} uses it`);
  }
  lock.truncateSync(0);
  try {
    lock.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
  } catch {
    // Only for messages to people; the disk may be full.
  }
  return lock;
}

/** Locks a file for this process alone; who only looks whether it is locked has it for a moment. */
function tryLock(lock: Deno.FsFile): boolean {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
    if (lock.tryLockSync(true)) return true;
    Atomics.wait(pause, 0, 0, LOCK_PAUSE_MS);
  }
  return false;
}

function readHolder(lock: Deno.FsFile): string {
  const holder = new Uint8Array(32);
  const length = lock.readSync(holder) ?? 0;
  const pid = new TextDecoder().decode(holder.subarray(0, length)).trim();
  return `another broker${pid === "" ? "" : ` (process ${pid})`}`;
}

function describe(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
