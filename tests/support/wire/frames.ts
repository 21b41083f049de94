/**
 * Frames as raw bytes, for tests that speak without the writer.
 *
 * @module
 */

import { BrokerError, type ErrorCode, FrameDecoder, FrameWriter } from "../../../protocol.ts";
import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";

/** Makes a frame of a type and the bytes of its fields. */
export function frameOf(type: number, ...fields: readonly number[]): Uint8Array {
  const bytes = filledFrame(type, fields.length, 0);
  bytes.set(fields, 5);
  return bytes;
}

/** Makes a frame of a type and `count` bytes that are all the same. */
export function filledFrame(type: number, count: number, fill: number): Uint8Array {
  const bytes = new Uint8Array(5 + count).fill(fill);
  new DataView(bytes.buffer).setUint32(0, count + 1);
  bytes[4] = type;
  return bytes;
}

/** A number as four bytes. */
export function u32(value: number): number[] {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return [...bytes];
}

/** A number as eight bytes. */
export function u64(value: bigint | number): number[] {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return [...bytes];
}

/** A text as UTF-8. */
export function utf8(text: string): number[] {
  return [...new TextEncoder().encode(text)];
}

/** Puts bytes into a decoder, as a read from a socket would. */
export function push(decoder: FrameDecoder, bytes: Uint8Array): void {
  decoder.space(bytes.length).set(bytes);
  decoder.received(bytes.length);
}

/** A decoder on the one frame that the bytes are. */
export function decoderOn(frame: Uint8Array): FrameDecoder {
  const decoder = new FrameDecoder(64 * 1024 * 1024);
  push(decoder, frame);
  assertEquals(decoder.next(), true, "the bytes are a whole frame");
  return decoder;
}

/** Asserts that something throws a `BrokerError` with a code; returns its message. */
export function assertCode(code: ErrorCode, act: () => unknown): string {
  const error = assertThrows(act);
  assertInstanceOf(error, BrokerError);
  assertEquals(error.code, code, error.message);
  return error.message;
}

/** Asserts that a promise rejects, or the call throws, with a code; returns the message. */
export async function assertCodeLater(
  code: ErrorCode,
  act: () => PromiseLike<unknown> | unknown,
): Promise<string> {
  try {
    await act();
  } catch (error) {
    assertInstanceOf(error, BrokerError);
    assertEquals(error.code, code, error.message);
    return error.message;
  }
  throw new Error(`Expected ${code}, nothing was thrown`);
}

/** Writes one frame and gives a decoder on it, after a look at its type. */
export function roundTrip(type: number, write: (writer: FrameWriter) => void): FrameDecoder {
  const writer = new FrameWriter();
  write(writer);
  const decoder = decoderOn(writer.take());
  assertEquals(decoder.type, type);
  assertEquals(decoder.pendingBytes, 0);
  return decoder;
}
