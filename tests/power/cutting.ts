/**
 * Power cuts: the disk of a broker is cut off in the midst of its work. The broker has to notice, to
 * confirm nothing more and to end; what it had confirmed before must be there when the disk is back.
 *
 * @module
 */

import type { Blow } from "../crash/blow.ts";
import { type CrashResult, runCrashes } from "../crash/crash_run.ts";
import { type FileSystem, LoopDisk } from "./loop_disk.ts";
import type { Workshop } from "./workshop.ts";

/** What to do. */
export interface CuttingOptions {
  readonly workshop: Workshop;
  readonly fileSystem: FileSystem;
  /** How often. */
  readonly cuts: number;
  readonly seed: number;
  /** Flags of the broker. */
  readonly flags: readonly string[];
  /** Hears how far it is. */
  readonly tell: (done: number) => void;
}

/** What cutting comes to. */
export interface CuttingResult extends CrashResult {
  /** The longest time from the cut to the end of the process, in milliseconds. */
  readonly slowestEndMs: number;
}

/** How a broker ends whose disk has failed. */
const EXIT_CODE_DISK_FAILED = 3;

const DISK_BYTES = 1024 * 1024 * 1024;

/** How many messages each publisher sends between two cuts. */
const MESSAGES = 100;

/** Cuts a disk off again and again. */
export async function cutAgainAndAgain(options: CuttingOptions): Promise<CuttingResult> {
  const { workshop, fileSystem, cuts, seed, flags, tell } = options;
  await using disk = await LoopDisk.create({
    fileSystem,
    image: `${workshop.path}/cut-${fileSystem}.img`,
    mountPoint: `${workshop.path}/cut-${fileSystem}`,
    bytes: DISK_BYTES,
  });
  const cut = new Cut(disk);
  const result = await runCrashes({
    seed,
    directory: `${disk.mountPoint}/data`,
    flags,
    blow: cut,
    count: cuts,
    messages: MESSAGES,
    largeShare: 1 / 20,
    startKillChance: 0,
    // Right behind a confirm: whatever was confirmed too early is found.
    laterMs: 0,
    tell,
  });
  return { ...result, slowestEndMs: Math.round(cut.slowestEndMs) };
}

/** Cuts a disk off, and waits until its broker has ended by itself. */
class Cut implements Blow {
  readonly kind = "cut";
  readonly #disk: LoopDisk;
  slowestEndMs = 0;

  constructor(disk: LoopDisk) {
    this.#disk = disk;
    disk.prepareCut();
  }

  async strike({ broker, load, noteStruck }: Parameters<Blow["strike"]>[0]): Promise<void> {
    await this.#disk.cut();
    noteStruck();
    const start = performance.now();
    // Whatever was under way: there is something to be flushed now.
    load.allow(1);
    const { code, lines } = await broker.waitForEnd();
    this.slowestEndMs = Math.max(this.slowestEndMs, performance.now() - start);
    if (code !== EXIT_CODE_DISK_FAILED) {
      throw new Error(`The broker has ended with ${code}:\n${lines.join("\n")}`);
    }
    await this.#disk.unmount();
    await this.#disk.mount();
    this.#disk.prepareCut();
  }
}
