/**
 * What must not hurt: clients that speak something else, wrongly, too much, too little, or not to the
 * end. Each gets a clear error or an end; nothing is lost, and nobody else notices: a well-behaved
 * publisher and follower are at work on the same broker all the time, and check.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { BrokerError, connect } from "../../../client.ts";
import {
  type ErrorCode,
  FRAME_BYTES_RESERVE,
  FrameType,
  MAGIC,
  type MessageBatch,
  PATTERN_LENGTH_MAX,
  type StreamInfo,
} from "../../../protocol.ts";
import {
  BATCH_COUNT_MAX,
  BODY_BYTES_DEFAULT,
  HANDSHAKE_BYTES_MAX,
  HEADER_BYTES_MAX,
} from "../../../src/protocol/limits.ts";
import { writeEntryHead } from "../../../src/protocol/messages/entry.ts";
import type { BrokerServer } from "../../../server.ts";
import { batchOf } from "../../support/wire/batches.ts";
import { until, withPair } from "../../support/broker/broker.ts";
import { frameOf, u32, u64, utf8 } from "../../support/wire/frames.ts";
import { bytesOf, helloBytes, RawClient } from "../../support/wire/raw_client.ts";

const FRAME_BYTES_LIMIT = BODY_BYTES_DEFAULT + FRAME_BYTES_RESERVE;

/** Bytes that follow from a number, as wild as random ones. */
function scramble(count: number): Uint8Array {
  let state = 0x9e3779b9;
  return Uint8Array.from({ length: count }, () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 1;
    return state >>> 24;
  });
}

/** A frame with text in it. */
function textFrame(type: number, text: string): Uint8Array {
  return frameOf(type, ...utf8(text));
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return bytesOf((writer) => parts.forEach((part) => writer.bytes(part)));
}

/** Waits until nobody but the pair is connected. */
async function expectOnlyPair(broker: BrokerServer) {
  await until("only the pair is connected", () => broker.connectionCount === 2);
}

// Before the handshake.

interface Stranger {
  readonly what: string;
  readonly says: Uint8Array;
  readonly code: ErrorCode;
  readonly tells: string;
}

const strangers: readonly Stranger[] = [
  {
    what: "random bytes",
    says: scramble(5000),
    code: "BAD_MAGIC",
    tells: "begins with SMQ",
  },
  {
    what: "an HTTP query",
    says: new Uint8Array(utf8("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")),
    code: "BAD_MAGIC",
    tells: "SimpleMQ protocol",
  },
  {
    what: "the beginning of TLS",
    says: new Uint8Array([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
    code: "BAD_MAGIC",
    tells: "begins with SMQ",
  },
  {
    what: "another version",
    says: join(new Uint8Array([...MAGIC.subarray(0, 3), 1]), helloBytes().subarray(4)),
    code: "UNSUPPORTED_VERSION",
    tells: "version is 1, spoken is 2",
  },
  {
    what: "something else than a hello",
    says: join(MAGIC, frameOf(FrameType.heartbeat)),
    code: "HANDSHAKE_EXPECTED",
    tells: "the first frame is heartbeat, not hello",
  },
  {
    what: "an unknown frame instead of a hello",
    says: join(MAGIC, frameOf(0xee)),
    code: "HANDSHAKE_EXPECTED",
    tells: "0xee",
  },
  {
    what: "a frame without a type",
    says: join(MAGIC, new Uint8Array(4)),
    code: "BAD_FRAME",
    tells: "it has no type",
  },
  {
    what: "more than 8 KiB before the handshake is complete",
    says: join(
      MAGIC,
      textFrame(FrameType.hello, `{"client":"${"x".repeat(HANDSHAKE_BYTES_MAX)}"}`),
    ),
    code: "FRAME_TOO_LARGE",
    tells: "limit is 8192",
  },
  {
    what: "an announcement of 4 GiB",
    says: join(MAGIC, new Uint8Array([255, 255, 255, 255, FrameType.hello])),
    code: "FRAME_TOO_LARGE",
    tells: "4294967295 bytes",
  },
  {
    what: "a hello that is no JSON",
    says: join(MAGIC, textFrame(FrameType.hello, "{'client':'me'}")),
    code: "BAD_FRAME",
    tells: "its JSON cannot be parsed",
  },
  {
    what: "a hello that is no UTF-8",
    says: join(MAGIC, frameOf(FrameType.hello, 0x22, 0xc3, 0x22)),
    code: "BAD_FRAME",
    tells: "not UTF-8",
  },
  {
    what: "a hello that is a list",
    says: join(MAGIC, textFrame(FrameType.hello, "[]")),
    code: "BAD_FRAME",
    tells: "a JSON object is expected",
  },
  {
    what: "a hello without a name",
    says: join(MAGIC, textFrame(FrameType.hello, "{}")),
    code: "BAD_FRAME",
    tells: '"client" is a string',
  },
  {
    what: "a hello with a name that is too long",
    says: join(MAGIC, textFrame(FrameType.hello, JSON.stringify({ client: "x".repeat(129) }))),
    code: "BAD_FRAME",
    tells: "1 to 128 characters",
  },
  {
    what: "a hello with wrong capabilities",
    says: join(MAGIC, textFrame(FrameType.hello, '{"client":"me","capabilities":[1]}')),
    code: "BAD_FRAME",
    tells: "a list of strings",
  },
];

for (const { what, says, code, tells } of strangers) {
  Deno.test(`a stranger: ${what} is answered with ${code}, then the connection ends`, () =>
    withPair({}, async (broker) => {
      await using client = await RawClient.connect(broker.port);
      await client.send(says);
      assertStringIncludes((await client.expectFatalError(code)).message, tells);
      await expectOnlyPair(broker);
    }));
}

Deno.test("a stranger: the largest hello is welcome", () =>
  withPair({}, async (broker) => {
    await using client = await RawClient.connect(broker.port);
    const rest = HANDSHAKE_BYTES_MAX - 1 - '{"client":"me","x":""}'.length;
    const hello = textFrame(FrameType.hello, `{"client":"me","x":"${"x".repeat(rest)}"}`);
    await client.send(join(MAGIC, hello));
    await client.expect("welcome");
  }));

for (
  const [what, says] of [
    ["nothing", new Uint8Array()],
    ["half of the magic", MAGIC.subarray(0, 2)],
    ["the magic only", MAGIC],
    ["half a hello", helloBytes().subarray(0, 12)],
  ] as const
) {
  Deno.test(`a stranger: ${what}, and then silence, ends with HANDSHAKE_TIMEOUT`, () =>
    withPair({ handshakeTimeoutMs: 100 }, async (broker) => {
      await using client = await RawClient.connect(broker.port);
      await client.send(says);
      const { message } = await client.expectFatalError("HANDSHAKE_TIMEOUT");
      assertStringIncludes(message, "within 100 ms");
      await expectOnlyPair(broker);
    }));

  Deno.test(`a stranger: ${what}, and then the end, leaves nothing behind`, () =>
    withPair({}, async (broker) => {
      await using client = await RawClient.connect(broker.port);
      await client.send(says);
      client.close();
      await expectOnlyPair(broker);
    }));
}

// After it: what ends the session.

/** A bind of an opened member, as JSON. */
const BIND = '"bind":{"routeString":"a","bindType":"direct"}';

/** The fields in front of a batch: publisher 1, sequence 1, nothing settled. */
const PUBLISH_HEAD = [...u32(1), ...u64(1), ...u64(0)];

/** The fields in front of a batch of replies: no answer is wanted. */
const REPLY_HEAD = [...u32(0), 8, ...utf8("$reply.x")];

/** A message of one byte. */
const ENTRY = [...u32(9), 1, 0, 0, 0, 0x61];

const malformedFrames: readonly (readonly [what: string, frame: Uint8Array, tells: string])[] = [
  ["a frame without a type", new Uint8Array(4), "it has no type"],
  ["a heartbeat with something in it", frameOf(FrameType.heartbeat, 1), "1 bytes are left"],
  ["a progress that is too short", frameOf(FrameType.progress, 1), "it ends too early"],
  [
    "a publisher that is no JSON",
    textFrame(FrameType.openPublisher, `{"publisher":2`),
    "its JSON cannot be parsed",
  ],
  ["a publisher that is nothing", frameOf(FrameType.openPublisher), "JSON cannot be parsed"],
  ["a publisher that is null", textFrame(FrameType.openPublisher, "null"), "a JSON object"],
  [
    "a publisher whose number is a text",
    textFrame(FrameType.openPublisher, `{"publisher":"2","identity":"i",${BIND}}`),
    '"publisher" is a whole number',
  ],
  [
    "a publisher whose number is negative",
    textFrame(FrameType.openPublisher, `{"publisher":-1,"identity":"i",${BIND}}`),
    '"publisher" is a whole number',
  ],
  [
    "a publisher without an identity",
    textFrame(FrameType.openPublisher, `{"publisher":2,${BIND}}`),
    '"identity" is a string',
  ],
  [
    "a publisher with an empty identity",
    textFrame(FrameType.openPublisher, `{"publisher":2,"identity":"",${BIND}}`),
    '"identity": a name has 1 to 128 characters',
  ],
  [
    "a publisher without a bind",
    textFrame(FrameType.openPublisher, `{"publisher":2,"identity":"i"}`),
    "openPublisher.bind: a JSON object is expected",
  ],
  [
    "a bind of an unknown type",
    textFrame(
      FrameType.openPublisher,
      `{"publisher":2,"identity":"i","bind":{"routeString":"a","bindType":"glob"}}`,
    ),
    '"bindType" is "direct" or "regex"',
  ],
  [
    "a bind without a route",
    textFrame(
      FrameType.openPublisher,
      `{"publisher":2,"identity":"i","bind":{"bindType":"regex"}}`,
    ),
    '"routeString" is a string',
  ],
  [
    "a bind with a wrong flag",
    textFrame(
      FrameType.openPublisher,
      `{"publisher":2,"identity":"i","bind":{"routeString":"a","bindType":"regex","ignoreCase":1}}`,
    ),
    '"ignoreCase" is true or false',
  ],
  [
    "a follower with a credit that is a fraction",
    textFrame(FrameType.openFollower, `{"follower":2,"name":"f",${BIND},"messages":1.5,"bytes":1}`),
    '"messages" is a whole number',
  ],
  [
    "a follower without a credit of bytes",
    textFrame(FrameType.openFollower, `{"follower":2,"name":"f",${BIND},"messages":1}`),
    '"bytes" is a whole number',
  ],
  [
    "a follower with a name that is too long",
    textFrame(
      FrameType.openFollower,
      `{"follower":2,"name":"${"x".repeat(129)}",${BIND},"messages":1,"bytes":1}`,
    ),
    '"name": a name has 1 to 128 characters, found 129',
  ],
  [
    "a publisher that is open already",
    textFrame(FrameType.openPublisher, `{"publisher":1,"identity":"i",${BIND}}`),
    "Cannot open publisher 1: it is open already",
  ],
  [
    "a follower that is open already",
    textFrame(FrameType.openFollower, `{"follower":1,"name":"f",${BIND},"messages":1,"bytes":1}`),
    "Cannot open follower 1: it is open already",
  ],
  ["a goodbye that is no JSON", textFrame(FrameType.goodbye, "bye"), "JSON cannot be parsed"],
  ["a goodbye without a message", textFrame(FrameType.goodbye, "{}"), '"message" is a string'],
  ["a query cut short", frameOf(FrameType.query, 0, 0), "it ends too early"],
  ["a query with the number 0", frameOf(FrameType.query, ...u32(0), 0x7b, 0x7d), "number is 0"],
  ["a query that is no JSON", frameOf(FrameType.query, ...u32(7), 0x7b), "cannot be parsed"],
  ["the end of a publisher, cut short", frameOf(FrameType.closePublisher, 0), "ends too early"],
  [
    "the end of a publisher, with more behind it",
    frameOf(FrameType.closePublisher, ...u32(1), 0),
    "1 bytes are left",
  ],
  ["the end of a follower, cut short", frameOf(FrameType.closeFollower, ...u32(1)), "too early"],
  [
    "a publish of a publisher that is not open",
    frameOf(FrameType.publish, ...u32(9), ...u64(1), ...u64(0), ...u32(1), ...ENTRY),
    "Cannot find publisher 9: it is not open",
  ],
  [
    "a publish with the number 0",
    frameOf(FrameType.publish, ...u32(1), ...u64(0), ...u64(0), ...u32(1), ...ENTRY),
    "messages are numbered from 1",
  ],
  [
    "a publish with a number that is too large",
    frameOf(FrameType.publish, ...u32(1), ...u64(2n ** 53n), ...u64(0), ...u32(1), ...ENTRY),
    "not a safe integer",
  ],
  ["a publish without a batch", frameOf(FrameType.publish, ...PUBLISH_HEAD), "ends too early"],
  [
    "a batch of no messages",
    frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(0)),
    "allowed are 1 to 4096",
  ],
  [
    "a batch of too many messages",
    frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(BATCH_COUNT_MAX + 1), ...ENTRY),
    "it has 4097",
  ],
  [
    "a batch with fewer messages than it says",
    frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(2), ...ENTRY),
    "message 1 of 2 begins behind the end",
  ],
  [
    "a batch with more messages than it says",
    frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...ENTRY, ...ENTRY),
    "9 bytes are left behind message 1",
  ],
  [
    "a message that says it is larger than its batch",
    frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(10), ...ENTRY.slice(4)),
    "says it has 10 bytes",
  ],
  [
    "a message that says it is smaller than its head",
    frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(7), ...ENTRY.slice(4)),
    "says it has 7 bytes",
  ],
  [
    "a message with headers beyond its end",
    frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(9), 1, 0, 0, 2, 0x61),
    "says it has 9 bytes",
  ],
  [
    "a message of an unknown kind",
    frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(9), 3, 0, 0, 0, 0x61),
    "unknown kind",
  ],
  [
    "a query without the address for its reply",
    frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(9), 1, 0x80, 0, 0, 0x61),
    "they are cut short",
  ],
  [
    "a message with a story, which only the broker writes",
    frameOf(
      FrameType.publish,
      ...[...PUBLISH_HEAD, ...u32(1), ...u32(12), 1, 0x20, 0, 4, 0, 2, 0x7b, 0x7d],
    ),
    "flags are 32",
  ],
  [
    "a message with a span and no time",
    frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(9), 1, 0x02, 0, 0, 0x61),
    "flags are 2",
  ],
  [
    "a message with a time that is cut short",
    frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(9), 1, 0x01, 0, 0, 0x61),
    "they are cut short",
  ],
  [
    "a message that expires at a time instead of after a span",
    frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(16), 1, 0x04, 0, 8, ...u64(5)),
    "an expiry is said as a span",
  ],
  [
    "a message with an empty message id",
    frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(9), 1, 0x10, 0, 1, 0),
    "a dedup id has 1 to 128 bytes",
  ],
  [
    "a message with a dedup id that is no UTF-8",
    frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(10), 1, 0x10, 0, 2, 1, 0xff),
    "a dedup id is not UTF-8",
  ],
  [
    "a message with a key that is half a surrogate pair",
    frameOf(
      FrameType.publish,
      ...[...PUBLISH_HEAD, ...u32(1), ...u32(12), 1, 0x40, 0, 4, 3, 0xed, 0xa0, 0xbc],
    ),
    "a key is not UTF-8",
  ],
  [
    "a message with a header whose name is no UTF-8",
    frameOf(
      FrameType.publish,
      ...[...PUBLISH_HEAD, ...u32(1), ...u32(13), 1, 0, 0, 5, 1, 0xff, 0, 1, 0x61],
    ),
    "a header's name is not UTF-8",
  ],
  [
    "a message with a header whose value is no UTF-8",
    frameOf(
      FrameType.publish,
      ...[...PUBLISH_HEAD, ...u32(1), ...u32(13), 1, 0, 0, 5, 1, 0x61, 0, 1, 0xff],
    ),
    "a header's value is not UTF-8",
  ],
  [
    "a message with a header without a name",
    frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(11), 1, 0, 0, 3, 0, 0, 0),
    "a header is cut short",
  ],
  [
    "a message with a header that is cut short",
    frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(12), 1, 0, 0, 4, 1, 0x61, 0, 1),
    "a header is cut short",
  ],
  [
    "credit for a follower that is not open",
    frameOf(FrameType.credit, ...u32(9), ...u32(1), ...u32(1)),
    "Cannot find follower 9",
  ],
  [
    "credit with more behind it",
    frameOf(FrameType.credit, ...u32(1), ...u32(1), ...u32(1), 0),
    "1 bytes are left",
  ],
  ["a reply that is cut short", frameOf(FrameType.reply, ...u32(0), 8, 0x24), "has 8 bytes"],
  ["a reply to a stream without a name", frameOf(FrameType.reply, ...u32(0), 0), "has 0 bytes"],
  ["a reply to a stream that is no UTF-8", frameOf(FrameType.reply, ...u32(0), 1, 0xff), "UTF-8"],
  ["a reply without a batch", frameOf(FrameType.reply, ...REPLY_HEAD), "ends too early"],
  ["a reply of no messages", frameOf(FrameType.reply, ...REPLY_HEAD, ...u32(0)), "1 to 4096"],
  [
    "a reply that does not say which request it answers",
    frameOf(FrameType.reply, ...REPLY_HEAD, ...u32(1), ...ENTRY),
    "says which request it answers, and nothing else",
  ],
  [
    "a reply for another stream than its frame's",
    frameOf(
      FrameType.reply,
      ...[...REPLY_HEAD, ...u32(1), ...u32(14), 1, 0x80, 0, 6, 1, 0x61, ...u32(1)],
    ),
    "for another stream",
  ],
  [
    "replies to a stream that has no name",
    textFrame(FrameType.openReplies, "{}"),
    '"stream" is a string',
  ],
  ...(["ack", "release", "begin"] as const).flatMap((verb) =>
    [
      [
        `${verb} of a follower that is not open`,
        frameOf(FrameType[verb], ...u32(9), ...u32(0), ...u32(1), ...u64(1), ...u32(1)),
        "Cannot find follower 9",
      ],
      [
        `${verb} of fewer ranges than it says`,
        frameOf(FrameType[verb], ...u32(1), ...u32(0), ...u32(0xffff_ffff), ...u64(1), ...u32(1)),
        "it ends too early",
      ],
      [
        `${verb} of more ranges than it says`,
        frameOf(FrameType[verb], ...u32(1), ...u32(0), ...u32(0), ...u64(1), ...u32(1)),
        "12 bytes are left",
      ],
      [
        `${verb} of an empty range`,
        frameOf(FrameType[verb], ...u32(1), ...u32(0), ...u32(1), ...u64(1), ...u32(0)),
        "it is empty",
      ],
      [
        `${verb} of the tag 0`,
        frameOf(FrameType[verb], ...u32(1), ...u32(0), ...u32(1), ...u64(0), ...u32(1)),
        "it is empty",
      ],
    ] as [string, Uint8Array, string][]
  ),
];

/**
 * Lets a client publish a message, hold it, publish another one and, in the same breath, say what ends
 * its session. Both messages must be there then.
 */
async function expectFatal(
  broker: BrokerServer,
  says: Uint8Array,
  code: ErrorCode,
  tells: string,
) {
  await using client = await RawClient.open(broker.port, "bad");
  await client.ask("createStream", "kept");
  await client.openPublisher(1, "kept", crypto.randomUUID());
  await client.openFollower(1, "kept", { messages: 1 });
  await client.publish(1, 1, ["held"]);
  await client.expect("stream");
  await client.expect("confirm");
  await client.takeMessages(1);
  await client.send(join(publishBytes(2, batchOf("complete")), says));
  assertEquals((await client.expect("confirm")).sequence, 2);
  assertStringIncludes((await client.expectFatalError(code)).message, tells);

  await using next = await RawClient.open(broker.port, "next");
  await next.openFollower(1, "kept");
  const taken = await next.takeMessages(2);
  assertEquals(taken.map(({ text, attempts }) => [text, attempts]), [["held", 2], ["complete", 1]]);
}

/** Bytes of a `publish` of publisher 1. */
function publishBytes(sequence: number, batch: MessageBatch): Uint8Array {
  const { count, buffer, start, end } = batch;
  return bytesOf((writer) => {
    writer.begin(FrameType.publish);
    writer.u32(1);
    writer.u64(sequence);
    writer.u64(0);
    writer.u32(count);
    writer.bytes(buffer, start, end);
    writer.end();
  });
}

for (const [what, frame, tells] of malformedFrames) {
  Deno.test(`malformed: ${what} is a BAD_FRAME, and all before it counts`, () =>
    withPair({}, async (broker) => {
      await expectFatal(broker, frame, "BAD_FRAME", tells);
      await expectOnlyPair(broker);
    }));
}

Deno.test("malformed: a frame larger than the limit is FRAME_TOO_LARGE before it has come", () =>
  withPair({}, async (broker) => {
    const announced = new Uint8Array(u32(FRAME_BYTES_LIMIT + 1));
    await expectFatal(broker, announced, "FRAME_TOO_LARGE", `limit is ${FRAME_BYTES_LIMIT}`);
  }));

Deno.test("malformed: a frame larger than the limit that comes all the same changes nothing", () =>
  withPair({}, async (broker) => {
    const bytes = new Uint8Array(8 * 1024 * 1024);
    bytes.set(u32(bytes.length - 4));
    await expectFatal(broker, bytes, "FRAME_TOO_LARGE", `limit is ${FRAME_BYTES_LIMIT}`);
  }));

Deno.test("malformed: every frame type that clients do not send is an UNKNOWN_FRAME", () =>
  withPair({}, async (broker) => {
    const known: Set<number> = new Set([
      ...[FrameType.heartbeat, FrameType.progress, FrameType.goodbye, FrameType.query],
      FrameType.openPublisher,
      ...[FrameType.closePublisher, FrameType.publish, FrameType.openFollower],
      ...[FrameType.closeFollower, FrameType.credit],
      ...[FrameType.ack, FrameType.release, FrameType.begin],
      ...[FrameType.nack, FrameType.reject, FrameType.extend],
      ...[FrameType.openReplies, FrameType.reply],
    ]);
    for (let type = 0; type < 256; type++) {
      if (known.has(type)) continue;
      await using client = await RawClient.open(broker.port);
      await client.send(frameOf(type, 1, 2, 3));
      const { message } = await client.expectFatalError("UNKNOWN_FRAME");
      assertStringIncludes(message, "Cannot handle a frame of type");
    }
  }));

Deno.test("malformed: a second hello is an UNKNOWN_FRAME", () =>
  withPair({}, async (broker) => {
    await expectFatal(broker, helloBytes().subarray(4), "UNKNOWN_FRAME", "of type hello");
  }));

Deno.test("malformed: nothing behind the first bad frame is looked at", () =>
  withPair({}, async (broker) => {
    const more = join(frameOf(0xee), publishBytes(3, batchOf("too late")), frameOf(0xee));
    await expectFatal(broker, more, "UNKNOWN_FRAME", "0xee");
  }));

// What is refused, while the session goes on.

const BAD_NAMES = [
  ...["", "-a", ".", "..", "../etc/passwd", "a/b", "a\\b", "$SYS", "a b", "a\n", "ä", "a\0", "😀"],
  "x".repeat(129),
  "x".repeat(100_000),
];

Deno.test("refused: a bad stream name, wherever it is used", () =>
  withPair({}, async (broker) => {
    await using client = await RawClient.open(broker.port);
    for (const [index, name] of BAD_NAMES.entries()) {
      const number = index + 1;
      await client.query(number, "createStream", name);
      const { query: query, message } = await client.expectError("BAD_STREAM_NAME");
      assertEquals(query, number);
      assert(message.length < 250, "a long name is not repeated");
      await client.openFollower(number, name);
      assertEquals((await client.expectError("BAD_STREAM_NAME")).follower, number);
      await client.openPublisher(number, name);
      assertEquals((await client.expectError("BAD_STREAM_NAME")).publisher, number);
      await client.publish(number, 1, ["lost?"]);
      assertEquals((await client.expect("refuse")).code, "BAD_STREAM_NAME");
      for (const operation of ["getStream", "deleteStream"] as const) {
        await client.query(number, operation, name);
        assertEquals((await client.expectError("STREAM_NOT_FOUND")).query, number);
      }
    }
    await client.ask("createStream", "x".repeat(128));
  }));

const BAD_PATTERNS: readonly (readonly [what: string, pattern: string, tells: string])[] = [
  ["is empty", "", "at least one character"],
  ["is too long", "x".repeat(PATTERN_LENGTH_MAX + 1), "at most 256 characters, found 257"],
  ["is invalid", "(", "missing closing )"],
  ["has a wrong class", "[z-a]", "invalid character class range"],
  ["looks ahead", "(?=a)", "lookaround and backreferences are not supported"],
  ["looks behind", "(?<!a)b", "lookaround and backreferences are not supported"],
  ["refers back", "(a)\\1", "lookaround and backreferences are not supported"],
  ["repeats too much", "(((a{100}){100}){100}){100}", "invalid repeat count"],
];

for (const [what, routeString, tells] of BAD_PATTERNS) {
  Deno.test(`refused: a pattern that ${what}`, () =>
    withPair({}, async (broker) => {
      await using client = await RawClient.open(broker.port);
      const bind = { routeString, bindType: "regex", ignoreCase: false } as const;
      await client.sendControl("openPublisher", { publisher: 1, identity: "i", bind });
      const { publisher, message } = await client.expectError("BAD_PATTERN");
      assertEquals(publisher, 1);
      assertStringIncludes(message, tells);
      await client.publish(1, 1, ["lost?"]);
      assertEquals((await client.expect("refuse")).code, "BAD_PATTERN");
      const open = { follower: 1, name: "f", bind, messages: 1, bytes: 1 };
      await client.sendControl("openFollower", open);
      assertEquals((await client.expectError("BAD_PATTERN")).follower, 1);
      await client.credit(1, 5);
      await client.sendTags("ack", 1, [[1, 1]], 9);
      assertEquals((await client.expectError("UNKNOWN_DELIVERY")).query, 9);
      assertEquals((await client.ask("getStreams") as StreamInfo[]).length, 1);
    }));
}

Deno.test("refused: a pattern and a name that are slow together cost no time", () =>
  withPair({}, async (broker) => {
    await using client = await RawClient.open(broker.port);
    await client.ask("createStream", "a".repeat(128));
    await client.openPublisher(1, /^(a+)+$/);
    await client.openFollower(1, /^(a|a)*b$/);
    await client.publish(1, 1, ["quick"]);
    await client.expect("stream");
    assertEquals((await client.expect("confirm")).stored.length, 1);
  }));

Deno.test("refused: a message over the limit, and the one at the limit is not", () =>
  withPair({ limits: { messageBytes: 1000 } }, async (broker) => {
    await using client = await RawClient.open(broker.port);
    await client.ask("createStream", "a");
    await client.openPublisher(1, "a");
    await client.publish(1, 1, batchOf(1000, 1001));
    const { code, message, count } = await client.expect("refuse");
    assertEquals({ code, count }, { code: "MESSAGE_TOO_LARGE", count: 2 });
    assertStringIncludes(message, "body is 1001 bytes, limit is 1000");
    assertEquals((await client.ask("getStream", "a") as StreamInfo).ready, 0);
    await client.publish(1, 3, batchOf(1000));
    await client.expect("stream");
    await client.expect("confirm");
  }));

/** A batch of one message with so many bytes of headers, each as large as may be. */
function batchWithHeaders(headerBytes: number): MessageBatch {
  const size = 8 + headerBytes;
  const buffer = new Uint8Array(size);
  writeEntryHead(buffer, 0, { size, kind: 0, headerBytes });
  buffer.set([1, 0x61, (headerBytes - 4) >>> 8, headerBytes - 4], 8);
  return { count: 1, buffer, start: 0, end: size };
}

Deno.test("refused: headers over the limit, and those at the limit are not", () =>
  withPair({}, async (broker) => {
    await using client = await RawClient.open(broker.port);
    await client.ask("createStream", "a");
    await client.openPublisher(1, "a");
    for (const headerBytes of [HEADER_BYTES_MAX + 1, 0xffff]) {
      await client.publish(1, headerBytes, batchWithHeaders(headerBytes));
      const { code, message } = await client.expect("refuse");
      assertEquals(code, "HEADERS_TOO_LARGE");
      assertStringIncludes(message, `headers are ${headerBytes} bytes, limit is 4096`);
    }
    await client.publish(1, 100_000, batchWithHeaders(HEADER_BYTES_MAX));
    await client.expect("stream");
    await client.expect("confirm");
  }));

Deno.test("refused: what goes beyond the memory limit, until there is room again", () =>
  withPair({ storage: { memoryLimit: 10_000 } }, async (broker) => {
    await using client = await RawClient.open(broker.port);
    await client.ask("createStream", "a");
    await client.openPublisher(1, "a");
    await client.publish(1, 1, batchOf(8000));
    await client.expect("stream");
    await client.expect("confirm");
    await client.publish(1, 2, batchOf(2000));
    assertEquals((await client.expect("refuse")).code, "MEMORY_FULL");
    await client.openFollower(1, "a");
    await client.takeMessages(1);
    await client.sendTags("ack", 1, [[1, 1]]);
    await client.publish(1, 3, batchOf(2000));
    assertEquals((await client.expect("confirm")).sequence, 3);
  }));

Deno.test("refused: requests for what there is not", () =>
  withPair({}, async (broker) => {
    await using client = await RawClient.open(broker.port);
    for (
      const content of [
        "null",
        "[]",
        '"createStream"',
        "{}",
        '{"operation":"toString","name":"a"}',
        '{"operation":["createStream"],"name":"a"}',
        '{"operation":"createStream","name":1}',
        '{"operation":"createStream","name":null}',
      ]
    ) {
      await client.send(frameOf(FrameType.query, ...u32(7), ...utf8(content)));
      assertEquals((await client.expectError("BAD_REQUEST")).query, 7);
    }
    assertEquals((await client.ask("getStreams") as StreamInfo[]).length, 1);
  }));

Deno.test("refused: acknowledgements of what is not held, over and over", () =>
  withPair({}, async (broker) => {
    await using client = await RawClient.open(broker.port);
    await client.openFollower(1, "well-behaved", { messages: 0 });
    for (const tag of [1, 2, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      for (const verb of ["ack", "release", "begin"] as const) {
        await client.sendTags(verb, 1, [[tag, 1], [tag, 0xffff_ffff]], 3);
        assertEquals((await client.expectError("UNKNOWN_DELIVERY")).query, 3);
      }
    }
    await client.closePublisher(17);
    await client.closeFollower(17, Number.MAX_SAFE_INTEGER);
    await client.closeFollower(1, Number.MAX_SAFE_INTEGER);
    await client.ask("getStreams");
  }));

// Too many, too slow, too quiet.

Deno.test("too many connections: one more is told so, and those before it stay", () =>
  withPair({ limits: { connections: 3 } }, async (broker) => {
    await using third = await RawClient.open(broker.port);
    for (let count = 0; count < 50; count++) {
      await using fourth = await RawClient.connect(broker.port);
      await fourth.hello();
      const { message } = await fourth.expectFatalError("TOO_MANY_CONNECTIONS");
      assertStringIncludes(message, "3 connections, the most allowed");
    }
    const error = await assertRejects(() => connect({ port: broker.port }), BrokerError);
    assertEquals(error.code, "TOO_MANY_CONNECTIONS");
    await third.ask("getStreams");
    third.close();
    await expectOnlyPair(broker);
    await using again = await RawClient.open(broker.port);
    await again.ask("getStreams");
  }));

Deno.test("a client that does not read: it costs little, is disconnected, and nothing is lost", () => {
  const limits = { unacknowledgedBytes: 256 * 1024 * 1024 };
  return withPair({ limits, slowReaderTimeoutMs: 300 }, async (broker) => {
    const count = 64;
    await using publisher = await connect({ port: broker.port });
    await publisher.cursor().createStream("heavy");
    const body = new Uint8Array(1_000_000);
    await publisher.publisher("heavy").sendMessages(Array.from({ length: count }, () => body));

    await using client = await RawClient.open(broker.port, "does not read");
    await client.openFollower(1, "heavy", { messages: count, bytes: limits.unacknowledgedBytes });
    const cursor = publisher.cursor();
    await until(
      "something is under way",
      async () => (await cursor.getStream("heavy")).pending > 0,
    );
    // What the system's own buffers take is some megabytes; the broker adds one.
    await until("the client is disconnected", async () => {
      const { pending, followers } = await cursor.getStream("heavy");
      assert(pending <= 16, `${pending} messages of 1 MB are under way`);
      return followers === 0;
    });
    assertEquals((await cursor.getStream("heavy")).ready, count);

    const ids: number[] = [];
    for await (const message of publisher.follower("heavy").getMessages({ autoAck: true })) {
      if (ids.push(message.id) === count) break;
    }
    assertEquals(ids, Array.from({ length: count }, (_, index) => index + 1));
  });
});

Deno.test("a client that falls silent loses what it holds, with or without half a frame", () =>
  withPair({ heartbeatMs: 250, heartbeatTimeoutMs: 1000 }, async (broker) => {
    await using quiet = await RawClient.open(broker.port, "quiet");
    await quiet.ask("createStream", "kept");
    await quiet.openPublisher(1, "kept");
    await quiet.publish(1, 1, ["held"]);
    await quiet.openFollower(1, "kept");
    await using half = await RawClient.open(broker.port, "half a frame");
    await half.send(publishBytes(1, batchOf(1000)).subarray(0, 100));
    await half.expectEnd();
    await quiet.expect("stream");
    await quiet.expect("confirm");
    await quiet.expect("deliver");
    // It may be heard of again, and is left its connection for a while.
    const revoked = await quiet.expect("revoke");
    assertEquals(revoked.ranges, [{ firstTag: 1, count: 1 }]);
    await using next = await RawClient.open(broker.port);
    await next.openFollower(1, "kept");
    assertEquals((await next.takeMessages(1))[0]?.attempts, 2);
  }));

// A client that disappears at any byte.

/** What a client does until it disappears: bytes, and what it waits for before it goes on. */
function scriptOn(stream: string) {
  return [
    { says: helloBytes("will be gone"), hears: ["welcome"] },
    {
      says: bytesOf((writer) => {
        writer.begin(FrameType.openPublisher);
        writer.json({
          publisher: 1,
          identity: `publisher of ${stream}`,
          bind: { routeString: stream, bindType: "direct" },
        });
        writer.end();
        writer.bytes(publishBytes(1, batchOf("one", "two", "three")));
      }),
      hears: ["stream", "confirm"],
    },
    {
      says: bytesOf((writer) => {
        writer.begin(FrameType.openFollower);
        writer.json({
          follower: 1,
          name: "gone",
          bind: { routeString: stream, bindType: "direct" },
          messages: 10,
          bytes: 1000,
        });
        writer.end();
      }),
      hears: ["deliver"],
    },
    {
      says: frameOf(FrameType.ack, ...u32(1), ...u32(7), ...u32(1), ...u64(1), ...u32(2)),
      hears: ["response"],
    },
  ] as const;
}

/** Says the first `byteCount` bytes of the script, then disappears without waiting for anything. */
async function disappearAfter(port: number, byteCount: number, stream: string) {
  await using client = await RawClient.connect(port);
  let left = byteCount;
  for (const { says, hears } of scriptOn(stream)) {
    await client.send(says.subarray(0, left));
    left -= says.length;
    if (left <= 0) return;
    for (const name of hears) await client.expect(name);
  }
}

Deno.test("a client that disappears at any byte: what was stored and not acknowledged is there", () =>
  withPair({}, async (broker) => {
    await using next = await RawClient.open(broker.port);
    const [hello, publish, follow, ack] = scriptOn("cut-0000").map(({ says }) => says.length);
    const published = hello! + publish!;
    const acknowledged = published + follow! + ack!;
    for (let cut = 0; cut <= acknowledged; cut++) {
      const stream = `cut-${String(cut).padStart(4, "0")}`;
      await next.ask("createStream", stream);
      await disappearAfter(broker.port, cut, stream);
      await until("its session is over", () => broker.connectionCount === 3);

      const expected = cut < published ? [] : ["one", "two", "three"];
      if (cut === acknowledged) expected.splice(0, 2);
      const { ready, pending } = await next.ask("getStream", stream) as StreamInfo;
      assertEquals({ cut, ready, pending }, { cut, ready: expected.length, pending: 0 });
      await next.openFollower(1, stream);
      const taken = await next.takeMessages(expected.length);
      assertEquals(taken.map(({ text }) => text), expected);
      await next.closeFollower(1, 0);
      await next.ask("deleteStream", stream);
    }
  }));
