/**
 * A real process whose spans Deno exports, and a receiver that looks at them.
 *
 * @module
 */

import { assert, assertEquals, assertLess, assertNotEquals } from "@std/assert";
import { serve } from "@simplemq/simplemq/server";
import { connect } from "@simplemq/simplemq";
import { fileURLToPath } from "node:url";
import { OtlpReceiver, type ReceivedSpan } from "../../support/otlp_receiver.ts";
import { BURST, type Facts, OWN, STEADY } from "./traced_program.ts";

const PROGRAM = fileURLToPath(new URL("traced_program.ts", import.meta.url));

/** The kinds of spans, as OTLP numbers them. */
const [CLIENT, PRODUCER, CONSUMER] = [3, 4, 5];

/** Runs the program; gives what it has seen, and what it has exported. */
async function trace(receiver: OtlpReceiver): Promise<Facts> {
  const args = ["run", "-A", "--no-check", PROGRAM];
  const command = new Deno.Command(Deno.execPath(), { args, env: receiver.env });
  const { success, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  assert(success, decoder.decode(stderr));
  return JSON.parse(decoder.decode(stdout));
}

/** The only span with a name. */
function one(receiver: OtlpReceiver, name: string): ReceivedSpan {
  const [span, ...others] = receiver.named(name);
  assert(span !== undefined, `no span "${name}"`);
  assertEquals(others, [], name);
  return span;
}

/** Checks that a message's work follows from the span that it was sent in. */
function assertFollows(work: ReceivedSpan, send: Pick<ReceivedSpan, "traceId" | "spanId">): void {
  const { traceId, spanId } = send;
  assertEquals(work.kind, CONSUMER);
  assertEquals([work.traceId, work.parentSpanId], [traceId, spanId]);
  assertEquals(work.links.map((link) => [link.traceId, link.spanId]), [[traceId, spanId]]);
}

Deno.test("calls and handlers are spans, and a message carries its trace", async (test) => {
  await using receiver = new OtlpReceiver();
  const facts = await trace(receiver);
  await test.step("one at a time", () => checkSingle(receiver, facts));
  await test.step("many", () => checkMany(receiver));
  await test.step("requests", () => checkRequest(receiver, facts));
  await test.step("failures", () => checkFailures(receiver, facts));
});

function checkSingle(receiver: OtlpReceiver, facts: Facts): void {
  const plain = one(receiver, "send plain");
  assertEquals([plain.kind, plain.parentSpanId, plain.links], [PRODUCER, "", []]);
  assertEquals(plain.attributes, {
    "messaging.system": "simplemq",
    "messaging.operation.name": "send",
    "messaging.operation.type": "send",
    "messaging.destination.name": "plain",
    "server.address": "localhost",
    "server.port": facts.port,
  });
  assertEquals(facts.plain, `00-${plain.traceId}-${plain.spanId}-01`);
  const work = one(receiver, "process plain");
  assertFollows(work, plain);
  assertEquals(work.attributes["messaging.message.id"], "plain/1");
  assertEquals(work.attributes["messaging.simplemq.verdict"], "acknowledged");
  assertEquals(work.status, 0);

  const inner = one(receiver, "send inner");
  const outer = one(receiver, "outer");
  assertEquals([inner.traceId, inner.parentSpanId], [outer.traceId, facts.outerSpanId]);
  assertEquals(facts.outer, `00-${inner.traceId}-${inner.spanId}-01`);

  const own = one(receiver, "send own");
  const [, traceId = "", spanId = ""] = OWN.split("-");
  assertEquals(own.kind, CLIENT);
  assertEquals(own.links.map((link) => link.spanId), [spanId]);
  assertFollows(one(receiver, "process own"), { traceId, spanId });
}

function checkMany(receiver: OtlpReceiver): void {
  const batch = one(receiver, "send batch");
  assertEquals(batch.attributes["messaging.batch.message_count"], 3);
  const works = receiver.named("process batch");
  assertEquals(works.length, 3);
  for (const span of works) assertFollows(span, batch);

  const burst = receiver.named("send burst");
  assertLess(burst.length, BURST / 20);
  const count = (span: ReceivedSpan) =>
    Number(span.attributes["messaging.batch.message_count"] ?? 1);
  assertEquals(burst.reduce((sum, span) => sum + count(span), 0), BURST);

  const mixed = receiver.named("send mixed").map(({ parentSpanId }) => parentSpanId);
  const callers = ["one", "two"].map((name) => one(receiver, name).spanId);
  assertEquals(mixed.toSorted(), callers.toSorted());

  // At such a rate the exporter loses none.
  for (const name of ["send steady", "process steady"]) {
    assertEquals(receiver.named(name).length, STEADY, name);
  }
}

function checkRequest(receiver: OtlpReceiver, facts: Facts): void {
  const request = one(receiver, "request sums");
  const answer = one(receiver, "process sums");
  const reply = one(receiver, "reply (temporary)");
  assertFollows(answer, request);
  assertEquals([reply.kind, reply.parentSpanId], [PRODUCER, answer.spanId]);
  assertEquals(facts.replyHeader, `00-${request.traceId}-${reply.spanId}-01`);
  assertLess(answer.durationMs, request.durationMs);
}

function checkFailures(receiver: OtlpReceiver, facts: Facts): void {
  const bad = one(receiver, "process bad");
  assertEquals([bad.status, bad.attributes["error.type"]], [2, "rejected"]);
  assertEquals(facts.deadTraceIds, [bad.traceId, bad.traceId]);
  assertEquals(one(receiver, "process bad.dead").traceId, bad.traceId);

  const auto = one(receiver, "process auto");
  assertEquals(auto.attributes["messaging.simplemq.verdict"], "acknowledged by autoAck");
  const late = one(receiver, "process late");
  assertEquals([late.status, late.attributes["error.type"]], [2, "lost"]);
  const nowhere = one(receiver, "send nowhere");
  assertEquals([nowhere.status, nowhere.attributes["error.type"]], [2, "STREAM_NOT_FOUND"]);
  assertNotEquals(nowhere.traceId, bad.traceId);
}

Deno.test("where nobody has set up tracing, messages carry nothing; a header of one's own is kept", async () => {
  await using broker = await serve({ port: 0, storage: { engine: "memory" } });
  await using connection = await connect({ port: broker.port });
  await connection.cursor().createStream("plain");
  const publisher = connection.publisher("plain");
  await publisher.sendMessage("a");
  await publisher.sendMessage("b", { headers: { traceparent: OWN } });
  const headers: unknown[] = [];
  for await (const message of connection.follower("plain").getMessages()) {
    headers.push(message.headers, message.traceparent);
    await message.ack();
    if (message.id === 2) break;
  }
  assertEquals(headers, [{}, undefined, { traceparent: OWN }, OWN]);
});
