/**
 * What must not hurt of those who speak JSON lines: lines that are none, or say what cannot be, too
 * much, or not to the end. Each gets a clear error or an end, and nobody else notices: a well-behaved
 * publisher and follower are at work on the same broker all the time, and check.
 *
 * ```sh
 * FUZZ_SEED=12345 deno test -A tests/server/json_lines/json_lines_bad_input_test.ts  # the same lines again
 * FUZZ_RUNS=100 deno test -A tests/server/json_lines/json_lines_bad_input_test.ts    # a hundred times as many
 * ```
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { BrokerError, ERROR_CODES, type ErrorCode } from "../../../protocol.ts";
import { MEMBERS_MAX } from "../../../src/protocol/limits.ts";
import type { BrokerServer, PartialSettings } from "../../../server.ts";
import { LineFollowers } from "../../../src/server/json_lines/line_followers.ts";
import { ByteBudget } from "../../../src/server/flow/byte_budget.ts";
import type { Outlet } from "../../../src/server/flow/outlet.ts";
import { LineAnswers } from "../../../src/server/json_lines/line_answers.ts";
import { LinePublishers } from "../../../src/server/json_lines/line_publishers.ts";
import { createPipe } from "../../../src/transport/duplex.ts";
import { turn, until, withPair } from "../../support/broker/broker.ts";
import { engineWith, WithholdingEngine } from "../../support/broker/engines.ts";
import { fuzz } from "../../support/wire/fuzz.ts";
import {
  ackLine,
  type BrokerLine,
  cursorLine,
  giveMeLine,
  LineClient,
  publishLine,
} from "../../support/wire/line_client.ts";
import { Random } from "../../support/random.ts";
import { HEARTBEAT, Sessions } from "../../support/wire/sessions.ts";

const encoder = new TextEncoder();

/** Waits until nobody but the pair is connected. */
async function expectOnlyPair(broker: BrokerServer): Promise<void> {
  await until("only the pair is connected", () => broker.connectionCount === 2);
}

/** Makes sure that a connection is still served. */
async function expectServed(client: LineClient): Promise<void> {
  await client.ask(cursorLine("GET_STREAMS"));
}

// What cannot be read ends the connection.

for (
  const [what, says, code, tells] of [
    ["is no JSON", "{'sender_type':'CURSOR'}\n", "BAD_FRAME", "its JSON cannot be parsed"],
    ["is cut short", '{"sender_type"\n', "BAD_FRAME", "its JSON cannot be parsed"],
    ["has something behind it", "{} {}\n", "BAD_FRAME", "its JSON cannot be parsed"],
    ["has a number that is none", publishLine("a", "NaN"), "BAD_FRAME", "cannot be parsed"],
    ["is no UTF-8", new Uint8Array([0x7b, 0x22, 0xc3, 0x22, 0x7d, 0x0a]), "BAD_FRAME", "not UTF-8"],
    ["is a list", `${cursorLine("GET_STREAM", "x")}[]\n`, "BAD_FRAME", "found a list"],
    ["is a string", `${cursorLine("GET_STREAM", "x")}"{}"\n`, "BAD_FRAME", 'found "{}"'],
    ["is null", `${cursorLine("GET_STREAM", "x")}null\n`, "BAD_FRAME", "found null"],
    ["has a byte order mark", `${cursorLine("GET_STREAM", "x")}\ufeff{}\n`, "BAD_FRAME", "parsed"],
    ["is nothing but brackets", `{"a":${"[".repeat(50_000)}\n`, "BAD_FRAME", "cannot be parsed"],
    ["is too long", `{"a":"${"x".repeat(66_200)}"}\n`, "FRAME_TOO_LARGE", "limit is 66136"],
    ["is too long and has no end", `{${" ".repeat(66_200)}`, "FRAME_TOO_LARGE", "limit is 66136"],
  ] as const
) {
  Deno.test(`a line that ${what} is answered with ${code}, then the connection ends`, () =>
    withPair({ limits: { messageBytes: 100 } }, async (broker) => {
      await using client = await LineClient.connect(broker.port);
      await client.send(says);
      if (typeof says === "string" && says.includes("GET_STREAM")) await client.next();
      assertStringIncludes(await client.expectError(code), tells);
      await client.expectEnd();
      await expectOnlyPair(broker);
    }));
}

Deno.test("what is in front of a line that cannot be read counts, and what is behind does not", () =>
  withPair({}, async (broker) => {
    await using client = await LineClient.connect(broker.port);
    const [good, bad] = [publishLine("a", "1"), publishLine("a", "Infinity")];
    await client.send(cursorLine("CREATE_STREAM", "a"), good, bad, good);
    await client.expectError("BAD_FRAME");
    await client.expectEnd();
    await using other = await LineClient.connect(broker.port);
    const list = await other.ask(cursorLine("GET_STREAM", "a"));
    assertEquals(list, [{ id: 1, message_body: 1 }]);
  }));

// What can be read, and not be done, is answered.

const BIND = '"bind":{"route_string":"a","bind_type":"DIRECT"}';
const PUBLISHER = '"sender_type":"PUBLISHER","request_type":"NEW_MESSAGE"';
const FOLLOWER = '"sender_type":"FOLLOWER","request_type":"GIVE_ME_NEW_MESSAGE"';

for (
  const [what, line, code, tells] of [
    ["an empty object", "{}", "BAD_REQUEST", '"sender_type" is one of "CURSOR", "PUBLISHER", "FO'],
    ["an unknown sender", '{"sender_type":"BROKER"}', "BAD_REQUEST", 'found "BROKER"'],
    ["a sender that is a number", '{"sender_type":1e99}', "BAD_REQUEST", "found 1e+99"],
    ["a sender called like a method", '{"sender_type":"toString"}', "BAD_REQUEST", "toString"],
    ["a cursor that wants nothing", '{"sender_type":"CURSOR"}', "BAD_REQUEST", "found nothing"],
    [
      "a publisher that wants what cursors want",
      '{"sender_type":"PUBLISHER","request_type":"GET_STREAMS"}',
      "BAD_REQUEST",
      '"request_type" of a PUBLISHER is "NEW_MESSAGE", found "GET_STREAMS"',
    ],
    ["an unknown wish", cursorLine("DROP"), "BAD_REQUEST", '"CREATE_STREAM", "GET_STREAMS"'],
    ["a stream without a name", cursorLine("CREATE_STREAM"), "BAD_REQUEST", "name of a stream"],
    ["a name that is a number", cursorLine("GET_STREAM", 5), "BAD_REQUEST", "found 5"],
    ["a name that is a list", cursorLine("GET_PEL", ["a"]), "BAD_REQUEST", "found a list"],
    ["a stream name with a space", cursorLine("CREATE_STREAM", "a b"), "BAD_STREAM_NAME", "a b"],
    ["a stream that is a path", cursorLine("CREATE_STREAM", "../a"), "BAD_STREAM_NAME", "../a"],
    ["no bind", `{${PUBLISHER},"message_body":1}`, "BAD_REQUEST", '"bind" is an object'],
    [
      "a bind that is a list",
      `{${PUBLISHER},"message_body":1,"bind":["a","DIRECT"]}`,
      "BAD_REQUEST",
      '"bind" is an object, found a list',
    ],
    [
      "a bind without a route",
      `{${PUBLISHER},"message_body":1,"bind":{"bind_type":"DIRECT"}}`,
      "BAD_REQUEST",
      '"route_string" is a string, found nothing',
    ],
    [
      "an unknown kind of bind",
      `{${PUBLISHER},"message_body":1,"bind":{"route_string":"a","bind_type":"GLOB"}}`,
      "BAD_REQUEST",
      '"bind_type" is one of "DIRECT", "REGEX_BASED", found "GLOB"',
    ],
    ["no body", `{${PUBLISHER},${BIND}}`, "BAD_REQUEST", '"message_body" is missing'],
    ["a bad name to publish to", publishLine("", "1"), "BAD_STREAM_NAME", 'found ""'],
    ["no such stream", publishLine("nowhere", "1"), "STREAM_NOT_FOUND", '"nowhere"'],
    ["no stream that matches", publishLine(/^x$/, "1"), "NO_MATCHING_STREAM", "^x$"],
    ["a lookahead", publishLine(/(?=a)/, "1"), "BAD_PATTERN", "(?=a)"],
    ["a body over the limit", publishLine("a", `"${"ш".repeat(51)}"`), "MESSAGE_TOO_LARGE", "102"],
    ["a follower without a name", `{${FOLLOWER},${BIND}}`, "BAD_REQUEST", "sender_member_name"],
    [
      "a follower with a name that is too long",
      giveMeLine("a", "x".repeat(129)),
      "BAD_REQUEST",
      "1 to 128 characters, found 129",
    ],
    [
      "a follower with half a surrogate pair in its name",
      giveMeLine("a", "\ud83c"),
      "BAD_REQUEST",
      "half a surrogate pair at index 0",
    ],
    [
      "a pattern with half a surrogate pair",
      giveMeLine({ source: "a\udf89" } as RegExp),
      "BAD_PATTERN",
      "half a surrogate pair at index 1",
    ],
    ["a bad name to follow", giveMeLine("a b"), "BAD_STREAM_NAME", "a b"],
    ["a pattern that is none", giveMeLine({ source: "(" } as RegExp), "BAD_PATTERN", "("],
    ["an id that is a text", ackLine("a", "1"), "BAD_REQUEST", 'a whole number, found "1"'],
    ["half an id", ackLine("a", 1.5), "BAD_REQUEST", "found 1.5"],
    ["an id that was never given", ackLine("a", 1), "UNKNOWN_DELIVERY", "message 1"],
    ["an id below all", ackLine("a", -1), "UNKNOWN_DELIVERY", "message -1"],
    ["the id of an answer", ackLine("a", 0), "UNKNOWN_DELIVERY", "message 0"],
  ] as const
) {
  Deno.test(`a line with ${what} is answered with ${code}, and the connection stays`, () =>
    withPair({ limits: { messageBytes: 100 } }, async (broker) => {
      await using client = await LineClient.connect(broker.port);
      await client.send(`${line.trimEnd()}\n`);
      assertStringIncludes(await client.expectError(code), tells);
      await expectServed(client);
    }));
}

Deno.test("a stream, and a memory, that is full is told line by line, and there is room later", () =>
  withPair({ storage: { memoryLimit: 2000 } }, async (broker) => {
    await using connection = await broker.connect();
    await connection.cursor().createStream("small", { maxMessages: 1 });
    await connection.cursor().createStream("large");
    await using client = await LineClient.connect(broker.port);
    await client.send(...["1", "2", "3"].map((body) => publishLine("small", body)));
    await client.expectError("STREAM_FULL");
    await client.expectError("STREAM_FULL");
    await client.send(publishLine("large", `"${"x".repeat(2000)}"`));
    await client.expectError("MEMORY_FULL");
    await client.send(giveMeLine("small"));
    const { message_body, id } = await client.next();
    await client.send(ackLine("small", id), publishLine("small", "4"));
    assertEquals(message_body, 1);
    const list = await client.ask(cursorLine("GET_STREAM", "small"));
    assertEquals(list, [{ id: 2, message_body: 4 }]);
  }));

/** The answers of a session with nobody at the other end. */
function makeAnswers(): LineAnswers {
  const limits = { bodyBytes: 1, unacknowledgedMessages: 1, unacknowledgedBytes: 1 };
  const budget = new ByteBudget(1);
  const outlet = { isOver: true, gate: { look: () => {} } };
  const context = { engine: engineWith({}), limits, budget };
  return new LineAnswers({ ...outlet, context } as unknown as Outlet);
}

Deno.test("a session has ten thousand followers, and is told of more", () => {
  const followers = new LineFollowers(makeAnswers());
  const request = (number: number) => {
    const bind = { routeString: "a", bindType: "direct", ignoreCase: false } as const;
    return followers.request({ type: "GIVE_ME_NEW_MESSAGE", name: `${number}`, bind });
  };
  for (let number = 1; number <= MEMBERS_MAX; number++) request(number);
  assertThrows(() => request(MEMBERS_MAX + 1), BrokerError, "10000, the most allowed");
  assert(!request(1), "it is known");
  followers.close();
});

Deno.test("a session publishes under ten thousand binds, and is told of more", () => {
  const publishers = new LinePublishers(makeAnswers());
  const body = { kind: 1, bytes: new Uint8Array(1) } as const;
  let refused: unknown;
  for (let number = 0; number <= MEMBERS_MAX; number++) {
    const bind = { routeString: `s${number}`, bindType: "direct", ignoreCase: false } as const;
    try {
      publishers.publish({ type: "NEW_MESSAGE", bind, body });
    } catch (error) {
      refused = [number, (error as { code?: string }).code];
    }
  }
  assertEquals(refused, [MEMBERS_MAX, "TOO_MANY_MEMBERS"]);
  assert(publishers.isIdle);
});

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

Deno.test("who asks for more than it reads is not read from, and disturbs nobody", () =>
  withPair({ slowReaderTimeoutMs: 200 }, async (broker) => {
    await using client = await LineClient.connect(broker.port);
    await client.send(cursorLine("CREATE_STREAM", "a"));
    await client.send(publishLine("a", `"${"x".repeat(500_000)}"`).repeat(2));
    // Twenty gigabytes of answers, if they were all made.
    await client.send(cursorLine("GET_STREAM", "a").repeat(20_000));
    await expectOnlyPair(broker);
  }));

// How sessions end that nobody has done wrong in, or the broker has.

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

Deno.test("who says nothing for hours stays; who does not read is given up", async () => {
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

// Anything.

/** Lines that a client could say. */
function makeLines(random: Random): string {
  const stream = random.pick(["a", "b", "nowhere", "a b"]);
  const target = random.pick([stream, stream, /^[ab]$/]);
  return random.pick([
    () => cursorLine("CREATE_STREAM", random.pick(["a", "b"])),
    () => cursorLine(random.pick(["GET_STREAMS", "GET_PELS"])),
    () => cursorLine("GET_STREAM", stream),
    () => cursorLine("GET_PEL", random.pick(["fol1", "fol2"])),
    () => publishLine(target, random.pick(["1", '"\\u044f"', '{"a":[1.0,null]}', "[]"])),
    () => giveMeLine(target, random.pick(["fol1", "fol2"])),
    () => ackLine(target, random.below(5)),
  ])();
}

/** Changes bytes, leaves some out, doubles some; the first byte stays. */
function mutate(random: Random, bytes: Uint8Array): Uint8Array {
  const at = 1 + random.below(bytes.length - 1);
  const count = 1 + random.below(20);
  const [before, piece, after] = [
    bytes.subarray(0, at),
    bytes.subarray(at, at + count),
    bytes.subarray(at + count),
  ];
  const noise = Uint8Array.from({ length: count }, () => random.below(256));
  return new Uint8Array(
    random.pick([
      () => [...before, ...noise, ...after],
      () => [...before, ...after],
      () => [...before, ...piece, ...piece, ...after],
      () => [...before, ...noise, ...piece, ...after],
      () => [...before, ...encoder.encode(random.pick(['"', "{", "}", "\\", ":", "\n", "[", ","]))],
    ])(),
  );
}

/** Says some lines, most of them mutated, and checks that what comes back is lines. */
async function talk(random: Random, broker: BrokerServer, codes: Set<ErrorCode>): Promise<void> {
  const lines = Array.from({ length: 1 + random.below(8) }, () => makeLines(random));
  let bytes: Uint8Array = encoder.encode(lines.join(""));
  for (let times = random.below(4); times > 0; times--) bytes = mutate(random, bytes);
  await using client = await LineClient.connect(broker.port);
  for (let sent = 0; sent < bytes.length;) {
    const end = random.chance(0.5) ? bytes.length : sent + 1 + random.below(bytes.length);
    await client.send(bytes.slice(sent, end));
    sent = end;
  }
  if (random.chance(0.2)) return;
  await client.closeWrite();
  let isOver = false;
  for (let text = await client.nextText(); text !== undefined; text = await client.nextText()) {
    assert(!isOver, `${text} comes behind a fatal error`);
    const { error, sender_type, id } = JSON.parse(text) as BrokerLine;
    if (error === undefined) {
      assertEquals([sender_type, typeof id], ["SERVER", "number"]);
      continue;
    }
    assert(error.code !== "INTERNAL_ERROR", text);
    codes.add(error.code);
    isOver = ERROR_CODES[error.code].fatal;
  }
}

Deno.test("whatever is said behind a {, the broker answers in lines and goes on", async () => {
  const { seed, numRuns } = fuzz(150);
  const random = new Random(seed);
  const codes = new Set<ErrorCode>();
  const settings: PartialSettings = { limits: { messageBytes: 1000 } };
  try {
    await withPair(settings, async (broker) => {
      for (let run = 0; run < numRuns; run++) {
        await Promise.all(Array.from({ length: 4 }, () => talk(random, broker, codes)));
      }
      await expectOnlyPair(broker);
    });
  } catch (cause) {
    throw new Error(`FUZZ_SEED=${seed}`, { cause });
  }
  // Or too little was tried.
  for (const code of ["BAD_FRAME", "BAD_REQUEST", "STREAM_NOT_FOUND"] as const) {
    assert(codes.has(code), `${code} never came: FUZZ_SEED=${seed}`);
  }
});
