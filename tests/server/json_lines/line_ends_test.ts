// Lines in pieces, and how sessions of JSON lines end.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createPipe } from "../../../src/transport/duplex.ts";
import { expectOnlyPair, turn, until, withPair } from "../../support/broker/broker.ts";
import { engineWith, WithholdingEngine } from "../../support/broker/engines.ts";
import {
  ackLine,
  cursorLine,
  giveMeLine,
  LineClient,
  publishLine,
} from "../../support/wire/line_client.ts";
import { HEARTBEAT, Sessions } from "../../support/wire/sessions.ts";

const encoder = new TextEncoder();

// In pieces, and not to the end.

Deno.test("many lines in one write, and one line in many writes, are the same lines", () =>
  withPair({}, async (broker) => {
    await using client = await LineClient.connect(broker.port);
    const lines = [
      cursorLine("CREATE_STREAM", "a"),
      "\n\r\n \t\n",
      publishLine("a", '"я"').replace("\n", "\r\n"),
      publishLine("a", "2"),
      cursorLine("GET_STREAM", "a"),
    ].join("");
    await client.send(lines);
    const list = [{ id: 1, message_body: "я" }, { id: 2, message_body: 2 }];
    assertEquals((await client.next()).message_body, list);
    for (const byte of encoder.encode(lines)) await client.send(new Uint8Array([byte]));
    const twice = [...list, { ...list[0], id: 3 }, { ...list[1], id: 4 }];
    assertEquals((await client.next()).message_body, twice);
  }));

Deno.test("the largest body fits, however it is written", () =>
  withPair({ limits: { messageBytes: 200_000 } }, async (broker) => {
    await using client = await LineClient.connect(broker.port);
    const bytes = 200_000;
    await client.send(cursorLine("CREATE_STREAM", "a"));
    await client.send(publishLine("a", `"${"\\u0061".repeat(bytes)}"`));
    await client.send(publishLine("a", `"${"\\u0061".repeat(bytes + 1)}"`));
    await client.expectError("MESSAGE_TOO_LARGE");
    await client.send(giveMeLine("a"));
    const { message_body } = await client.next();
    assertEquals((message_body as string).length, bytes);
    const brackets = "[".repeat(bytes / 2) + "]".repeat(bytes / 2);
    await client.send(publishLine("a", brackets), giveMeLine("a"));
    assertStringIncludes((await client.nextText())!, `"message_body":${brackets},"id":2`);
  }));

for (const [what, says] of [["one byte", "{"], ["half a line", '{"sender_type":"CUR']] as const) {
  Deno.test(`${what}, and then silence, ends with HANDSHAKE_TIMEOUT`, () =>
    withPair({ handshakeTimeoutMs: 100 }, async (broker) => {
      await using client = await LineClient.connect(broker.port);
      await client.send(says);
      assertStringIncludes(await client.expectError("HANDSHAKE_TIMEOUT"), "within 100 ms");
      await client.expectEnd();
      await expectOnlyPair(broker);
    }));

  Deno.test(`${what}, and then the end, is no line`, () =>
    withPair({}, async (broker) => {
      await using client = await LineClient.connect(broker.port);
      await client.send(says);
      await client.closeWrite();
      await client.expectError("BAD_FRAME");
      await client.expectEnd();
      await expectOnlyPair(broker);
    }));
}

Deno.test("clients that close at once, whatever they have said, leave nothing behind", () =>
  withPair({}, async (broker) => {
    const says = [
      "",
      "{",
      cursorLine("CREATE_STREAM", "a"),
      cursorLine("GET_STREAMS").repeat(100),
      publishLine("nowhere", "1").repeat(100),
      publishLine("a", `"${"x".repeat(100_000)}"`),
      giveMeLine("a").repeat(10),
      ackLine("a", 1),
      "{}\n".repeat(1000),
      '{"a"',
    ];
    for (const text of [...says, ...says]) {
      await using client = await LineClient.connect(broker.port);
      await client.send(text);
    }
    await expectOnlyPair(broker);
    await using client = await LineClient.connect(broker.port);
    assertEquals(await client.ask(cursorLine("GET_PEL", "fol1")) !== undefined, true);
    const { a } = await client.ask(cursorLine("GET_STREAMS")) as Record<string, unknown[]>;
    assert(a!.length <= 2, `${a!.length} messages`);
  }));

Deno.test("a client that asks for more than it reads is not read from, and disturbs nobody", () =>
  withPair({ slowReaderTimeoutMs: 200 }, async (broker) => {
    await using client = await LineClient.connect(broker.port);
    await client.send(cursorLine("CREATE_STREAM", "a"));
    await client.send(publishLine("a", `"${"x".repeat(500_000)}"`).repeat(2));
    // Twenty gigabytes of answers, if they were all made.
    await client.send(cursorLine("GET_STREAM", "a").repeat(20_000));
    await expectOnlyPair(broker);
  }));

// Ends that are no fault of the client.

/** Opens a connection to sessions without a port. */
function openLines(sessions: Sessions): LineClient {
  const [here, there] = createPipe();
  sessions.take(there);
  return new LineClient(here);
}

Deno.test("a broker that is stopped tells outcomes first, says so, and closes", async () => {
  const withholding = new WithholdingEngine();
  const sessions = new Sessions({ engine: withholding.engine, shutdownTimeoutMs: 60_000 });
  await using client = openLines(sessions);
  await client.send(cursorLine("CREATE_STREAM", "a"));
  await client.send(publishLine("nowhere", "1") + publishLine("a", "2"));
  await until("both are under way", () => sessions.budget.bytes > 10);
  const closed = sessions[Symbol.asyncDispose]();
  await turn();
  assertEquals(sessions.table.count, 1);
  withholding.letGo();
  await client.expectError("STREAM_NOT_FOUND");
  await client.expectError("SHUTTING_DOWN");
  await client.expectEnd();
  await closed;
  assertEquals([sessions.table.count, sessions.faults], [0, []]);
});

Deno.test("a fault in the engine ends the session that it happens in, and no other", async () => {
  const engine = engineWith({ listStreams: () => Promise.reject(new Error("boom")) });
  await using sessions = new Sessions({ engine });
  await using one = openLines(sessions);
  await using other = openLines(sessions);
  await one.send(cursorLine("CREATE_STREAM", "a"), cursorLine("GET_STREAMS"));
  await one.expectError("INTERNAL_ERROR");
  await one.expectEnd();
  assertEquals(await other.ask(cursorLine("GET_STREAM", "a")), []);
  assertEquals(sessions.faults.length, 1);
  assertStringIncludes(sessions.faults[0]!, "boom");
});

Deno.test("SessionTable.close() does not wait for outcomes of lines that never come", async () => {
  const withholding = new WithholdingEngine();
  const sessions = new Sessions({ engine: withholding.engine, unconfirmedBytesMax: 1 });
  await using client = openLines(sessions);
  await client.send(publishLine("a", "1") + cursorLine("GET_STREAMS"));
  await until("nothing is read any more", () => sessions.budget.isSpent);
  await sessions[Symbol.asyncDispose]();
  assertEquals(sessions.table.count, 0);
  withholding.letGo();
  assertEquals([sessions.budget.bytes, sessions.faults], [0, []]);
});

Deno.test("a client that says nothing for hours stays; one that does not read is given up", async () => {
  await using sessions = new Sessions({ outboundBytesMax: 64 * 1024 });
  await using client = openLines(sessions);
  await client.send(cursorLine("CREATE_STREAM", "a") + giveMeLine("a"));
  await until("the follower is there", async () => {
    const [stream] = await sessions.engine.getStreams();
    return stream?.followers === 1;
  });
  for (let hours = 0; hours < 5; hours++) sessions.passTime(3_600_000);
  await turn();
  assertEquals(sessions.table.count, 1);
  const body = JSON.stringify("x".repeat(100_000));
  await client.send(publishLine("a", body).repeat(10) + giveMeLine("a").repeat(9));
  await until("too much waits", async () => {
    const [stream] = await sessions.engine.getStreams();
    return stream!.pending > 3;
  });
  for (let passed = 0; passed <= 2 * HEARTBEAT.slowReaderTimeoutMs; passed += 500) {
    await turn();
    sessions.passTime(500);
  }
  await until("it is given up", () => sessions.table.count === 0);
  const [stream] = await sessions.engine.getStreams();
  // Not all was handed to it, and all is back.
  assertEquals([stream!.ready, stream!.pending], [10, 0]);
  assertStringIncludes(sessions.lines.join("\n"), "SLOW_READER");
});
