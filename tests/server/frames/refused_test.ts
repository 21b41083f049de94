// What is refused while the session goes on, and nobody else notices.

import { writeEntryHead } from "../../../src/protocol/messages/entry.ts";
import { HEADER_BYTES_MAX } from "../../../src/protocol/limits.ts";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  FrameType,
  type MessageBatch,
  type Page,
  PATTERN_LENGTH_MAX,
  type StreamInfo,
} from "../../../protocol.ts";
import { batchOf } from "../../support/wire/batches.ts";
import { withPair } from "../../support/broker/broker.ts";
import { frameOf, u32, utf8 } from "../../support/wire/frames.ts";
import { RawClient } from "../../support/wire/raw_client.ts";

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
      assertEquals((await client.ask("getStreams") as Page<StreamInfo>).items.length, 1);
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
    assertEquals((await client.ask("getStreams") as Page<StreamInfo>).items.length, 1);
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
