import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { BrokerError, connect } from "@simplemq/simplemq";
import { VirtualClock } from "@simplemq/simplemq/server";
import { startBroker, until } from "../../support/broker/broker.ts";
import { Proxy } from "../../support/wire/proxy.ts";
import { aborted, PATIENCE_MS, takeOne } from "../support.ts";

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
