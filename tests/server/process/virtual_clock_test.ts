// The clock itself: times, timers, and when it gives up.

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { serve, VirtualClock } from "@simplemq/simplemq/server";
import { turn, until } from "../../support/broker/broker.ts";
import { DAY_MS, handle, HOUR_MS, startOn } from "./clock_brokers.ts";

Deno.test("VirtualClock.advance() refuses what is no duration, and time stays", async () => {
  const clock = new VirtualClock({ start: 5 });
  const wrong: unknown[] = [undefined, null, true, {}, [], new Date(), 1n];
  for (const found of wrong) {
    // @ts-expect-error: what a program without types may do
    const error = await assertRejects(() => clock.advance(found), TypeError);
    assertStringIncludes(error.message, "Cannot advance the clock: found ");
    assertStringIncludes(
      error.message,
      'allowed whole milliseconds from 0 on, or a text such as "2',
    );
  }
  const bad = [-1, 0.5, NaN, Infinity, -Infinity, 2 ** 53, "", " ", "soon", "-1s", "1", "1.5h"];
  for (const found of [...bad, "1 h", "30m1h", "1h1h", "h", "1y", "1H", "9".repeat(400) + "d"]) {
    const error = await assertRejects(() => clock.advance(found), RangeError);
    assertStringIncludes(error.message, "Cannot advance the clock: found ");
  }
  await assertRejects(() => clock.advance(8.64e15), RangeError, "8639999999999995 ms");
  assertEquals(clock.now(), 5);
});

Deno.test("new VirtualClock() refuses what is no time", () => {
  for (const start of [null, "2026-01-01", {}, true]) {
    // @ts-expect-error: what a program without types may do
    assertThrows(() => new VirtualClock({ start }), TypeError, "Cannot start a clock: found ");
  }
  for (const start of [-1, 0.5, NaN, Infinity, 8.64e15 + 1, new Date("never")]) {
    assertThrows(() => new VirtualClock({ start }), RangeError, "allowed a date, or whole");
  }
  assertThrows(() => new VirtualClock({ stepTimeoutMs: -1 }), RangeError, "Cannot limit a step");
});

Deno.test("serve() refuses what is no clock", async () => {
  for (const clock of [null, 7, "now", {}, Date, { now: () => 0 }]) {
    await assertRejects(
      // @ts-expect-error: what a program without types may do
      () => serve({ clock }),
      TypeError,
      "allowed a clock, such as new VirtualClock()",
    );
  }
  // @ts-expect-error: what a program without types may do
  await assertRejects(() => serve({ clock: new VirtualClock(), clocks: 1 }), TypeError, "clocks");
});

Deno.test("VirtualClock begins where it is told, or now", async () => {
  const before = Date.now();
  const now = new VirtualClock().now();
  assert(now >= before && now <= Date.now());
  const clock = new VirtualClock({ start: new Date("2026-02-28T23:00Z") });
  const durations: [duration: number | string, ms: number][] = [
    [0, 0],
    [1, 1],
    ["0s", 0],
    ["250ms", 250],
    ["5s", 5000],
    ["30m", 1_800_000],
    [" 1h ", HOUR_MS],
    ["2d", 2 * DAY_MS],
    ["1h30m", 1.5 * HOUR_MS],
    ["1d1h1m1s1ms", DAY_MS + HOUR_MS + 61_001],
  ];
  for (const [duration, ms] of durations) {
    const start = clock.now();
    await clock.advance(duration);
    assertEquals(clock.now() - start, ms, `${duration}`);
  }
});

// Timers.

Deno.test("VirtualClock.setDate() sets the calendar, and time stays: dates follow, delays do not", async () => {
  const clock = new VirtualClock({ start: 1_000_000 });
  await using broker = await serve({ port: 0, storage: { engine: "memory" }, clock });
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("reminders");
  const publisher = connection.publisher("reminders");
  await publisher.sendMessage("date", { deliverAt: 1_000_000 + 3_600_000 });
  await publisher.sendMessage("delay", { delayMs: 60_000 });
  clock.setDate(1_000_000 + 3_600_000);
  assertEquals([clock.now(), clock.dateNow()], [1_000_000, 4_600_000]);
  await clock.advance(0);
  const stand = async () => {
    const { ready, delayed } = await cursor.getStream("reminders");
    return [ready, delayed];
  };
  assertEquals(await stand(), [1, 1]);
  clock.setDate(new Date(0));
  await clock.advance("1m");
  assertEquals(await stand(), [2, 0]);
  assertThrows(() => clock.setDate(-1), RangeError);
});

Deno.test("VirtualClock rings timers in the order of their times, each at its own", async () => {
  const clock = new VirtualClock({ start: 100 });
  const log: string[] = [];
  const note = (name: string) => () => void log.push(`${name} at ${clock.now()}`);
  clock.setTimer(300, note("late"));
  clock.setTimer(200, note("early"));
  clock.setTimer(300, note("as late"));
  clock.setTimer(Infinity, note("never"));
  clock.setTimer(301, note("too late"));
  const taken = clock.setTimer(250, note("taken back"));
  clock.setTimer(200, () => {
    clock.setTimer(210, note("child"));
    clock.setTimer(0, note("overdue"));
    taken.cancel();
    taken.cancel();
  });
  await clock.advance(200);
  assertEquals(log, [
    "early at 200",
    "overdue at 200",
    "child at 210",
    "late at 300",
    "as late at 300",
  ]);
  assertEquals(clock.now(), 300);
});

Deno.test("VirtualClock rings what is due already soon, also when it stands still", async () => {
  const clock = new VirtualClock({ start: 100 });
  const log: number[] = [];
  clock.setTimer(100, () => log.push(1));
  clock.setTimer(50, () => log.push(2));
  const taken = clock.setTimer(0, () => log.push(3));
  assertEquals(log, [], "not during the call");
  taken.cancel();
  await until("both have rung", () => log.length === 2);
  assertEquals(log, [2, 1]);
  clock.setTimer(0, () => log.push(4)).cancel();
  await turn();
  await turn();
  assertEquals(log, [2, 1]);
});

Deno.test("VirtualClock.advance() that is called twice advances twice, one after the other", async () => {
  const clock = new VirtualClock({ start: 0 });
  const log: string[] = [];
  clock.setTimer(15, () => log.push(`rung at ${clock.now()}`));
  const first = clock.advance(10).then(() => log.push(`first at ${clock.now()}`));
  const wrong = assertRejects(() => clock.advance(-1));
  const second = clock.advance(10).then(() => log.push(`second at ${clock.now()}`));
  await Promise.all([first, wrong, second]);
  assertEquals(log, ["first at 10", "rung at 15", "second at 20"]);
});

Deno.test("VirtualClock.advance() tells what a timer's work throws, and goes on the next time", async () => {
  const clock = new VirtualClock({ start: 0 });
  const fail = () => {
    throw new Error("a fault");
  };
  clock.setTimer(5, fail);
  await assertRejects(() => clock.advance(10), Error, "a fault");
  assertEquals(clock.now(), 5);
  await clock.advance(10);
  assertEquals(clock.now(), 15);
});

// Brokers that do not come to rest.

Deno.test("VirtualClock.advance() gives up when something moves all the time", async () => {
  const clock = new VirtualClock({ start: 7, stepTimeoutMs: 50 });
  let activity = 0;
  const detach = clock.attach({
    get activity() {
      return activity++;
    },
    whenIdle: () => {},
  });
  const message =
    "Cannot advance the clock beyond 1970-01-01T00:00:00.007Z: a broker has not come " +
    "to rest for 50 ms";
  await assertRejects(() => clock.advance("1h"), Error, message);
  assertEquals(clock.now(), 7);
  detach();
  detach();
  await clock.advance("1h");
});

Deno.test("VirtualClock.advance() gives up when something is never durable", async () => {
  const clock = new VirtualClock({ start: 0, stepTimeoutMs: 50 });
  const settling = Promise.withResolvers<void>();
  const detach = clock.attach({ activity: 0, whenIdle: () => settling.promise });
  await assertRejects(() => clock.advance(1), Error, "the disk accepts no writes");
  detach();
  await clock.advance(1);
});

Deno.test("VirtualClock.advance() ends although a handler publishes for ever", async () => {
  const clock = new VirtualClock({ start: 0, stepTimeoutMs: 200 });
  await using broker = await startOn(clock);
  await using connection = await broker.connect();
  await connection.cursor().createStream("echo");
  const publisher = connection.publisher("echo");
  const following = handle(connection.follower("echo"), async (message) => {
    await message.ack();
    await publisher.sendMessage("again");
  });
  await publisher.sendMessage("first");
  await assertRejects(() => clock.advance("1h"), Error, "publishes without end");
  await connection.close();
  await following;
});
