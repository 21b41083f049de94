/**
 * A directory with disks in it, which leaves nothing behind: neither files nor mounts nor loop
 * devices, whatever has happened.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { run } from "./command.ts";

/** Something may look into a file system for a moment, so that it cannot be unmounted. */
const ATTEMPTS_MAX = 20;
const PAUSE_MS = 100;

/** A directory for disks. */
export class Workshop implements AsyncDisposable {
  /** Where it is. */
  readonly path: string;
  #clearing: Promise<void> | undefined;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes one. */
  static async create(): Promise<Workshop> {
    return new Workshop(await Deno.makeTempDir({ prefix: "simplemq-power-" }));
  }

  /** Unmounts and removes everything that is in it. Calling it again waits for the same. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#clearing ??= this.#clear();
    return this.#clearing;
  }

  async #clear(): Promise<void> {
    for (let attempt = 1; await this.#unmountAll() > 0; attempt++) {
      if (attempt === ATTEMPTS_MAX) await this.#unmountAll(["--lazy"]);
      if (attempt > ATTEMPTS_MAX) throw new Error(`Cannot unmount what is in ${this.path}`);
      await delay(PAUSE_MS);
    }
    for (const device of await this.#listDevices()) await run("losetup", "--detach", device);
    await Deno.remove(this.path, { recursive: true });
  }

  /** Unmounts what can be; returns how much is left. */
  async #unmountAll(options: readonly string[] = []): Promise<number> {
    // What was mounted last is in what was mounted before.
    for (const { device, mountPoint } of (await this.#listMounts()).reverse()) {
      try {
        await run("umount", ...options, mountPoint);
        await run("losetup", "--detach", device);
      } catch {
        // Somebody uses it, or has been quicker.
      }
    }
    return (await this.#listMounts()).length;
  }

  /** What is mounted in it, in the order in which it was. */
  async #listMounts(): Promise<{ device: string; mountPoint: string }[]> {
    const lines = (await Deno.readTextFile("/proc/mounts")).split("\n");
    return lines
      .map((line) => line.split(" "))
      .map(([device = "", mountPoint = ""]) => ({ device, mountPoint }))
      .filter(({ mountPoint }) => mountPoint.startsWith(`${this.path}/`));
  }

  /** The loop devices of its files. */
  async #listDevices(): Promise<string[]> {
    const text = await run("losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE");
    return text.split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter(([, file = ""]) => file.startsWith(`${this.path}/`))
      .map(([device = ""]) => device);
  }
}
