/**
 * Clients of several brokers, over sockets: one broker goes, another one takes over, and members go on.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { connect, type Connection, type ConnectionStatus } from "@simplemq/simplemq";
import { writeControlFrame } from "@simplemq/simplemq/protocol";
import { startBroker, until } from "../../support/broker/broker.ts";
import { PlayedBroker } from "../../support/wire/played_broker.ts";
import { PATIENCE_MS, takeOne, withRandom } from "../support.ts";

/** Two doors of one broker: what is stored through one is known behind the other, as in a cluster. */
class TwoDoors implements AsyncDisposable {
  readonly one: PlayedBroker;
  readonly other: PlayedBroker;

  constructor(port: number) {
    this.one = new PlayedBroker(port);
    this.other = new PlayedBroker(port);
    const brokers = [this.one, this.other].map(addressOf);
    for (const door of [this.one, this.other]) door.welcome = { brokers };
  }

  /** One broker is active from now on; the other one says so. */
  activate(active: PlayedBroker): void {
    for (const door of [this.one, this.other]) {
      const refusal = { code: "NOT_ACTIVE", details: { active: addressOf(active) } } as const;
      door.decide = () => door === active ? undefined : refusal;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.one[Symbol.asyncDispose]();
    await this.other[Symbol.asyncDispose]();
  }
}

function addressOf({ port }: { readonly port: number }): string {
  return `localhost:${port}`;
}

/** Waits for the next event of a kind. */
async function next<Type extends ConnectionStatus["type"]>(
  events: AsyncIterableIterator<ConnectionStatus>,
  type: Type,
): Promise<Extract<ConnectionStatus, { type: Type }>> {
  for (;;) {
    const { value } = await deadline(events.next(), PATIENCE_MS);
    if (value?.type === type) return value as Extract<ConnectionStatus, { type: Type }>;
  }
}

/** Whether publishers and followers work. */
async function exchange(connection: Connection, body: string): Promise<void> {
  await deadline(connection.publisher("work").sendMessage(body), PATIENCE_MS);
  const message = await takeOne(connection.follower("work"));
  assertEquals(message.body, body);
  await message.ack({ confirm: true });
}

Deno.test("a client that was given one broker of a cluster goes on at another one, and stores once", async () => {
  await using broker = await startBroker();
  await using doors = new TwoDoors(broker.port);
  const { one, other } = doors;
  doors.activate(one);
  await using connection = await connect({ port: one.port });
  assertEquals(connection.broker.address, addressOf(one));
  assertEquals(connection.broker.brokers, [one, other].map(addressOf));
  const events = connection.status();
  await connection.cursor().createStream("work");
  const follower = connection.follower("work");
  const messages = follower.getMessages();
  const publisher = connection.publisher("work");
  await publisher.sendMessage("first");
  await (await deadline(messages.next(), PATIENCE_MS)).value!.ack({ confirm: true });
  // The broker stores batches, and dies before their confirms get out.
  one.isSilent = true;
  const sent = Promise.all(["second", "third"].map((body) => publisher.sendMessage(body)));
  await using direct = await broker.connect();
  const isStored = async () => (await direct.cursor().getStream("work")).nextId === 4;
  await until("both are stored", isStored);
  doors.activate(other);
  await one[Symbol.asyncDispose]();
  const receipts = await deadline(sent, PATIENCE_MS);
  assertEquals(receipts.map(({ streams }) => streams[0]?.id), [2, 3]);
  assert(await isStored(), "each was stored once");
  for (const body of ["second", "third"]) {
    const { value } = await deadline(messages.next(), PATIENCE_MS);
    assertEquals(value!.body, body);
    await value!.ack({ confirm: true });
  }
  await next(events, "lost");
  assertEquals((await next(events, "connected")).broker.address, addressOf(other));
  assertEquals(connection.broker.address, addressOf(other));
});

Deno.test("a client hears of a broker that joins its cluster later", async () => {
  await using broker = await startBroker();
  await using doors = new TwoDoors(broker.port);
  const { one, other } = doors;
  doors.activate(one);
  one.welcome = { brokers: [addressOf(one)] };
  await using connection = await connect({ port: one.port });
  assertEquals(connection.broker.brokers, [addressOf(one)]);
  const brokers = [one, other].map(addressOf);
  await one.say((writer) => writeControlFrame(writer, "brokers", { brokers }));
  await until("the client knows", () => connection.broker.brokers.length === 2);
  doors.activate(other);
  await one[Symbol.asyncDispose]();
  await deadline(connection.cursor().getStreams(), PATIENCE_MS);
  assertEquals(connection.broker.address, addressOf(other));
});

Deno.test("a broker that hands over is left at once for the one that it names, by an error or by a goodbye", async () => {
  await using broker = await startBroker();
  await using doors = new TwoDoors(broker.port);
  const { one, other } = doors;
  doors.activate(one);
  await using connection = await connect({ servers: [addressOf(one)] });
  await connection.cursor().createStream("work");
  // A goodbye waits for nothing that is under way: this message is in hand all the time.
  await connection.publisher("work").sendMessage("held");
  await takeOne(connection.follower("work", { name: "busy" }));
  const events = connection.status();
  await next(events, "connected");
  doors.activate(other);
  const details = { active: addressOf(other) };
  await one.say((writer) => {
    writeControlFrame(writer, "goodbye", { code: "NOT_ACTIVE", message: "handed over", details });
  });
  const { error } = await next(events, "lost");
  assertEquals(error?.message, "handed over");
  assertEquals(await next(events, "reconnecting"), { type: "reconnecting", attempt: 1 });
  assertEquals((await next(events, "connected")).broker.address, addressOf(other));
  doors.activate(one);
  await other.end({ code: "NOT_ACTIVE", details: { active: addressOf(one) } });
  assertEquals((await next(events, "connected")).broker.address, addressOf(one));
  assertEquals([one.hellos.length, other.hellos.length], [2, 1], "nobody was asked in vain");
  await connection.cursor().purgeStream("work");
});

Deno.test("a broker that was stopped is left for another one, and not asked first when it is heard of again", async () => {
  await using broker = await startBroker({ heartbeatMs: 50, heartbeatTimeoutMs: 1000 });
  await using doors = new TwoDoors(broker.port);
  const { one, other } = doors;
  doors.activate(one);
  other.welcome = { ...other.welcome, heartbeatTimeoutMs: PATIENCE_MS };
  await using connection = await connect({ port: one.port });
  await connection.cursor().createStream("work");
  await exchange(connection, "before");
  const events = connection.status();
  // The other one still takes it for the active one, for a while.
  let asked = 0;
  other.decide = () => {
    return ++asked > 3 ? undefined : { code: "NOT_ACTIVE", details: { active: addressOf(one) } };
  };
  one.isSilent = true;
  one.isStopped = true;
  const { error } = await next(events, "lost");
  assert(error !== undefined && "code" in error);
  assertEquals(error.code, "HEARTBEAT_LOST");
  assertEquals((await next(events, "connected")).broker.address, addressOf(other));
  assertEquals([one.hellos.length, asked], [1, 4]);
  await exchange(connection, "after");
});

Deno.test("brokers without a cluster are tried in turn, and a real one that is gone is passed over", async () => {
  const first = await startBroker();
  await using second = await startBroker();
  const servers = [first, second].map(addressOf);
  await using connection = await connect({ servers });
  assertEquals(connection.broker.address, servers[0]);
  await connection.cursor().createStream("work");
  const events = connection.status();
  await first.close();
  await next(events, "lost");
  assertEquals((await next(events, "connected")).broker.address, servers[1]);
  await connection.cursor().createStream("work");
  await exchange(connection, "at the second");
});

Deno.test("a cluster without an active broker is told of, broker by broker, and waited for", async () => {
  await using broker = await startBroker();
  await using doors = new TwoDoors(broker.port);
  const { one, other } = doors;
  for (const door of [one, other]) door.decide = () => "NOT_ACTIVE";
  const servers = [one, other].map(addressOf);
  await withRandom(0, async () => {
    const error = await assertRejects(
      () => connect({ servers, connectTimeoutMs: 120 }),
      AggregateError,
    );
    const said = servers.map((address) => `Cannot connect to a broker at ${address}: played`);
    assertEquals(error.message, said.join("; "));
    let asked = 0;
    other.decide = () => ++asked < 3 ? "NOT_ACTIVE" : undefined;
    await using connection = await deadline(connect({ servers }), PATIENCE_MS);
    assertEquals(connection.broker.address, addressOf(other));
  });
});

Deno.test("silence of a broker of a cluster is looked for so often that it is noticed in time", async () => {
  await using broker = await startBroker();
  await using door = new PlayedBroker(broker.port);
  const { setInterval } = globalThis;
  const found: (number | undefined)[] = [];
  globalThis.setInterval = ((work: () => void, ms?: number) => {
    found.push(ms);
    return setInterval(work, ms);
  }) as typeof setInterval;
  try {
    for (const brokers of [[], ["b:1"]]) {
      door.welcome = { brokers, heartbeatMs: 2500, heartbeatTimeoutMs: 10_000 };
      await (await connect({ port: door.port })).close();
    }
  } finally {
    globalThis.setInterval = setInterval;
  }
  assertEquals(found, [625, 60]);
});
