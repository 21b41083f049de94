/**
 * A message that makes the handler of its batch fail, or kills the process: it is soon alone, and only then an
 * attempt counts. Nobody else is harmed.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type Batch, connect, Reject } from "@simplemq/simplemq";
import { startBroker, until } from "../../support/broker/broker.ts";
import { Proxy } from "../../support/wire/proxy.ts";

/** What is expected of batches that have poison in them. */
const COUNT = 100;

for (
  const [how, fail] of [
    ["throws", () => {
      throw new Error("poison");
    }],
    ["gives its batch back", (batch: Batch<number>) => batch.nack({ reason: "poison" })],
    ["leaves it to onError", () => {
      throw new Error("poison");
    }],
  ] as const
) {
  Deno.test(`a handler that ${how} finds 1 of 100 in 7 rounds, and its neighbours are unharmed`, async () => {
    await using broker = await startBroker();
    await using connection = await broker.connect();
    await connection.cursor().createStream("rows", { backoffMs: [0], maxDeliveries: 2 });
    const poison = Math.floor(Math.random() * COUNT);
    const bodies = Array.from({ length: COUNT }, (_, index) => index);
    await connection.publisher("rows").sendMessages(bodies);
    const done: number[] = [];
    const failed: number[] = [];
    await using follower = connection.follower<number>("rows");
    await using _work = follower.handleBatches((batch) => {
      // Nobody has used up an attempt before it was alone.
      const attempts = new Set(batch.messages.map(({ attempts }) => attempts));
      if (batch.messages.length > 1) assertEquals(attempts, new Set([1]));
      if (!batch.bodies.includes(poison)) return done.push(...batch.bodies);
      failed.push(batch.messages.length);
      return fail(batch);
    }, { size: COUNT, waitMs: 30, ...how === "leaves it to onError" && { onError: "reject" } });
    await until("all is done", async () => {
      const { ready, delayed, pending } = await connection.cursor().getStream("rows");
      return ready + delayed + pending === 0;
    });
    const others = bodies.filter((body) => body !== poison);
    assertEquals(done.toSorted((one, other) => one - other), others, `poison ${poison}`);
    // 100, 50, 25, 13, 7, 4, 2, 1; and once more alone, unless it is rejected.
    const rounds = failed.filter((length) => length > 1);
    assert(rounds.length <= 7, `rounds of ${failed}`);
    assertEquals(failed.slice(rounds.length), how === "leaves it to onError" ? [1] : [1, 1]);
    const dead = await connection.cursor().peek("rows.dead");
    assertEquals(dead.map(({ body, deadLetter }) => [body, deadLetter?.attempts]), [
      [poison, how === "leaves it to onError" ? 1 : 2],
    ]);
  });
}

Deno.test("a batch whose process is lost comes back in halves, whoever gets them", async () => {
  await using broker = await startBroker();
  await using elsewhere = await broker.connect();
  await elsewhere.cursor().createStream("rows", { backoffMs: [0], maxDeliveries: 2 });
  const bodies = Array.from({ length: 40 }, (_, index) => index);
  await elsewhere.publisher("rows").sendMessages(bodies);
  const poison = 23;
  const done: number[] = [];
  const sizes: number[] = [];
  let lostCount = 0;
  for (; lostCount < 10; lostCount++) {
    await using proxy = new Proxy(broker.port);
    const connection = await connect({ hostname: "127.0.0.1", port: proxy.port, drainMs: 0 });
    const lost = Promise.withResolvers<void>();
    let isLost = false;
    connection.follower<number>("rows").handleBatches((batch) => {
      if (isLost) return new Promise(() => {});
      if (!batch.bodies.includes(poison)) return done.push(...batch.bodies);
      isLost = true;
      sizes.push(batch.messages.length);
      lost.resolve();
      return new Promise(() => {});
    }, { size: 40, minSize: lostCount === 0 ? 40 : 1, timeoutMs: null });
    const isEmpty = until("all is done", async () => {
      const { ready, delayed, pending } = await elsewhere.cursor().getStream("rows");
      return isLost || ready + delayed + pending === 0;
    });
    await Promise.race([lost.promise, isEmpty]);
    await isEmpty;
    // What was written before the handler began has arrived by then.
    await connection.cursor().getStreams();
    proxy.onClientBytes = () => false;
    proxy.cut();
    await connection.close({ drainMs: 0 });
    if (!isLost) break;
    await until("it is taken back", async () => {
      return (await elsewhere.cursor().getStream("rows")).pending === 0;
    });
  }
  // 40, 20, 10, 5, 3, 2, 1, 1.
  assert(lostCount <= 8, `lost with ${sizes}`);
  const others = bodies.filter((body) => body !== poison);
  assertEquals([...new Set(done)].toSorted((one, other) => one - other), others);
  const dead = await elsewhere.cursor().peek("rows.dead");
  assertEquals(dead.map(({ body, deadLetter }) => [body, deadLetter?.attempts]), [[poison, 2]]);
});

Deno.test("handlers may reject what is bad, and a thrown Reject is for all of a batch", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("rows", { backoffMs: [0] });
  await connection.publisher("rows").sendMessages([1, 2, 3]);
  await using follower = connection.follower<number>("rows");
  await using _work = follower.handleBatches(async ({ messages }) => {
    await messages[0]!.ack();
    throw new Reject("all bad");
  }, { minSize: 3 });
  await until("it is done", async () => {
    return (await connection.cursor().getStream("rows")).pending === 0 &&
      (await connection.cursor().getStream("rows")).ready === 0;
  });
  const dead = await connection.cursor().peek("rows.dead");
  assertEquals(dead.map(({ body, deadLetter }) => [body, deadLetter?.reasons]), [
    [2, ["all bad"]],
    [3, ["all bad"]],
  ]);
});
