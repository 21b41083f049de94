/**
 * What can become of a delivery beside an acknowledgement, and how its follower hears of it.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertStringIncludes, fail } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { BrokerError, connect, type Follower, type Message } from "@simplemq/simplemq";
import { VirtualClock } from "@simplemq/simplemq/server";
import { BeginWatch } from "../../../src/client/following/begin_watch.ts";
import { HeldMessages } from "../../../src/client/following/held_messages.ts";
import { DeliveredMessage } from "../../../src/client/following/delivered_message.ts";
import { startBroker, until } from "../../support/broker/broker.ts";
import { Proxy } from "../../support/wire/proxy.ts";

/** Long enough for a slow machine; a test that waits so long has failed. */
const PATIENCE_MS = 20_000;

/** Takes one message, and leaves it in hand. */
async function takeOne(follower: Follower): Promise<Message> {
  const { value } = await deadline(follower.getMessages().next(), PATIENCE_MS);
  assert(value !== undefined);
  return value;
}

/** Resolves when a signal is aborted, to its reason. */
function aborted({ signal }: Message): Promise<BrokerError> {
  const { promise, resolve } = Promise.withResolvers<BrokerError>();
  if (signal.aborted) resolve(signal.reason);
  else signal.addEventListener("abort", () => resolve(signal.reason), { once: true });
  return deadline(promise, PATIENCE_MS);
}

Deno.test("a message that is given back comes again, and one that is rejected does not", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("work");
  await connection.publisher("work").sendMessages([1, 2, 3], { headers: { of: "work" } });
  const follower = connection.follower("work", { prefetch: 3 });
  const attempts: [unknown, number][] = [];
  for await (const message of follower.getMessages()) {
    attempts.push([message.body, message.attempts]);
    if (message.attempts === 1) await message.nack({ delayMs: 0, reason: "not now" });
    else if (message.body !== 3) await message.reject("never", { confirm: true });
    else break;
  }
  assertEquals(attempts.slice(3), [[1, 2], [2, 2], [3, 2]]);
  const dead = await cursor.peek("work.dead");
  assertEquals(dead.map(({ body, headers }) => [body, headers.of]), [[1, "work"], [2, "work"]]);
  assertEquals(dead[0]?.deadLetter?.reasons, ["not now", "never"]);
  const letter = await takeOne(connection.follower("work.dead"));
  assertEquals([letter.deadLetter?.id, letter.deadLetter?.cause], [1, "rejected"]);
  assertEquals([letter.dedupId, letter.headers], [undefined, { of: "work" }]);
});

Deno.test("only the first thing done to a message counts", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("work");
  await connection.publisher("work").sendMessages([1, 2]);
  const follower = connection.follower("work");
  const message = await takeOne(follower);
  const { signal } = message;
  await message.nack({ delayMs: 100_000, confirm: true });
  for (
    const again of [
      () => message.ack(),
      () => message.nack(),
      () => message.reject(),
      () => message.extend(1000),
    ]
  ) {
    const error = await assertRejects(again, BrokerError, "given back before");
    assertEquals(error.code, "STALE_DELIVERY");
  }
  await follower.close();
  assert(!signal.aborted, "what was done here is no loss");
});

Deno.test("what is said of a message is checked before anything is sent", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("work");
  await connection.publisher("work").sendMessage(1);
  const follower = connection.follower("work");
  const other = connection.follower("work", { name: "other" });
  const message = await takeOne(follower);
  await assertRejects(
    () => message.nack({ delayMs: -1 }),
    RangeError,
    "Cannot nack a message: delayMs is -1, allowed are whole numbers from 0 to",
  );
  await assertRejects(() => message.extend(0), RangeError, "whole numbers from 1 to");
  // @ts-expect-error: what a program without types may do
  await assertRejects(() => message.extend("long"), TypeError, "a number");
  await assertRejects(() => other.nackMessage(message), TypeError, '"other" has not taken');
  const signal = AbortSignal.abort(new Error("enough"));
  await assertRejects(() => message.ack({ confirm: true, signal }), Error, "enough");
  await message.ack({ confirm: true });
});

Deno.test("no reason makes a nack or a reject fail: it is cut at a character, and told", async () => {
  const thrower = {
    toString: () => fail("nobody can show this"),
    get message() {
      return this;
    },
  };
  const reasons: [reason: unknown, told: string][] = [
    ["x".repeat(256), "x".repeat(256)],
    ["x".repeat(421), "x".repeat(253) + "…"],
    ["ü".repeat(129), "ü".repeat(126) + "…"],
    ["x".repeat(252) + "🦕".repeat(100), "x".repeat(252) + "…"],
    ["🦕".repeat(100), "🦕".repeat(63) + "…"],
    ["half \ud83e", "half \ufffd"],
    ["x".repeat(256) + "\ud83e", "x".repeat(253) + "…"],
    ["nul \0 bell \x07 line \n", "nul \0 bell \x07 line \n"],
    [new Error("the server is gone"), "the server is gone"],
    [new TypeError(), "TypeError"],
    [7, "7"],
    [Symbol("odd"), "Symbol(odd)"],
    [thrower, "a value of type object"],
    [Object.create(null), "a value of type object"],
  ];
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("work");
  await connection.publisher("work").sendMessages(reasons.map((_, index) => index));
  let count = 0;
  for await (const message of connection.follower<number>("work").getMessages()) {
    const reason = reasons[message.body]![0] as string | Error;
    if (message.attempts === 1) await message.nack({ delayMs: 0, reason });
    else {
      await message.reject(reason, { confirm: true });
      if (++count === reasons.length) break;
    }
  }
  for (const { body, deadLetter } of await cursor.peek("work.dead")) {
    const [, told] = reasons[body as number]!;
    assertEquals(deadLetter?.reasons, [told, told]);
  }
  await connection.publisher("work").sendMessage("once more");
  const nothing = await takeOne(connection.follower("work"));
  await nothing.reject("", { confirm: true });
  const [last] = (await cursor.peek("work.dead")).slice(-1);
  assertEquals(last?.deadLetter?.reasons, []);
});

Deno.test("a delivery that takes too long is taken back, unless it is extended", async () => {
  const clock = new VirtualClock();
  await using broker = await startBroker({ clock });
  await using connection = await broker.connect();
  await connection.cursor().createStream("slow", { backoffMs: [0] });
  await connection.publisher("slow").sendMessages([1, 2]);
  const follower = connection.follower("slow", { prefetch: 2 });
  const iterator = follower.getMessages();
  const kept = (await deadline(iterator.next(), PATIENCE_MS)).value!;
  await kept.extend(60 * 60_000);
  const lost = (await deadline(iterator.next(), PATIENCE_MS)).value!;
  await clock.advance(30 * 60_000 - 1);
  assert(!lost.signal.aborted, "there is a millisecond left");
  await clock.advance(1);
  const reason = await aborted(lost);
  assertEquals(reason.code, "STALE_DELIVERY");
  assertStringIncludes(reason.message, 'message 2 of "slow"');
  assert(!kept.signal.aborted);
  await assertRejects(() => lost.extend(1000), BrokerError);
  await kept.ack({ confirm: true });
  const again = (await deadline(iterator.next(), PATIENCE_MS)).value!;
  assertEquals([again.body, again.attempts], [2, 2]);
  await again.ack({ confirm: true });
  await assertRejects(() => lost.ack({ confirm: true }), BrokerError, "Cannot find");
  await assertRejects(() => lost.ack(), BrokerError, "acknowledged before");
  assertEquals((await connection.cursor().getStream("slow")).pending, 0);
});

Deno.test("a message that was taken back too early is done if its handler says so before another has it", async () => {
  const clock = new VirtualClock();
  await using broker = await startBroker({ clock });
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("slow", { backoffMs: [60_000] });
  await connection.publisher("slow").sendMessages([1, 2]);
  const follower = connection.follower("slow", { prefetch: 1 });
  for (const confirm of [true, false]) {
    const message = await takeOne(follower);
    await clock.advance(30 * 60_000);
    await aborted(message);
    await message.ack({ confirm });
  }
  await cursor.getStream("slow");
  const { ready, delayed, pending } = await cursor.getStream("slow");
  assertEquals([ready, delayed, pending], [0, 0, 0]);
});

Deno.test("a hung handler gets nothing more, and others get what it has not seen", async () => {
  const clock = new VirtualClock();
  await using broker = await startBroker({ clock });
  const options = { ackTimeoutMs: 500, backoffMs: [0], maxDeliveries: 5 };
  for (const prefetch of [1, 3, "auto"] as const) {
    await using connection = await broker.connect();
    const stream = `work-${prefetch}`;
    await connection.cursor().createStream(stream, options);
    await connection.publisher(stream).sendMessages(["a", "b", "c"]);
    const hung = connection.follower(stream, { prefetch, name: "hung" }).getMessages();
    const seen = (await deadline(hung.next(), PATIENCE_MS)).value!;
    await clock.advance(8000);
    await aborted(seen);
    const found = await connection.cursor().peek(stream);
    assertEquals(found.map(({ attempts, state }) => `${state}×${attempts}`), [
      "ready×1",
      "ready×0",
      "ready×0",
    ]);
    // It is not for ever: who comes back gets messages again.
    await seen.nack();
    assertEquals((await deadline(hung.next(), PATIENCE_MS)).value?.attempts, 2);
  }
});

Deno.test("a follower that hears of messages and that they ran out at once gets them again", async () => {
  const clock = new VirtualClock();
  await using broker = await startBroker({ clock });
  await using elsewhere = await broker.connect();
  const cursor = elsewhere.cursor();
  for (const prefetch of [2, "auto"] as const) {
    await using proxy = new Proxy(broker.port);
    await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port, drainMs: 0 });
    const stream = `work-${prefetch}`;
    await cursor.createStream(stream, { ackTimeoutMs: 500, backoffMs: [0] });
    const follower = connection.follower(stream, { prefetch, name: stream });
    const messages = follower.getMessages();
    const first = messages.next();
    await connection.cursor().getStream(stream);
    const letGo = proxy.keepBack();
    await elsewhere.publisher(stream).sendMessages(["a", "b"]);
    await until("they are on their way", async () => (await cursor.getPel(stream)).length > 0);
    await clock.advance(1000);
    await letGo();
    const { value } = await deadline(first, PATIENCE_MS);
    assertEquals([value?.body, value?.attempts], ["a", 1]);
  }
});

Deno.test("what ran out behind a message that is acknowledged already comes when it is asked for", async () => {
  const clock = new VirtualClock();
  await using broker = await startBroker({ clock });
  await using connection = await broker.connect({ drainMs: 0 });
  const cursor = connection.cursor();
  await cursor.createStream("work", { ackTimeoutMs: 500, backoffMs: [0] });
  await connection.publisher("work").sendMessages(["slow", "next"]);
  const follower = connection.follower("work", { prefetch: 2, name: "slow" });
  const messages = follower.getMessages({ autoAck: true });
  assertEquals((await deadline(messages.next(), PATIENCE_MS)).value?.body, "slow");
  await clock.advance(1000);
  assertEquals(await cursor.getPel("slow"), []);
  const { value } = await deadline(messages.next(), PATIENCE_MS);
  assertEquals([value?.body, value?.attempts], ["next", 1]);
});

Deno.test("releasePel() takes back what is held and what is fetched", async () => {
  // By a clock that does not go by itself, it is said at once that a handler has something.
  await using broker = await startBroker({ clock: new VirtualClock() });
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("held");
  await connection.publisher("held").sendMessages([1, 2, 3, 4, 5]);
  const follower = connection.follower("held", { name: "holder", prefetch: 4 });
  const message = await takeOne(follower);
  assertEquals((await cursor.getPel("holder")).length, 4);
  await cursor.pauseStream("held");
  assertEquals(await cursor.releasePel("holder"), 4);
  assertEquals((await aborted(message)).code, "STALE_DELIVERY");
  // It is nobody's business any more, and disturbs nothing.
  await message.nack({ delayMs: 100_000 });
  await cursor.resumeStream("held");
  const seen: [unknown, number][] = [];
  for await (const { body, attempts, ack } of follower.getMessages({ autoAck: true })) {
    assert(typeof ack === "function");
    if (seen.push([body, attempts]) === 5) break;
  }
  assertEquals(seen.map(([body]) => body).sort(), [1, 2, 3, 4, 5]);
  assertEquals(seen.find(([body]) => body === 1), [1, 2]);
});

Deno.test("a lost connection and a closed follower abort the signals of what is in hand", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await connection.cursor().createStream("lost");
  await connection.publisher("lost").sendMessages([1]);
  const follower = connection.follower("lost");
  const first = await takeOne(follower);
  const waiting = aborted(first);
  proxy.cut();
  assertStringIncludes((await waiting).message, "lost with its connection");
  assertEquals(first.signal.reason, await waiting);
  const second = await takeOne(follower);
  await follower.close({ drainMs: 0 });
  assertStringIncludes((await aborted(second)).message, "follower was closed");
});

Deno.test("a confirmed end that fails aborts the signal, with the same reason", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port, drainMs: 0 });
  await using elsewhere = await broker.connect();
  await connection.cursor().createStream("lost");
  await connection.publisher("lost").sendMessages([1, 2, 3, 4]);
  const follower = connection.follower("lost", { name: "loser", prefetch: 4 });
  const iterator = follower.getMessages();
  const take = async () => (await deadline(iterator.next(), PATIENCE_MS)).value!;
  const [first, second, third, fourth] = [await take(), await take(), await take(), await take()];
  const { signal } = first!;
  // It never hears that they were taken back.
  await elsewhere.cursor().pauseStream("lost");
  const { promise: isSwallowed, resolve: swallowed } = Promise.withResolvers<void>();
  proxy.onBrokerBytes = () => {
    if (proxy.isStalled) swallowed();
    return true;
  };
  proxy.isStalled = true;
  assertEquals(await elsewhere.cursor().releasePel("loser"), 4);
  await deadline(isSwallowed, PATIENCE_MS);
  proxy.isStalled = false;
  const stale = await assertRejects(() => first!.ack({ confirm: true }), BrokerError);
  assertEquals(stale.code, "STALE_DELIVERY");
  assert(signal.aborted);
  assertEquals(signal.reason, stale);
  const late = await assertRejects(() => second!.nack({ confirm: true }), BrokerError);
  assertEquals(second!.signal.reason, late, "also if it is asked for only then");

  const given = new AbortController();
  const givenUp = third!.ack({ confirm: true, signal: given.signal });
  given.abort(new Error("enough"));
  await assertRejects(() => givenUp, Error, "enough");
  assert(!third!.signal.aborted, "whoever gives up waiting knows nothing of the message");

  proxy.isStalled = true;
  const unheard = fourth!.reject("no", { confirm: true });
  proxy.cut();
  const unknown = await assertRejects(() => unheard, Error, "the connection was lost");
  assertEquals(fourth!.signal.reason, unknown);
});

Deno.test("Connection.status() tells what happens, to each who asks", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  const connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  const controller = new AbortController();
  const impatient = connection.status({ signal: controller.signal });
  const status = connection.status();
  const next = async () => (await deadline(status.next(), PATIENCE_MS)).value;
  const connected = { type: "connected" as const, broker: connection.broker };
  assertEquals(await next(), connected);
  const cursor = connection.cursor();
  await cursor.createStream("gone");
  await connection.publisher("gone").sendMessage(1);
  await takeOne(connection.follower("gone", { name: "mourner" }));
  await cursor.deleteStream("gone");
  assertEquals(await next(), { type: "streamDeleted", stream: "gone", follower: "mourner" });
  proxy.cut();
  assertEquals((await next())?.type, "lost");
  assertEquals(await next(), { type: "reconnecting", attempt: 1 });
  assertEquals(await next(), connected);
  assertEquals(await next(), { type: "streamMissing", stream: "gone", follower: "mourner" });
  connection.follower("ordrs", { name: "worker" });
  assertEquals(await next(), { type: "streamMissing", stream: "ordrs", follower: "worker" });
  controller.abort(new Error("enough"));
  await assertRejects(() => impatient.next(), Error, "enough");
  await connection.close();
  assertEquals((await next())?.type, "closed");
  assertEquals(await status.next(), { done: true, value: undefined });
  const late = await Array.fromAsync(connection.status());
  assertEquals(late.map(({ type }) => type), ["closed"]);
});

Deno.test("redrive() sends back what is chosen, as fast as is allowed", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("work");
  assertEquals(await cursor.redrive("work"), { count: 0, skipped: 0 });
  await assertRejects(() => cursor.redrive("nowhere"), BrokerError);
  await connection.publisher("work").sendMessages(Array.from({ length: 30 }, (_, i) => i));
  let count = 0;
  for await (const message of connection.follower("work").getMessages()) {
    await message.reject("no", { confirm: ++count === 30 });
    if (count === 30) break;
  }
  const filter = ({ body }: { body: unknown }) => Number(body) % 2 === 0;
  assertEquals(await cursor.redrive("work", { filter, limit: 5 }), { count: 5, skipped: 0 });
  const rate = { filter: () => Promise.resolve(true), ratePerSecond: 200 };
  assertEquals(await cursor.redrive("work.dead", rate), { count: 25, skipped: 0 });
  assertEquals((await cursor.getStream("work")).ready, 30);
  const signal = AbortSignal.abort(new Error("enough"));
  await assertRejects(() => cursor.redrive("work", { signal }), Error, "enough");
  await assertRejects(() => cursor.redrive("work", { ratePerSecond: 0 }), RangeError);
  assert((await cursor.explain("work")).length > 0);
  assertEquals(await cursor.purgeStream("work"), 30);
  await assertRejects(() => cursor.getMessage("work", 1), BrokerError);
  await assertRejects(
    // @ts-expect-error: what a program without types may do
    () => cursor.createStream("x", { maxMessage: 1 }),
    RangeError,
    'Cannot create stream "x": ',
  );
  await cursor.updateStream("work", { maxDeliveries: 3 });
  assertEquals((await cursor.getStream("work")).options.maxDeliveries, 3);
});

Deno.test("createStream() tells what a stream that is there has otherwise, and can change it", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  const first = { maxDeliveries: 3, backoffMs: [1, 2], ttlMs: null } as const;
  assertEquals(await cursor.createStream("orders", first), { created: true, differs: [] });
  assertEquals(await cursor.createStream("orders", first), { created: false, differs: [] });
  assertEquals(await cursor.createStream("orders"), { created: false, differs: [] });
  const other = { maxDeliveries: 3, backoffMs: [1, 3], ttlMs: 5000, deadLetter: true } as const;
  const found = { created: false, differs: ["backoffMs" as const, "ttlMs" as const] };
  assertEquals(await cursor.createStream("orders", other), found);
  const error = await assertRejects(
    () => cursor.createStream("orders", other, { ifDifferent: "fail" }),
    BrokerError,
  );
  assertEquals(error.code, "STREAM_DIFFERS");
  assertStringIncludes(error.message, "backoffMs is [1,2], not [1,3]; ttlMs is null, not 5000");
  const kept = (await cursor.getStream("orders")).options;
  assertEquals([kept.backoffMs, kept.ttlMs], [[1, 2], null]);
  assertEquals(await cursor.createStream("orders", other, { ifDifferent: "update" }), found);
  const { backoffMs, ttlMs, maxDeliveries } = (await cursor.getStream("orders")).options;
  assertEquals([backoffMs, ttlMs, maxDeliveries], [[1, 3], 5000, 3]);
  const same = await cursor.createStream("orders", other, { ifDifferent: "fail" });
  assertEquals(same, { created: false, differs: [] });
  await assertRejects(
    () => cursor.createStream("orders", {}, { ifDifferent: "replace" as "keep" }),
    RangeError,
    `ifDifferent is one of keep, update, fail, found "replace"`,
  );
});

Deno.test("an option that there is not is refused, and does nothing", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("work");
  const publisher = connection.publisher("work");
  await publisher.sendMessage(1);
  const follower = connection.follower("work");
  const message = await takeOne(follower);
  const slip = (name: string) => ({ [name]: 1 }) as object;
  const calls: [call: () => unknown, what: string][] = [
    [() => connection.publisher("work", slip("timeoutms")), "open a publisher|timeoutMs"],
    [() => connection.follower("work", slip("prefech")), "open a follower|prefetch"],
    [() => follower.getMessages(slip("autoack")), "get messages|autoAck"],
    [() => message.ack(slip("confrim")), "acknowledge|confirm"],
    [() => message.nack(slip("delay")), "nack|delayMs"],
    [() => message.reject("never", slip("confrim")), "reject|confirm"],
    [() => message.release(slip("confrim")), "release|confirm"],
    [() => publisher.close(slip("drainms")), "close|drainMs"],
    [() => follower.close(slip("drain")), "close|drainMs"],
    [() => connection.close(slip("sginal")), "close|signal"],
    [() => cursor.createStream("work", {}, slip("ifDiferent")), 'create stream "work"|ifDifferent'],
    [() => cursor.peek("work", slip("form")), "peek|from"],
    [() => cursor.redrive("work", slip("limt")), "redrive|limit"],
  ];
  for (const [call, what] of calls) {
    const [action, meant] = what.split("|");
    const error = await assertRejects(async () => await call(), TypeError, `Cannot ${action}: `);
    assertStringIncludes(error.message, `is ${meant} meant?`);
  }
  await message.ack({ confirm: true });
  await publisher.sendMessage(2);
});

Deno.test("a handler that takes long is reported once, and then nobody looks any more", async () => {
  const held = new HeldMessages();
  const reported: number[] = [];
  let isReported = Promise.withResolvers<void>();
  const report = (tag: number) => {
    reported.push(tag);
    isReported.resolve();
  };
  let hasMore = true;
  const watch = new BeginWatch({ held, hasMore: () => hasMore, report });
  watch.start(1);
  for (const tag of [1, 2]) {
    isReported = Promise.withResolvers();
    watch.wake(false);
    const message = new DeliveredMessage({ bytes: new Uint8Array(64) } as never, 0, { id: 1, tag });
    held.add(message);
    // The second message was fetched with the first one, and is the last.
    if (tag === 2) hasMore = false;
    await deadline(isReported.promise, PATIENCE_MS);
    if (tag === 1) held.remove(message);
  }
  assertEquals(reported, [1, 2]);
  // A timer that went on would be a leak of this test.
});
