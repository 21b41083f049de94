// What brokers do by a virtual clock.

import { assert, assertEquals } from "@std/assert";
import { connect, type Connection, type Message } from "@simplemq/simplemq";
import { type BrokerServer, VirtualClock } from "@simplemq/simplemq/server";
import { until } from "../../support/broker/broker.ts";
import { TestDirectory } from "../../support/disk/journals.ts";
import { DAY_MS, handle, HOUR_MS, startOn } from "./clock_brokers.ts";

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
        await using stack = new AsyncDisposableStack();
        const { path: directory } = stack.use(await TestDirectory.createQuick());
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
  // Behind the opening of the follower: the broker knows it before time passes.
  await cursor.getStream("slow");
  await clock.advance("5m");
  assertEquals(times, [[0, 1, 1], [0, 2, 1], [60_000, 2, 2], [120_000, 2, 3]]);
  assertEquals(held.map(({ signal }) => signal.aborted), [false, true, true, false]);
  await clock.advance("5m");
  assertEquals(times.slice(4), [[600_000, 1, 2]]);
  assert(held[0]!.signal.aborted);
  await connection.close({ drainMs: 0 });
  await following;
});

for (const late of ["what it is sent", "what it sends"] as const) {
  Deno.test(`time does not pass while bytes are under way: a client gets ${late} late`, async () => {
    const clock = new VirtualClock({ start: 0 });
    await using broker = await startOn(clock);
    const { connection, delay } = await connectLate(broker, late);
    await using _connection = connection;
    await connection.cursor().createStream("s", { maxDeliveries: 3, backoffMs: [1000] });
    await connection.publisher("s").sendMessage("x", { delayMs: 500 });
    const times: number[] = [];
    const following = handle(connection.follower("s"), async (message) => {
      times.push(clock.now());
      await message.nack();
    });
    await connection.cursor().getStream("s");
    delay.ms = 20;
    await clock.advance("1h");
    delay.ms = 0;
    assertEquals(times, [500, 1500, 2500]);
    await connection.close();
    await following;
  });
}

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
    // How long it takes is up to the machine; how often the clock looks for rest is not.
    let rounds = 0;
    const detach = clock.attach({ activity: 0, whenIdle: () => void rounds++ });
    await clock.advance("365d");
    detach();
    assert(rounds < 100, `a year takes few steps, and not ${rounds} rounds`);
    assertEquals(times, [210 * DAY_MS]);
    assertEquals(clock.now(), 395 * DAY_MS);
    const status = connection.status();
    assertEquals((await status.next()).value?.type, "connected");
    await connection.close();
    await following;
  },
);

/** Connects over a socket that hands over later, as soon as a delay is set, in one direction. */
async function connectLate(
  broker: BrokerServer,
  late: "what it is sent" | "what it sends",
): Promise<{ connection: Connection; delay: { ms: number } }> {
  const delay = { ms: 0 };
  const wait = () => new Promise<void>((resolve) => void setTimeout(resolve, delay.ms));
  const { connect: connectSocket } = Deno;
  Deno.connect = (async (options: Deno.ConnectOptions) => {
    const socket = await connectSocket(options);
    const read = socket.read.bind(socket);
    const write = socket.write.bind(socket);
    if (late === "what it sends") {
      socket.write = async (bytes) => {
        await wait();
        return await write(bytes);
      };
    } else {
      socket.read = async (buffer) => {
        const count = await read(buffer);
        await wait();
        return count;
      };
    }
    return socket;
  }) as typeof Deno.connect;
  try {
    const { hostname, port } = broker;
    return { connection: await connect({ hostname, port }), delay };
  } finally {
    Deno.connect = connectSocket;
  }
}

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
