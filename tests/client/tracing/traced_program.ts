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

/** Sends and takes in all ways; the names of streams say which. */
export async function work(connection: Connection): Promise<Omit<Facts, "port">> {
  const cursor = connection.cursor();
  const names = [
    "plain",
    "inner",
    "own",
    "batch",
    "burst",
    "mixed",
    "steady",
    "sums",
    "bad",
    "auto",
    "late",
  ];
  for (const name of names) await cursor.createStream(name);
  const facts: Partial<{ -readonly [Name in keyof Facts]: Facts[Name] }> = {};
  const send = (stream: string, options = {}) =>
    connection.publisher(stream).sendMessage("x", options);

  await send("plain", { headers: { by: "me" } });
  await take(connection, "plain", async (message) => {
    facts.plain = message.traceparent;
    await message.ack({ confirm: true });
  });

  facts.outerSpanId = await inSpan("outer", async () => void await send("inner"));
  await take(connection, "inner", async (message) => {
    facts.outer = message.headers.traceparent!;
    await message.ack();
  });

  await send("own", { headers: { traceparent: OWN } });
  await take(connection, "own", async (message) => {
    if (message.traceparent !== OWN) throw new Error(`the header was ${message.traceparent}`);
    await message.ack();
  });

  await connection.publisher("batch").sendMessages(["a", "b", "c"]);
  await take(connection, "batch", (message) => message.ack(), 3);

  await using burst = connection.publisher("burst");
  for (let index = 0; index < BURST; index++) burst.sendMessage(index);
  await burst.flush();

  // Two callers whose messages go into one frame.
  const mixed = connection.publisher("mixed");
  await Promise.all(["one", "two"].map((name) => {
    return inSpan(name, async () => void await mixed.sendMessage(name));
  }));

  const steady = connection.publisher("steady");
  const taking = take(connection, "steady", (message) => message.ack(), STEADY);
  for (let index = 0; index < STEADY; index++) await steady.sendMessage(index);
  await taking;

  const asking = connection.publisher("sums").request([1, 2]);
  await take(connection, "sums", async (message) => {
    await message.reply(3, { confirm: true });
    await message.ack();
  });
  facts.replyHeader = (await asking).headers.traceparent;

  await send("bad");
  await take(connection, "bad", (message) => message.reject("no", { confirm: true }));
  const dead = await cursor.peek("bad.dead");
  const deadTraceIds = dead.map(({ deadLetter }) => deadLetter?.traceId);
  await take(connection, "bad.dead", async (message) => {
    deadTraceIds.push(message.deadLetter?.traceId);
    await message.ack();
  });
  facts.deadTraceIds = deadTraceIds;

  await send("auto");
  for await (const _ of connection.follower("auto").getMessages({ autoAck: true })) break;

  await send("late");
  const follower = connection.follower("late");
  for await (const _ of follower.getMessages()) await follower.close({ drainMs: 0 });

  await send("nowhere").catch(() => {});
  return facts as Facts;
}

if (import.meta.main) {
  await using broker = await serve({ port: 0, storage: { engine: "memory" }, logLevel: "error" });
  const { port } = broker;
  await using connection = await connect({ port });
  // deno-lint-ignore no-console
  console.log(JSON.stringify({ port, ...await work(connection) }));
}
