import type { Disk } from "../disk/disk.ts";
import type { SegmentFile } from "./segment_file.ts";

/**
 * Removes segments without live messages, in order and in the background, so that nothing waits for them,
 * however many there are.
 */
export class SegmentRemover {
  readonly #disk: Disk;
  readonly #fail: (error: unknown) => void;
  /** Segments to remove; at most as many as the journal had. */
  readonly #waiting: SegmentFile[] = [];
  #running: Promise<void> | undefined;
  /** Set when a segment could not be removed: then no later one may go. */
  #hasFailed = false;

  /** @param fail Hears of a segment that cannot be removed. */
  constructor(disk: Disk, fail: (error: unknown) => void) {
    this.#disk = disk;
    this.#fail = fail;
  }

  /** Removes segments, after all earlier ones; the events that freed them are flushed. */
  remove(segments: readonly SegmentFile[]): void {
    if (this.#hasFailed) return;
    // It would be over before it is known that it runs, and never run again.
    if (segments.length === 0) return;
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
        // In order on the disk, too: a gap would look like damage.
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
