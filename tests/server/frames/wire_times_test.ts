/**
 * Deliveries that tell when their messages were stored: only to a client that has said it knows them.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { MAGIC } from "../../../protocol.ts";
import { startBroker } from "../../support/broker/broker.ts";
import { RawClient } from "../../support/wire/raw_client.ts";
import { PlayedBroker } from "../../support/wire/played_broker.ts";
import { connect } from "../../../client.ts";
import { STORED_AT } from "../../../src/protocol/frames/control_frame.ts";

/** A client of a stream "a" with what was published to it, with capabilities. */
async function openFollowing(port: number, capabilities: readonly string[]): Promise<RawClient> {
  const client = await RawClient.connect(port);
  await client.send(MAGIC);
  await client.sendControl("hello", { client: "me", capabilities });
  const { capabilities: inForce } = await client.expect("welcome");
  assertEquals(inForce, capabilities.filter((name) => name === STORED_AT));
  await client.openFollower(1, "a");
  await client.expect("stream");
  return client;
}

/** A broker with two messages in a stream "a", and the time at which they came. */
async function startWithMessages() {
  const broker = await startBroker();
  const client = await RawClient.open(broker.port);
  await client.ask("createStream", "a");
  await client.openPublisher(1, "a");
  const from = Date.now();
  await client.publish(1, 1, ["one", "two"]);
  await client.expect("stream");
  await client.expect("confirm");
  client.close();
  return { broker, from, to: Date.now() };
}

Deno.test("a client that knows times of storing is told of them, in runs", async () => {
  const { broker, from, to } = await startWithMessages();
  await using _broker = broker;
  await using client = await openFollowing(broker.port, ["flying", STORED_AT]);
  const { storedAt, texts, attempts } = await client.expect("deliver");
  assertEquals([texts, attempts, storedAt?.length], [["one", "two"], 1, 1]);
  const [{ count, at }] = storedAt as [{ count: number; at: number }];
  assert(count === 2 && at >= from - 1 && at <= to, `${count} at ${at}, from ${from} to ${to}`);
});

Deno.test("a client that does not know times of storing gets frames as they always were", async () => {
  const { broker } = await startWithMessages();
  await using _broker = broker;
  await using client = await openFollowing(broker.port, ["flying"]);
  const { storedAt, texts, attempts } = await client.expect("deliver");
  assertEquals([texts, attempts, storedAt], [["one", "two"], 1, undefined]);
});

Deno.test("messages have the time of storing, and none from a broker that does not tell it", async () => {
  const { broker, from, to } = await startWithMessages();
  await using _broker = broker;
  // The second broker knows no capabilities.
  await using old = new PlayedBroker(broker.port);
  for (const [port, isKnown] of [[broker.port, true], [old.port, false]] as const) {
    await using connection = await connect({ port });
    await using follower = connection.follower<string>("a");
    const bodies: string[] = [];
    for await (const message of follower.getMessages()) {
      const { storedAt } = message;
      if (isKnown) assert(storedAt! >= from - 1 && storedAt! <= to);
      assertEquals([isKnown, JSON.stringify(message).includes("storedAt")], [
        storedAt !== undefined,
        isKnown,
      ]);
      bodies.push(message.body);
      if (bodies.length === 2) break;
    }
    assertEquals(bodies, ["one", "two"]);
    // The played broker does not answer the goodbye.
    await connection.close({ drainMs: 0 });
  }
});

Deno.test("messages that are peeked at, and dead letters, have the time of storing", async () => {
  const { broker, from } = await startWithMessages();
  await using _broker = broker;
  await using connection = await connect({ port: broker.port });
  const cursor = connection.cursor();
  const [one] = await cursor.peek("a");
  assert(one!.storedAt! >= from - 1);
  for await (const message of connection.follower("a").getMessages()) {
    await message.reject("no", { confirm: true });
    break;
  }
  const [dead] = await cursor.peek("a.dead");
  assert(dead!.storedAt! >= one!.storedAt!);
});
