/**
 * What every engine must do, told through the port that sessions talk to. An engine may answer and
 * deliver at once or later: the tests wait for what they expect, and before they say that something
 * did not come they let a message pass that was sent after it.
 *
 * @module
 */

import type { Engine } from "../../src/broker/engine.ts";
import type { Warn } from "../../src/broker/rules/notices.ts";
import { acknowledgementTests, returnTests } from "./conformance/deliveries/acknowledging.ts";
import { dateRestartTests, dateTests } from "./conformance/dating.ts";
import { deadLetterTests } from "./conformance/deliveries/dead_letters.ts";
import type { Register } from "./engine_tests.ts";
import { EngineUse, type ReportedNotice, TestClock } from "./engine_use.ts";
import { failureTests, timeoutTests } from "./conformance/deliveries/failing.ts";
import { figureRestartTests, figureTests } from "./conformance/deliveries/figures.ts";
import { creditTests, deliveryTests } from "./conformance/deliveries/following.ts";
import { fetchingTests, hangTests, lapseRestartTests } from "./conformance/deliveries/lapsing.ts";
import { lossTests } from "./conformance/deliveries/losing.ts";
import { limitTests } from "./conformance/limits.ts";
import { ownerRestartTests, permitTests, viewTests } from "./conformance/permits.ts";
import { dedupIdTests } from "./conformance/dedup_ids.ts";
import { dropRestartTests, dropTests } from "./conformance/tending/dropping.ts";
import { causeTests } from "./conformance/tending/explaining.ts";
import { keyTests } from "./conformance/keys.ts";
import { orderRestartTests } from "./conformance/order_restarting.ts";
import { priorityTests } from "./conformance/ordering.ts";
import { publishTests, repetitionTests } from "./conformance/publishing.ts";
import { replyRestartTests, replyTests } from "./conformance/replying.ts";
import { restartTests } from "./conformance/restarting.ts";
import { bindTests, streamTests } from "./conformance/streams.ts";
import { explanationTests, noticeTests, tendingTests } from "./conformance/tending/tending.ts";
import { delayTests, expiryTests } from "./conformance/timing.ts";

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
  open: (now: () => number, report: Warn, dateNow: () => number) => Promise<OpenedEngine>,
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
  streamTests.register(test);
  publishTests.register(test);
  repetitionTests.register(test);
  deliveryTests.register(test);
  priorityTests.register(test);
  keyTests.register(test);
  creditTests.register(test);
  acknowledgementTests.register(test);
  returnTests.register(test);
  bindTests.register(test);
  failureTests.register(test);
  timeoutTests.register(test);
  hangTests.register(test);
  fetchingTests.register(test);
  lossTests.register(test);
  deadLetterTests.register(test);
  delayTests.register(test);
  expiryTests.register(test);
  dateTests.register(test);
  dedupIdTests.register(test);
  figureTests.register(test);
  limitTests.register(test);
  tendingTests.register(test);
  dropTests.register(test);
  explanationTests.register(test);
  causeTests.register(test);
  noticeTests.register(test);
  replyTests.register(test);
  permitTests.register(test);
  viewTests.register(test);
  if (survives) {
    restartTests.register(test);
    dropRestartTests.register(test);
    figureRestartTests.register(test);
    dateRestartTests.register(test);
    lapseRestartTests.register(test);
    orderRestartTests.register(test);
    replyRestartTests.register(test);
    ownerRestartTests.register(test);
  }
}
