/**
 * What a broker and a client remember when everything has come and gone: nothing.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Connection, Message } from "../../../client.ts";
import { type BrokerServer, VirtualClock } from "../../../server.ts";
import { startBroker, until } from "../../support/broker/broker.ts";
import { TestDirectory } from "../../support/disk/journals.ts";
import { findGrowth, measureCollections } from "../../support/broker/collections.ts";
import { ackLine, giveMeLine, LineClient, publishLine } from "../../support/wire/line_client.ts";
import { RawClient } from "../../support/wire/raw_client.ts";

/** So many streams come and go in one round. */
const STREAMS = 4;

/** So many more, and patterns: as many as are forgotten together. */
const PASSING = 80;

/** A broker, and a client that stays. */
class Churn {
  readonly broker: BrokerServer;
  readonly clock: VirtualClock;
  readonly staying: Connection;
  #round = 0;

  constructor(broker: BrokerServer, clock: VirtualClock, staying: Connection) {
    this.broker = broker;
    this.clock = clock;
    this.staying = staying;
  }

  /** Lets everything come and go once. */
  async round(): Promise<void> {
    this.#round++;
    const names = Array.from({ length: STREAMS }, (_, index) => `churn-${this.#round}-${index}`);
    const cursor = this.staying.cursor();
    for (const name of names) {
      await cursor.createStream(name, { dedupWindowMs: 1000, maxDeliveries: 2, ttlMs: 3_000_000 });
    }
    for (const connection of [this.staying, await this.broker.connect()]) {
      await this.#useMembers(connection, names);
      if (connection !== this.staying) await connection.close();
    }
    await this.#pass();
    await this.#lose(names[1]!);
    await this.#cut(names[1]!);
    await this.#speakLines(names[2]!);
    for (const [index, name] of names.entries()) {
      if (index % 2 > 0) await cursor.purgeStream(name);
      await cursor.deleteStream(name);
    }
    for (const { name } of await cursor.getStreams()) await cursor.deleteStream(name);
    // Windows, lost publishers and what is told of once in a while end with time.
    await this.clock.advance("25m");
  }

  async #useMembers(connection: Connection, names: readonly string[]): Promise<void> {
    const [first] = names as [string];
    const publisher = connection.publisher(first);
    const all = connection.publisher(new RegExp(`^churn-${this.#round}-`));
    const follower = connection.follower(first, { prefetch: 50 });
    for (let index = 0; index < 6; index++) {
      const options = {
        key: `key ${index % 3}`,
        dedupId: `${this.#round} ${index}`,
        priority: index,
      };
      await publisher.sendMessage(`message ${index}`, options);
      await all.sendMessage(`to all ${index}`, { delayMs: 1000 * index, ttlMs: 600_000 });
    }
    const messages = follower.getMessages();
    const take = async () => (await messages.next()).value as Message;
    await (await take()).nack({ delayMs: 10, reason: `a reason of round ${this.#round}` });
    await (await take()).reject(`never in round ${this.#round}`);
    await (await take()).ack();
    await this.clock.advance("5s");
    await connection.cursor().peek(first);
    await connection.cursor().explain(first);
    await (await take()).nack({ delayMs: 600_000, reason: `to stay in round ${this.#round}` });
    const dead = `${first}.dead`;
    await until(
      "the dead letter is there",
      async () => (await connection.cursor().getStreams()).some(({ name }) => name === dead),
    );
    await connection.cursor().redrive(dead);
    await follower.close();
    await this.#query(connection, names[3]!);
    for (const one of [publisher, all]) await one.close();
  }

  async #query(connection: Connection, stream: string): Promise<void> {
    await connection.cursor().purgeStream(stream);
    const follower = connection.follower(stream);
    const publisher = connection.publisher(stream);
    const answering = (async () => {
      for await (const message of follower.getMessages()) {
        if (message.body === "question") message.reply("answer");
        await message.ack();
      }
    })();
    assertEquals((await publisher.request("question")).body, "answer");
    await Promise.all([follower.close(), publisher.close(), answering]);
  }

  /** Streams, patterns and members of which there are very many in the life of a client. */
  async #pass(): Promise<void> {
    const cursor = this.staying.cursor();
    const names = Array.from({ length: PASSING }, (_, index) => `pass-${this.#round}-${index}`);
    await Promise.all(names.map((name) => cursor.createStream(name)));
    const publishers = names.map((name) => this.staying.publisher(new RegExp(`^${name}$`)));
    await Promise.all(publishers.map((publisher) => publisher.sendMessage("x")));
    await Promise.all(
      publishers.map((publisher) => publisher.sendMessage("late", { delayMs: 3_600_000 })),
    );
    const followers = names.map((name) => this.staying.follower(new RegExp(`^${name}$`)));
    await Promise.all(followers.map(async (follower) => {
      const { value } = await follower.getMessages().next();
      await value!.ack();
      await follower.close();
    }));
    await Promise.all(publishers.map((publisher) => publisher.close()));
    await Promise.all(names.map((name) => cursor.deleteStream(name)));
  }

  /** A client that holds messages is cut off. */
  async #lose(stream: string): Promise<void> {
    const { connectionCount } = this.broker;
    const lost = await LineClient.connect(this.broker.port);
    await lost.send(publishLine(stream, `"lines ${this.#round}"`), giveMeLine(stream, "lost"));
    await lost.next();
    await lost[Symbol.asyncDispose]();
    await until("it is gone", () => this.broker.connectionCount === connectionCount);
  }

  /** A client is cut off that has messages in hand, has begun one, and has not heard of all it has sent. */
  async #cut(stream: string): Promise<void> {
    const { connectionCount } = this.broker;
    const lost = await RawClient.connect(this.broker.port);
    await lost.shakeHands("cut off");
    await lost.openPublisher(1, stream, `cut off ${this.#round}`);
    await lost.publish(1, 1, ["one", "two", "three"]);
    await lost.expect("stream");
    await lost.expect("confirm");
    await lost.openFollower(1, stream, { messages: 2, name: `cut off ${this.#round}` });
    const [first] = await lost.takeMessages(2);
    await lost.sendTags("begin", 1, [[first!.tag, 1]]);
    await lost.publish(1, 4, ["four"]);
    lost.close();
    await until("it is gone", () => this.broker.connectionCount === connectionCount);
  }

  async #speakLines(stream: string): Promise<void> {
    const { connectionCount } = this.broker;
    const client = await LineClient.connect(this.broker.port);
    await client.send(publishLine(stream, `"line"`), giveMeLine(stream));
    const { id } = await client.next();
    await client.send(ackLine(stream, id));
    await client[Symbol.asyncDispose]();
    await until("it is gone", () => this.broker.connectionCount === connectionCount);
  }
}

/**
 * What stays, and how much of it at most: the last patterns, in case they come again, and names of
 * streams until it is worth looking which of them are gone; buffers that are used again; each kind of change
 * and the only user, for a second; the last events; until when publishers were forgotten, once for the only user.
 */
const KEPT: Readonly<Record<string, number>> = {
  "SessionStreams.#numbers": 160,
  "IncomingFrames.#streams": 160,
  "GroupQueue.#spare": 8,
  "SessionLog.#changes": 8,
  "SessionLog.#spans": 1,
  "PublisherRegistry.#forgotten": 1,
  "EventRing.#events": 1000,
  "objects of Group": 10,
  "objects of FactList": 10,
  "NumberedStreams.#numbers": 1024,
  "Router.#idle": 64,
  "Router.#selections": 64,
  "objects of Selection": 64,
};

/** Whether something has grown although it may not. */
function isLeak(growth: string): boolean {
  const [name = "", sizes = ""] = growth.split(": ");
  return Number(sizes.split(" → ")[1]) > (KEPT[name] ?? 0);
}

for (const engine of ["memory", "journal"] as const) {
  Deno.test(`${engine}: nothing grows in broker and client, and nothing stays, whatever comes and goes`, async () => {
    const clock = new VirtualClock();
    await using directory = await TestDirectory.createQuick();
    await using broker = await startBroker({
      clock,
      storage: { engine, directory: directory.path },
    });
    // What is made when the first client comes and goes is made once.
    await (await broker.connect()).close();
    const fresh = await measureCollections([broker]);
    const staying = await broker.connect();
    // They stay, too, and hear of all streams.
    const publisher = staying.publisher(/^churn-/);
    const follower = staying.follower(/^nobody-/);
    const churn = new Churn(broker, clock, staying);
    const walk = () => measureCollections([broker, staying, publisher, follower]);
    for (let round = 0; round < 2; round++) await churn.round();
    const before = await walk();
    assert(before.size > 40, `the walk comes around: ${before.size}`);
    for (let round = 0; round < 3; round++) await churn.round();
    assertEquals(findGrowth(before, await walk()).filter(isLeak), []);
    await staying.close();
    await until("it is gone", () => broker.connectionCount === 0);
    await clock.advance("25m");
    assertEquals(findGrowth(fresh, await measureCollections([broker])).filter(isLeak), []);
    await broker.close();
  });
}
