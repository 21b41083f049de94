/**
 * The writer's bytes, and whose buffer is whose.
 *
 * @module
 */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { FrameType, FrameWriter } from "../../../protocol.ts";
import { filledFrame, frameOf, u32, u64, utf8 } from "../../support/wire/frames.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

/** Writes a frame of so many bytes in all. */
function writeFrame(writer: FrameWriter, bytes: number, fill: number): void {
  writer.begin(FrameType.heartbeat);
  writer.bytes(new Uint8Array(bytes - 5).fill(fill));
  writer.end();
}

Deno.test("FrameWriter writes fields big-endian behind a length and a type", () => {
  const writer = new FrameWriter();
  writer.begin(FrameType.credit);
  writer.u8(0xfe);
  writer.u32(0xfedc_ba98);
  writer.u64(Number.MAX_SAFE_INTEGER);
  writer.u64(0x1_0000_0000);
  writer.bytes(new Uint8Array([9, 8, 7, 6]), 1, 3);
  writer.text("ä");
  writer.json({ a: 1 });
  writer.end();
  assertEquals(
    writer.take(),
    frameOf(
      FrameType.credit,
      0xfe,
      ...u32(0xfedc_ba98),
      ...u64(Number.MAX_SAFE_INTEGER),
      ...u64(0x1_0000_0000),
      8,
      7,
      ...utf8("ä"),
      ...utf8('{"a":1}'),
    ),
  );
});

Deno.test("FrameWriter.length counts what has not been taken", () => {
  const writer = new FrameWriter();
  assertEquals(writer.length, 0);
  writeFrame(writer, 5, 0);
  writeFrame(writer, 300, 0);
  assertEquals(writer.length, 305);
  assertEquals(writer.take().length, 305);
  assertEquals(writer.length, 0);
  assertEquals(writer.take().length, 0);
});

Deno.test("FrameWriter.bytes() copies short and long pieces alike", () => {
  const source = Uint8Array.from({ length: 600 }, (_, index) => index & 0xff);
  for (const count of [0, 1, 31, 32, 33, 255, 256, 600]) {
    const writer = new FrameWriter();
    writer.bytes(source, 600 - count);
    assertEquals(writer.take(), source.slice(600 - count));
  }
});

Deno.test("FrameWriter grows for each kind of field, just when it has to", () => {
  for (const bytesBefore of [255, 256, 257, 511, 512]) {
    const fields: [write: (writer: FrameWriter) => void, bytes: number[]][] = [
      [(writer) => writer.u8(7), [7]],
      [(writer) => writer.u32(7), u32(7)],
      [(writer) => writer.u64(7), u64(7)],
      [(writer) => writer.bytes(new Uint8Array([1, 2])), [1, 2]],
      [(writer) => writer.begin(FrameType.heartbeat), [0, 0, 0, 0, FrameType.heartbeat]],
    ];
    for (const [write, bytes] of fields) {
      const writer = new FrameWriter();
      for (let left = bytesBefore; left > 0; left--) writer.u8(1);
      write(writer);
      assertEquals([...writer.take()], [...new Array<number>(bytesBefore).fill(1), ...bytes]);
    }
  }
});

Deno.test("FrameWriter.take() hands out bytes that no later frame touches", () => {
  const writer = new FrameWriter();
  writeFrame(writer, 100, 1);
  const first = writer.take();
  const copy = first.slice();
  writeFrame(writer, 100, 2);
  const second = writer.take();
  assertEquals(first, copy);
  assert(first.buffer !== second.buffer);
  writer.recycle(first);
  writeFrame(writer, 100, 3);
  assertEquals(second[50], 2);
});

Deno.test("FrameWriter.recycle() gives a buffer to the frames after the next", () => {
  const writer = new FrameWriter();
  writeFrame(writer, 1000, 1);
  const first = writer.take();
  writer.recycle(first);
  writeFrame(writer, 10, 2);
  writer.take();
  writeFrame(writer, 10, 3);
  assertStrictEquals(writer.take().buffer, first.buffer);
});

Deno.test("FrameWriter.recycle() does not keep a very large buffer", () => {
  const writer = new FrameWriter();
  writeFrame(writer, 4 * 1024 * 1024, 1);
  const large = writer.take();
  writer.recycle(large);
  for (let round = 0; round < 3; round++) {
    writeFrame(writer, 10, 2);
    const taken = writer.take();
    assert(taken.buffer.byteLength < 1024, "frames of ten bytes do not sit in four mebibytes");
    writer.recycle(taken);
  }
});

Deno.test("FrameWriter.shrink() lets go of buffers, but never of what was written", () => {
  const writer = new FrameWriter();
  writeFrame(writer, 1000, 1);
  writer.recycle(writer.take());
  writeFrame(writer, 20, 7);
  writer.shrink();
  const taken = writer.take();
  assertEquals(taken, filledFrame(FrameType.heartbeat, 15, 7));
  writer.recycle(taken);
  writer.shrink();
  for (let round = 0; round < 3; round++) {
    writeFrame(writer, 10, 1);
    assert(writer.take().buffer !== taken.buffer);
  }
});

Deno.test("FrameWriter: whatever is taken and recycled, what is in use stays as it was", () => {
  type Step = { do: "write"; bytes: number } | { do: "take" | "recycle" | "shrink" };
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant("write"), bytes: fc.integer({ min: 5, max: 900 }) }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("take") }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("recycle") }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("shrink") }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
      const writer = new FrameWriter();
      const inUse: { taken: Uint8Array; expected: Uint8Array }[] = [];
      let written: number[] = [];
      steps.forEach((step, index) => {
        if (step.do === "write") {
          writeFrame(writer, step.bytes, index);
          written.push(
            ...filledFrame(FrameType.heartbeat, step.bytes - 5, index),
          );
        } else if (step.do === "take") {
          inUse.push({ taken: writer.take(), expected: new Uint8Array(written) });
          written = [];
        } else if (step.do === "recycle") {
          // Writes settle in any order as far as the writer is concerned.
          const [done] = inUse.splice(index % Math.max(1, inUse.length), 1);
          if (done !== undefined) writer.recycle(done.taken);
        } else {
          writer.shrink();
        }
        for (const { taken, expected } of inUse) assertEquals(taken, expected);
      });
      assertEquals(writer.take(), new Uint8Array(written));
    }),
    fuzz(60),
  );
});

Deno.test("FrameWriter.lend() keeps the order, copies nothing, and says when a frame has left", () => {
  const writer = new FrameWriter();
  const released: number[] = [];
  const lent = [1, 2].map((fill) => filledFrame(FrameType.publish, 500, fill));
  const lend = (index: number) => writer.lend(lent[index]!, () => released.push(index));
  writeFrame(writer, 20, 3);
  lend(0);
  lend(1);
  writeFrame(writer, 30, 4);
  assertEquals(writer.length, 20 + 2 * lent[0]!.length + 30);
  const taken: Uint8Array[] = [];
  for (const expected of [[], [], [0], [0, 1]]) {
    assertEquals(released, expected);
    const piece = writer.take();
    taken.push(piece.slice());
    if (taken.length > 1 && taken.length < 4) assertStrictEquals(piece, lent[taken.length - 2]!);
    writer.recycle(piece);
    assertEquals(writer.isDivided, taken.length < 3);
  }
  assertEquals(taken.map(({ length }) => length), [20, lent[0]!.length, lent[1]!.length, 30]);
  assertEquals([writer.length, taken[0]![10], taken[3]![10]], [0, 3, 4]);
});

Deno.test("FrameWriter.drop() releases lent frames that were not taken, and leaves the one on its way to its owner", () => {
  const writer = new FrameWriter();
  const released: number[] = [];
  const lent = [1, 2].map((fill) => filledFrame(FrameType.publish, 500, fill));
  for (const index of [0, 1]) writer.lend(lent[index]!, () => released.push(index));
  writeFrame(writer, 30, 3);
  const onItsWay = writer.take();
  writer.drop();
  assertEquals([released, writer.length, writer.isDivided], [[1], 0, false]);
  writer.recycle(onItsWay);
  assertEquals(released, [1, 0]);
  const before = onItsWay.slice();
  for (let round = 0; round < 3; round++) {
    writeFrame(writer, 40, 9);
    writer.recycle(writer.take());
  }
  assertEquals(onItsWay, before);
});
