import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { connect } from "@simplemq/simplemq";
import { VirtualClock } from "@simplemq/simplemq/server";
import { FrameType } from "../../../protocol.ts";
import { passTurns, startBroker, until } from "../../support/broker/broker.ts";
import { Proxy } from "../../support/wire/proxy.ts";
import { aborted } from "../support.ts";
import { HeldHandler, soon } from "./work.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

Deno.test("a handler of three hours keeps its message, with an ackTimeoutMs of 30 minutes or of 100 ms", async () => {
  const clock = new VirtualClock();
  await using broker = await startBroker({ clock });
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  for (const ackTimeoutMs of [30 * MINUTE_MS, 100]) {
    const stream = `films.${ackTimeoutMs}`;
    await cursor.createStream(stream, { ackTimeoutMs });
    await connection.publisher(stream).sendMessages([1, 2, 3]);
    const held = new HeldHandler();
    await using follower = connection.follower(stream);
    await using work = follower.handle(held.handle, { concurrency: 3, timeoutMs: null });
    const messages = await held.whenRunning(3);
    await clock.advance(3 * HOUR_MS);
    assertEquals(messages.map(({ signal }) => signal.aborted), [false, false, false]);
    held.finish();
    await clock.advance(0);
    assertEquals([work.running, held.seen.length], [0, 3]);
    assertEquals((await cursor.getStream(stream)).pending, 0);
  }
});

Deno.test("extendMs is for how long a message is reserved, and ends with its handler", async () => {
  const clock = new VirtualClock();
  await using broker = await startBroker({ clock });
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("films", { ackTimeoutMs: 1000 });
  await connection.publisher("films").sendMessages([1]);
  const held = new HeldHandler();
  await using follower = connection.follower("films", { name: "worker" });
  await using _work = follower.handle(async (message) => {
    await held.handle(message);
    // It has an outcome, but its handler goes on.
    await message.ack({ confirm: true });
    await held.handle(message);
  }, { extendMs: 6000 });
  await held.whenRunning(1);
  const readLeft = async () => {
    const [entry] = await cursor.getPel("worker");
    return entry && entry.deadline - entry.deliveredAt - entry.ageMs;
  };
  assertEquals(await readLeft(), 1000);
  await clock.advance(50);
  assertEquals(await readLeft(), 6000);
  await clock.advance(1999);
  assertEquals(await readLeft(), 4001);
  await clock.advance(1);
  assertEquals(await readLeft(), 6000);
  held.finish();
  await until("it is acknowledged", async () => await readLeft() === undefined);
  await clock.advance(MINUTE_MS / 2);
  held.finish();
});

Deno.test("extendMs: null leaves a message to ackTimeoutMs", async () => {
  const clock = new VirtualClock();
  await using broker = await startBroker({ clock });
  await using connection = await broker.connect();
  await connection.cursor().createStream("films", { backoffMs: [0] });
  await connection.publisher("films").sendMessage("film.mkv");
  const held = new HeldHandler();
  await using follower = connection.follower("films");
  const options = { extendMs: null, timeoutMs: null, concurrency: 2 };
  await using _work = follower.handle(held.handle, options);
  const [message] = await held.whenRunning(1);
  await clock.advance(30 * MINUTE_MS - 1);
  assert(!message!.signal.aborted);
  await clock.advance(1);
  assertEquals((await aborted(message!)).code, "STALE_DELIVERY");
  // The other slot gets it.
  const [, again] = await held.whenRunning(2);
  assertEquals(again?.attempts, 2);
  held.finish();
});

Deno.test("a handler that takes too long fails its attempt, and no longer counts", async () => {
  const clock = new VirtualClock();
  await using broker = await startBroker({ clock });
  await using connection = await broker.connect();
  await connection.cursor().createStream("films", { maxDeliveries: 2, backoffMs: [0] });
  await connection.publisher("films").sendMessage("film.mkv");
  const held = new HeldHandler();
  const told: unknown[] = [];
  await using follower = connection.follower("films");
  await using work = follower.handle(held.handle, {
    onError: (error) => told.push((error as { code?: string }).code),
  });
  const [first] = await held.whenRunning(1);
  await clock.advance(30 * MINUTE_MS - 1);
  assert(!first!.signal.aborted);
  await clock.advance(1);
  const reason = await aborted(first!);
  assertEquals(reason.code, "HANDLER_TIMEOUT");
  assertStringIncludes(reason.message, 'message 1 of "films": its handler has run for 1800000 ms');
  const [, second] = await held.whenRunning(2);
  assertEquals([second?.attempts, work.running, told], [2, 1, ["HANDLER_TIMEOUT"]]);
  // The first one wakes up: that is too late, and ends nothing of the second.
  held.finish(1);
  await held.whenRunning(1);
  assertEquals([second?.signal.aborted, work.running], [false, 1]);
  await clock.advance(30 * MINUTE_MS);
  assertEquals((await aborted(second!)).code, "HANDLER_TIMEOUT");
  assertEquals(work.running, 0);
  await until("it is dead", async () => {
    return (await connection.cursor().peek("films.dead")).length === 1;
  });
  const [dead] = await connection.cursor().peek("films.dead");
  assertEquals([dead?.deadLetter?.attempts, dead?.deadLetter?.cause], [2, "maxDeliveries"]);
  assertStringIncludes(dead!.deadLetter!.reasons[0]!, "HANDLER_TIMEOUT: Cannot finish message 1");
  held.fail(new Error("too late"));
  await passTurns();
  assertEquals(told.length, 2);
});

Deno.test("a handler that reacts to its signal, and an onError that hangs, end with the time", async () => {
  const clock = new VirtualClock();
  await using broker = await startBroker({ clock });
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("films", { maxDeliveries: 1 });
  await connection.publisher("films").sendMessages(["reacts", "hangs"]);
  await using follower = connection.follower<string>("films");
  const told: string[] = [];
  await using work = follower.handle(async ({ body, signal }) => {
    if (body === "hangs") throw new Error("at once");
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  }, {
    timeoutMs: 1000,
    concurrency: 2,
    onError: async (error, { body }) => {
      told.push(`${body}: ${(error as Error).message.slice(0, 13)}`);
      if (body === "hangs") await new Promise(() => {});
    },
  });
  await until("both run", () => work.running === 2);
  await clock.advance(1000);
  await until("both are dead", async () => (await cursor.peek("films.dead")).length === 2);
  assertEquals(told, ["hangs: at once", "reacts: Cannot finish"]);
  assertEquals(work.running, 0);
  const dead = await cursor.peek("films.dead");
  assertEquals(dead.find(({ body }) => body === "hangs")?.deadLetter?.reasons, ["at once"]);
});

Deno.test("the messages of all handlers are extended in one frame", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  const extends_: number[] = [];
  proxy.onClientBytes = (bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let offset = 0; offset + 5 <= bytes.length; offset += 4 + view.getUint32(offset)) {
      if (bytes[offset + 4] === FrameType.extend) extends_.push(offset);
    }
    return true;
  };
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port, drainMs: 0 });
  await connection.cursor().createStream("films", { ackTimeoutMs: 100 });
  await connection.publisher("films").sendMessages(new Array(500).fill(0));
  const held = new HeldHandler();
  await using follower = connection.follower("films");
  await using _work = follower.handle(held.handle, { concurrency: 500, extendMs: 300 });
  const messages = await held.whenRunning(500);
  await until("their time was extended three times", () => extends_.length >= 3);
  assert(messages.every(({ signal }) => !signal.aborted));
  assert(extends_.length < 20, `${extends_.length} frames`);
  held.finish();
  await soon(follower.close());
});
