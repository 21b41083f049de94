/**
 * The journal engine does what every engine must do. At the levels at which it flushes later, this is done as far as
 * the log is concerned: `deno task test:conformance` does the rest.
 *
 * @module
 */

import { journalConformance, tinyJournalConformance } from "./journal_conformance.ts";

journalConformance("journal", {}, "everything");
journalConformance("journal, interval", { level: "interval" }, "log");
journalConformance("journal, never", { level: "never" }, "log");
tinyJournalConformance();
