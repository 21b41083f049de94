import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { BrokerError, type GetBatchesOptions, type HandleBatchesOptions } from "@simplemq/simplemq";
import { VirtualClock } from "@simplemq/simplemq/server";
import { passTurns, startBroker } from "../../support/broker/broker.ts";
import { connectTo, takeAll } from "../support.ts";
import { count, next } from "./batches.ts";

Deno.test("getBatches() and handleBatches() refuse what they cannot do", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const follower = connection.follower("rows");
  for (
    const [options, error, text] of [
      [null, TypeError, "options must be an object, found null"],
      [{ autoAck: true }, TypeError, "autoAck does not go with batches"],
      [{ sise: 10 }, TypeError, 'no option "sise"; is size meant?'],
      [{ size: 0 }, RangeError, "size is 0, allowed are whole numbers from 1 to 4096"],
      [{ size: 4097 }, RangeError, "size is 4097"],
      [{ size: "10" }, TypeError, "size must be a number"],
      [{ waitMs: -1 }, RangeError, "waitMs is -1"],
      [{ waitMs: Infinity }, RangeError, "waitMs is Infinity"],
      [{ minSize: 101 }, RangeError, "minSize is 101, allowed are whole numbers from 1 to 100"],
      [{ size: 10, minSize: 11 }, RangeError, "minSize is 11"],
      [{ by: "priority" }, TypeError, 'by must be "stream", "key", "lane" or null'],
    ] as const
  ) {
    const given = options as GetBatchesOptions;
    assertThrows(() => follower.getBatches(given), error, text);
    const handle = () => follower.handleBatches(() => {}, given as HandleBatchesOptions);
    assertThrows(handle, error, text);
  }
  assertThrows(() => follower.getBatches({ concurrency: 2 } as object), TypeError, "concurrency");
  assertThrows(() => follower.handleBatches("no" as never), TypeError, "must be a function");
  const many = { concurrency: 5000 };
  assertThrows(() => follower.handleBatches(() => {}, many), RangeError, "concurrency is 5000");
});

Deno.test("a batch has what is there, up to its size, in order", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "rows");
  await connection.publisher("rows").sendMessages(count(250));
  await using follower = connection.follower("rows");
  const sizes: number[] = [];
  const bodies: unknown[] = [];
  for await (const batch of follower.getBatches({ minSize: 50 })) {
    sizes.push(batch.messages.length);
    bodies.push(...batch.bodies);
    await batch.ack({ confirm: true });
    if (bodies.length === 250) break;
  }
  assertEquals(sizes, [100, 100, 50]);
  assertEquals(bodies, count(250));
  const { ready, pending } = await connection.cursor().getStream("rows");
  assertEquals([ready, pending], [0, 0]);
  await connection.publisher("rows").sendMessage("alone");
  const loop = follower.getBatches();
  const batch = await next(loop);
  assertEquals(batch.bodies, ["alone"]);
  await batch.ack();
  await loop.return?.();
});

Deno.test("some messages have outcomes of their own, and the batch is for the rest", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("rows", { backoffMs: [0] });
  await connection.publisher("rows").sendMessages(count(8));
  const follower = connection.follower("rows");
  const loop = follower.getBatches({ size: 8, minSize: 8 });
  const batch = await next(loop);
  const [, one, two, three, four] = batch.messages;
  await one!.reject("bad row");
  await two!.nack({ reason: "later" });
  await three!.release();
  await follower.ackMessage(four!, { confirm: true });
  await batch.extend(60_000);
  await batch.ack({ confirm: true });
  // There is nothing left, which is no mistake.
  await batch.ack();
  await batch.nack();
  await assertRejects(() => batch.messages[0]!.ack(), BrokerError, "acknowledged before");
  await loop.return?.();
  await follower.close();
  assertEquals((await takeAll(connection, "rows")).toSorted(), [[2, 2], [3, 1]]);
  const dead = await connection.cursor().peek("rows.dead");
  assertEquals(dead.map(({ body, deadLetter }) => [body, deadLetter?.reasons]), [[1, ["bad row"]]]);
});

Deno.test("all verdicts on a batch are for those without an outcome, with and without confirm", async () => {
  await using broker = await startBroker({ clock: new VirtualClock() });
  await using connection = await broker.connect();
  for (const confirm of [false, true]) {
    for (const verdict of ["release", "reject", "postpone"] as const) {
      const stream = `${verdict}-${confirm}`;
      await connection.cursor().createStream(stream);
      await connection.publisher(stream).sendMessages(count(5));
      const follower = connection.follower(stream);
      const loop = follower.getBatches({ minSize: 5, size: 5 });
      const batch = await next(loop);
      await batch.messages[2]!.ack();
      const options = { confirm };
      if (verdict === "release") await batch.release(options);
      else if (verdict === "reject") await batch.reject("bad", options);
      else await batch.postpone(1000, options);
      await loop.return?.();
      await follower.close();
      const { ready, delayed, pending } = await connection.cursor().getStream(stream);
      assertEquals([ready, delayed, pending], [
        verdict === "release" ? 4 : 0,
        verdict === "postpone" ? 4 : 0,
        0,
      ]);
      if (verdict !== "reject") continue;
      assertEquals((await connection.cursor().getStream(`${stream}.dead`)).ready, 4);
    }
  }
  await connection.cursor().createStream("mistakes");
  await connection.publisher("mistakes").sendMessages(count(2));
  const loop = connection.follower("mistakes").getBatches({ minSize: 2 });
  const batch = await next(loop);
  const wrong = { confrim: true } as object;
  for (
    const say of [
      () => batch.ack(wrong),
      () => batch.nack(wrong),
      () => batch.reject("x", wrong),
      () => batch.release(wrong),
      () => batch.postpone(1, wrong),
      () => batch.extend("1" as unknown as number),
    ]
  ) {
    await assertRejects(say, TypeError);
  }
  await assertRejects(() => batch.extend(0), RangeError);
  await assertRejects(() => batch.ack({ signal: AbortSignal.abort(new Error("no")) }), Error, "no");
  await batch.ack();
});

Deno.test("asking for the next batch before the last one has outcomes is a mistake, never an ack", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("rows", { backoffMs: [0] });
  await connection.publisher("rows").sendMessages(count(3));
  const follower = connection.follower("rows");
  const loop = follower.getBatches({ minSize: 3 });
  const batch = await next(loop);
  await batch.messages[1]!.ack();
  const error = await assertRejects(() => loop.next(), BrokerError, "2 of 3 messages");
  assertEquals(error.code, "BATCH_NOT_SETTLED");
  assert(batch.signal.aborted && batch.messages[0]!.signal.aborted);
  assert(!batch.messages[1]!.signal.aborted);
  // The loop is over.
  assertEquals(await loop.next(), { done: true, value: undefined });
  await follower.close();
  assertEquals((await takeAll(connection, "rows")).map(([body]) => body).toSorted(), [0, 2]);
});

Deno.test("what a loop leaves behind goes back, and what is closed is over", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("rows", { backoffMs: [0] });
  await connection.publisher("rows").sendMessages(count(6));
  const follower = connection.follower("rows");
  const seen: unknown[] = [];
  for await (const batch of follower.getBatches({ size: 2, minSize: 2 })) {
    seen.push([...batch.bodies, batch.messages[0]!.attempts]);
    // At first together, then each on its own.
    if (seen.length === 1) break;
  }
  for await (const batch of follower.getBatches({ size: 6, minSize: 3 })) {
    seen.push([...batch.bodies, batch.messages[0]!.attempts]);
    if (batch.bodies[0] === 2) await batch.release();
    else await batch.ack();
    if (seen.length === 4) break;
  }
  const told = seen.map((one) => String(one)).toSorted();
  assertEquals(told, ["0,1", "0,1,1", "1,1", "2,3,4,5,1"]);
  const controller = new AbortController();
  const aborted = follower.getBatches({ size: 2, minSize: 2, signal: controller.signal });
  const kept = await next(aborted);
  assertEquals(kept.bodies, [2, 3]);
  controller.abort(new Error("enough"));
  await kept.ack();
  await assertRejects(() => aborted.next(), Error, "enough");
  const waiting = follower.getBatches({ size: 100, minSize: 100 });
  const asked = waiting.next();
  await passTurns();
  await follower.close();
  assertEquals(await asked, { done: true, value: undefined });
  assertEquals((await connection.cursor().getStream("rows")).ready, 2);
});

Deno.test("waitMs is how long a batch waits for more, by the connection's clock", async () => {
  const clock = new VirtualClock();
  await using broker = await startBroker({ clock });
  await using connection = await connectTo(broker, "rows");
  const publisher = connection.publisher("rows");
  await using follower = connection.follower("rows");
  const loop = follower.getBatches({ size: 4, waitMs: 1000 });
  const seen: unknown[] = [];
  const take = async () => {
    const batch = await next(loop);
    seen.push(batch.bodies);
    await batch.ack();
  };
  let taking = take();
  await publisher.sendMessages([1, 2]);
  await clock.advance(999);
  assertEquals(seen, []);
  await publisher.sendMessage(3);
  await clock.advance(1);
  assertEquals(seen, [[1, 2, 3]]);
  await taking;
  taking = take();
  await publisher.sendMessages([4, 5, 6, 7, 8]);
  await clock.advance(0);
  assertEquals(seen.at(-1), [4, 5, 6, 7], "it is full");
  await taking;
  taking = take();
  await clock.advance(1000);
  assertEquals(seen.at(-1), [8]);
  await taking;
});

Deno.test("minSize is waited for, however long it takes, and nothing is given back meanwhile", async () => {
  const clock = new VirtualClock();
  await using broker = await startBroker({ clock });
  await using connection = await connectTo(broker, "rows");
  const publisher = connection.publisher("rows");
  await using follower = connection.follower("rows", { name: "collector" });
  const loop = follower.getBatches({ size: 10, waitMs: 1000, minSize: 3 });
  const asked = next(loop);
  await publisher.sendMessages([1, 2]);
  await clock.advance(60_000);
  // By the system's clock, too: longer than what does not move may lie around.
  await new Promise((resolve) => setTimeout(resolve, 120));
  assertEquals((await connection.cursor().getPel("collector")).length, 2);
  await publisher.sendMessage(3);
  const batch = await asked;
  assertEquals(batch.bodies, [1, 2, 3]);
  await batch.ack();
});

Deno.test("a batch has at most 16 MiB, and does not wait for what has no room", async () => {
  await using broker = await startBroker({ limits: { unacknowledgedBytes: 64 * 1024 } });
  await using connection = await connectTo(broker, "rows");
  const body = new Uint8Array(10_000);
  await connection.publisher("rows").sendMessages(new Array(20).fill(body));
  await using follower = connection.follower("rows");
  let taken = 0;
  for await (const batch of follower.getBatches({ size: 20, minSize: 20 })) {
    assert(batch.messages.length > 1 && batch.messages.length < 20, `${batch.messages.length}`);
    taken += batch.messages.length;
    await batch.ack();
    if (taken >= 15) break;
  }
});

for (const prefetch of ["auto", 1, 7] as const) {
  Deno.test(`the prefetch reaches the size of a batch: ${prefetch}`, async () => {
    await using broker = await startBroker();
    await using connection = await connectTo(broker, "rows");
    await connection.publisher("rows").sendMessages(count(4096));
    await using follower = connection.follower("rows", { prefetch });
    const loop = follower.getBatches({ size: 4096, minSize: 4096 });
    const batch = await next(loop);
    assertEquals(batch.messages.length, 4096);
    await batch.ack();
  });
}

Deno.test("by: stream and by: lane make batches of one stream, and of one lane", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  for (const stream of ["a", "b"]) {
    await connection.cursor().createStream(stream);
    const lane = (body: unknown) => Number(body) % 3 === 0 ? "zero" : "other";
    await connection.publisher(stream).sendMessages(count(60), { lane });
  }
  for (const by of ["stream", "lane"] as const) {
    const follower = connection.follower(/^[ab]$/);
    const seen: unknown[] = [];
    for await (const batch of follower.getBatches({ by, size: 10 })) {
      const what = batch.messages.map(({ stream, lane }) =>
        by === "lane" ? `${stream} ${lane}` : stream
      );
      assertEquals(new Set(what).size, 1);
      const ids = batch.messages.map(({ id }) => id);
      assertEquals(ids, ids.toSorted((one, other) => one - other));
      seen.push(...ids);
      if (by === "stream") await batch.release();
      else await batch.ack();
      if (seen.length >= 120) break;
    }
    await follower.close();
  }
  for (const stream of ["a", "b"]) {
    assertEquals((await connection.cursor().getStream(stream)).ready, 0);
  }
});

Deno.test("without by: key a batch has one message of a key; with it, several in order", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "rows");
  const key = (body: unknown) => `k${Number(body) % 3}`;
  for (const by of [null, "key"] as const) {
    await connection.publisher("rows").sendMessages(count(300), { key });
    const follower = connection.follower("rows");
    const last = new Map<string, number>();
    let taken = 0;
    let largest = 0;
    const minSize = by === "key" ? 20 : 1;
    for await (const batch of follower.getBatches({ by, size: 20, minSize })) {
      const keys = batch.messages.map(({ key }) => key!);
      assertEquals(new Set(keys).size, by === "key" ? 1 : keys.length);
      for (const { body, key } of batch.messages) {
        assert(Number(body) > (last.get(key!) ?? -1), "in order");
        last.set(key!, Number(body));
      }
      largest = Math.max(largest, keys.length);
      taken += keys.length;
      await batch.ack();
      if (taken === 300) break;
    }
    assertEquals(largest, by === "key" ? 20 : 3);
    await follower.close();
  }
});
