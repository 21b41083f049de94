/**
 * Time that passes when a test says so: everything that a broker does by time comes in order, at its
 * own time, and is not waited for.
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
import { connect, type Connection, type Follower, type Message } from "@simplemq/simplemq";
import {
  type BrokerServer,
  type Clock,
  serve,
  type ServeOptions,
  VirtualClock,
} from "@simplemq/simplemq/server";
import { turn, until } from "../../support/broker/broker.ts";

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/** A broker, its clock and a connection. */
interface Use {
  readonly clock: VirtualClock;
  readonly broker: BrokerServer;
  readonly connection: Connection;
}

/** Runs a test with a broker whose time begins at 0, on every engine, with a socket and without. */
function testWays(name: string, test: (use: Use) => Promise<void>): void {
  for (const engine of ["memory", "journal"] as const) {
    for (const way of ["in-process", "TCP"]) {
      Deno.test(`${engine}, ${way}: ${name}`, async () => {
        const directory = await Deno.makeTempDir();
        await using stack = new AsyncDisposableStack();
        stack.defer(() => Deno.remove(directory, { recursive: true }));
        const clock = new VirtualClock({ start: 0 });
        const broker = stack.use(await startOn(clock, { storage: { engine, directory } }));
        const connection = way === "TCP"
          ? await connect({ port: broker.port, hostname: broker.hostname })
          : await broker.connect();
        stack.use(connection);
        await test({ clock, broker, connection });
      });
    }
  }
}

/** Starts a broker in memory, if nothing else is said, that goes by a clock. */
function startOn(clock: Clock, options: ServeOptions = {}): Promise<BrokerServer> {
  return serve({ port: 0, logLevel: "error", storage: { engine: "memory" }, ...options, clock });
}

/** Handles all messages of a follower until it is closed. */
async function handle(
  follower: Follower,
  work: (message: Message) => unknown,
): Promise<void> {
  for await (const message of follower.getMessages()) await work(message);
}

// What is said of times.

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

// Who does not come to rest.

Deno.test("VirtualClock.advance() gives up when something moves all the time", async () => {
  const clock = new VirtualClock({ start: 7, stepTimeoutMs: 50 });
  let activity = 0;
  const detach = clock.attach({
    get activity() {
      return activity++;
    },
    settle: () => {},
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
  const detach = clock.attach({ activity: 0, settle: () => settling.promise });
  await assertRejects(() => clock.advance(1), Error, "its disk takes nothing");
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
  await assertRejects(() => clock.advance("1h"), Error, "publishes all the time");
  await connection.close();
  await following;
});

// What brokers do by time.

testWays("messages for later come in the order of their times, over streams", async (use) => {
  const { clock, connection } = use;
  const cursor = connection.cursor();
  const log: string[] = [];
  const following: Promise<void>[] = [];
  for (const stream of ["a", "b", "c"]) {
    await cursor.createStream(stream);
    following.push(handle(connection.follower(stream), async (message) => {
      log.push(`${clock.now()} ${stream} ${message.body}`);
      await message.ack();
    }));
  }
  const [a, b, c] = ["a", "b", "c"].map((stream) => connection.publisher(stream));
  await Promise.all([
    a!.sendMessage("late", { delayMs: DAY_MS }),
    b!.sendMessage("early", { delayMs: 1 }),
    c!.sendMessage("at", { deliverAt: HOUR_MS }),
    a!.sendMessage("soon", { delayMs: HOUR_MS + 1 }),
    b!.sendMessage("never today", { delayMs: DAY_MS + 1 }),
    c!.sendMessage("now", { deliverAt: 0 }),
  ]);
  await clock.advance("1d");
  assertEquals(log, [
    "0 c now",
    "1 b early",
    `${HOUR_MS} c at`,
    `${HOUR_MS + 1} a soon`,
    `${DAY_MS} a late`,
  ]);
  assertEquals((await cursor.getStream("b")).delayed, 1);
  await connection.close();
  await Promise.all(following);
});

testWays("a handler that fails lives through all backoffs up to the dead letters", async (use) => {
  const { clock, connection } = use;
  const cursor = connection.cursor();
  await cursor.createStream("work");
  await clock.advance(1000);
  await connection.publisher("work").sendMessage("hopeless");
  const times: number[] = [];
  const following = handle(connection.follower("work", { name: "worker" }), async (message) => {
    times.push(clock.now());
    await message.nack({ reason: `failed ${message.attempts}` });
  });
  await clock.advance("1d");
  // 1, 5, 30, 120 and from then on 600 seconds.
  const expected = [1000, 2000, 7000, 37_000, 157_000];
  while (expected.length < 20) expected.push(expected.at(-1)! + 600_000);
  assertEquals(times, expected);
  const [dead] = await cursor.peek("work.dead");
  const { firstAt, lastAt, attempts, cause } = dead!.deadLetter!;
  assertEquals([firstAt, lastAt, attempts], [1000, expected.at(-1), 20]);
  assertEquals(cause, "maxDeliveries");
  assertEquals((await cursor.getStream("work")).pending, 0);
  await connection.close();
  await following;
});

testWays("what is not acknowledged in time is taken back, and the clock does so", async (use) => {
  const { clock, connection } = use;
  const cursor = connection.cursor();
  await cursor.createStream("slow", { ackTimeoutMs: 60_000, backoffMs: [0] });
  await connection.publisher("slow").sendMessages([1, 2]);
  const times: [number, unknown, number][] = [];
  const held: Message[] = [];
  const following = handle(connection.follower("slow", { prefetch: 2 }), async (message) => {
    times.push([clock.now(), message.body, message.attempts]);
    held.push(message);
    if (message.body === 1) await message.extend(10 * 60_000);
    else if (message.attempts === 3) await message.ack();
  });
  await clock.advance("5m");
  assertEquals(times, [[0, 1, 1], [0, 2, 1], [60_000, 2, 2], [120_000, 2, 3]]);
  assertEquals(held.map(({ signal }) => signal.aborted), [false, true, true, false]);
  await clock.advance("5m");
  assertEquals(times.slice(4), [[600_000, 1, 2]]);
  assert(held[0]!.signal.aborted);
  await connection.close({ drainMs: 0 });
  await following;
});

testWays("messages expire, by their own time to live and by their stream's", async (use) => {
  const { clock, connection } = use;
  const cursor = connection.cursor();
  await cursor.createStream("brief", { ttlMs: HOUR_MS, deadLetterExpired: true });
  const publisher = connection.publisher("brief");
  await publisher.sendMessage("own", { ttlMs: 60_000 });
  await publisher.sendMessage("the stream's");
  await publisher.sendMessage("later", { delayMs: HOUR_MS });
  const count = async () => (await cursor.getStream("brief")).ready;
  await clock.advance(59_999);
  assertEquals(await count(), 2);
  await clock.advance(1);
  assertEquals(await count(), 1);
  await clock.advance("59m");
  assertEquals(await count(), 1);
  await clock.advance("1h");
  assertEquals(await count(), 0);
  const dead = await cursor.peek("brief.dead");
  assertEquals(dead.map(({ body, deadLetter }) => [body, deadLetter?.lastAt]), [
    ["own", 60_000],
    ["the stream's", HOUR_MS],
    ["later", 2 * HOUR_MS],
  ]);
});

testWays("a dedup id is remembered for its window, and no longer", async (use) => {
  const { clock, connection } = use;
  await connection.cursor().createStream("once", { dedupWindowMs: 10_000 });
  const send = async () => {
    const receipt = await connection.publisher("once").sendMessage("x", { dedupId: "order 1" });
    return receipt.duplicate;
  };
  assertEquals(await send(), false);
  await clock.advance(9999);
  assertEquals(await send(), true);
  await clock.advance(1);
  assertEquals(await send(), false);
});

testWays(
  "a month passes without a lost connection, and a year with one message in it",
  async (use) => {
    const { clock, broker, connection } = use;
    await clock.advance("30d");
    assertEquals(broker.connectionCount, 1);
    await connection.cursor().createStream("far");
    await connection.publisher("far").sendMessage("half a year", { delayMs: 180 * DAY_MS });
    const times: number[] = [];
    const following = handle(connection.follower("far"), async (message) => {
      times.push(clock.now());
      await message.ack({ confirm: true });
    });
    const start = performance.now();
    await clock.advance("365d");
    assert(performance.now() - start < 10_000, "there are few steps");
    assertEquals(times, [210 * DAY_MS]);
    assertEquals(clock.now(), 395 * DAY_MS);
    const status = connection.status();
    assertEquals((await status.next()).value?.type, "connected");
    await connection.close();
    await following;
  },
);

// Brokers.

Deno.test("two brokers go by one clock, and one that is closed is not waited for", async () => {
  const clock = new VirtualClock({ start: 0 });
  await using one = await startOn(clock);
  const other = await startOn(clock);
  const log: string[] = [];
  const following: Promise<void>[] = [];
  const connections: Connection[] = [];
  for (const [name, broker] of [["one", one], ["other", other]] as const) {
    const connection = await broker.connect();
    connections.push(connection);
    await connection.cursor().createStream("s", { backoffMs: [1000] });
    await connection.publisher("s").sendMessage(1, { delayMs: name === "one" ? 500 : 0 });
    following.push(handle(connection.follower("s"), async (message) => {
      log.push(`${clock.now()} ${name}`);
      await message.nack();
    }));
  }
  await clock.advance("2s");
  assertEquals(log, ["0 other", "500 one", "1000 other", "1500 one", "2000 other"]);
  await connections[1]!.close();
  await other.close();
  await clock.advance("1s");
  assertEquals(log.slice(5), ["2500 one"]);
  await connections[0]!.close();
  await one.close();
  await clock.advance("1d");
  assertEquals(log.length, 6);
  await Promise.all(following);
});

Deno.test("a broker that begins again finds what came due meanwhile, without any advance", async () => {
  const clock = new VirtualClock({ start: 1_700_000_000_000 });
  const directory = await Deno.makeTempDir();
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(directory, { recursive: true }));
  const storage = { engine: "journal", directory } as const;
  {
    await using broker = await startOn(clock, { storage });
    await using connection = await broker.connect();
    await connection.cursor().createStream("kept");
    await connection.publisher("kept").sendMessage("later", { delayMs: HOUR_MS });
    await connection.publisher("kept").sendMessage("brief", { ttlMs: HOUR_MS });
  }
  await clock.advance("1h");
  await using broker = await startOn(clock, { storage });
  await using connection = await broker.connect();
  await until("it is ready", async () => {
    const { ready, delayed } = await connection.cursor().getStream("kept");
    return ready === 1 && delayed === 0;
  });
  assertEquals((await connection.cursor().peek("kept")).map(({ body }) => body), ["later"]);
});

for (const sync of ["interval", "never"] as const) {
  Deno.test(`a journal that is flushed ${sync} comes to rest, too`, async () => {
    const clock = new VirtualClock({ start: 0 });
    const directory = await Deno.makeTempDir();
    await using stack = new AsyncDisposableStack();
    stack.defer(() => Deno.remove(directory, { recursive: true }));
    const storage = { engine: "journal", directory, sync } as const;
    await using broker = await startOn(clock, { storage });
    await using connection = await broker.connect();
    await connection.cursor().createStream("s");
    await connection.publisher("s").sendMessage(1, { delayMs: 1000 });
    await clock.advance("1s");
    assertEquals((await connection.cursor().getStream("s")).ready, 1);
  });
}

Deno.test("whatever is open is looked after by real time: a silent client is given up", async () => {
  const clock = new VirtualClock({ start: 0 });
  const limits = { heartbeatMs: 20, heartbeatTimeoutMs: 60 };
  await using broker = await startOn(clock, limits);
  using _silent = await Deno.connect({ port: broker.port, hostname: broker.hostname });
  await until("it is there", () => broker.connectionCount === 1);
  await clock.advance("1d");
  await until("it is given up", () => broker.connectionCount === 0);
  assertEquals(clock.now(), DAY_MS);
});

/** What happens in a day of a broker with three streams, some of whose messages fail. */
async function liveDay(way: string): Promise<string[]> {
  const clock = new VirtualClock({ start: 0 });
  await using broker = await startOn(clock);
  await using connection = way === "TCP"
    ? await connect({ port: broker.port, hostname: broker.hostname })
    : await broker.connect();
  const log: string[] = [];
  const following: Promise<void>[] = [];
  for (const [index, stream] of ["x", "y", "z"].entries()) {
    const options = { maxDeliveries: 4, backoffMs: [1000 * (index + 1), 7000], ackTimeoutMs: 5000 };
    await connection.cursor().createStream(stream, options);
    await connection.publisher(stream).sendMessages([0, 1, 2, 3], { delayMs: index * 500 });
    following.push(handle(connection.follower(stream, { name: stream }), async (message) => {
      log.push(`${clock.now()} ${stream} ${message.body}×${message.attempts}`);
      if (message.body === 0) await message.ack();
      if (message.body === 1) await message.nack();
      if (message.body === 2) await message.reject("no");
    }));
  }
  await clock.advance("1d");
  await connection.close();
  await Promise.all(following);
  return log;
}

for (const way of ["in-process", "TCP"]) {
  Deno.test(`the same happens every time, ${way}, whatever else goes on in the process`, async () => {
    const alone = await liveDay(way);
    assertEquals(alone.filter((line) => line.includes("×4")).length, 6);
    const together = await Promise.all(Array.from({ length: 19 }, () => liveDay(way)));
    for (const log of together) assertEquals(log, alone);
  });
}
