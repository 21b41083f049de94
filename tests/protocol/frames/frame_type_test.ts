/**
 * The numbers of the frame types.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { FrameType, MAGIC, PROTOCOL_VERSION } from "../../../protocol.ts";
import { describeFrameType } from "../../../src/protocol/frames/frame_type.ts";
import { roundTrip } from "../../support/wire/frames.ts";

Deno.test("FrameType has the numbers of the specification", () => {
  const numbers = Object.entries(FrameType).map(([name, number]) =>
    `${number.toString(16)} ${name}`
  );
  assertEquals(numbers, [
    "1 hello",
    "2 welcome",
    "3 heartbeat",
    "4 goodbye",
    "5 error",
    "6 stream",
    "7 streamDeleted",
    "8 progress",
    "9 streamMissing",
    "a streamsForgotten",
    "b ping",
    "c pong",
    "d brokers",
    "e streamOpen",
    "f streamResumed",
    "10 query",
    "11 response",
    "12 messages",
    "13 backupPiece",
    "20 openPublisher",
    "21 closePublisher",
    "22 publish",
    "23 confirm",
    "24 refuse",
    "30 openFollower",
    "31 closeFollower",
    "32 credit",
    "33 deliver",
    "34 ack",
    "35 release",
    "36 begin",
    "37 nack",
    "38 reject",
    "39 extend",
    "3a revoke",
    "3b beginBatch",
    "40 openReplies",
    "41 reply",
    "42 replies",
  ]);
});

Deno.test("a connection begins with SMQ and the version", () => {
  assertEquals([...MAGIC], [0x53, 0x4d, 0x51, 2]);
  assertEquals(PROTOCOL_VERSION, 2);
});

Deno.test("describeFrameType() names every type once, and shows the number of others", () => {
  const numbers = Object.values(FrameType);
  assertEquals(new Set(numbers.map(describeFrameType)).size, numbers.length);
  assertEquals(describeFrameType(FrameType.openFollower), "openFollower");
  assertEquals(describeFrameType(0x7f), "0x7f");
  assertEquals(describeFrameType(0), "0x00");
});

Deno.test("heartbeat: is a type and nothing else", () => {
  const decoder = roundTrip(FrameType.heartbeat, (writer) => {
    writer.begin(FrameType.heartbeat);
    writer.end();
  });
  decoder.finish();
});
