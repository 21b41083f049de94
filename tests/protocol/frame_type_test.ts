/**
 * The numbers of the frame types.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { describeFrameType, FrameType } from "../../protocol.ts";
import { roundTrip } from "../support/frames.ts";

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
