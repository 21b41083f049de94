// Clients of JSON lines beside clients of our own, many, or none.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { connect, type Message } from "../../../client.ts";
import { BodyKind } from "../../../protocol.ts";
import { startBroker, turn, until } from "../../support/broker/broker.ts";
import {
  ackLine,
  cursorLine,
  giveMeLine,
  LineClient,
  publishLine,
} from "../../support/wire/line_client.ts";
import { RawClient } from "../../support/wire/raw_client.ts";
import { ask, publish, testEngines, withStreams } from "./line_brokers.ts";

const encoder = new TextEncoder();

const decoder = new TextDecoder();

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
  // It leaves to the other one what that asks for, however fast each of them is.
  const following = (async () => {
    let count = 0;
    for await (const message of follower.getMessages()) {
      taken.push(message.body);
      await message.ack();
      if (++count === 150) break;
      await turn();
    }
    await follower.close();
  })();
  await using lines = await LineClient.connect(broker.port);
  for (let count = 0; count < 50; count++) {
    await lines.send(giveMeLine("a"));
    const { message_body, id } = await lines.next();
    taken.push(message_body);
    await lines.send(ackLine("a", id));
  }
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
