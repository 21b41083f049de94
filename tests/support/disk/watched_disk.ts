/**
 * A disk that tells of each piece that is written to it.
 *
 * @module
 */

import type { Disk, DiskEntry, DiskFile } from "../../../src/engine/journal/disk/disk.ts";

/** Hears which file has got some bytes, and where they end. */
export type WriteListener = (name: string, end: number) => void;

/** Another disk, watched. */
export class WatchedDisk implements Disk {
  readonly path: string;
  readonly #disk: Disk;
  readonly #listener: WriteListener;

  constructor(disk: Disk, listener: WriteListener) {
    this.path = disk.path;
    this.#disk = disk;
    this.#listener = listener;
  }

  list(): DiskEntry[] {
    return this.#disk.list();
  }

  create(name: string): DiskFile {
    return this.#watch(name, this.#disk.create(name));
  }

  open(name: string): DiskFile {
    return this.#watch(name, this.#disk.open(name));
  }

  rename(from: string, to: string): void {
    this.#disk.rename(from, to);
  }

  remove(name: string): void {
    this.#disk.remove(name);
  }

  discard(name: string): Promise<void> {
    return this.#disk.discard(name);
  }

  sync(): Promise<void> {
    return this.#disk.sync();
  }

  measureFree(): number | undefined {
    return this.#disk.measureFree();
  }

  findLoss(names: () => Iterable<string>): string | undefined {
    return this.#disk.findLoss(names);
  }

  close(): void {
    this.#disk.close();
  }

  /** The file under the name that it had when it was opened. */
  #watch(name: string, file: DiskFile): DiskFile {
    return {
      ...file,
      write: (bytes, position) => {
        const count = file.write(bytes, position);
        this.#listener(name, position + count);
        return count;
      },
    };
  }
}
