/**
 * The engine of a cluster does what every engine must do, as far as the log is concerned. The rules are the same in
 * all engines: `deno task test:conformance` has all of them done.
 *
 * @module
 */

import { takenOverClusterConformance } from "../cluster_conformance.ts";

takenOverClusterConformance("log");
