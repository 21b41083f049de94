import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Batch, BrokerError, connect } from "@simplemq/simplemq";
import { VirtualClock } from "@simplemq/simplemq/server";
import { passTurns, startBroker, until } from "../../support/broker/broker.ts";
import { Proxy } from "../../support/wire/proxy.ts";
import { count } from "./batches.ts";

Deno.test("handlers of batches acknowledge, and what they throw gives back", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("rows", { backoffMs: [0], maxDeliveries: 3 });
  await connection.publisher("rows").sendMessages(count(100));
  const done: unknown[] = [];
  const told: unknown[] = [];
  let peak = 0;
  await using follower = connection.follower<number>("rows");
  await using work = follower.handleBatches(async (batch) => {
    peak = Math.max(peak, work.running);
    await passTurns();
    await batch.messages.find(({ body }) => body === 50)?.reject("fifty");
    if (batch.bodies.includes(13)) throw new Error("thirteen");
    done.push(...batch.bodies.filter((body) => body !== 50));
  }, {
    size: 20,
    concurrency: 3,
    onError: (error, { messages }) => told.push([(error as Error).message, messages.length]),
  });
  await until("all is done", async () => {
    const { ready, delayed, pending } = await connection.cursor().getStream("rows");
    return ready + delayed + pending === 0;
  });
  assertEquals(peak, 3);
  assertEquals(done.toSorted((one, other) => Number(one) - Number(other)), [
    ...count(100).filter((body) => body !== 13 && body !== 50),
  ]);
  const dead = await connection.cursor().peek("rows.dead");
  assertEquals(dead.map(({ body }) => body).toSorted(), [13, 50]);
  assert(told.length >= 3);
  assertEquals(told[0], ["thirteen", 20]);
});

Deno.test("closing drains handlers of batches, at no cost, and a lost connection aborts them", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port, drainMs: 0 });
  await connection.cursor().createStream("rows", { backoffMs: [0] });
  await connection.publisher("rows").sendMessages(count(10));
  const begun: Batch[] = [];
  const follower = connection.follower("rows");
  const options = { size: 5, minSize: 5, concurrency: 2 };
  const work = follower.handleBatches((batch) => {
    begun.push(batch as Batch);
    return new Promise(() => {});
  }, options);
  await until("both run", () => begun.length === 2);
  assertEquals(begun.map(({ signal }) => signal.aborted), [false, false]);
  await begun[0]!.messages[0]!.ack({ confirm: true });
  proxy.cut();
  await until("both are aborted", () => begun.every(({ signal }) => signal.aborted));
  assertEquals(begun.map(({ signal }) => signal.reason.code), ["STALE_DELIVERY", "STALE_DELIVERY"]);
  await begun[0]!.ack();
  await assertRejects(() => begun[1]!.ack({ confirm: true }), BrokerError, "lost with its");
  await work.close();

  await using elsewhere = await broker.connect();
  await until("all is back", async () => {
    return (await elsewhere.cursor().getStream("rows")).ready === 9;
  });
  const again: Batch[] = [];
  const second = follower.handleBatches((batch) => {
    again.push(batch as Batch);
    return new Promise(() => {});
  }, { size: 3, drainMs: 1 });
  await until("one runs", () => again.length === 1);
  const attempts = new Map(again[0]!.messages.map(({ id, attempts }) => [id, attempts]));
  const { signal } = again[0]!;
  await second.close();
  assert(signal.aborted);
  const third: Batch[] = [];
  await using _third = follower.handleBatches((batch) => void third.push(batch as Batch), {
    size: 9,
  });
  await until("all is done", async () => {
    const { ready, delayed, pending } = await elsewhere.cursor().getStream("rows");
    return ready + delayed + pending === 0;
  });
  for (const { messages } of third) {
    for (const { id, attempts: now } of messages) {
      if (attempts.has(id)) assertEquals(now, attempts.get(id));
    }
  }
});

Deno.test("a handler of batches that takes too long fails, and its messages come again", async () => {
  const clock = new VirtualClock();
  await using broker = await startBroker({ clock });
  await using connection = await broker.connect();
  await connection.cursor().createStream("rows", { ackTimeoutMs: 1000, backoffMs: [0] });
  await connection.publisher("rows").sendMessages(count(4));
  const begun: Batch[] = [];
  await using follower = connection.follower("rows");
  await using _work = follower.handleBatches((batch) => {
    begun.push(batch as Batch);
    return begun.length === 1 ? new Promise(() => {}) : undefined;
  }, { size: 4, minSize: 4, timeoutMs: 60_000 });
  await clock.advance(59_999);
  assertEquals([begun.length, begun[0]!.signal.aborted], [1, false]);
  await clock.advance(1);
  assertEquals(begun[0]!.signal.reason.code, "HANDLER_TIMEOUT");
  await clock.advance(1000);
  assertEquals((await connection.cursor().getStream("rows")).pending, 0);
});
