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
import { batchTests } from "./conformance/deliveries/batching.ts";
import { dateRestartTests, dateTests } from "./conformance/dating.ts";
import { deadLetterTests } from "./conformance/deliveries/dead_letters.ts";
import type { EngineTests, Register } from "./engine_tests.ts";
import { EngineUse, type ReportedNotice, TestClock } from "./engine_use.ts";
import { failureTests, timeoutTests } from "./conformance/deliveries/failing.ts";
import { figureRestartTests, figureTests } from "./conformance/deliveries/figures.ts";
import { creditTests, deliveryTests } from "./conformance/deliveries/following.ts";
import { fetchingTests, hangTests, lapseRestartTests } from "./conformance/deliveries/lapsing.ts";
import { breakerRestartTests, breakerTests } from "./conformance/deliveries/breaking.ts";
import {
  laneBreakerRestartTests,
  laneBreakerTests,
} from "./conformance/deliveries/breaking_lanes.ts";
import { postponeRestartTests, postponeTests } from "./conformance/deliveries/postponing.ts";
import { lossTests } from "./conformance/deliveries/losing.ts";
import { limitTests } from "./conformance/limits.ts";
import { ownerRestartTests, permitTests, viewTests } from "./conformance/permits.ts";
import { dedupIdTests } from "./conformance/dedup_ids.ts";
import { coalesceRestartTests } from "./conformance/coalescing/coalesce_restarting.ts";
import { coalesceTests } from "./conformance/coalescing/coalescing.ts";
import { interplayTests } from "./conformance/coalescing/interplay.ts";
import { cancelRestartTests, cancelTests } from "./conformance/tending/cancelling.ts";
import { dropRestartTests, dropTests } from "./conformance/tending/dropping.ts";
import { causeTests } from "./conformance/tending/explaining.ts";
import { laneRestartTests, laneTests } from "./conformance/lanes/laning.ts";
import { lendingRestartTests, lendingTests } from "./conformance/lending.ts";
import { keyTests } from "./conformance/keys.ts";
import { orderRestartTests } from "./conformance/order_restarting.ts";
import { priorityTests } from "./conformance/ordering.ts";
import { publishTests, repetitionTests } from "./conformance/publishing.ts";
import { replyRestartTests, replyTests } from "./conformance/replying.ts";
import { restartTests } from "./conformance/restarting.ts";
import { scheduleRestartTests, scheduleTests } from "./conformance/schedules/scheduling.ts";
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

/** What of it: everything, or what may go wrong between an engine's rules and its log. */
export type ConformancePart = "everything" | "log";

/** Tests that concern the rules only: the rules are the same whatever an engine's log is. */
const RULES: readonly EngineTests[] = [
  streamTests,
  deliveryTests,
  keyTests,
  lendingTests,
  creditTests,
  acknowledgementTests,
  returnTests,
  bindTests,
  failureTests,
  postponeTests,
  breakerTests,
  laneBreakerTests,
  timeoutTests,
  hangTests,
  fetchingTests,
  lossTests,
  batchTests,
  delayTests,
  expiryTests,
  dateTests,
  figureTests,
  limitTests,
  laneTests,
  explanationTests,
  causeTests,
  noticeTests,
  permitTests,
  viewTests,
];

/** Tests of what an engine stores, and of what it tidies up. */
const STORING: readonly EngineTests[] = [
  publishTests,
  repetitionTests,
  priorityTests,
  deadLetterTests,
  dedupIdTests,
  tendingTests,
  dropTests,
  cancelTests,
  coalesceTests,
  interplayTests,
  replyTests,
  scheduleTests,
];

/** Tests of what is there again after an engine's end. */
const RESTARTS: readonly EngineTests[] = [
  restartTests,
  dropRestartTests,
  cancelRestartTests,
  coalesceRestartTests,
  figureRestartTests,
  dateRestartTests,
  lapseRestartTests,
  orderRestartTests,
  lendingRestartTests,
  postponeRestartTests,
  breakerRestartTests,
  laneBreakerRestartTests,
  replyRestartTests,
  scheduleRestartTests,
  laneRestartTests,
  ownerRestartTests,
];

/**
 * Registers the tests of an engine.
 *
 * @param name The engine's name, for the tests' names.
 * @param open Gives an engine that tells the time by a function, reports to another one, and reads
 * the machine's clock by a third one.
 * @param survives Whether it is there again after its end.
 * @param part Which of the tests.
 */
export function engineConformance(
  name: string,
  open: (now: () => number, report: Warn, dateNow: () => number) => Promise<OpenedEngine>,
  { survives = false, part = "everything" }: {
    readonly survives?: boolean;
    readonly part?: ConformancePart;
  } = {},
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
  const groups = [
    ...part === "log" ? [] : RULES,
    ...STORING,
    ...survives ? RESTARTS : [],
  ];
  for (const group of groups) group.register(test);
}
