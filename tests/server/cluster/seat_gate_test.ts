/**
 * What a session does with its time while the lease is over, by the test's clock.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { createMemoryEngine } from "../../../src/engine/memory.ts";
import { SeatedEngine } from "../../../src/server/cluster/seated_engine.ts";
import { SeatWatch } from "../../../src/server/cluster/seat_watch.ts";
import { Log } from "../../../src/server/log.ts";
import { passTurns } from "../../support/broker/broker.ts";
import { TestSeat } from "../../support/cluster/test_seat.ts";
import { HEARTBEAT, Sessions } from "../../support/wire/sessions.ts";

/** A seat, and what is told of it. */
function makeSeat(
  now: () => number = () => 0,
): { seat: TestSeat; watch: SeatWatch; lines: string[] } {
  const lines: string[] = [];
  const write = (line: string) => lines.push(line.replace(/^\S+ /, "").trimEnd());
  const seat = new TestSeat();
  const watch = new SeatWatch(seat, new Log({ level: "info", write }), now);
  return { seat, watch, lines };
}

Deno.test("while the lease is over heartbeats go on, and nothing is read: silence is nobody's fault", async () => {
  const { seat, watch } = makeSeat();
  watch.noteOpened();
  await using sessions = new Sessions({
    seat: watch,
    engine: new SeatedEngine(createMemoryEngine({ memoryLimit: 1e6, now: () => 0 }), watch),
  });
  watch.watch(() => sessions.table.noteSeat());
  await using client = await sessions.open();
  seat.set({ serving: false });
  // The first frame is read already when the lease ends; the next one waits.
  await client.query(1, "getStreams");
  await client.query(2, "getStreams");
  await passTurns();
  const received = sessions.table.receivedBytes;
  for (let ms = 0; ms < 5 * HEARTBEAT.heartbeatTimeoutMs; ms += HEARTBEAT.heartbeatMs) {
    sessions.passTime(HEARTBEAT.heartbeatMs);
    await passTurns();
  }
  for (let count = 0; count < 5; count++) {
    assertEquals((await client.next())?.name, "heartbeat");
  }
  assertEquals([sessions.table.count, sessions.table.receivedBytes], [1, received]);
});

Deno.test("what becomes of the broker is told in the log, once", () => {
  const { seat, watch, lines } = makeSeat();
  const take = () => lines.splice(0).map((line) => line.replace(/ cluster=main.*$/, ""));
  watch.noteOpened();
  assertEquals(take(), ["info this broker is active"]);
  watch.look();
  seat.set({ serving: false });
  watch.look();
  assertEquals(take(), [
    "warning the lease is over: nothing is confirmed or delivered until it is held again",
  ]);
  seat.set({ serving: true });
  assertEquals(take(), ["info the lease is held again"]);
  seat.lose("b");
  watch.look();
  assertEquals(take(), ["warning another broker takes over"]);
  seat.take();
  assertEquals(take(), ["info this broker is active"]);
  watch.close();
  seat.lose("b");
  assertEquals(take(), []);
});

Deno.test("whoever waits for the broker to serve is told in the end", async () => {
  const { seat, watch } = makeSeat();
  const first = watch.whenServing();
  watch.noteOpened();
  await first;
  seat.set({ serving: false });
  const code = (wait: Promise<void>) => wait.then(() => "served", ({ code }) => code);
  const second = code(watch.whenServing());
  seat.lose("b");
  assertEquals(await second, "NOT_ACTIVE");
  assertEquals(await code(watch.whenServing()), "NOT_ACTIVE");
  seat.set({ role: "active" });
  const third = code(watch.whenServing());
  watch.close();
  assertEquals(await third, "SHUTTING_DOWN");
});

Deno.test("a client that comes while the active broker is silent waits for what becomes of the cluster, for a while", async () => {
  let now = 0;
  const { seat, watch } = makeSeat(() => now);
  watch.noteOpened();
  const code = (wait: Promise<void>) => wait.then(() => "served", ({ code }) => code);
  const ask = () => code(watch.whenDecided());
  seat.lose("b");
  assertEquals([watch.isSettled, await ask()], [true, "NOT_ACTIVE"]);
  seat.set({ lastAppendMs: 1000 });
  assertEquals(watch.isSettled, false);
  const [first, second] = [ask(), (now = 300, ask())];
  now = 499;
  watch.look();
  assertEquals(await Promise.race([first, passTurns()]), undefined);
  now = 500;
  watch.look();
  assertEquals(await first, "NOT_ACTIVE");
  // The active one was heard again, or another one took over: it is where to go.
  seat.set({ lastAppendMs: 10 });
  assertEquals(await second, "NOT_ACTIVE");
  seat.set({ lastAppendMs: Infinity });
  const third = ask();
  seat.set({ role: "active", serving: false });
  now = 10_000;
  watch.look();
  assertEquals(await Promise.race([third, passTurns()]), undefined);
  seat.take();
  assertEquals([await third, await ask()], ["served", "served"]);
  seat.lose("b");
  seat.set({ lastAppendMs: 5000 });
  const last = ask();
  watch.close();
  assertEquals(await last, "SHUTTING_DOWN");
});
