/**
 * The JSON lines of the original SimpleMQ, spoken as its Python clients speak them, beside clients of
 * our own on the same streams.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { connect, type Message } from "../../../client.ts";
import { BodyKind } from "../../../protocol.ts";
import type { BrokerServer, PartialSettings } from "../../../server.ts";
import { startBroker, turn, until } from "../../support/broker/broker.ts";
import {
  ackLine,
  cursorLine,
  giveMeLine,
  LineClient,
  messageOf,
  publishLine,
} from "../../support/wire/line_client.ts";
import { RawClient } from "../../support/wire/raw_client.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Runs a test with a broker that has some streams. */
async function withStreams(
  streams: readonly string[],
  test: (broker: BrokerServer) => Promise<void>,
  settings: PartialSettings = {},
): Promise<void> {
  await using broker = await startBroker(settings);
  await using cursor = await LineClient.connect(broker.port);
  await cursor.send(...streams.map((name) => cursorLine("CREATE_STREAM", name)));
  await cursor.ask(cursorLine("GET_STREAMS"));
  cursor.close();
  await until("nobody is connected", () => broker.connectionCount === 0);
  await test(broker);
}

/** Runs a test with a broker that has some streams, on every engine. */
function testEngines(
  name: string,
  streams: readonly string[],
  test: (broker: BrokerServer) => Promise<void>,
  settings: PartialSettings = {},
): void {
  for (const engine of ["memory", "journal"] as const) {
    Deno.test(`${engine}: ${name}`, async () => {
      const directory = await Deno.makeTempDir();
      try {
        await withStreams(streams, test, { ...settings, storage: { engine, directory } });
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    });
  }
}

/** Asks one thing as a cursor does: on a connection of its own. */
async function ask(broker: BrokerServer, type: string, body: unknown = null): Promise<unknown> {
  await using cursor = await LineClient.connect(broker.port);
  return await cursor.ask(cursorLine(type, body));
}

/** Publishes as the original does: connect, one line, close without reading. */
async function publish(broker: BrokerServer, target: string | RegExp, body: string): Promise<void> {
  await using publisher = await LineClient.connect(broker.port);
  await publisher.send(publishLine(target, body));
}

/** Waits until so many messages wait in a stream. */
async function untilWaiting(broker: BrokerServer, stream: string, count: number): Promise<void> {
  await until(`${count} messages wait`, async () => {
    const list = await ask(broker, "GET_STREAM", stream) as unknown[];
    return list.length === count;
  });
}

// One member after the other.

testEngines("a cursor creates streams, as often as it likes, and sees them", [], async (broker) => {
  await using cursor = await LineClient.connect(broker.port);
  assertEquals(await cursor.ask(cursorLine("GET_STREAMS")), {});
  await cursor.send(cursorLine("CREATE_STREAM", "b"), cursorLine("CREATE_STREAM", "a"));
  await cursor.send(cursorLine("CREATE_STREAM", "b"));
  assertEquals(await cursor.ask(cursorLine("GET_STREAMS")), { a: [], b: [] });
  assertEquals(await cursor.ask(cursorLine("GET_STREAM", "a")), []);
  const text = await cursor.ask(cursorLine("GET_STREAM", "c"));
  assertEquals(text, 'Cannot find stream "c": there is none');
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

testEngines("who says no more, and reads on, gets all answers", [], async (broker) => {
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

// Beside clients of our own.

/** JSON that a round trip through the numbers and strings of JavaScript would change. */
const EXACT = '{"id":12345678901234567890,"price":1.0,"e":1E400,"half":"\\ud800","zero":-0}';

testEngines("a body is stored with its values as they were sent", ["a"], async (broker) => {
  await using connection = await connect({ port: broker.port });
  const bodies = [
    { sent: '"hello"', stored: "hello", body: "hello" },
    { sent: '"\\u044f \\ud83d\\ude00 я \\n"', stored: "я 😀 я \n", body: "я 😀 я \n" },
    { sent: '""', stored: "", body: "" },
    { sent: '"null"', stored: "null", body: "null" },
    { sent: "null", stored: "null", body: null },
    { sent: '"\\ud800"', stored: '"\\ud800"', body: "\ud800" },
    { sent: EXACT, stored: EXACT, body: JSON.parse(EXACT) },
    { sent: '[1,\t"\\u044f"]', stored: '[1,"я"]', body: [1, "я"] },
  ];
  await using lines = await LineClient.connect(broker.port);
  await lines.send(...bodies.map(({ sent }) => publishLine("a", sent)));
  await lines.ask(cursorLine("GET_STREAMS"));
  for (const [index, { stored, body }] of bodies.entries()) {
    const message = await connection.cursor().getMessage("a", index + 1);
    assertEquals([decoder.decode(message.bytes), message.body], [stored, body]);
    await lines.send(giveMeLine("a"));
    const text = await lines.nextText();
    const shown = stored === body ? JSON.stringify(body) : stored;
    assertStringIncludes(text!, `"message_body":${shown},"id":${index + 1}}`);
  }
});

testEngines("our own clients and lines send to each other", ["there", "back"], async (broker) => {
  await using connection = await connect({ port: broker.port });
  await using lines = await LineClient.connect(broker.port);
  const publisher = connection.publisher("there");
  const bytes = new Uint8Array([0, 1, 254, 255]);
  const bodies = ["text \n я", { json: [1, null], я: "\n" }, 1.5, bytes, "", null];
  for (const body of bodies) await publisher.sendMessage(body);
  const taken: Message[] = [];
  const follower = connection.follower("back");
  for (const body of bodies) {
    await lines.send(giveMeLine("there"));
    const line = await lines.next();
    assertEquals(line.message_body, body === bytes ? "AAH+/w==" : body);
    await lines.send(
      ackLine("there", line.id),
      publishLine("back", JSON.stringify(line.message_body)),
    );
  }
  for await (const message of follower.getMessages()) {
    taken.push(message);
    await message.ack();
    if (taken.length === bodies.length) break;
  }
  const expected = bodies.map((body) => body === bytes ? "AAH+/w==" : body);
  assertEquals(taken.map(({ body }) => body), expected);
  const { ready, pending } = await connection.cursor().getStream("there");
  assertEquals({ ready, pending }, { ready: 0, pending: 0 });
});

Deno.test("what a client of our own calls JSON and is none does not break a line", () =>
  withStreams(["a"], async (broker) => {
    await using raw = await RawClient.open(broker.port);
    await using lines = await LineClient.connect(broker.port);
    await raw.openPublisher(1, "a");
    for (const [index, body] of ['1}\n{"a":2', '{\n"a":\r\n1}', "\ufeff1"].entries()) {
      const bytes = encoder.encode(body);
      const buffer = new Uint8Array(8 + bytes.length);
      new DataView(buffer.buffer).setUint32(0, buffer.length);
      buffer[4] = BodyKind.json;
      buffer.set(bytes, 8);
      await raw.publish(1, index + 1, { count: 1, buffer, start: 0, end: buffer.length });
      await lines.send(giveMeLine("a"));
      assertEquals((await lines.next()).message_body, index === 1 ? { a: 1 } : body);
    }
  }));

testEngines("followers of both kinds share a stream", ["a"], async (broker) => {
  await using connection = await connect({ port: broker.port });
  const numbers = Array.from({ length: 200 }, (_, index) => index);
  await connection.publisher("a").sendMessages(numbers);
  const taken: unknown[] = [];
  const follower = connection.follower("a", { prefetch: 1 });
  const following = (async () => {
    for await (const message of follower.getMessages()) {
      taken.push(message.body);
      await message.ack();
      await turn();
    }
  })();
  await using lines = await LineClient.connect(broker.port);
  for (let count = 0; count < 50; count++) {
    await lines.send(giveMeLine("a"));
    const { message_body, id } = await lines.next();
    taken.push(message_body);
    await lines.send(ackLine("a", id));
  }
  await until("all are taken", () => taken.length === numbers.length);
  await follower.close();
  await following;
  assertEquals(taken.toSorted((one, other) => Number(one) - Number(other)), numbers);
});

// Many, or none.

testEngines("many clients at a time get and lose nothing", ["in", "out"], async (broker) => {
  const numbers = Array.from({ length: 200 }, (_, index) => index);
  const followers = await Promise.all(
    numbers.slice(0, 50).map(async (number) => {
      const client = await LineClient.connect(broker.port);
      await client.send(giveMeLine("in", `follower ${number}`));
      return client;
    }),
  );
  const taken = followers.map(async (client) => {
    const bodies: unknown[] = [];
    for (let count = 0; count < 4; count++) {
      const { message_body, id } = await client.next();
      bodies.push(message_body);
      await client.send(ackLine("in", id), ...(count < 3 ? [giveMeLine("in", "again")] : []));
    }
    client.close();
    return bodies;
  });
  await Promise.all(numbers.map((number) => publish(broker, "in", `${number}`)));
  const bodies = (await Promise.all(taken)).flat();
  assertEquals(bodies.toSorted((one, other) => Number(one) - Number(other)), numbers);
  await until("all have left", () => broker.connectionCount === 0);
});

Deno.test("json_lines: false sends them away as all strangers", () =>
  withStreams([], async (broker) => {
    await using strict = await startBroker({ jsonLines: false });
    await using raw = await RawClient.connect(strict.port);
    await raw.send(encoder.encode(cursorLine("GET_STREAMS")));
    await raw.expectFatalError("BAD_MAGIC");
    assertEquals(await ask(broker, "GET_STREAMS"), {});
  }));

Deno.test("connections that speak lines count like others", () =>
  withStreams([], async (broker) => {
    await using one = await LineClient.connect(broker.port);
    assertEquals(await one.ask(cursorLine("GET_STREAMS")), {});
    assertEquals(broker.connectionCount, 1);
    await using raw = await RawClient.connect(broker.port);
    await raw.send(encoder.encode(cursorLine("GET_STREAMS")));
    // Whatever it speaks: nothing is read of one that is too many.
    await raw.expectFatalError("TOO_MANY_CONNECTIONS");
  }, { limits: { connections: 1 } }));
