// Lines that cannot be read, or ask for what cannot be done.

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { BrokerError } from "../../../protocol.ts";
import { MEMBERS_MAX } from "../../../src/protocol/limits.ts";
import { LineFollowers } from "../../../src/server/json_lines/line_followers.ts";
import { ByteBudget } from "../../../src/server/flow/byte_budget.ts";
import type { Outlet } from "../../../src/server/flow/outlet.ts";
import { LineAnswers } from "../../../src/server/json_lines/line_answers.ts";
import { LinePublishers } from "../../../src/server/json_lines/line_publishers.ts";
import { expectOnlyPair, withPair } from "../../support/broker/broker.ts";
import { engineWith } from "../../support/broker/engines.ts";
import {
  ackLine,
  cursorLine,
  giveMeLine,
  LineClient,
  publishLine,
} from "../../support/wire/line_client.ts";

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
    [
      "an empty object",
      "{}",
      "BAD_REQUEST",
      '"sender_type" must be one of "CURSOR", "PUBLISHER", "FO',
    ],
    ["an unknown sender", '{"sender_type":"BROKER"}', "BAD_REQUEST", 'found "BROKER"'],
    ["a sender that is a number", '{"sender_type":1e99}', "BAD_REQUEST", "found 1e+99"],
    ["a sender called like a method", '{"sender_type":"toString"}', "BAD_REQUEST", "toString"],
    ["a cursor that wants nothing", '{"sender_type":"CURSOR"}', "BAD_REQUEST", "found nothing"],
    [
      "a publisher that wants what cursors want",
      '{"sender_type":"PUBLISHER","request_type":"GET_STREAMS"}',
      "BAD_REQUEST",
      '"request_type" of a PUBLISHER must be "NEW_MESSAGE", found "GET_STREAMS"',
    ],
    ["an unknown wish", cursorLine("DROP"), "BAD_REQUEST", '"CREATE_STREAM", "GET_STREAMS"'],
    ["a stream without a name", cursorLine("CREATE_STREAM"), "BAD_REQUEST", "name of a stream"],
    ["a name that is a number", cursorLine("GET_STREAM", 5), "BAD_REQUEST", "found 5"],
    ["a name that is a list", cursorLine("GET_PEL", ["a"]), "BAD_REQUEST", "found a list"],
    ["a message to cancel by its name", cursorLine("CANCEL_MESSAGE", "a"), "BAD_REQUEST", "an id"],
    [
      "a message to cancel without a stream",
      cursorLine("CANCEL_MESSAGE", { id: 1 }),
      "BAD_REQUEST",
      '"stream" must be the name of a stream, found nothing',
    ],
    [
      "a message to cancel with an id that is none",
      cursorLine("CANCEL_MESSAGE", { stream: "a", id: 0 }),
      "BAD_REQUEST",
      '"id" must be the id of a message in its stream, found 0',
    ],
    [
      "a reason that is too long",
      cursorLine("CANCEL_MESSAGE", { stream: "a", id: 1, reason: "ä".repeat(129) }),
      "BAD_REQUEST",
      "256 bytes",
    ],
    [
      "a wish for a dead letter that is none",
      cursorLine("CANCEL_MESSAGE", { stream: "a", id: 1, dead_letter: "yes" }),
      "BAD_REQUEST",
      '"dead_letter" must be true or false',
    ],
    ["a stream name with a space", cursorLine("CREATE_STREAM", "a b"), "BAD_STREAM_NAME", "a b"],
    ["a stream that is a path", cursorLine("CREATE_STREAM", "../a"), "BAD_STREAM_NAME", "../a"],
    ["no bind", `{${PUBLISHER},"message_body":1}`, "BAD_REQUEST", '"bind" must be an object'],
    [
      "a bind that is a list",
      `{${PUBLISHER},"message_body":1,"bind":["a","DIRECT"]}`,
      "BAD_REQUEST",
      '"bind" must be an object, found a list',
    ],
    [
      "a bind without a route",
      `{${PUBLISHER},"message_body":1,"bind":{"bind_type":"DIRECT"}}`,
      "BAD_REQUEST",
      '"route_string" must be a string, found nothing',
    ],
    [
      "an unknown kind of bind",
      `{${PUBLISHER},"message_body":1,"bind":{"route_string":"a","bind_type":"GLOB"}}`,
      "BAD_REQUEST",
      '"bind_type" must be one of "DIRECT", "REGEX_BASED", found "GLOB"',
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
  const engine = engineWith({});
  const outlet = { isOver: true, engine, gate: { look: () => {} } };
  const context = { engine, limits, budget };
  return new LineAnswers({ ...outlet, context } as unknown as Outlet);
}

Deno.test("a session has ten thousand followers, and is told of more", () => {
  const followers = new LineFollowers(makeAnswers());
  const request = (number: number) => {
    const bind = { routeString: "a", bindType: "direct", ignoreCase: false } as const;
    return followers.request({ type: "GIVE_ME_NEW_MESSAGE", name: `${number}`, bind });
  };
  for (let number = 1; number <= MEMBERS_MAX; number++) request(number);
  assertThrows(() => request(MEMBERS_MAX + 1), BrokerError, "limit of 10000 is reached");
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
