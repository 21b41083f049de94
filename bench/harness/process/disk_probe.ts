/** As many bytes as a journal writes for a message of 100 bytes. */
const BYTES = new Uint8Array(216).fill(1);

/**
 * A file to measure a disk with: what is durable cannot be faster than one write and flush. It stays
 * until it is disposed of: to remove a file keeps a disk busy for a while, and would disturb what comes
 * after.
 */
export class DiskProbe implements AsyncDisposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #times: number[] = [];

  private constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
  }

  /** Makes a file in a directory. */
  static async open(directory: string): Promise<DiskProbe> {
    const path = await Deno.makeTempFile({ dir: directory });
    return new DiskProbe(path, await Deno.open(path, { write: true }));
  }

  /** Writes to the end of the file and flushes it with fdatasync, on this thread, so many times. */
  measure(count: number): void {
    for (let left = count; left > 0; left--) {
      const begin = performance.now();
      this.#file.writeSync(BYTES);
      this.#file.syncDataSync();
      this.#times.push(performance.now() - begin);
    }
  }

  /** The time of each flush, in milliseconds. */
  get times(): readonly number[] {
    return this.#times;
  }

  /** Removes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#file.close();
    await Deno.remove(this.#path);
  }
}
