/**
 * All tests of this folder that are no entries of their own.
 *
 * @module
 */

import { importTests } from "../../support/suite.ts";

await importTests(import.meta.url);
