/** The header `traceparent`, as W3C Trace Context draws it. */

import { assertEquals } from "@std/assert";
import { encodeStory } from "../../../src/protocol/messages/property_wishes.ts";
import {
  formatTraceParent,
  parseTraceParent,
} from "../../../src/protocol/messages/trace_parent.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

Deno.test("a traceparent is read, also one of a later version, and written", () => {
  const context = { traceId: TRACE, spanId: SPAN, traceFlags: 1 };
  assertEquals(parseTraceParent(`00-${TRACE}-${SPAN}-01`), context);
  assertEquals(parseTraceParent(`00-${TRACE}-${SPAN}-03`), context);
  assertEquals(parseTraceParent(`cc-${TRACE}-${SPAN}-01-more`), context);
  assertEquals(parseTraceParent(`00-${TRACE}-${SPAN}-00`), { ...context, traceFlags: 0 });
  assertEquals(formatTraceParent(context), `00-${TRACE}-${SPAN}-01`);
  assertEquals(formatTraceParent({ ...context, traceFlags: 2 }), `00-${TRACE}-${SPAN}-00`);
});

Deno.test("what is no traceparent is none", () => {
  const wrong = [
    undefined,
    "",
    "00",
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-1`,
    `00-${TRACE}-${SPAN}-01-more`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    ` 00-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01\n`,
  ];
  assertEquals(wrong.filter((text) => parseTraceParent(text) !== undefined), []);
});

Deno.test("the trace of an imported story is not stored: the headers tell it", () => {
  const story = {
    stream: "s",
    id: 1,
    attempts: 1,
    cause: "expired",
    firstAt: 1,
    lastAt: 2,
  } as const;
  const bytes = encodeStory({ ...story, reasons: [], traceId: TRACE });
  const text = new TextDecoder().decode(bytes.subarray(2));
  assertEquals(JSON.parse(text), { ...story, reasons: [] });
});
