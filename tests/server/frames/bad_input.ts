// Bytes of clients that do wrong.

import { FrameType, type MessageBatch } from "../../../protocol.ts";
import { frameOf, utf8 } from "../../support/wire/frames.ts";
import { bytesOf } from "../../support/wire/raw_client.ts";

/** A frame with text in it. */
export function textFrame(type: number, text: string): Uint8Array {
  return frameOf(type, ...utf8(text));
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return bytesOf((writer) => parts.forEach((part) => writer.bytes(part)));
}

/** Bytes of a `publish` of publisher 1. */
export function publishBytes(sequence: number, batch: MessageBatch): Uint8Array {
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
