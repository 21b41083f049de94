/**
 * The frames that say what becomes of deliveries.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import {
  FrameType,
  readVerdict,
  REASON_BYTES_MAX,
  SPAN_MS_MAX,
  type VerdictFields,
  writeVerdict,
} from "../../../protocol.ts";
import { number32, plain, positive32, positive64, text } from "../../support/wire/arbitraries.ts";
import {
  assertCode,
  decoderOn,
  frameOf,
  roundTrip,
  u32,
  u64,
  utf8,
} from "../../support/wire/frames.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

const VERBS = ["nack", "reject", "extend", "revoke"] as const;

const range = fc.record({ firstTag: positive64, count: positive32 }, plain).filter((range) =>
  Number.isSafeInteger(range.firstTag + range.count)
);
const reason = text.filter((text) => utf8(text).length <= REASON_BYTES_MAX);
const fields: fc.Arbitrary<VerdictFields> = fc.record({
  follower: number32,
  query: number32,
  ms: fc.option(fc.integer({ min: 0, max: SPAN_MS_MAX }), { nil: undefined }),
  ranges: fc.array(range, { maxLength: 5 }),
  reason,
}, plain);

for (const verb of VERBS) {
  Deno.test(`${verb}: decode(encode(fields)) equals fields`, () => {
    fc.assert(
      fc.property(fields, (fields) => {
        const decoder = roundTrip(FrameType[verb], (writer) => {
          writeVerdict(writer, FrameType[verb], fields);
        });
        assertEquals(readVerdict(decoder), fields);
        decoder.finish();
      }),
      fuzz(60),
    );
  });
}

/** A frame with everything in it, of which some may be changed. */
function readChanged(
  { hasMs = 1, ms = 5, ranges = [...u32(1), ...u64(1), ...u32(1)], reason = utf8("no") }: {
    hasMs?: number;
    ms?: number;
    ranges?: readonly number[];
    reason?: readonly number[];
  },
): VerdictFields {
  const head = [...u32(1), ...u32(2), hasMs, ...u64(ms)];
  return readVerdict(decoderOn(frameOf(FrameType.nack, ...head, ...ranges, ...reason)));
}

Deno.test("readVerdict() reads bytes as the specification says", () => {
  const ranges = [{ firstTag: 1, count: 1 }];
  assertEquals(readChanged({}), { follower: 1, query: 2, ms: 5, ranges, reason: "no" });
  assertEquals(readChanged({ hasMs: 0 }).ms, undefined);
  assertEquals(readChanged({ hasMs: 0x3f }), {
    follower: 1,
    query: 2,
    ms: 5,
    ranges,
    reason: "no",
    isFault: true,
    isPostponed: true,
    holdsLane: true,
    isTogether: true,
    isCancelled: true,
  });
});

Deno.test("readVerdict() refuses what is wrong with BAD_FRAME", () => {
  const tells = (change: Parameters<typeof readChanged>[0]) =>
    assertCode("BAD_FRAME", () => readChanged(change));
  assertStringIncludes(tells({ hasMs: 64 }), "its flags are 64");
  assertStringIncludes(tells({ hasMs: 4 }), "what is postponed needs a time");
  assertStringIncludes(tells({ ms: SPAN_MS_MAX + 1 }), `limit is ${SPAN_MS_MAX}`);
  assertStringIncludes(tells({ reason: utf8("x".repeat(257)) }), "at most 256 bytes, found 257");
  assertStringIncludes(tells({ reason: utf8("ä".repeat(129)) }), "found 258");
  const many = [...u32(2), ...u64(1), ...u32(4096), ...u64(9000), ...u32(1)];
  assertStringIncludes(tells({ hasMs: 0x11, ranges: many }), "more than the 4096");
  assertEquals(readChanged({ hasMs: 0x01, ranges: many }).ranges.length, 2);
  const most = [...u32(1), ...u64(1), ...u32(4096)];
  assertEquals(readChanged({ hasMs: 0x11, ranges: most }).isTogether, true);
  tells({ reason: [0xff] });
  tells({ ranges: [...u32(1), ...u64(1), ...u32(0)] });
  tells({ ranges: [...u32(1), ...u64(0), ...u32(1)] });
});

Deno.test("readVerdict() of a frame that is cut short is BAD_FRAME", () => {
  const whole = [...u32(1), ...u32(2), 1, ...u64(5), ...u32(1), ...u64(1), ...u32(1)];
  for (let length = 0; length < whole.length; length++) {
    const frame = frameOf(FrameType.extend, ...whole.slice(0, length));
    assertCode("BAD_FRAME", () => readVerdict(decoderOn(frame)));
  }
  assertEquals(readVerdict(decoderOn(frameOf(FrameType.extend, ...whole))).reason, "");
});
