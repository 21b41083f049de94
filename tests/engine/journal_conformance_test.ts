/**
 * The journal engine does what every engine must do: on a directory of this machine, at each level,
 * and with segments and a memory so small that everything it does behind the scenes happens.
 *
 * @module
 */

import type { Warn } from "../../src/broker/rules/notices.ts";
import { openJournal, type TestJournalOptions } from "../support/disk/journals.ts";
import { SimulatedDisk } from "../support/disk/simulated_disk.ts";
import { TestDirectory } from "../support/disk/journals.ts";
import { engineConformance } from "./engine_conformance.ts";

/** What a journal tells of beside its own affairs. */
function forOperators(tell: Warn): Required<TestJournalOptions>["report"] {
  return (level, message, fields = {}) => {
    if (level === "warning") tell(message, fields);
  };
}

const variants: [what: string, options: TestJournalOptions][] = [
  ["journal", {}],
  ["journal, interval", { level: "interval" }],
  ["journal, never", { level: "never" }],
];
for (const [what, options] of variants) {
  engineConformance(what, async (now, tell, dateNow) => {
    const directory = await TestDirectory.create();
    const report = forOperators(tell);
    const open = () => openJournal(directory.openDisk(), { ...options, now, dateNow, report });
    return {
      engine: await open(),
      reopen: open,
      dispose: () => directory[Symbol.asyncDispose](),
    };
  }, { survives: true });
}

engineConformance("journal, tiny", async (now, tell, dateNow) => {
  const disk = new SimulatedDisk({ seed: 1 });
  const report = forOperators(tell);
  const open = () =>
    openJournal(disk, { segmentBytes: 2048, memoryLimit: 1, now, dateNow, report });
  return { engine: await open(), reopen: open };
}, { survives: true });
