/**
 * What every engine must do, for the journal engine: on a directory of this machine, at each level, and with segments
 * and a memory so small that everything it does behind the scenes happens.
 *
 * @module
 */

import type { Warn } from "../../src/broker/rules/notices.ts";
import { openJournal, type TestJournalOptions } from "../support/disk/journals.ts";
import { SimulatedDisk } from "../support/disk/simulated_disk.ts";
import { TestDirectory } from "../support/disk/journals.ts";
import { type ConformancePart, engineConformance } from "./engine_conformance.ts";

/** What a journal tells of beside its own affairs. */
function forOperators(tell: Warn): Required<TestJournalOptions>["report"] {
  return (level, message, fields = {}) => {
    if (level === "warning") tell(message, fields);
  };
}

/**
 * Registers the tests of a journal on a directory of this machine.
 *
 * @param what The engine's name, for the tests' names.
 * @param options What is unusual about it.
 * @param part Which of the tests.
 */
export function journalConformance(
  what: string,
  options: TestJournalOptions,
  part: ConformancePart,
): void {
  engineConformance(what, async (now, tell, dateNow) => {
    const directory = await TestDirectory.createQuick();
    const report = forOperators(tell);
    const open = () => openJournal(directory.openDisk(), { ...options, now, dateNow, report });
    return {
      engine: await open(),
      reopen: open,
      dispose: () => directory[Symbol.asyncDispose](),
    };
  }, { survives: true, part });
}

/** Registers the tests of a journal in which everything is small. */
export function tinyJournalConformance(): void {
  engineConformance("journal, tiny", async (now, tell, dateNow) => {
    const disk = new SimulatedDisk({ seed: 1 });
    const report = forOperators(tell);
    const open = () =>
      openJournal(disk, { segmentBytes: 2048, memoryLimit: 1, now, dateNow, report });
    return { engine: await open(), reopen: open };
  }, { survives: true });
}
