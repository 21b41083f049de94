import { assertEquals, assertInstanceOf } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { BrokerError, connect } from "@simplemq/simplemq";
import { VirtualClock } from "@simplemq/simplemq/server";
import { startBroker, turn } from "../../support/broker/broker.ts";
import { assertCodeLater } from "../../support/wire/frames.ts";
import { Proxy } from "../../support/wire/proxy.ts";
import { DeadlineTimer } from "../../../src/client/member/deadline_timer.ts";
import { systemClock } from "../../../src/transport/clock.ts";
import { includesText, standStill } from "../support.ts";
import { PATIENCE_MS } from "../support.ts";
import { answer, take } from "./answering.ts";

// What takes too long, is given up, or goes nowhere.

Deno.test("REPLY_TIMEOUT comes when it is said, each request by its own time, and expires it", async () => {
  const clock = new VirtualClock({ start: 0 });
  await using broker = await startBroker({ clock });
  await using connection = await broker.connect();
  await connection.cursor().createStream("work");
  const publisher = connection.publisher("work");
  const told: string[] = [];
  const ask = (timeoutMs?: number) => {
    const options = timeoutMs === undefined ? {} : { timeoutMs };
    return publisher.request("a", options).catch((error) => {
      assertInstanceOf(error, BrokerError);
      assertEquals([error.code, error.fatal], ["REPLY_TIMEOUT", false]);
      told.push(error.message.replace("Cannot get a reply: none came within ", ""));
    });
  };
  const asked = [ask(5000), ask(1000), ask(), ask(1000), ask(2000)];
  await publisher.flush();
  await clock.advance(999);
  assertEquals(told, []);
  await clock.advance(1);
  assertEquals(told, ["1000 ms", "1000 ms"]);
  await clock.advance(1000);
  assertEquals(told.length, 3);
  await clock.advance(10_000);
  assertEquals(told, ["1000 ms", "1000 ms", "2000 ms", "5000 ms"]);
  // Nobody works on what nobody waits for.
  assertEquals((await connection.cursor().getStream("work")).ready, 1);
  await clock.advance(20_000);
  await Promise.all(asked);
  assertEquals(told.at(-1), "30000 ms");
  assertEquals((await connection.cursor().getStream("work")).ready, 0);
});

Deno.test("a reply in time keeps the timeout from coming, and one that is late is nobody's", async () => {
  const clock = new VirtualClock({ start: 0 });
  await using broker = await startBroker({ clock });
  await using connection = await broker.connect();
  await connection.cursor().createStream("work");
  const publisher = connection.publisher("work");
  const answered = publisher.request("a", { timeoutMs: 1000 });
  const late = assertCodeLater("REPLY_TIMEOUT", () => publisher.request("b", { timeoutMs: 2000 }));
  const [first, second] = await take(connection, "work", 2);
  await first!.reply("in time", { confirm: true });
  assertEquals((await answered).body, "in time");
  await clock.advance(5000);
  await late;
  await second!.reply("late", { confirm: true });
});

Deno.test("a reply that has come while the process stood still is no REPLY_TIMEOUT", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using requester = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await using responder = await broker.connect();
  await requester.cursor().createStream("work");
  const { ended, follower } = answer(responder, "work", () => "the answer");
  const stood = standStill(proxy, (bytes) => includesText(bytes, "the answer"), 500);
  const publisher = requester.publisher("work");
  const asked = publisher.request("a", { timeoutMs: 300 });
  assertEquals((await deadline(asked, PATIENCE_MS)).body, "the answer");
  await stood;
  await follower.close();
  await ended;
});

/** Writes a byte to a port of this machine, and then says so, beside the caller's event loop. */
const WRITER = `self.onmessage = async ({ data: { port, written } }) => {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new Uint8Array(1));
  Atomics.store(written, 0, 1);
};`;

Deno.test("what lies in a socket is read before a deadline is judged, however the loop stood", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const worker = new Worker(`data:application/javascript,${encodeURIComponent(WRITER)}`, {
    type: "module",
  });
  const written = new Int32Array(new SharedArrayBuffer(4));
  const heard: string[] = [];
  const judged = Promise.withResolvers<void>();
  const accepted = listener.accept().then((connection) => {
    heard.push("accepted");
    return connection;
  });
  await turn();
  new DeadlineTimer(systemClock, systemClock.now() + 1, () => {
    heard.push("judged");
    judged.resolve();
  });
  worker.postMessage({ port: listener.addr.port, written });
  // The loop stands until both have come, what is waited for and the deadline.
  const from = performance.now();
  while (Atomics.load(written, 0) === 0 || performance.now() - from < 10);
  await judged.promise;
  assertEquals(heard, ["accepted", "judged"]);
  (await accepted).close();
  worker.terminate();
});

Deno.test("a welcome that has come while the process stood still is in time", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  const stood = standStill(proxy, (bytes) => includesText(bytes, "heartbeatMs"), 500);
  await using _connection = await connect({
    hostname: "127.0.0.1",
    port: proxy.port,
    connectTimeoutMs: 300,
  });
  await stood;
});
