// The members of the original SimpleMQ, one after the other, on both engines.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { connect } from "../../../client.ts";
import type { BrokerServer } from "../../../server.ts";
import { until } from "../../support/broker/broker.ts";
import {
  ackLine,
  cursorLine,
  giveMeLine,
  LineClient,
  messageOf,
  publishLine,
} from "../../support/wire/line_client.ts";
import { ask, publish, testEngines, withStreams } from "./line_brokers.ts";

/** Waits until so many messages wait in a stream. */
async function untilWaiting(broker: BrokerServer, stream: string, count: number): Promise<void> {
  await until(`${count} messages wait`, async () => {
    const list = await ask(broker, "GET_STREAM", stream) as unknown[];
    return list.length === count;
  });
}

testEngines("a cursor creates streams, as often as it likes, and sees them", [], async (broker) => {
  await using cursor = await LineClient.connect(broker.port);
  assertEquals(await cursor.ask(cursorLine("GET_STREAMS")), {});
  await cursor.send(cursorLine("CREATE_STREAM", "b"), cursorLine("CREATE_STREAM", "a"));
  await cursor.send(cursorLine("CREATE_STREAM", "b"));
  assertEquals(await cursor.ask(cursorLine("GET_STREAMS")), { a: [], b: [] });
  assertEquals(await cursor.ask(cursorLine("GET_STREAM", "a")), []);
  const text = await cursor.ask(cursorLine("GET_STREAM", "c"));
  assertEquals(text, 'Cannot find stream "c": it does not exist');
});

testEngines("a publisher connects, says one line and is gone; the message is there", [
  "hello_queue",
], async (broker) => {
  await publish(broker, "hello_queue", '"hello world"');
  await untilWaiting(broker, "hello_queue", 1);
  const list = [{ id: 1, message_body: "hello world" }];
  assertEquals(await ask(broker, "GET_STREAMS"), { hello_queue: list });
  await until("it is gone", () => broker.connectionCount === 0);
});

testEngines("a follower reads each answer as one document with one recv", ["a"], async (broker) => {
  await using follower = await LineClient.connect(broker.port);
  for (let id = 1; id <= 20; id++) {
    await publish(broker, "a", String(id * 10));
    // As the clients mostly do it: the last acknowledgement and the next request arrive together.
    await follower.send(...(id > 1 ? [ackLine("a", id - 1)] : []), giveMeLine("a"));
    const text = await follower.receive(1024);
    assertEquals(JSON.parse(text!), messageOf(id * 10, id));
  }
  await follower.send(ackLine("a", 20));
  await until("all are gone", async () => {
    const pel = await ask(broker, "GET_PEL", "fol1") as unknown[];
    return pel.length === 0;
  });
  assertEquals(await ask(broker, "GET_STREAM", "a"), []);
});

testEngines(
  "a follower that asks before there is a message, or a stream, waits, and holds nobody up",
  [],
  async (broker) => {
    await using follower = await LineClient.connect(broker.port);
    await follower.send(giveMeLine("later"), cursorLine("GET_STREAMS"));
    assertEquals((await follower.next()).message_body, {});
    await follower.send(cursorLine("CREATE_STREAM", "later"), publishLine("later", '"now"'));
    assertEquals(await follower.next(), messageOf("now", 1));
  },
);

testEngines(
  "a follower gets a message for each request, and none that it has not asked for",
  ["a"],
  async (broker) => {
    await using follower = await LineClient.connect(broker.port);
    await follower.send(...[1, 2, 3, 4, 5].map((body) => publishLine("a", `${body}`)));
    await follower.send(giveMeLine("a"), giveMeLine("a"));
    assertEquals(await follower.next(), messageOf(1, 1));
    assertEquals(await follower.next(), messageOf(2, 2));
    // Acknowledging makes no room: nobody has asked.
    await follower.send(ackLine("a", 1), ackLine("a", 2));
    const waiting = await follower.ask(cursorLine("GET_STREAM", "a")) as unknown[];
    assertEquals(waiting.length, 3);
    await follower.send(giveMeLine("a"));
    assertEquals(await follower.next(), messageOf(3, 3));
  },
);

testEngines("a follower holds no more than the limit; the next message comes when there is room", [
  "a",
], async (broker) => {
  await using follower = await LineClient.connect(broker.port);
  await follower.send(...[1, 2, 3].map((body) => publishLine("a", `${body}`)));
  await follower.send(giveMeLine("a").repeat(3), cursorLine("GET_STREAMS"));
  const lines = [await follower.next(), await follower.next(), await follower.next()];
  assertEquals(lines.map(({ id }) => id).toSorted(), [0, 1, 2]);
  await follower.send(ackLine("a", 2));
  assertEquals(await follower.next(), messageOf(3, 3));
}, { limits: { unacknowledgedMessages: 2 } });

testEngines("a regex follows all streams that match anywhere, and publishes to them", [
  "old_world",
  "new_world_2",
  "other",
], async (broker) => {
  await using follower = await LineClient.connect(broker.port);
  await follower.send(giveMeLine(/.+_world/), giveMeLine(/.+_world/));
  await publish(broker, /_world/, '{"to": "all"}');
  assertEquals(await follower.next(), messageOf({ to: "all" }, 1));
  assertEquals(await follower.next(), messageOf({ to: "all" }, 2));
  assertEquals(await ask(broker, "GET_STREAM", "other"), []);
  // The ids tell the messages of two streams apart, although both are the first of theirs.
  await follower.send(ackLine(/.+_world/, 2));
  const pel = await follower.ask(cursorLine("GET_PEL", "fol1")) as unknown[];
  assertEquals(pel.length, 1);
  await follower.send(ackLine(/.+_world/, 2));
  await follower.expectError("STALE_DELIVERY");
  await follower.send(ackLine(/.+_world/, 1), cursorLine("GET_PEL", "fol1"));
  assertEquals((await follower.next()).message_body, []);
});

testEngines("a cursor sees what followers hold, by their names", ["a", "b"], async (broker) => {
  await using one = await LineClient.connect(broker.port);
  await using two = await LineClient.connect(broker.port);
  await one.send(publishLine("a", '"x"'), publishLine("b", "1.0"), publishLine("a", "[ ]"));
  await one.send(giveMeLine("a", "one"), giveMeLine("b", "one"));
  for (let count = 0; count < 2; count++) await one.next();
  await two.send(giveMeLine("a", "__proto__"));
  await two.next();
  await using cursor = await LineClient.connect(broker.port);
  await cursor.send(cursorLine("GET_PELS"));
  assertEquals(
    (await cursor.nextText())!.replace(/^.*"message_body":(\{"one.*)$/, "$1"),
    '{"one":[{"stream":"a","id":1,"message_body":"x"},{"stream":"b","id":1,"message_body":1.0}],' +
      '"__proto__":[{"stream":"a","id":2,"message_body":[]}]},"id":0}',
  );
  assertEquals(await cursor.ask(cursorLine("GET_PEL", "__proto__")), [
    { stream: "a", id: 2, message_body: [] },
  ]);
  assertStringIncludes(await cursor.ask(cursorLine("GET_PEL", "two")) as string, '"two"');
  // What is held waits for nobody.
  assertEquals(await cursor.ask(cursorLine("GET_STREAMS")), { a: [], b: [] });
});

testEngines("a message of a follower that is lost goes to another one", ["a"], async (broker) => {
  await publish(broker, "a", '"work"');
  await using lost = await LineClient.connect(broker.port);
  await lost.send(giveMeLine("a", "lost"));
  assertEquals(await lost.next(), messageOf("work", 1));
  await using other = await LineClient.connect(broker.port);
  await other.send(giveMeLine("a", "other"));
  lost.close();
  assertEquals(await other.next(), messageOf("work", 1));
  const text = await ask(broker, "GET_PEL", "lost");
  assertStringIncludes(text as string, 'Cannot find follower "lost"');
});

testEngines(
  "a message that was taken back too early can be acknowledged until somebody has it",
  [],
  async (broker) => {
    await using connection = await connect({ port: broker.port });
    const cursor = connection.cursor();
    await cursor.createStream("a", { ackTimeoutMs: 100, backoffMs: [60_000] });
    await using follower = await LineClient.connect(broker.port);
    await follower.send(publishLine("a", "1"), giveMeLine("a"));
    assertEquals(await follower.next(), messageOf(1, 1));
    await until("it is taken back", async () => (await cursor.getStream("a")).delayed === 1);
    await follower.send(ackLine("a", 1));
    await until("it is done", async () => (await cursor.getStream("a")).delayed === 0);
    await follower.send(ackLine("a", 1));
    assertStringIncludes(await follower.expectError("STALE_DELIVERY"), "message 1");
  },
);

testEngines(
  "a client that waits for a message gets it, whatever ran out meanwhile",
  [],
  async (broker) => {
    await using connection = await connect({ port: broker.port });
    const cursor = connection.cursor();
    await cursor.createStream("a", { ackTimeoutMs: 100, backoffMs: [60_000] });
    await using follower = await LineClient.connect(broker.port);
    await follower.send(publishLine("a", "1"), giveMeLine("a"), giveMeLine("a"));
    assertEquals(await follower.next(), messageOf(1, 1));
    await until("it is taken back", async () => (await cursor.getStream("a")).delayed === 1);
    await connection.publisher("a").sendMessage(2);
    assertEquals(await follower.next(), messageOf(2, 2));
  },
);

testEngines("an id is not used again when its message was taken back, and acknowledges nothing", [
  "a",
], async (broker) => {
  await using connection = await connect({ port: broker.port });
  const cursor = connection.cursor();
  await using follower = await LineClient.connect(broker.port);
  await follower.send(publishLine("a", "1"), giveMeLine("a"));
  assertEquals(await follower.next(), messageOf(1, 1));
  assertEquals(await cursor.releasePel("fol1"), 1);
  await follower.send(giveMeLine("a"));
  assertEquals(await follower.next(), messageOf(1, 2));
  await follower.send(ackLine("a", 1));
  assertStringIncludes(await follower.expectError("STALE_DELIVERY"), "message 1");
  await follower.send(ackLine("a", 3));
  await follower.expectError("UNKNOWN_DELIVERY");
  assertEquals((await cursor.getPel("fol1")).length, 1);
  // With its stream a message is gone, too; a new stream of that name is followed again.
  await cursor.deleteStream("a");
  await follower.send(ackLine("a", 2));
  await follower.expectError("STALE_DELIVERY");
  await follower.send(giveMeLine("a"), cursorLine("CREATE_STREAM", "a"), publishLine("a", "2"));
  assertEquals(await follower.next(), messageOf(2, 3));
});

testEngines("a session does what its lines say one after the other", [], async (broker) => {
  await using client = await LineClient.connect(broker.port);
  await client.send(
    cursorLine("CREATE_STREAM", "a"),
    publishLine("a", "1"),
    publishLine("nowhere", "2"),
    publishLine("a", "3"),
    cursorLine("GET_STREAM", "a"),
    giveMeLine("a"),
    cursorLine("GET_PEL", "fol1"),
  );
  assertStringIncludes(await client.expectError("STREAM_NOT_FOUND"), '"nowhere"');
  const messages = [{ id: 1, message_body: 1 }, { id: 2, message_body: 3 }];
  assertEquals(await client.next(), messageOf(messages, 0));
  const [message, pel] = [await client.next(), await client.next()];
  assertEquals([message, pel].find(({ id }) => id === 1), messageOf(1, 1));
});

testEngines("a client that says no more, and reads on, gets all answers", [], async (broker) => {
  await using client = await LineClient.connect(broker.port);
  const last = giveMeLine("a").trimEnd();
  await client.send(cursorLine("CREATE_STREAM", "a"), publishLine("a", '"x"'), last);
  await client.closeWrite();
  assertEquals(await client.next(), messageOf("x", 1));
  await client.expectEnd();
});

Deno.test("lists are cut at a thousand messages and about a mebibyte, and say so", () =>
  withStreams(["many", "large", "none"], async (broker) => {
    await using client = await LineClient.connect(broker.port);
    await client.send(publishLine("many", "0").repeat(1001));
    await client.send(publishLine("large", `"${"x".repeat(400_000)}"`).repeat(4));
    await client.send(cursorLine("GET_STREAM", "many"));
    const many = await client.next();
    assertEquals([(many.message_body as unknown[]).length, many.truncated], [1000, true]);
    await client.send(cursorLine("GET_STREAM", "large"));
    const large = await client.next();
    assertEquals([(large.message_body as unknown[]).length, large.truncated], [3, true]);
    await client.send(cursorLine("GET_STREAMS"));
    const all = await client.next();
    const lengths = Object.entries(all.message_body as Record<string, unknown[]>)
      .map(([name, list]) => [name, list.length]);
    assertEquals(lengths, [["large", 3], ["many", 0], ["none", 0]]);
    assertEquals(all.truncated, true);
    // What is held is not listed, and not counted.
    await client.send(giveMeLine("many"));
    await client.next();
    assertEquals((await client.ask(cursorLine("GET_STREAM", "many")) as unknown[]).length, 1000);
    await client.send(giveMeLine("many").repeat(1000), cursorLine("GET_STREAM", "many"));
    for (let count = 0; count < 1000; count++) await client.next();
    await client.next();
    await client.send(cursorLine("GET_PELS"));
    const pels = await client.next();
    const { fol1 } = pels.message_body as Record<string, { id: number }[]>;
    assertEquals(fol1!.map(({ id }) => id), Array.from({ length: 1000 }, (_, index) => index + 1));
    assertEquals(pels.truncated, true);
    await client.send(cursorLine("GET_PEL", "fol1"));
    assertEquals((await client.next()).truncated, true);
  }));

testEngines("a broker that shuts down says so to those who wait", ["a"], async (broker) => {
  await using follower = await LineClient.connect(broker.port);
  await follower.send(giveMeLine("a"));
  await follower.ask(cursorLine("GET_STREAMS"));
  const closed = broker.close();
  await follower.expectError("SHUTTING_DOWN");
  await follower.expectEnd();
  await closed;
});

testEngines("a cursor cancels messages, and hears what they were", ["a"], async (broker) => {
  await using client = await LineClient.connect(broker.port);
  await client.send(...[1, 2, 3].map((body) => publishLine("a", `${body}`)), giveMeLine("a"));
  assertEquals(await client.next(), messageOf(1, 1));
  const cancel = (fields: object) => client.ask(cursorLine("CANCEL_MESSAGE", fields));
  assertEquals(await cancel({ stream: "a", id: 2 }), "ready");
  assertEquals(await cancel({ stream: "a", id: 2 }), "gone");
  assertEquals(await cancel({ stream: "a", id: 1, reason: "no", dead_letter: true }), "pending");
  const list = await client.ask(cursorLine("GET_STREAM", "a"));
  assertEquals(list, [{ id: 3, message_body: 3 }]);
  assertEquals(await client.ask(cursorLine("GET_STREAM", "a.dead")), [{ id: 1, message_body: 1 }]);
  await client.send(ackLine("a", 1));
  await client.expectError("STALE_DELIVERY");
});
