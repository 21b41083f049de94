/**
 * What every engine must do, told through the port that sessions talk to. An engine may answer and
 * deliver at once or later: the tests wait for what they expect, and before they say that something
 * did not come they let a message pass that was sent after it.
 *
 * @module
 */

import type { Engine } from "../../src/broker/engine.ts";
import type { Report } from "../../src/broker/rules/notices.ts";
import { registerAcknowledgementTests, registerReturnTests } from "./conformance/acknowledging.ts";
import { registerDateRestartTests, registerDateTests } from "./conformance/dating.ts";
import { registerDeadLetterTests } from "./conformance/dead_letters.ts";
import { EngineUse, type Register, type ReportedNotice, TestClock } from "./engine_use.ts";
import { registerFailureTests, registerTimeoutTests } from "./conformance/failing.ts";
import { registerCreditTests, registerDeliveryTests } from "./conformance/following.ts";
import {
  registerFetchingTests,
  registerHangTests,
  registerLapseRestartTests,
  registerLossTests,
} from "./conformance/lapsing.ts";
import { registerLimitTests } from "./conformance/limits.ts";
import { registerDedupIdTests } from "./conformance/dedup_ids.ts";
import { registerKeyTests, registerPriorityTests } from "./conformance/ordering.ts";
import { registerPublishTests, registerRepetitionTests } from "./conformance/publishing.ts";
import { registerReplyRestartTests, registerReplyTests } from "./conformance/replying.ts";
import { registerOrderRestartTests, registerRestartTests } from "./conformance/restarting.ts";
import { registerBindTests, registerStreamTests } from "./conformance/streams.ts";
import {
  registerExplanationTests,
  registerNoticeTests,
  registerTendingTests,
} from "./conformance/tending.ts";
import { registerDelayTests, registerExpiryTests } from "./conformance/timing.ts";

/** An engine without any streams, and how to have it again after its end. */
export interface OpenedEngine {
  readonly engine: Engine;
  /** Opens what is left when the engine has been closed; not there if nothing is. */
  readonly reopen?: () => Promise<Engine>;
  /** Removes what the engine needed. */
  readonly dispose?: () => Promise<void>;
}

/**
 * Registers the tests of an engine.
 *
 * @param name The engine's name, for the tests' names.
 * @param open Gives an engine that tells the time by a function, reports to another one, and reads
 * the machine's clock by a third one.
 * @param survives Whether it is there again after its end.
 */
export function engineConformance(
  name: string,
  open: (now: () => number, report: Report, dateNow: () => number) => Promise<OpenedEngine>,
  { survives = false }: { readonly survives?: boolean } = {},
): void {
  const test: Register = (what, run) => {
    Deno.test(`${name} engine: ${what}`, async () => {
      const clock = new TestClock();
      const reports: ReportedNotice[] = [];
      const { engine, reopen, dispose } = await open(
        () => clock.now,
        (message, fields) => reports.push({ message, fields }),
        () => clock.date,
      );
      const use = new EngineUse(engine, { clock, reopen, reports });
      try {
        await run(use);
      } finally {
        await use.engine.close();
        await dispose?.();
      }
    });
  };
  registerStreamTests(test);
  registerPublishTests(test);
  registerRepetitionTests(test);
  registerDeliveryTests(test);
  registerPriorityTests(test);
  registerKeyTests(test);
  registerCreditTests(test);
  registerAcknowledgementTests(test);
  registerReturnTests(test);
  registerBindTests(test);
  registerFailureTests(test);
  registerTimeoutTests(test);
  registerHangTests(test);
  registerFetchingTests(test);
  registerLossTests(test);
  registerDeadLetterTests(test);
  registerDelayTests(test);
  registerExpiryTests(test);
  registerDateTests(test);
  registerDedupIdTests(test);
  registerLimitTests(test);
  registerTendingTests(test);
  registerExplanationTests(test);
  registerNoticeTests(test);
  registerReplyTests(test);
  if (survives) {
    registerRestartTests(test);
    registerDateRestartTests(test);
    registerLapseRestartTests(test);
    registerOrderRestartTests(test);
    registerReplyRestartTests(test);
  }
}
