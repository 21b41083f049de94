/**
 * Spans by an SDK of OpenTelemetry, which fills the same slot as Deno does.
 *
 * @module
 */

import assert from "node:assert/strict";
import { connect } from "@simplemq/simplemq";
import { makeStream, readArgument, runCases, take, using } from "./cases.ts";

/** A span as the SDK has ended it. */
interface EndedSpan {
  readonly name: string;
  /** 2 client, 3 producer, 4 consumer: one less than in the format in which spans are sent. */
  readonly kind: number;
  readonly parentSpanContext?: { readonly spanId: string };
  readonly links: readonly { readonly context: { readonly spanId: string } }[];
  spanContext(): { readonly traceId: string; readonly spanId: string };
}

const { port } = readArgument<{ port: number }>();

// The package is not in the checkout.
const sdk = await import(String("@opentelemetry/sdk-trace-node"));
const exporter = new sdk.InMemorySpanExporter();
const provider = new sdk.NodeTracerProvider({
  spanProcessors: [new sdk.SimpleSpanProcessor(exporter)],
});
provider.register();

function find(name: string): EndedSpan {
  const found = exporter.getFinishedSpans().filter((span: EndedSpan) => span.name === name);
  assert.equal(found.length, 1, name);
  return found[0];
}

await runCases({
  "with an SDK of OpenTelemetry calls and handlers are spans of one trace": async () => {
    await using(connect({ port }), async (connection) => {
      await makeStream(connection, "traced");
      const publisher = connection.publisher("traced");
      await provider.getTracer("application").startActiveSpan(
        "outer",
        async (span: { end(): void }) => {
          await publisher.sendMessage("x");
          span.end();
        },
      );
      const [message] = await take(connection, "traced", 1);
      const [outer, send, work] = [find("outer"), find("send traced"), find("process traced")];
      const { traceId, spanId } = send.spanContext();
      assert.equal(send.kind, 3);
      assert.equal(send.parentSpanContext?.spanId, outer.spanContext().spanId);
      assert.equal(message!.traceparent, `00-${traceId}-${spanId}-01`);
      assert.equal(work.kind, 4);
      assert.equal(work.spanContext().traceId, traceId);
      assert.deepEqual(work.links.map(({ context }) => context.spanId), [spanId]);
    });
  },
});
