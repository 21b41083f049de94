/**
 * Calls of publishers that wait for a limited time.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { deadline } from "@std/async/deadline";
import { BrokerError, connect, type Connection } from "@simplemq/simplemq";
import { CallTimeouts } from "../../../src/client/member/call_timeouts.ts";
import type { Clock, ClockTimer } from "../../../src/transport/clock.ts";
import { startBroker, turn, until } from "../../support/broker/broker.ts";
import { Proxy } from "../../support/wire/proxy.ts";
import { includesText, PATIENCE_MS, standStill, withRandom } from "../support.ts";

/** A clock that goes when it is told to, and counts what is set on it. */
class HandClock implements Clock {
  time = 0;
  setCount = 0;
  readonly timers = new Map<object, { at: number; work: () => void }>();

  now(): number {
    return this.time;
  }

  setTimer(at: number, work: () => void) {
    this.setCount++;
    const timer = { cancel: () => void this.timers.delete(timer) };
    this.timers.set(timer, { at, work });
    return timer;
  }

  async goTo(time: number): Promise<void> {
    this.time = time;
    for (const [timer, { at, work }] of [...this.timers]) {
      if (at > time) continue;
      this.timers.delete(timer);
      work();
    }
    // What came in time is read first.
    await new Promise((resolve) => void setTimeout(resolve));
    await turn();
  }
}

/** Resolves when the connection is lost. */
async function lossOf(connection: Connection): Promise<void> {
  for await (const { type } of connection.status()) if (type === "lost") return;
}

Deno.test("CallTimeouts: calls end in their order, with one timer for those that wait equally long", async () => {
  const clock = new HandClock();
  const timeouts = new CallTimeouts(clock);
  const expired: string[] = [];
  const begin = (name: string, ms: number) => timeouts.begin(ms, () => expired.push(name));
  const endFirst = begin("first", 100);
  await clock.goTo(10);
  begin("second", 100);
  begin("short", 50);
  for (let count = 0; count < 10_000; count++) begin("done", 100)();
  assertEquals(clock.setCount, 2);
  endFirst();
  await clock.goTo(60);
  assertEquals(expired, ["short"]);
  await clock.goTo(100);
  assertEquals(expired, ["short"]);
  await clock.goTo(110);
  assertEquals(expired, ["short", "second"]);
  assertEquals(clock.timers.size, 0);
  begin("never", 100);
  begin("never", 50);
  timeouts.end();
  assertEquals(clock.timers.size, 0);
});

Deno.test("a confirm that has come while the process stood still is in time", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await connection.cursor().createStream("slow");
  // The confirm comes together with the stream's name.
  const stood = standStill(proxy, (bytes) => includesText(bytes, "slow"), 300);
  const publisher = connection.publisher("slow");
  assertEquals((await publisher.sendMessage("one", { timeoutMs: 200 })).streams[0]?.id, 1);
  await stood;
});

Deno.test("a message that was not sent in time never is, and a later one is not kept waiting", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await connection.cursor().createStream("away");
  const publisher = connection.publisher("away", { timeoutMs: 30 });
  await publisher.sendMessage("first");
  await publisher.sendMessages(["second", "third"]);
  const lost = lossOf(connection);
  // A random pause is never over.
  await withRandom(1, async () => {
    proxy.target = 1;
    proxy.cut();
    await lost;
    const expired = [
      assertRejects(() => publisher.sendMessage("a"), BrokerError),
      assertRejects(() => publisher.sendMessages(["b", "c"], { timeoutMs: 40 }), BrokerError),
      assertRejects(() => publisher.sendMessage("d", { dedupId: "d" }), BrokerError),
    ];
    const patient = publisher.sendMessage("patient", { timeoutMs: PATIENCE_MS });
    for (const call of expired) {
      const { code, message } = await deadline(call, PATIENCE_MS);
      assertEquals(code, "PUBLISH_TIMEOUT");
      assertStringIncludes(message, 'Cannot publish to "away": it was not confirmed within ');
      assertStringIncludes(message, "it is not sent any more");
    }
    proxy.target = broker.port;
    assertEquals((await deadline(patient, PATIENCE_MS)).streams, [{ stream: "away", id: 4 }]);
  });
  assertEquals((await connection.cursor().getStream("away")).nextId, 5);
});

Deno.test("a message that was sent and not confirmed in time may be stored, and the error says so", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await connection.cursor().createStream("stalled");
  const publisher = connection.publisher("stalled");
  await publisher.sendMessage("first");
  proxy.isStalled = true;
  const { message } = await assertRejects(
    () => publisher.sendMessage("second", { timeoutMs: 30 }),
    BrokerError,
  );
  assertStringIncludes(message, "within 30 ms; it was sent and may be stored");
  // Nobody waits for it any more: flush() has nothing to wait for.
  await deadline(publisher.flush(), PATIENCE_MS);
  await using direct = await broker.connect();
  await until(
    "it is stored",
    async () => (await direct.cursor().getStream("stalled")).nextId === 3,
  );
  proxy.isStalled = false;
  proxy.cut();
  assertEquals((await publisher.sendMessage("third")).streams, [{ stream: "stalled", id: 3 }]);
});

Deno.test("a message that waits for room fails in time, and what is not awaited tells flush()", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("small", { maxMessages: 1 });
  const publisher = connection.publisher("small", { whenFull: "wait", timeoutMs: 30 });
  await publisher.sendMessage("first");
  publisher.sendMessage("second");
  const error = await deadline(assertRejects(() => publisher.flush(), BrokerError), PATIENCE_MS);
  assertEquals(error.code, "PUBLISH_TIMEOUT");
  await connection.cursor().purgeStream("small");
  const third = publisher.sendMessage("third", { timeoutMs: PATIENCE_MS });
  assertEquals((await third).streams[0]?.id, 2);
});

Deno.test("a timeout that is not allowed is refused", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  for (const timeoutMs of [0, 1.5, NaN, 2 ** 31, Infinity]) {
    const mistake = `timeoutMs is ${timeoutMs}, allowed are whole numbers from 1 to 2147483647`;
    assertThrows(() => connection.publisher("any", { timeoutMs }), RangeError, mistake);
    const publisher = connection.publisher("any");
    for (
      const call of [
        publisher.sendMessage("x", { timeoutMs }),
        publisher.sendMessages(["x"], { timeoutMs }),
        publisher.request("x", { timeoutMs }),
      ]
    ) await assertRejects(() => call as Promise<unknown>, RangeError, mistake);
  }
  // @ts-expect-error: what a program without types may do
  const open = () => connection.publisher("any", { timeoutMs: "1" });
  assertThrows(open, TypeError, "must be a number");
  assert(connection.publisher("any", { timeoutMs: 1 }));
});

Deno.test("CallTimeouts: of calls that have ended, however different, few timers stay", () => {
  const set = new Set<ClockTimer>();
  const setTimer = () => {
    const timer = { cancel: () => void set.delete(timer) };
    set.add(timer);
    return timer;
  };
  const timeouts = new CallTimeouts({ now: () => 0, setTimer });
  const end = timeouts.begin(5000, () => {});
  for (let timeoutMs = 1; timeoutMs <= 1000; timeoutMs++) timeouts.begin(timeoutMs, () => {})();
  assertEquals(set.size, 64);
  end();
  timeouts.end();
  assertEquals(set.size, 0);
});
