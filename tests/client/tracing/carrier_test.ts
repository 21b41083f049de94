/** The headers by which a message carries its trace. */

import { assertEquals, assertStrictEquals } from "@std/assert";
import { addHeaders, hasOwnParent } from "../../../src/client/tracing/carrier.ts";
import {
  PlainContext,
  readSpanContext,
  spanOf,
  withRemoteSpan,
  writeSpanContext,
} from "../../../src/client/tracing/span_context.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const PARENT = `00-${TRACE}-${SPAN}-01`;

Deno.test("headers are added to those of the call, and to none", () => {
  const added = { traceparent: PARENT };
  assertEquals(addHeaders(undefined, added), { headers: added });
  const options = { key: "k", headers: { a: "b" } };
  const all: unknown = addHeaders(options, added);
  assertEquals(all, { key: "k", headers: { a: "b", traceparent: PARENT } });
  assertEquals(options.headers, { a: "b" });
});

Deno.test("what is no plain object of headers stays, for the call to refuse it", () => {
  for (const headers of [null, "text", 7, new Map(), []]) {
    // deno-lint-ignore no-explicit-any
    const options: any = { headers };
    assertStrictEquals(addHeaders(options, { traceparent: PARENT }), options);
  }
});

Deno.test("headers that leave no room for a trace go without one", () => {
  const added = { traceparent: PARENT };
  const spare = 4096 - 3 - 1 - (3 + "traceparent".length + PARENT.length);
  const fitting = { headers: { a: "x".repeat(spare) } };
  assertEquals(Object.keys(addHeaders(fitting, added)!.headers), ["a", "traceparent"]);
  const full = { headers: { a: "x".repeat(spare + 1) } };
  assertStrictEquals(addHeaders(full, added), full);
});

Deno.test("only a header of exactly that name is a context of one's own", () => {
  assertEquals(hasOwnParent({ traceparent: "anything" }), true);
  const others = [undefined, null, "traceparent", {}, { Traceparent: PARENT }];
  assertEquals(others.filter(hasOwnParent), []);
});

Deno.test("a context is read as it was written, with its state", () => {
  const headers = { traceparent: PARENT, tracestate: "a=1, b=2,,no" };
  const context = readSpanContext(headers)!;
  assertEquals([context.traceId, context.spanId, context.traceFlags], [TRACE, SPAN, 1]);
  assertEquals(writeSpanContext(context), { traceparent: PARENT, tracestate: "a=1,b=2" });
  const { traceState } = context;
  assertEquals(traceState!.get("b"), "2");
  assertEquals(traceState!.set("b", "3").unset("a").serialize(), "b=3");
  assertEquals(traceState!.set("c", "0").serialize(), "c=0,a=1,b=2");
  assertEquals(writeSpanContext({ traceId: TRACE, spanId: SPAN, traceFlags: 0 }), {
    traceparent: `00-${TRACE}-${SPAN}-00`,
  });
});

Deno.test("where contexts do not follow the code, there is a plain one", () => {
  const remote = readSpanContext({ traceparent: PARENT })!;
  const context = withRemoteSpan(new PlainContext(), remote);
  assertStrictEquals(spanOf(context)!.spanContext(), remote);
  const key = Symbol("key");
  assertEquals(context.setValue(key, 1).deleteValue(key).getValue(key), undefined);
  assertEquals(spanOf(new PlainContext()), undefined);
});
