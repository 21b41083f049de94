/**
 * Engines whose tests do only what concerns their log do all that every engine must do.
 *
 * @module
 */

import { restartedClusterConformance, takenOverClusterConformance } from "./cluster_conformance.ts";
import { journalConformance } from "./journal_conformance.ts";

journalConformance("journal, interval", { level: "interval" }, "everything");
journalConformance("journal, never", { level: "never" }, "everything");
restartedClusterConformance();
takenOverClusterConformance("everything");
