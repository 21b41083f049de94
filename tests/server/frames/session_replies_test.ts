/**
 * Requests and replies by hand: forged, malformed, doubled, and not read.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { encodeBatch, type PropertyWishes, writeReply } from "../../../protocol.ts";
import { BODY_BYTES_DEFAULT } from "../../../src/protocol/limits.ts";
import { turn, until } from "../../support/broker/broker.ts";
import { utf8 } from "../../support/wire/frames.ts";
import { bytesOf, type RawClient } from "../../support/wire/raw_client.ts";
import { Sessions } from "../../support/wire/sessions.ts";

const STREAM = "$reply.by-hand";

/** The bytes of a `reply` frame with one reply. */
function replyBytes(
  body: string | number,
  { stream = STREAM, number = 1, query = 0, wishes }: {
    stream?: string;
    number?: number;
    query?: number;
    wishes?: PropertyWishes;
  } = {},
): Uint8Array {
  const batch = encodeBatch([{
    kind: 1,
    headers: {},
    body: typeof body === "string" ? new Uint8Array(utf8(body)) : new Uint8Array(body),
    wishes: wishes ?? { request: { stream, number } },
  }]);
  return bytesOf((writer) => writeReply(writer, { stream, query: query }, batch));
}

/** A client that has opened a stream for replies, by now. */
async function openRequester(sessions: Sessions, stream = STREAM): Promise<RawClient> {
  const requester = await sessions.open("requester");
  await requester.sendControl("openReplies", { stream });
  await requester.ask("getStreams");
  return requester;
}

Deno.test("replies are passed on frame by frame, and told of when that is asked for", async () => {
  await using sessions = new Sessions();
  await using requester = await openRequester(sessions);
  await using responder = await sessions.open("responder");
  await responder.send(replyBytes("one"));
  await responder.send(replyBytes("two", { number: 99, query: 5 }));
  assertEquals(await responder.expect("response"), { query: 5, result: null });
  assertEquals((await requester.expect("replies")).texts, ["one"]);
  assertEquals((await requester.expect("replies")).texts, ["two"]);
});

Deno.test("a reply to a stream that is not there is STREAM_NOT_FOUND, or nothing", async () => {
  await using sessions = new Sessions();
  await using requester = await openRequester(sessions);
  await using responder = await sessions.open("responder");
  await responder.send(replyBytes("into nothing", { stream: "$reply.guessed" }));
  await responder.send(replyBytes("asked", { stream: "$reply.guessed", query: 8 }));
  assertEquals((await responder.expectError("STREAM_NOT_FOUND")).query, 8);
  // A stream of messages is none for replies.
  await responder.ask("createStream", "orders");
  await responder.send(replyBytes("asked", { stream: "orders", query: 9 }));
  assertEquals((await responder.expectError("STREAM_NOT_FOUND")).query, 9);
  await requester.ask("getStreams");
});

Deno.test("a stream for replies ends with its session, and with its goodbye", async () => {
  await using sessions = new Sessions();
  await using responder = await sessions.open("responder");
  const lost = await openRequester(sessions);
  lost.close();
  await until("it is over", () => sessions.table.count === 1);
  await using leaving = await openRequester(sessions);
  await leaving.sendControl("goodbye", { message: "done" });
  await turn();
  await until("it has left", async () => {
    await responder.send(replyBytes("asked", { query: 1 }));
    const frame = await responder.next();
    return frame?.name === "error" && frame.content.code === "STREAM_NOT_FOUND";
  });
});

Deno.test("a name that is taken, or no name for replies, is BAD_REQUEST", async () => {
  await using sessions = new Sessions();
  await using requester = await openRequester(sessions);
  await using thief = await sessions.open("thief");
  for (const stream of [STREAM, "orders", "$reply.", "", `$reply.${"x".repeat(200)}`]) {
    await thief.sendControl("openReplies", { stream });
    const { message } = await thief.expectError("BAD_REQUEST");
    assertStringIncludes(message, "Cannot open a stream for replies");
  }
  await thief.send(replyBytes("still the first one's"));
  assertEquals((await requester.expect("replies")).texts, ["still the first one's"]);
});

Deno.test("a second stream for replies ends the session", async () => {
  await using sessions = new Sessions();
  await using requester = await openRequester(sessions);
  await requester.sendControl("openReplies", { stream: "$reply.second" });
  const { message } = await requester.expectFatalError("BAD_FRAME");
  assertStringIncludes(message, "the session has one");
});

Deno.test("replies that say something else than whom they answer end the session", async () => {
  const request = { stream: STREAM, number: 1 };
  const bad: readonly PropertyWishes[] = [
    {},
    { request: { stream: "$reply.other", number: 1 } },
    { request, ttlMs: 5 },
    { request, dedupId: "m" },
  ];
  await using sessions = new Sessions();
  await using requester = await openRequester(sessions);
  for (const wishes of bad) {
    await using responder = await sessions.open("responder");
    await responder.send(replyBytes("bad", { wishes }));
    await responder.expectFatalError("BAD_FRAME");
  }
  await using responder = await sessions.open("responder");
  await responder.send(replyBytes("good"));
  assertEquals((await requester.expect("replies")).texts, ["good"]);
});

Deno.test("a reply that is over the limit is refused, and the session goes on", async () => {
  await using sessions = new Sessions();
  await using requester = await openRequester(sessions);
  await using responder = await sessions.open("responder");
  await responder.send(replyBytes(BODY_BYTES_DEFAULT + 1, { query: 3 }));
  assertEquals((await responder.expectError("MESSAGE_TOO_LARGE")).query, 3);
  await responder.send(replyBytes("good"));
  assertEquals((await requester.expect("replies")).texts, ["good"]);
});

Deno.test("a requester that does not read its replies gets SLOW_READER, others go on", async () => {
  await using sessions = new Sessions();
  await using requester = await openRequester(sessions);
  await using other = await openRequester(sessions, "$reply.other");
  await using responder = await sessions.open("responder");
  let sentCount = 0;
  let isGone = false;
  for (; !isGone; sentCount++) {
    assert(sentCount < 100, "a hundred mebibytes wait for it");
    await responder.send(replyBytes(BODY_BYTES_DEFAULT, { query: 1 }));
    const frame = await responder.next();
    isGone = sessions.lines.some((line) => line.includes("SLOW_READER"));
    assert(frame?.name === "response", JSON.stringify(frame));
  }
  assert(sentCount >= 64, `only ${sentCount} mebibytes were kept for it`);
  await responder.send(replyBytes("for another one", { stream: "$reply.other" }));
  assertEquals((await other.expect("replies")).texts, ["for another one"]);
  // What was kept comes, in order, and then the reason.
  for (let count = 0; count < 64; count++) await requester.expect("replies");
  requester.close();
});

Deno.test("replies wait for slow requesters up to a limit over all of them", async () => {
  const replyBytesMax = 20 * 1024 * 1024;
  await using sessions = new Sessions({ replyBytesMax });
  const requesters: RawClient[] = [];
  for (let index = 0; index < 8; index++) {
    requesters.push(await openRequester(sessions, `$reply.${index}`));
  }
  await using responder = await sessions.open("responder");
  const replyTo = async (index: number, count: number) => {
    for (; count > 0; count--) {
      const stream = `$reply.${index}`;
      await responder.send(replyBytes(BODY_BYTES_DEFAULT, { stream, query: 1 }));
      await responder.expect("response");
      assert(sessions.replies.bytes <= replyBytesMax, `${sessions.replies.bytes} bytes wait`);
    }
  };
  const countGone = () => sessions.lines.filter((line) => line.includes("SLOW_READER")).length;
  await replyTo(0, 13);
  for (let index = 1; index < 7; index++) await replyTo(index, 1);
  assertEquals(countGone(), 0);
  // The one that most waits for has to go, not the one that the last reply is for.
  await replyTo(7, 6);
  assertEquals(countGone(), 1);
  assertEquals(sessions.replies.count, 7);
  assert(
    sessions.lines.some((line) => line.includes("SLOW_READER") && line.includes("session=1 ")),
  );
  await replyTo(1, 1);
  assertEquals(countGone(), 1);
  for (const requester of requesters) requester.close();
  await until("all have left", () => sessions.replies.count === 0);
  assertEquals(sessions.replies.bytes, 0);
});
