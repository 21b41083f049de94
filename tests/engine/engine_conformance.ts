/**
 * What every engine must do, told through the port that sessions talk to. An engine may answer and
 * deliver at once or later: the tests wait for what they expect, and before they say that something
 * did not come they let a message pass that was sent after it.
 *
 * @module
 */

import type { Engine } from "../../src/broker/engine.ts";
import { registerAcknowledgementTests, registerReturnTests } from "./conformance/acknowledging.ts";
import { EngineUse, type Register } from "./conformance/engine_use.ts";
import { registerCreditTests, registerDeliveryTests } from "./conformance/following.ts";
import { registerPublishTests, registerRepetitionTests } from "./conformance/publishing.ts";
import { registerBindTests, registerStreamTests } from "./conformance/streams.ts";

/**
 * Registers the tests of an engine.
 *
 * @param name The engine's name, for the tests' names.
 * @param open Gives an engine without any streams.
 */
export function engineConformance(name: string, open: () => Promise<Engine>): void {
  const test: Register = (what, run) => {
    Deno.test(`${name} engine: ${what}`, async () => {
      const engine = await open();
      try {
        await run(new EngineUse(engine));
      } finally {
        await engine.close();
      }
    });
  };
  registerStreamTests(test);
  registerPublishTests(test);
  registerRepetitionTests(test);
  registerDeliveryTests(test);
  registerCreditTests(test);
  registerAcknowledgementTests(test);
  registerReturnTests(test);
  registerBindTests(test);
}
