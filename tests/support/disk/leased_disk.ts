/**
 * A disk for one life of a broker: when that life is over, whatever it still tries fails, as nothing
 * of a process goes on after its end.
 *
 * @module
 */

import type { Disk, DiskEntry, DiskFile } from "../../../src/engine/journal/disk/disk.ts";

/** Another disk, until the lease ends. */
export class LeasedDisk implements Disk {
  readonly path: string;
  readonly #disk: Disk;
  #isOver = false;

  constructor(disk: Disk) {
    this.#disk = disk;
    this.path = disk.path;
  }

  /** Ends the lease. */
  end(): void {
    this.#isOver = true;
  }

  list(): DiskEntry[] {
    return this.#get().list();
  }

  create(name: string): DiskFile {
    return this.#get().create(name);
  }

  open(name: string): DiskFile {
    return this.#get().open(name);
  }

  rename(from: string, to: string): void {
    this.#get().rename(from, to);
  }

  remove(name: string): void {
    this.#get().remove(name);
  }

  discard(name: string): Promise<void> {
    return this.#get().discard(name);
  }

  sync(): Promise<void> {
    return this.#get().sync();
  }

  measureFree(): number | undefined {
    return this.#get().measureFree();
  }

  findLoss(names: () => Iterable<string>): string | undefined {
    return this.#get().findLoss(names);
  }

  close(): void {
    if (!this.#isOver) this.#disk.close();
  }

  #get(): Disk {
    if (this.#isOver) throw new Error("the process that used this disk is gone");
    return this.#disk;
  }
}
