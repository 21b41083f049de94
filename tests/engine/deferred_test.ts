/**
 * The rules behind an engine that commits later.
 *
 * @module
 */

import { DeferredEngine } from "../support/broker/deferred_engine.ts";
import { engineConformance } from "./engine_conformance.ts";

engineConformance(
  "deferred",
  (now, report, dateNow) => Promise.resolve({ engine: new DeferredEngine(now, report, dateNow) }),
);
