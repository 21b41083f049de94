/**
 * A program whose calls are traced, if it is told to trace. It prints what it has seen of itself.
 *
 * @module
 */

import { connect, type Connection, type Message } from "@simplemq/simplemq";
import { serve } from "@simplemq/simplemq/server";
import { findTelemetry, type Span } from "../../../src/client/tracing/telemetry.ts";

/** What the program has seen. */
export interface Facts {
  readonly port: number;
  /** The header of a message that was sent in no span, and in one. */
  readonly plain: string | undefined;
  readonly outer: string;
  readonly outerSpanId: string;
  /** The trace that dead letters tell of. */
  readonly deadTraceIds: readonly (string | undefined)[];
  readonly replyHeader: string | undefined;
}

/** The header of an application that does without spans. */
export const OWN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/** How many messages are sent without waiting. */
export const BURST = 1000;

/** How many messages are sent one after the other. */
export const STEADY = 300;

/** Takes some messages. */
async function take(
  connection: Connection,
  stream: string,
  use: (message: Message, index: number) => Promise<void>,
  count = 1,
): Promise<void> {
  let index = 0;
  for await (const message of connection.follower(stream).getMessages()) {
    await use(message, index);
    if (++index === count) break;
  }
}

/** Runs something inside a span of the application. */
async function inSpan(name: string, action: () => Promise<void>): Promise<string> {
  const { trace } = findTelemetry()!;
  const tracer = trace.getTracer("application") as unknown as {
    startActiveSpan<T>(name: string, use: (span: Span) => T): T;
  };
  return await tracer.startActiveSpan(name, async (span) => {
    await action();
    span.end();
    return span.spanContext().spanId;
  });
}

/** Facts that are being collected. */
type Collected = Partial<{ -readonly [Name in keyof Facts]: Facts[Name] }>;

/** Streams, by what is done with them. */
const STREAMS = ["plain", "inner", "own", "batch", "burst", "mixed", "steady", "sums", "bad"]
  .concat("auto", "late");

function send(connection: Connection, stream: string, options = {}): Promise<unknown> {
  return connection.publisher(stream).sendMessage("x", options);
}

/** Sends messages one at a time: in no span, in one, and with a header of the application's own. */
async function sendSingly(connection: Connection, facts: Collected): Promise<void> {
  await send(connection, "plain", { headers: { by: "me" } });
  await take(connection, "plain", async (message) => {
    facts.plain = message.traceparent;
    await message.ack({ confirm: true });
  });
  facts.outerSpanId = await inSpan("outer", async () => void await send(connection, "inner"));
  await take(connection, "inner", async (message) => {
    facts.outer = message.headers.traceparent!;
    await message.ack();
  });
  await send(connection, "own", { headers: { traceparent: OWN } });
  await take(connection, "own", async (message) => {
    if (message.traceparent !== OWN) throw new Error(`the header was ${message.traceparent}`);
    await message.ack();
  });
}

/** Sends many messages: in one call, without waiting, from two callers at once, and steadily. */
async function sendMany(connection: Connection): Promise<void> {
  await connection.publisher("batch").sendMessages(["a", "b", "c"]);
  await take(connection, "batch", (message) => message.ack(), 3);
  await using burst = connection.publisher("burst");
  for (let index = 0; index < BURST; index++) burst.sendMessage(index);
  await burst.flush();
  const mixed = connection.publisher("mixed");
  await Promise.all(["one", "two"].map((name) => {
    return inSpan(name, async () => void await mixed.sendMessage(name));
  }));
  const steady = connection.publisher("steady");
  const taking = take(connection, "steady", (message) => message.ack(), STEADY);
  for (let index = 0; index < STEADY; index++) await steady.sendMessage(index);
  await taking;
}

/** Asks, and answers. */
async function ask(connection: Connection, facts: Collected): Promise<void> {
  const asking = connection.publisher("sums").request([1, 2]);
  await take(connection, "sums", async (message) => {
    await message.reply(3, { confirm: true });
    await message.ack();
  });
  facts.replyHeader = (await asking).headers.traceparent;
}

/** Ends messages otherwise than by acknowledging them, and sends one in vain. */
async function fail(connection: Connection, facts: Collected): Promise<void> {
  await send(connection, "bad");
  await take(connection, "bad", (message) => message.reject("no", { confirm: true }));
  const dead = await connection.cursor().peek("bad.dead");
  const deadTraceIds = dead.map(({ deadLetter }) => deadLetter?.traceId);
  await take(connection, "bad.dead", async (message) => {
    deadTraceIds.push(message.deadLetter?.traceId);
    await message.ack();
  });
  facts.deadTraceIds = deadTraceIds;
  await send(connection, "auto");
  for await (const _ of connection.follower("auto").getMessages({ autoAck: true })) break;
  await send(connection, "late");
  const follower = connection.follower("late");
  for await (const _ of follower.getMessages()) await follower.close({ drainMs: 0 });
  await send(connection, "nowhere").catch(() => {});
}

if (import.meta.main) {
  await using broker = await serve({ port: 0, storage: { engine: "memory" }, logLevel: "error" });
  const { port } = broker;
  await using connection = await connect({ port });
  for (const name of STREAMS) await connection.cursor().createStream(name);
  const facts: Collected = { port };
  await sendSingly(connection, facts);
  await sendMany(connection);
  await ask(connection, facts);
  await fail(connection, facts);
  // deno-lint-ignore no-console
  console.log(JSON.stringify(facts));
}
