import { openDeferredEngine } from "../support/broker/deferred_engine.ts";
import { engineConformance } from "./engine_conformance.ts";

engineConformance("deferred", async (now, report, dateNow) => {
  return { engine: await openDeferredEngine({ now, report, dateNow }) };
});
