import { invariant } from "../../../broker/invariant.ts";

/** The file whose lock a broker holds while it uses the directory. */
export const LOCK_NAME = "LOCK";

/**
 * The journal's access to a directory; names are of files directly in it. All disk access goes through this
 * port, so that tests can use a disk that fails, tears and forgets.
 *
 * Reading and writing are synchronous: both go to the system's page cache, and the pieces of a group cannot be
 * mixed with those of another. Flushing takes long, and is not.
 */
export interface Disk {
  readonly path: string;
  /**
   * The files in it, by name, and how many bytes each has; in no order. Throws a
   * {@linkcode DescriptorShortageError} as the next two do.
   */
  list(): DiskEntry[];
  /**
   * Creates a file that must not be there yet, for writing and reading, readable by its user only.
   * Throws a {@linkcode DescriptorShortageError} if no more files can be open now.
   */
  create(name: string): DiskFile;
  /**
   * Opens a file for reading, and for cutting. Throws a {@linkcode DescriptorShortageError} if no
   * more files can be open now.
   */
  open(name: string): DiskFile;
  /** Gives a file another name, in place of a file that has that name. */
  rename(from: string, to: string): void;
  remove(name: string): void;
  /** Removes a file that may be large, without blocking. */
  discard(name: string): Promise<void>;
  /** Makes new names and removals durable. */
  sync(): Promise<void>;
  /** The free bytes, if the system tells. */
  measureFree(): number | undefined;
  /**
   * Describes what was removed or replaced since the directory was opened: the directory, its lock, or one
   * of these files; `undefined` if nothing was.
   *
   * @param names Lists the files that must be there; called only if files were added or removed.
   */
  findLoss(names: () => Iterable<string>): string | undefined;
  close(): void;
}

/** A directory for reading only. */
export type ReadableDisk = Pick<Disk, "path" | "list" | "open">;

export interface DiskEntry {
  readonly name: string;
  /** How many bytes it has. */
  readonly size: number;
  /** Whether it is a plain file: no directory, no link, no device. */
  readonly isFile: boolean;
}

export interface DiskFile {
  /** How many zeros should be behind the last bytes, if a flush that changes no size is quicker. */
  readonly aheadBytes?: number;
  /** How many bytes it has now. */
  measure(): number;
  /** Reads from a position on until the buffer is full or the file ends; returns how many bytes. */
  read(buffer: Uint8Array, position: number): number;
  /** Reads like `read`, but on another thread; the file must not be used otherwise meanwhile. */
  readLater(buffer: Uint8Array, position: number): Promise<number>;
  /**
   * Writes at a position; returns how many of the bytes were written, which may be fewer than asked
   * for. Throws a {@linkcode DiskFullError} if there is no room.
   */
  write(bytes: Uint8Array, position: number): number;
  /** Makes the bytes and the size durable, as `fdatasync` does. */
  sync(): Promise<void>;
  /** Cuts it to so many bytes. */
  truncate(size: number): void;
  isAt(name: string): boolean;
  close(): void;
}

export class DiskFullError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "DiskFullError";
  }
}

/** No more files can be open at this moment, which may pass. Nothing was done. */
export class DescriptorShortageError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "DescriptorShortageError";
  }
}

/** Writes all of some bytes: a single write may take only some of them. */
export function writeAll(file: DiskFile, bytes: Uint8Array, position: number): void {
  for (let written = 0; written < bytes.length;) {
    const count = file.write(bytes.subarray(written), position + written);
    invariant(count > 0, "a write takes some of the bytes or fails");
    written += count;
  }
}
