import { DescriptorShortageError, type Disk, type DiskFile } from "./disk.ts";

/** The most files that are open at a time. */
const OPEN_COUNT_MAX = 32;

/**
 * The files of a directory that are open for reading, the last used at the end: a long backlog has more
 * segments than a process should have open files.
 */
export class OpenFiles {
  readonly #disk: Disk;
  readonly #files = new Map<string, DiskFile>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** A file that is opened when it is used. */
  lazy(name: string): DiskFile {
    return {
      measure: () => this.#get(name).measure(),
      read: (buffer, position) => this.#get(name).read(buffer, position),
      write: (bytes, position) => this.#get(name).write(bytes, position),
      truncate: (size) => this.#get(name).truncate(size),
      isAt: (other) => this.#get(name).isAt(other),
      // These two are not shared: such a file must not be closed before it is read, or flushed.
      readLater: async (buffer, position) => {
        const file = this.#open(name);
        try {
          return await file.readLater(buffer, position);
        } finally {
          file.close();
        }
      },
      sync: async () => {
        const file = this.#open(name);
        try {
          await file.sync();
        } finally {
          file.close();
        }
      },
      close: () => this.#close(name),
    };
  }

  #get(name: string): DiskFile {
    const file = this.#files.get(name) ?? this.#open(name);
    this.#files.delete(name);
    this.#files.set(name, file);
    if (this.#files.size > OPEN_COUNT_MAX) this.#closeOldest();
    return file;
  }

  /** Opens a file, in place of others if no more can be open. */
  #open(name: string): DiskFile {
    for (;;) {
      try {
        return this.#disk.open(name);
      } catch (error) {
        if (!(error instanceof DescriptorShortageError) || this.#files.size === 0) throw error;
        this.#closeOldest();
      }
    }
  }

  #closeOldest(): void {
    const [oldest] = this.#files.keys();
    this.#close(oldest!);
  }

  #close(name: string): void {
    this.#files.get(name)?.close();
    this.#files.delete(name);
  }
}
