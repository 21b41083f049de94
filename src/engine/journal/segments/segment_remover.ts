import type { Disk } from "../disk/disk.ts";
import type { SegmentFile } from "./segment_file.ts";

/**
 * Removes segments without live messages in the order in which they come, beside everything else, so
 * that nobody waits for them, however many there are.
 */
export class SegmentRemover {
  readonly #disk: Disk;
  readonly #fail: (error: unknown) => void;
  /** As many as there were in the journal, at most. */
  readonly #waiting: SegmentFile[] = [];
  #running: Promise<void> | undefined;
  /** One could not be removed: then none of those after it may go. */
  #hasFailed = false;

  /** @param fail Hears of a segment that cannot be removed. */
  constructor(disk: Disk, fail: (error: unknown) => void) {
    this.#disk = disk;
    this.#fail = fail;
  }

  /** Removes segments, after those that were given before; that they are free is flushed. */
  remove(segments: readonly SegmentFile[]): void {
    if (this.#hasFailed) return;
    this.#waiting.push(...segments);
    this.#running ??= this.#run();
  }

  finish(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  async #run(): Promise<void> {
    try {
      for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
        next.file.close();
        await this.#disk.discard(next.name);
        // One after the other also on the disk: a gap would look like damage.
        await this.#disk.sync();
      }
    } catch (error) {
      this.#hasFailed = true;
      this.#waiting.length = 0;
      this.#fail(error);
    } finally {
      this.#running = undefined;
    }
  }
}
