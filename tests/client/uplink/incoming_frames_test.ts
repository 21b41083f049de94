import { assertEquals } from "@std/assert";
import type { FrameWriter } from "../../../protocol.ts";
import { writeStream, writeStreamsForgotten } from "../../../src/protocol/frames/query_frame.ts";
import { type FrameReceivers, IncomingFrames } from "../../../src/client/uplink/incoming_frames.ts";
import { decoderOn } from "../../support/wire/frames.ts";
import { bytesOf } from "../../support/wire/raw_client.ts";

Deno.test("IncomingFrames: names of streams that are gone are forgotten", () => {
  const frames = new IncomingFrames({} as FrameReceivers);
  const hear = (write: (writer: FrameWriter) => void) => {
    const decoder = decoderOn(bytesOf(write));
    do frames.handle(decoder); while (decoder.next());
  };
  hear((writer) => ["a", "b", "c"].forEach((name, index) => writeStream(writer, index + 1, name)));
  assertEquals(frames.streamCount, 3);
  hear((writer) => writeStreamsForgotten(writer, [1, 3]));
  assertEquals([frames.streamCount, frames.streamName(2)], [1, "b"]);
});
