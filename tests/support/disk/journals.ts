/**
 * Journals for tests: on a directory of this machine, or on a disk in memory.
 *
 * @module
 */

import { statfsSync } from "node:fs";
import { DenoDisk } from "../../../src/engine/journal/disk/deno_disk.ts";
import type { Disk } from "../../../src/engine/journal/disk/disk.ts";
import { Journal, type JournalOptions } from "../../../src/engine/journal/journal.ts";
import { LocalEngine, type LocalEngineOptions } from "../../../src/engine/local_engine.ts";
import { isLong } from "../length.ts";

/** How a journal of a test is opened; what is not said is small and quick. */
export interface TestJournalOptions
  extends
    Partial<JournalOptions>,
    Partial<Pick<LocalEngineOptions, "memoryLimit" | "dateNow" | "noteReady">> {}

/** Opens a journal on a disk; trouble is an error unless the test wants to hear of it. */
export function openJournal(
  disk: Disk,
  { memoryLimit = 64 * 1024 * 1024, dateNow, noteReady, ...options }: TestJournalOptions = {},
): Promise<LocalEngine> {
  const journal: JournalOptions = {
    disk,
    level: "always",
    intervalMs: 100,
    now: () => 1000,
    report: () => {},
    fail: (error) => {
      throw error;
    },
    newJournalId: 1,
    reserveBytes: 4096,
    ...options,
  };
  return LocalEngine.open({
    log: new Journal(journal),
    now: journal.now,
    dateNow,
    noteReady,
    memoryLimit,
    report: (message, fields) => journal.report("warning", message, fields),
  });
}

/** A directory of this machine that goes when the test is over. */
export class TestDirectory implements AsyncDisposable {
  /** Where it is. */
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes one. */
  static async create(): Promise<TestDirectory> {
    return new TestDirectory(await Deno.makeTempDir({ prefix: "simplemq-" }));
  }

  /**
   * Makes one in memory, for tests that ask what an engine does and not what a disk does: flushing costs
   * nothing there. At full length, and where the machine has no such place, it is on a disk.
   */
  static async createQuick(): Promise<TestDirectory> {
    if (isLong || !hasMemoryRoom()) return await TestDirectory.create();
    return new TestDirectory(await Deno.makeTempDir({ dir: MEMORY, prefix: "simplemq-" }));
  }

  /** Takes it as a journal's disk. */
  openDisk(): DenoDisk {
    return DenoDisk.open(this.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Where Linux keeps files in memory. */
const MEMORY = "/dev/shm";

/** Containers have some megabytes there, which are too few. */
const MEMORY_BYTES_MIN = 1024 ** 3;

function hasMemoryRoom(): boolean {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    return bavail * bsize >= MEMORY_BYTES_MIN;
  } catch {
    return false;
  }
}
