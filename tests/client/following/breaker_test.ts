import { assertEquals } from "@std/assert";
import { connect, type Connection } from "@simplemq/simplemq";
import { VirtualClock } from "@simplemq/simplemq/server";
import { startBroker, until } from "../../support/broker/broker.ts";
import { PlayedBroker } from "../../support/wire/played_broker.ts";

/** What a connection tells of a stream from now on. */
function watch(connection: Connection): string[] {
  const told: string[] = [];
  (async () => {
    for await (const status of connection.status()) {
      if ("stream" in status) told.push(`${status.type} ${status.stream} ${status.follower}`);
    }
  })();
  return told;
}

Deno.test("a follower is told of its stream's breaker, also one that comes meanwhile", async () => {
  const clock = new VirtualClock();
  await using broker = await startBroker({ clock });
  await using connection = await broker.connect();
  await using other = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("calls", { breaker: { failures: 2, openMs: 1000 }, backoffMs: [0] });
  // One at first: whether another one overtakes it at its return is nobody's business here.
  await connection.publisher("calls").sendMessage(1);
  const told = watch(connection);
  const late = watch(other);
  const follower = connection.follower<number>("calls", { name: "caller" });
  const loop = follower.getMessages();
  for (let count = 0; count < 2; count++) {
    const { value } = await loop.next();
    await value.nack({ fault: "downstream", reason: "ECONNREFUSED", confirm: true });
  }
  const { breaker } = await cursor.getStream("calls");
  assertEquals([breaker?.failed, breaker?.reason], [2, "ECONNREFUSED"]);
  await connection.publisher("calls").sendMessages([2, 3, 4, 5]);
  const next = loop.next();
  const lateNext = other.follower<number>("calls", { name: "late" }).getMessages().next();
  await until("the second one is told", () => late.length === 1);
  assertEquals(told, ["streamOpen calls caller"]);
  assertEquals(late, ["streamOpen calls late"]);
  await clock.advance(1000);
  // One of them gets it.
  const { value: probe } = await Promise.race([next, lateNext]);
  // The first failure was an attempt, and the one that opened the breaker was none.
  assertEquals([probe.body, probe.attempts], [1, 2]);
  await probe.ack({ confirm: true });
  assertEquals((await cursor.getStream("calls")).breaker, undefined);
  await until("both are told", () => told.length === 2 && late.length === 2);
  assertEquals([told[1], late[1]], ["streamResumed calls caller", "streamResumed calls late"]);
});

Deno.test("resumeStream closes a breaker by hand", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("calls", { breaker: { failures: 1 }, backoffMs: [0] });
  await connection.publisher("calls").sendMessages([1, 2]);
  const loop = connection.follower("calls").getMessages();
  const { value: message } = await loop.next();
  await message.nack({ confirm: true });
  assertEquals((await cursor.getStream("calls")).breaker?.failed, 1);
  const next = loop.next();
  await cursor.resumeStream("calls");
  assertEquals((await cursor.getStream("calls")).breaker, undefined);
  const { value: again } = await next;
  assertEquals([again.body, again.attempts], [1, 1]);
});

Deno.test("a client that knows no breakers gets no frames about them", async () => {
  await using broker = await startBroker();
  await using inside = await broker.connect();
  await inside.cursor().createStream("calls", { breaker: { failures: 1 }, backoffMs: [0] });
  await inside.publisher("calls").sendMessages([1, 2]);
  // The real broker hears of a client without capabilities.
  await using old = new PlayedBroker(broker.port);
  await using connection = await connect({ port: old.port, drainMs: 0 });
  const told = watch(connection);
  const loop = connection.follower("calls").getMessages();
  const { value: message } = await loop.next();
  await message.nack({ confirm: true });
  const next = loop.next();
  await inside.cursor().resumeStream("calls");
  assertEquals((await next).value.body, 1);
  assertEquals(told, []);
});

Deno.test("handlers, one or 64 at once, sit an outage out without a dead letter", async () => {
  for (const concurrency of [1, 64]) {
    const clock = new VirtualClock();
    await using broker = await startBroker({ clock });
    await using connection = await broker.connect();
    const cursor = connection.cursor();
    await cursor.createStream("calls", {
      breaker: { failures: 10, openMs: 30_000 },
      maxDeliveries: 12,
      backoffMs: [0],
    });
    await connection.publisher("calls").sendMessages(Array.from({ length: 200 }, (_, id) => id));
    let isUp = false;
    let calls = 0;
    const done = new Set<unknown>();
    await using _work = connection.follower("calls").handle(async (message) => {
      calls++;
      if (isUp) done.add(message.body);
      else await message.nack({ fault: "downstream", reason: "ECONNREFUSED" });
    }, { concurrency });
    await until("it is open", async () => (await cursor.getStream("calls")).breaker !== undefined);
    await until("nothing is in handlers", async () => {
      return (await cursor.getStream("calls")).pending === 0;
    });
    const before = calls;
    for (let probe = 1; probe <= 20; probe++) {
      await clock.advance(30_000);
      await until("it has failed", async () => {
        const { breaker, pending } = await cursor.getStream("calls");
        return breaker?.probes === probe && pending === 0;
      });
      assertEquals(calls, before + probe);
    }
    isUp = true;
    await clock.advance(30_000);
    await until("all is done", () => done.size === 200);
    const { totals, breaker } = await cursor.getStream("calls");
    assertEquals([totals.dead.maxDeliveries, breaker], [0, undefined], `${concurrency} at once`);
  }
});
