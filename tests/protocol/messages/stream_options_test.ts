/**
 * What can be set for a stream, and what is refused.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { SPAN_MS_MAX } from "../../../protocol.ts";
import { findStreamNameMistake } from "../../../src/protocol/limits.ts";
import { LIMIT_COUNT_MAX } from "../../../src/protocol/limit_options.ts";
import {
  BACKOFF_COUNT_MAX,
  deadNameOf,
  DEDUP_WINDOW_MS_MAX,
  DELIVERIES_MAX,
  findStreamOptionsMistake,
  isDeadName,
  STREAM_OPTIONS_DEFAULT,
} from "../../../src/protocol/messages/stream_options.ts";
import { plain } from "../../support/wire/arbitraries.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

const span = fc.integer({ min: 0, max: SPAN_MS_MAX });
const limit = fc.option(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));

const limitOf = fc.option(fc.integer({ min: 1, max: LIMIT_COUNT_MAX }));
const rate = fc.record({
  count: fc.integer({ min: 1, max: 1_000_000 }),
  perMs: fc.integer({ min: 1, max: DEDUP_WINDOW_MS_MAX }),
}, plain);

/** Options that are allowed. */
const options = fc.record({
  ackTimeoutMs: fc.integer({ min: 100, max: SPAN_MS_MAX }),
  maxDeliveries: fc.integer({ min: 1, max: DELIVERIES_MAX }),
  backoffMs: fc.array(span, { minLength: 1, maxLength: BACKOFF_COUNT_MAX }),
  deadLetter: fc.boolean(),
  deadLetterExpired: fc.boolean(),
  ttlMs: fc.option(fc.integer({ min: 1, max: SPAN_MS_MAX })),
  dedupWindowMs: fc.integer({ min: 0, max: DEDUP_WINDOW_MS_MAX }),
  maxMessages: limit,
  maxBytes: limit,
  overflow: fc.constantFrom("reject", "drop-oldest"),
  maxPending: limitOf,
  rate: fc.option(rate),
  laneLimits: fc.option(
    fc.record({ maxPending: limitOf, rate: fc.option(rate), maxMessages: limitOf }, {
      ...plain,
      requiredKeys: [],
    }),
  ),
  priorityAcross: fc.boolean(),
  sharedLimit: fc.option(fc.constantFrom("openai", "a.b-c_d")),
  priorityAgingMs: fc.option(fc.integer({ min: 100, max: SPAN_MS_MAX })),
  breaker: fc.option(
    fc.record({
      failures: fc.integer({ min: 1, max: 10_000 }),
      withinMs: fc.integer({ min: 100, max: DEDUP_WINDOW_MS_MAX }),
      share: fc.constantFrom(0.01, 0.5, 1),
      openMs: fc.integer({ min: 100, max: DEDUP_WINDOW_MS_MAX }),
      of: fc.constantFrom("stream", "lane"),
    }, { ...plain, requiredKeys: ["failures"] }),
  ),
}, { ...plain, requiredKeys: [] });

Deno.test("findStreamOptionsMistake() lets pass what is allowed, all of it or some (random)", () => {
  fc.assert(
    fc.property(options, (one) => assertEquals(findStreamOptionsMistake(one), undefined)),
    fuzz(200),
  );
});

Deno.test("findStreamOptionsMistake(): what a stream has by default is allowed, and cannot be changed", () => {
  assertEquals(findStreamOptionsMistake(STREAM_OPTIONS_DEFAULT), undefined);
  assertEquals(findStreamOptionsMistake({ ttlMs: undefined }), undefined);
  assert(
    Object.isFrozen(STREAM_OPTIONS_DEFAULT) && Object.isFrozen(STREAM_OPTIONS_DEFAULT.backoffMs),
  );
});

Deno.test("findStreamOptionsMistake() names the option and what is allowed", () => {
  const tooMany = new Array<number>(BACKOFF_COUNT_MAX + 1).fill(1);
  const mistakes: readonly (readonly [key: string, values: readonly unknown[], tells: string])[] = [
    ["ackTimeoutMs", [99, 100.5, "100", null, SPAN_MS_MAX + 1], "a whole number from 100 to"],
    ["maxDeliveries", [0, 65_536, -1, true, null], "a whole number from 1 to 65535"],
    ["backoffMs", [[], tooMany, [-1], [0.5], ["1"], 1000, null], "a list of 1 to 32"],
    ["deadLetter", [0, "yes", null], "true or false"],
    ["deadLetterExpired", [1, [], null], "true or false"],
    ["ttlMs", [0, -5, SPAN_MS_MAX + 1, "1", false], "null, or a whole number from 1"],
    ["dedupWindowMs", [-1, DEDUP_WINDOW_MS_MAX + 1, null], "a whole number from 0 to 86400000"],
    ["maxMessages", [0, 2 ** 53, "many"], "null, or a whole number from 1"],
    ["maxBytes", [0, NaN, {}], "null, or a whole number from 1"],
    ["overflow", ["drop", "", null, 1], `"reject" or "drop-oldest"`],
    ["maxPending", [0, LIMIT_COUNT_MAX + 1, "5"], "null, or a whole number from 1"],
    ["rate", [5, []], "null, or { count"],
    ["laneLimits", [1, "acme"], "null, or { maxPending"],
    ["priorityAcross", [0, null, "no"], "true or false"],
    ["sharedLimit", ["", "$x", 5, "a b"], "null, or a name as of a stream"],
    ["priorityAgingMs", [99, 0.5, "1000"], "null, or a whole number from 100"],
    ["breaker", [3, true, []], "null, or { failures"],
  ];
  assertEquals(mistakes.map(([key]) => key), Object.keys(STREAM_OPTIONS_DEFAULT));
  for (const [key, values, tells] of mistakes) {
    for (const value of values) {
      const mistake = findStreamOptionsMistake({ [key]: value }) ?? "";
      assertStringIncludes(mistake, `option "${key}"`);
      assertStringIncludes(mistake, tells);
    }
  }
});

Deno.test("findStreamOptionsMistake() names the field of an option, and what is allowed for it", () => {
  const count = "a whole number from 1 to 1000000";
  const limit = `null, or a whole number from 1 to ${LIMIT_COUNT_MAX}`;
  for (
    const [given, mistake] of [
      [{ rate: {} }, `option "rate.count" is missing: it is ${count}`],
      [{ rate: { count: 0, perMs: 1 } }, `option "rate.count" is ${count}, found 0`],
      [
        { rate: { count: 1, perMs: 1, burst: 2 } },
        'option "rate" has no "burst": there are count, perMs',
      ],
      [{ laneLimits: { maxPending: 0 } }, `option "laneLimits.maxPending" is ${limit}, found 0`],
      [
        { laneLimits: { maxMesages: 1 } },
        'option "laneLimits" has no "maxMesages": is maxMessages meant?',
      ],
      [
        { laneLimits: { rate: { count: 1 } } },
        'option "laneLimits.rate.perMs" is missing: it is a whole number from 1 to 86400000',
      ],
      [
        { laneLimits: { rate: 5 } },
        'option "laneLimits.rate" is null, or { count: 1 to 1000000, perMs: 1 to 86400000 }, found 5',
      ],
      [
        { breaker: {} },
        'option "breaker.failures" is missing: it is a whole number from 1 to 10000',
      ],
      [
        { breaker: { failures: 1, share: 2 } },
        'option "breaker.share" is a number above 0, at most 1, found 2',
      ],
      [
        { breaker: { failures: 1, of: "key" } },
        'option "breaker.of" is "stream" or "lane", found "key"',
      ],
      [
        { breaker: { failures: 1, openMs: null } },
        'option "breaker.openMs" is a whole number from 100 to 86400000, found null',
      ],
      [
        { maxDeliverys: 1 },
        'there is no option "maxDeliverys" of a stream: is maxDeliveries meant?',
      ],
    ] as const
  ) assertEquals(findStreamOptionsMistake(given), mistake);
});

Deno.test("findStreamOptionsMistake() refuses options that there are not, and what is no object", () => {
  for (const key of ["maxAge", "toString", "__proto__", ""]) {
    const given = JSON.parse(`{${JSON.stringify(key)}:1}`);
    const mistake = findStreamOptionsMistake(given) ?? "";
    assertStringIncludes(mistake, `there is no option "${key}"`);
    assertStringIncludes(mistake, "maxDeliveries");
  }
  for (const given of [null, undefined, 1, "text", []]) {
    assertStringIncludes(findStreamOptionsMistake(given) ?? "", "an object");
  }
});

Deno.test("the dead letters of any stream have a stream of their own, whose name is allowed", () => {
  for (const name of ["a", "orders.eu", "x".repeat(128)]) {
    assertEquals(findStreamNameMistake(name), undefined);
    const dead = deadNameOf(name);
    assertEquals([findStreamNameMistake(dead), isDeadName(dead)], [undefined, true]);
  }
  assertEquals(["orders", "dead", "orders.dead.eu"].map(isDeadName), [false, false, false]);
  assert(findStreamNameMistake(`${"x".repeat(129)}.dead`) !== undefined);
  assert(findStreamNameMistake(`${"x".repeat(128)}.live`) !== undefined);
});
