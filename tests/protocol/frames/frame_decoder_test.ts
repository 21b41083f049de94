/**
 * Bytes as frames: any split of a stream of bytes gives the same frames, what is malformed is found,
 * and memory follows what was received.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertFalse,
  assertLess,
  assertLessOrEqual,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import fc from "fast-check";
import {
  FrameDecoder,
  FrameType,
  FrameWriter,
  MAGIC,
  writeControlFrame,
} from "../../../protocol.ts";
import {
  assertCode,
  decoderOn,
  filledFrame,
  frameOf,
  push,
  u32,
  u64,
  utf8,
} from "../../support/wire/frames.ts";
import { fuzz } from "../../support/wire/fuzz.ts";
import { codePoint } from "../../support/wire/arbitraries.ts";

const MEBIBYTE = 1024 * 1024;

/** Joins pieces. */
function join(...pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.length;
  }
  return bytes;
}

/** Takes all whole frames out: the type and the fields of each. */
function takeFrames(decoder: FrameDecoder): [type: number, fields: Uint8Array][] {
  const frames: [number, Uint8Array][] = [];
  while (decoder.next()) {
    frames.push([decoder.type, decoder.buffer.slice(decoder.offset, decoder.end)]);
  }
  return frames;
}

// Splits.

const someFrames = [
  frameOf(FrameType.heartbeat),
  frameOf(FrameType.query, ...u32(7), ...utf8('{"operation":"getStreams"}')),
  frameOf(FrameType.credit, ...u32(1), ...u32(2), ...u32(3)),
  filledFrame(FrameType.publish, 300, 5),
  frameOf(FrameType.heartbeat),
];

Deno.test("FrameDecoder gives the same frames wherever the bytes are split in two", () => {
  const bytes = join(...someFrames);
  const expected = someFrames.map((frame) => [frame[4], frame.slice(5)]);
  for (let at = 0; at <= bytes.length; at++) {
    const decoder = new FrameDecoder(1000);
    push(decoder, bytes.subarray(0, at));
    const frames = takeFrames(decoder);
    push(decoder, bytes.subarray(at));
    frames.push(...takeFrames(decoder));
    assertEquals<unknown>(frames, expected, `split at ${at}`);
    assertEquals(decoder.pendingBytes, 0);
  }
});

Deno.test("FrameDecoder gives the same frames byte by byte", () => {
  const decoder = new FrameDecoder(1000);
  const frames: [number, Uint8Array][] = [];
  for (const byte of join(...someFrames)) {
    push(decoder, new Uint8Array([byte]));
    frames.push(...takeFrames(decoder));
  }
  assertEquals<unknown>(frames, someFrames.map((frame) => [frame[4], frame.slice(5)]));
});

Deno.test("FrameDecoder gives the same frames however they are cut into reads", () => {
  const frame = fc.tuple(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 9000 }));
  const cuts = fc.array(fc.integer({ min: 1, max: 6000 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), cuts, (expected, cuts) => {
      const bytes = join(...expected.map(([type, fields]) => frameOf(type, ...fields)));
      const decoder = new FrameDecoder(10_000);
      const frames: [number, Uint8Array][] = [];
      let turn = 0;
      for (let at = 0; at < bytes.length;) {
        // As much as a socket gives, never more than there is room for.
        const space = decoder.space();
        assert(space.length > 0);
        const part = bytes.subarray(at, at + Math.min(cuts[turn++ % cuts.length]!, space.length));
        space.set(part);
        decoder.received(part.length);
        at += part.length;
        frames.push(...takeFrames(decoder));
      }
      assertEquals(frames, expected);
      assertEquals(decoder.pendingBytes, 0);
    }),
    fuzz(60),
  );
});

Deno.test("FrameDecoder.takePreface() takes the magic, from however many reads, and no frame", () => {
  const decoder = new FrameDecoder(1000);
  push(decoder, MAGIC.subarray(0, 3));
  assertEquals(decoder.takePreface(4), undefined);
  push(decoder, join(MAGIC.subarray(3), someFrames[2]!.subarray(0, 6)));
  assertEquals(decoder.takePreface(4), MAGIC);
  assertFalse(decoder.next());
  push(decoder, someFrames[2]!.subarray(6));
  assertEquals(takeFrames(decoder), [[FrameType.credit, someFrames[2]!.slice(5)]]);
});

// Malformed frames.

Deno.test("FrameDecoder.next() refuses a frame of length 0 with BAD_FRAME", () => {
  const decoder = new FrameDecoder(1000);
  push(decoder, new Uint8Array(4));
  assertCode("BAD_FRAME", () => decoder.next());
});

Deno.test("FrameDecoder.next() refuses a length over the limit at once with FRAME_TOO_LARGE", () => {
  for (const length of [1001, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
    const decoder = new FrameDecoder(1000);
    push(decoder, new Uint8Array(u32(length)));
    const message = assertCode("FRAME_TOO_LARGE", () => decoder.next());
    assertStringIncludes(message, `announces ${length} bytes, limit is 1000`);
  }
});

Deno.test("FrameDecoder takes a frame of just the limit, and after raiseLimit() larger ones", () => {
  const decoder = new FrameDecoder(10);
  push(decoder, filledFrame(FrameType.publish, 9, 0));
  assert(decoder.next());
  decoder.raiseLimit(20);
  push(decoder, filledFrame(FrameType.publish, 19, 0));
  assert(decoder.next());
  push(decoder, filledFrame(FrameType.publish, 20, 0));
  assertCode("FRAME_TOO_LARGE", () => decoder.next());
});

Deno.test("frames before a malformed one count", () => {
  const decoder = new FrameDecoder(1000);
  push(decoder, join(someFrames[0]!, someFrames[2]!, new Uint8Array(4)));
  assert(decoder.next());
  assert(decoder.next());
  assertEquals(decoder.u32(), 1);
  assertCode("BAD_FRAME", () => decoder.next());
});

Deno.test("reading past the end of a frame is BAD_FRAME, even if the next frame is there", () => {
  const reads: [bytes: number, read: (decoder: FrameDecoder) => unknown][] = [
    [1, (decoder) => decoder.u8()],
    [4, (decoder) => decoder.u32()],
    [8, (decoder) => decoder.u64()],
  ];
  for (const [bytes, read] of reads) {
    for (let length = 0; length < bytes; length++) {
      const frame = filledFrame(FrameType.credit, length, 0);
      assertCode("BAD_FRAME", () => read(decoderOn(join(frame, ...someFrames))));
    }
    assertEquals(read(decoderOn(filledFrame(FrameType.credit, bytes, 0))), 0);
  }
});

Deno.test("FrameDecoder.finish() refuses bytes that are left over with BAD_FRAME", () => {
  const decoder = decoderOn(frameOf(FrameType.credit, 1, 2));
  decoder.u8();
  const message = assertCode("BAD_FRAME", () => decoder.finish());
  assertStringIncludes(message, "type credit: 1 bytes are left");
  decoder.u8();
  decoder.finish();
});

Deno.test("FrameDecoder.u64() takes every safe integer and refuses larger ones with BAD_FRAME", () => {
  for (const value of [0, 1, 0xffff_ffff, 0x1_0000_0000, Number.MAX_SAFE_INTEGER]) {
    assertEquals(decoderOn(frameOf(FrameType.ack, ...u64(value))).u64(), value);
  }
  for (const value of [2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n]) {
    assertCode("BAD_FRAME", () => decoderOn(frameOf(FrameType.ack, ...u64(value))).u64());
  }
});

Deno.test("FrameDecoder.text() refuses what is not UTF-8 with BAD_FRAME", () => {
  const wrong = [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0x61, 0x80], [
    0xf4,
    0x90,
    0x80,
    0x80,
  ]];
  for (const bytes of wrong) {
    assertCode("BAD_FRAME", () => decoderOn(frameOf(FrameType.stream, ...bytes)).text());
  }
});

Deno.test("FrameDecoder.text() is not led astray by a fault in the frame before", () => {
  const decoder = decoderOn(
    join(frameOf(FrameType.stream, 0xe2, 0x82), frameOf(FrameType.stream, 0x61)),
  );
  assertCode("BAD_FRAME", () => decoder.text());
  assert(decoder.next());
  assertEquals(decoder.text(), "a");
});

Deno.test("FrameDecoder.json() refuses what is not one JSON value with BAD_FRAME", () => {
  for (const text of ["", "{", "{}{}", "{'a':1}", "undefined", "NaN", "\uFEFF{}", "[1,]"]) {
    assertCode("BAD_FRAME", () => decoderOn(frameOf(FrameType.hello, ...utf8(text))).json());
  }
  assertCode("BAD_FRAME", () => decoderOn(frameOf(FrameType.hello, 0x22, 0xff, 0x22)).json());
});

Deno.test("errors name the frame type, unknown ones too", () => {
  assertStringIncludes(assertCode("BAD_FRAME", () => decoderOn(frameOf(0x7f)).u8()), "type 0x7f");
  assertStringIncludes(assertCode("BAD_FRAME", () => decoderOn(frameOf(0x01)).u8()), "type hello");
});

Deno.test("text and numbers: what FrameWriter writes, FrameDecoder reads", () => {
  const number32 = fc.integer({ min: 0, max: 0xffff_ffff });
  const number64 = fc.maxSafeNat();
  const text = fc.string({ unit: codePoint });
  fc.assert(
    fc.property(number32, number64, text, fc.jsonValue(), (number32, number64, text, json) => {
      const writer = new FrameWriter();
      writer.begin(FrameType.stream);
      writer.u8(number32 & 0xff);
      writer.u32(number32);
      writer.u64(number64);
      writer.text(text);
      writer.end();
      writer.begin(FrameType.response);
      writer.json(json);
      writer.end();
      const decoder = decoderOn(writer.take());
      assertEquals(decoder.u8(), number32 & 0xff);
      assertEquals(decoder.u32(), number32);
      assertEquals(decoder.u64(), number64);
      assertEquals(decoder.text(), text);
      decoder.finish();
      assert(decoder.next());
      assertEquals(JSON.stringify(decoder.json()), JSON.stringify(json));
      decoder.finish();
      assertFalse(decoder.next());
    }),
    fuzz(150),
  );
});

// Memory.

Deno.test("a frame that announces 60 MiB gets no memory before its bytes come", () => {
  const decoder = new FrameDecoder(64 * MEBIBYTE);
  push(decoder, new Uint8Array([...u32(60 * MEBIBYTE), FrameType.publish]));
  assertFalse(decoder.next());
  decoder.space();
  assertLessOrEqual(decoder.buffer.length, 4 * 1024);
});

Deno.test("memory grows with what was received, at most to double of it", () => {
  const decoder = new FrameDecoder(64 * MEBIBYTE);
  push(decoder, new Uint8Array([...u32(4 * MEBIBYTE), FrameType.publish]));
  let received = 5;
  while (!decoder.next()) {
    const space = decoder.space();
    const count = Math.min(space.length, 4 * MEBIBYTE + 4 - received);
    space.fill(received & 0xff, 0, count);
    decoder.received(count);
    received += count;
    assertLessOrEqual(decoder.buffer.length, Math.max(4096, 2 * received));
  }
  assertEquals(decoder.end - decoder.offset, 4 * MEBIBYTE - 1);
});

Deno.test("after a large frame its memory is given back, and small frames go on", () => {
  const decoder = new FrameDecoder(64 * MEBIBYTE);
  push(decoder, filledFrame(FrameType.publish, 300_000, 0));
  assert(decoder.next());
  assertLess(300_000, decoder.buffer.length);
  for (let round = 0; round < 3; round++) {
    push(decoder, someFrames[2]!);
    assertEquals(takeFrames(decoder), [[FrameType.credit, someFrames[2]!.slice(5)]]);
  }
  assertLessOrEqual(decoder.buffer.length, 129 * 1024);
});

Deno.test("after a large frame the beginning of the next one is kept while memory is given back", () => {
  const decoder = new FrameDecoder(64 * MEBIBYTE);
  const next = filledFrame(FrameType.publish, 1000, 3);
  push(
    decoder,
    join(filledFrame(FrameType.publish, 300_000, 0), next.subarray(0, 500)),
  );
  assert(decoder.next());
  assertFalse(decoder.next());
  push(decoder, next.subarray(500));
  assertEquals(takeFrames(decoder), [[FrameType.publish, next.slice(5)]]);
  decoder.space();
  assertLessOrEqual(decoder.buffer.length, 129 * 1024);
});

Deno.test("a very large frame's buffer is given away with it, and what is behind it stays", () => {
  const decoder = new FrameDecoder(64 * MEBIBYTE);
  const bytes = join(filledFrame(FrameType.publish, MEBIBYTE, 5), someFrames[2]!);
  let sent = 0;
  const read = () => {
    const space = decoder.space();
    const count = Math.min(space.length, bytes.length - sent);
    space.set(bytes.subarray(sent, sent + count));
    decoder.received(count);
    sent += count;
  };
  while (!decoder.next()) read();
  const { buffer, offset, end } = decoder;
  assertLess(buffer.length, MEBIBYTE + 100);
  assert(decoder.giveAway());
  decoder.finish();
  for (let left = 3; left > 0; left--) read();
  assertEquals(takeFrames(decoder), [[FrameType.credit, someFrames[2]!.slice(5)]]);
  assert(buffer.subarray(offset, end).every((byte) => byte === 5));
  assertLessOrEqual(decoder.bufferBytes, 129 * 1024);
});

Deno.test("a buffer that is mostly another frame's, or used again, is not given away", () => {
  const decoder = new FrameDecoder(64 * MEBIBYTE);
  for (const bytes of [10, 1000, 128 * 1024]) {
    push(decoder, filledFrame(FrameType.publish, bytes, 1));
    assert(decoder.next());
    assertFalse(decoder.giveAway());
  }
  const two = join(filledFrame(0x55, 200_000, 1), filledFrame(0x55, 200_000, 2));
  push(decoder, two);
  for (const fill of [1, 2]) {
    assert(decoder.next());
    assertFalse(decoder.giveAway());
    assertEquals(decoder.buffer[decoder.end - 1], fill);
  }
});

Deno.test("a large frame whose rest has room behind its beginning stays where it is", () => {
  const decoder = new FrameDecoder(MEBIBYTE);
  push(decoder, filledFrame(FrameType.publish, 128 * 1024, 0));
  takeFrames(decoder);
  const one = filledFrame(FrameType.publish, 65_600, 7);
  push(decoder, join(one, one.subarray(0, 30_000)));
  assert(decoder.next());
  assertFalse(decoder.next());
  const { buffer } = decoder;
  const space = decoder.space();
  assertEquals([space.buffer === buffer.buffer, space.byteOffset], [true, one.length + 30_000]);
  space.set(one.subarray(30_000));
  decoder.received(one.length - 30_000);
  assertEquals(takeFrames(decoder), [[FrameType.publish, one.slice(5)]]);
});

Deno.test("an idle decoder is small, a busy one reads in larger pieces", () => {
  const decoder = new FrameDecoder(MEBIBYTE);
  assertLessOrEqual(decoder.space().length, 4 * 1024);
  for (let round = 0; round < 10; round++) {
    const space = decoder.space();
    space.fill(0);
    space.set(filledFrame(FrameType.publish, space.length - 5, 0));
    decoder.received(space.length);
    takeFrames(decoder);
  }
  assertEquals(decoder.space().length, 129 * 1024);
});

Deno.test("a frame handed out stays whole until the next space()", () => {
  const writer = new FrameWriter();
  writeControlFrame(writer, "hello", { client: "one", capabilities: [] });
  writeControlFrame(writer, "hello", { client: "two", capabilities: [] });
  const decoder = decoderOn(writer.take());
  const first = decoder.buffer.subarray(decoder.offset, decoder.end);
  const copy = first.slice();
  assert(decoder.next());
  assertEquals(first, copy);
  assertNotEquals(decoder.buffer.slice(decoder.offset, decoder.end), copy);
});
