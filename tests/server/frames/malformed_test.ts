// Frames that cannot be read: they end the session, all before them counts, and nobody else notices.

import { BODY_BYTES_DEFAULT } from "../../../src/protocol/limits.ts";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { type ErrorCode, FRAME_BYTES_RESERVE, FrameType } from "../../../protocol.ts";
import type { BrokerServer } from "../../../server.ts";
import { batchOf } from "../../support/wire/batches.ts";
import { expectOnlyPair, withPair } from "../../support/broker/broker.ts";
import { frameOf, u32, u64 } from "../../support/wire/frames.ts";
import { helloBytes, RawClient } from "../../support/wire/raw_client.ts";
import { join, publishBytes } from "./bad_input.ts";
import { malformedFrames } from "./malformed_frames.ts";

const FRAME_BYTES_LIMIT = BODY_BYTES_DEFAULT + FRAME_BYTES_RESERVE;

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
      ...[FrameType.ack, FrameType.release, FrameType.begin, FrameType.beginBatch],
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

for (const type of [FrameType.beginBatch, FrameType.nack]) {
  Deno.test(`malformed: more deliveries together than a handler may have are a BAD_FRAME: ${type}`, () =>
    withPair({}, async (broker) => {
      const verdict = type === FrameType.nack ? [0x10, ...u64(0)] : [];
      const says = [...u32(1), ...u32(0), ...verdict, ...u32(1), ...u64(1), ...u32(4097)];
      await expectFatal(broker, frameOf(type, ...says), "BAD_FRAME", "the 4096");
    }));
}

Deno.test("malformed: a second hello is an UNKNOWN_FRAME", () =>
  withPair({}, async (broker) => {
    await expectFatal(broker, helloBytes().subarray(4), "UNKNOWN_FRAME", "of type hello");
  }));

Deno.test("malformed: nothing behind the first bad frame is looked at", () =>
  withPair({}, async (broker) => {
    const more = join(frameOf(0xee), publishBytes(3, batchOf("too late")), frameOf(0xee));
    await expectFatal(broker, more, "UNKNOWN_FRAME", "0xee");
  }));
