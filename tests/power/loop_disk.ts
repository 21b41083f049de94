/**
 * A disk that is a file: a file system in an image, mounted through a loop device.
 *
 * @module
 */

import { run } from "./command.ts";
import { ReadyCommand } from "./ready_command.ts";

/** The file systems that disks can have. */
export const FILE_SYSTEMS = ["ext4", "xfs"] as const;

/** One of them. */
export type FileSystem = typeof FILE_SYSTEMS[number];

/** What a disk is. */
export interface LoopDiskOptions {
  readonly fileSystem: FileSystem;
  /** The file that it is in. */
  readonly image: string;
  /** Where it is mounted; the directory is made. */
  readonly mountPoint: string;
}

/** A disk in a file. */
export class LoopDisk implements AsyncDisposable {
  readonly #options: LoopDiskOptions;
  #device: string | undefined;
  #cut: ReadyCommand | undefined;

  private constructor(options: LoopDiskOptions) {
    this.#options = options;
  }

  /** Makes one of so many bytes, of which only those take room that are used, and mounts it. */
  static async create(options: LoopDiskOptions & { readonly bytes: number }): Promise<LoopDisk> {
    const { fileSystem, image, bytes } = options;
    using file = await Deno.open(image, { createNew: true, write: true });
    await file.truncate(bytes);
    await run(`mkfs.${fileSystem}`, "-q", image);
    return await LoopDisk.open(options);
  }

  /** Mounts one that is there already. */
  static async open(options: LoopDiskOptions): Promise<LoopDisk> {
    const disk = new LoopDisk(options);
    await disk.mount();
    return disk;
  }

  /** Where it is mounted. */
  get mountPoint(): string {
    return this.#options.mountPoint;
  }

  /** Mounts it; the file system mends itself as after a power cut. */
  async mount(): Promise<void> {
    const { image, mountPoint, fileSystem } = this.#options;
    await Deno.mkdir(mountPoint, { recursive: true });
    this.#device = await run("losetup", "--find", "--show", image);
    // Copies of a disk have the same name inside; xfs would not mount two of them.
    const options = fileSystem === "xfs" ? ["-o", "nouuid"] : [];
    await run("mount", "-t", fileSystem, ...options, this.#device, mountPoint);
  }

  /** Unmounts it. */
  async unmount(): Promise<void> {
    await this.#cut?.[Symbol.asyncDispose]();
    if (this.#device === undefined) return;
    await run("umount", this.#options.mountPoint);
    await run("losetup", "--detach", this.#device);
    this.#device = undefined;
  }

  /**
   * Makes ready to cut it off. From the command `shutdown` on nothing is written to it, not even what
   * the system has taken and not written yet, and every flush fails.
   */
  prepareCut(): void {
    this.#cut = new ReadyCommand("-x", this.#options.mountPoint);
  }

  /** Cuts it off, at once. */
  async cut(): Promise<void> {
    await this.#cut?.run("shutdown");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unmount();
  }
}
