/**
 * What one write and flush takes on a disk: what is durable cannot be faster.
 *
 * @module
 */

import { describeTimes, type Percentiles } from "../latency_log.ts";

/** As many bytes as a journal writes for a message of 100 bytes. */
const WRITE_BYTES = 216;

/** So many are measured at a time. */
const FLUSH_COUNT = 300;

/**
 * A file to measure a disk with. It stays until it is disposed of: to remove a file keeps a disk busy
 * for a while, and would disturb what comes after.
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

  /** Writes to the end of the file and flushes it with fdatasync, again and again. */
  async measure(): Promise<void> {
    const bytes = new Uint8Array(WRITE_BYTES).fill(1);
    for (let left = FLUSH_COUNT; left > 0; left--) {
      const begin = performance.now();
      this.#file.writeSync(bytes);
      await this.#file.syncData();
      this.#times.push(performance.now() - begin);
    }
  }

  /** What single flushes took, in milliseconds. */
  get percentiles(): Percentiles {
    return describeTimes(this.#times);
  }

  /** Removes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#file.close();
    await Deno.remove(this.#path);
  }
}
